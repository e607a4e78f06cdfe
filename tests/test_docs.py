"""The pages of docs/: what they link to is there, and what is made from the code is as the code is now."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from docs.make_pictures import pictures
from docs.make_reference import DOCS, pages

from facepay.settings import Settings

ROOT = DOCS.parent
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(page: Path) -> frozenset[str]:
    """As GitHub makes them of headings, and those that are written out."""
    text = without_code(page.read_text())
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    made = (re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain)
    return frozenset([*made, *re.findall(r'<a id="([^"]+)">', text)])


def links(page: Path) -> Iterator[str]:
    text = re.sub(r"`[^`\n]*`", "", without_code(page.read_text()))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?:|mailto:", target):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_whatever_a_page_links_to_is_there(page: Path) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {target.name} has no #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_of_the_source_that_a_page_names_are_there(page: Path) -> None:
    rooms = "|".join(each.name for each in (ROOT / "src/facepay").iterdir() if each.is_dir())
    for path in re.findall(rf"`((?:{rooms})/[\w/]+\.(?:py|css|js|html))`", page.read_text()):
        assert (ROOT / "src/facepay" / path).exists(), f"{page.name} names {path}"


def test_whoever_looks_for_a_page_finds_it_on_the_map() -> None:
    listed = {link.partition("#")[0] for link in links(DOCS / "README.md")}
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} <= listed


@pytest.mark.parametrize("name", ["reference.md", "problems.md", "settings.md", "holdings.md", "events.md"])
def test_pages_made_from_the_code_are_as_the_code_is(name: str, made: dict[str, str]) -> None:
    assert (DOCS / name).read_text() == made[name], "run python -m docs.make_reference"


def test_pictures_are_as_the_code_is() -> None:
    for name, drawn in pictures().items():
        assert (DOCS / name).read_text() == drawn, f"{name}: run python -m docs.make_pictures"


@pytest.fixture(scope="module")
def made(api: dict[str, Any]) -> dict[str, str]:
    return pages(api)


def test_the_settings_that_pages_name_exist() -> None:
    known = {f"FACEPAY_{name.upper()}" for name in Settings.model_fields}
    known |= {"FACEPAY_BROWSER", "FACEPAY_FACES", "FACEPAY_MONITOR_TOKEN_FILE"}
    for page in PAGES:
        for name in re.findall(r"\bFACEPAY_[A-Z_]+[A-Z]\b(?![A-Z_*])", page.read_text()):
            assert name in known or any(each.startswith(name + "_") for each in known), f"{page.name}: {name}"


def test_the_routes_that_pages_call_exist(api: dict[str, Any]) -> None:
    """A route's parts in braces, shell variables and ids in examples all stand for some id."""
    paths = api["paths"]
    known = {f"{method.upper()} {re.sub(r'{[^}]*}', '*', path)}" for path, ways in paths.items() for method in ways}
    for page in PAGES:
        for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/v1/[^`?\s]+)[`?]", page.read_text()):
            general = re.sub(r"{[^}]*}|\$\w+", "*", path)
            assert f"{method} {general}" in known, f"{page.name}: {method} {path}"
