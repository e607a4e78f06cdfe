"""Whatever the console says, it says in each of its languages."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from facepay.console import menu, words
from facepay.console.router import PAGES
from facepay.console.words import LANGUAGES, LOCALES, Formats, negotiated, translations_of
from facepay.staff.accounts import Role
from facepay.telling import ALERT_KINDS

CONSOLE = Path(words.__file__).parent
METHODS = [("**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
# Beside what is marked for translation, what a template translates by its value.
BY_VALUE = set(Role).union(
    (entry.words for entry in menu.CONSOLE + menu.STORE + menu.MEMBER + menu.REVIEWS + menu.PRIVACY + menu.SCREENS),
    (kind.words for kind in ALERT_KINDS),
    *(getattr(page, "SAID_BY_VALUE", ()) for page in PAGES),
)
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "back": (2,), "said": None}


@cache
def said() -> set[str]:
    found = extract_from_dir(CONSOLE, METHODS, keywords=KEYWORDS)
    messages = (each[2] for each in found)
    return {text for each in messages for text in ([each] if isinstance(each, str) else each) if text} | BY_VALUE


def is_filled(message: Message) -> bool:
    """Whether a template can fill it in: it does so with all texts, also with those that name nothing."""
    given: dict[str, int] = defaultdict(int)
    try:
        return all(
            text % given for text in ([message.string] if isinstance(message.string, str) else message.string or ())
        )
    except (TypeError, ValueError):
        return False


@pytest.mark.parametrize("language", sorted(LANGUAGES.keys() - {"en"}))
def test_each_language_has_every_text_and_no_other(language: str) -> None:
    translated: dict[str, Path] = {}
    for path in sorted((LOCALES / language).glob("*.po")):
        with path.open("rb") as source:
            catalog = read_po(source, locale=language, abort_invalid=True)
        for message in catalog:
            if not message.id:
                continue
            for text in [message.id] if isinstance(message.id, str) else message.id:
                assert message.string, f"{path}: {text!r} has no translation"
                assert not message.python_format or not list(message.check(catalog)), f"{path}: {text!r}"
                assert is_filled(message), f"{path}: {text!r}: a per cent sign that stands for itself is written twice"
                assert text not in translated, f"{text!r} stands in {path.name} and in {translated[text].name}"
                translated[text] = path
    assert not (missing := said() - translated.keys()), f"not in {language}: {sorted(missing)}"
    assert not (spare := translated.keys() - said()), f"said nowhere: {sorted(spare)}"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("de,zh-Hans;q=0.7,en;q=0.3", "zh"),
        ("en;q=0.3,zh;q=0.7", "zh"),
        ("fr", "en"),
        ("", "en"),
        ("ko;q=much,zh", "zh"),
    ],
)
def test_a_browser_gets_the_language_it_likes_best(accepted: str, language: str) -> None:
    assert negotiated(accepted) == language


def test_counts_are_said_in_each_language_however_many() -> None:
    for language, two in (("en", "with 2 guests"), ("ko", "동반 2명"), ("zh", "同行 2 人")):
        said = translations_of(language).ungettext("with %(num)s guest", "with %(num)s guests", 2)
        assert said % {"num": 2} == two


def test_money_and_times_are_written_as_each_language_does() -> None:
    korean, english = Formats("ko"), Formats("en")
    assert korean.money(12345, "KRW") == "₩12,345"
    assert english.money(12345, "CNY") == "CN¥123.45"
    assert english.money(-5, "CNY") == "-CN¥0.05"
    late = datetime(2026, 1, 31, 20, 30, tzinfo=UTC)
    assert english.day(late, "Asia/Shanghai") == "Feb 1, 2026"
    assert english.percent(0.1234) == "12.3%"
