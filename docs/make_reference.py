"""Writes the pages that are made from the code: `python -m docs.make_reference`, and tests/test_docs.py says when.

reference.md from the OpenAPI, problems.md from the refusals, settings.md from settings.py and .env.example,
holdings.md from privacy/holdings.py, events.md from telling.py.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from docs.make_events import events
from docs.openapi import served
from pydantic.fields import FieldInfo

from facepay.kernel.auth import DEVICE_SCOPES, PAYER_SCOPES, SCOPES
from facepay.kernel.errors import Problem
from facepay.kernel.problems import phrase_of
from facepay.privacy.holdings import HOLDINGS, Fate, Holding
from facepay.settings import Settings
from facepay.staff.accounts import SCOPES_OF as STAFF_SCOPES
from facepay.stores.devices import SCOPES_OF as DEVICE_SCOPES_OF
from facepay.telling import EVENT_TYPES

DOCS = Path(__file__).parent
MADE = "<!-- Made by docs/make_reference.py from {source}: don't edit. -->\n\n"
PROBLEM = "application/problem+json"
# What any route may answer, so that it isn't said at each.
EVERYWHERE = frozenset(
    {"bad_request", "body_too_slow", "invalid_request", "rate_limited", "unauthenticated", "insufficient_scope"}
)

DO = {
    400: "Put the request right; the same again is refused again.",
    401: "Sign in again, or give the device its present token.",
    402: "Have the account filled.",
    403: "Ask for the right, or have somebody do it who has it.",
    404: "Look the id up again; it may have been deleted, or be another store's.",
    405: "Use a method that the path has.",
    408: "Send the same again, with the same `Idempotency-Key`: nothing was done.",
    409: "Read what holds now, settle what `detail` names, and ask again.",
    410: "It is gone: begin anew.",
    413: "Send less: `detail` says how much may be.",
    415: "Send the kind of content that the route takes.",
    422: "Put right what `detail` names; the same again is refused again.",
    429: "Wait as long as `Retry-After` says, then send the same again.",
    500: "Retry with the same `Idempotency-Key`; report the `request_id`.",
    502: "Retry a little later with the same `Idempotency-Key`.",
    503: "Wait as long as `Retry-After` says, then send the same again with the same `Idempotency-Key`.",
}
DO_OF = {
    "answer_unknown": "Nothing was done under this key: the request may be sent, or left.",
    "idempotency_key_in_use": "The first request with this key is still being worked on: wait a second, send it again.",
    "idempotency_key_missing": "Send an `Idempotency-Key` of your own, and the same one with each retry.",
    "idempotency_key_reused": "Another request had this key: use a new one for a new request.",
    "low_quality": "Do what `feedback` says (come closer, more light), and take another picture.",
    "no_face": "Take another picture, with the face in it.",
    "multiple_faces": "Have one person stand before the camera, nearest to it.",
    "faces_disagree": "Take the pictures again, of one person.",
    "consent_required": "Ask the member, record what they agreed to, then go on.",
    "wallet_not_empty": "Pay the money out, or repeat with `forfeit=true` where the member gives it up.",
    "signature_invalid": "Register the device's key, or look which key it signs with.",
    "gallery_locked": "Start the process with the master key that sealed the templates.",
    "cross_site_request": "Send it from the console's own page.",
    "wrong_credentials": "Try again; after many failures the account is locked for a while.",
    "second_person_needed": "Somebody else of the staff has to do it.",
    "third_person_needed": "Somebody who had no part in the ban has to do it.",
    "own_dispute": "Somebody else of the staff has to do it.",
    "watchlist_off": "Read docs/watchlist.md first; then `FACEPAY_WATCHLIST`.",
}


def pages(openapi: Mapping[str, Any]) -> dict[str, str]:
    """What each page should say, by its file's name."""
    return {
        "reference.md": reference(openapi),
        "problems.md": problems(openapi),
        "settings.md": settings((DOCS.parent / ".env.example").read_text()),
        "holdings.md": holdings(),
        "events.md": MADE.format(source="facepay.telling") + events(EVENT_TYPES),
    }


class Route(NamedTuple):
    tag: str
    method: str
    path: str
    summary: str
    scope: str
    refusals: dict[str, tuple[int, str]]

    @property
    def name(self) -> str:
        return f"`{self.method} {self.path}`"


def routes(openapi: Mapping[str, Any]) -> Iterator[Route]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield Route(
                operation.get("tags", ["other"])[0],
                method.upper(),
                path,
                operation["summary"],
                _scope(operation),
                dict(_refusals(operation)),
            )


def _scope(operation: Mapping[str, Any]) -> str:
    ways = [(who, scopes) for way in operation.get("security", ()) for who, scopes in way.items()]
    return " or ".join(" ".join([who, *(f"`{scope}`" for scope in scopes)]) for who, scopes in ways) or "public"


def _refusals(operation: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, str]]]:
    for status, answer in operation["responses"].items():
        for code, example in answer.get("content", {}).get(PROBLEM, {}).get("examples", {}).items():
            yield code, (int(status), example["value"]["detail"])


def reference(openapi: Mapping[str, Any]) -> str:
    by_tag = defaultdict(list)
    for route in routes(openapi):
        by_tag[route.tag].append(route)
    lines = [
        "# Every route\n",
        f"{sum(map(len, by_tag.values()))} routes, as `/docs` shows them with all fields, and `/openapi.json` for"
        " machines. The second column says who may call one, with which scope; *public* needs no token. The last one"
        " names what the route refuses with besides what any may: "
        + ", ".join(_problem(code) for code in sorted(EVERYWHERE))
        + ". Each code is explained in [problems.md](problems.md).\n",
        " · ".join(f"[{tag}](#{_anchor(tag)})" for tag in by_tag) + " · [scopes](#scopes)\n",
    ]
    for tag, some in by_tag.items():
        lines += [f"## {tag.capitalize()}\n", "| route | who | what | refused with |", "|---|---|---|---|"]
        lines += [f"| {r.name} | {r.scope} | {_cell(r.summary)} | {_codes(r)} |" for r in some]
        lines.append("")
    return MADE.format(source="the OpenAPI") + "\n".join([*lines, *_scopes()])


def _codes(route: Route) -> str:
    return " ".join(_problem(code) for code in route.refusals if code not in EVERYWHERE)


def _problem(code: str) -> str:
    return f"[`{code}`](problems.md#{code})"


def _scopes() -> Iterator[str]:
    yield "## Scopes\n"
    for title, scopes, holders in (
        ("staff, by role", SCOPES, STAFF_SCOPES),
        ("devices, by role", DEVICE_SCOPES, DEVICE_SCOPES_OF),
        ("whoever pays", PAYER_SCOPES, {"payer": frozenset(PAYER_SCOPES)}),
    ):
        yield f"| of {title} | | held by |\n|---|---|---|"
        for scope, words in scopes.items():
            roles = ", ".join(str(role) for role, held in holders.items() if scope in held)
            yield f"| `{scope}` | {_cell(words)} | {roles} |"
        yield ""


def problems(openapi: Mapping[str, Any]) -> str:
    known = {(each.code, each.status): (each.title, _meaning(each)) for each in _below(Problem) if "code" in vars(each)}
    known |= {
        ("method_not_allowed", 405): ("Method not allowed", "The path has no such method."),
        ("internal_error", 500): ("Internal error", "A bug of ours; it was logged under the `request_id`."),
    }
    used = defaultdict(set)
    for route in routes(openapi):
        for code in route.refusals:
            used[code].add(route.tag)
    lines = [
        "# Every problem\n",
        f"{len({code for code, _ in known})} codes. A refusal is `application/problem+json` (RFC 9457): `code` is"
        " stable and what a program goes by, `detail` is a sentence for people, `request_id` finds it in the log,"
        " further members are what was measured. What a device decides (`deny`, `declined`, `step_up`, with a code of"
        " its own) is no problem but an answer with 200: see [entrance](entrance.md), [money](money.md),"
        " [lane](lane.md).\n",
        "| status | | what to do, where a code says nothing else |\n|---|---|---|",
        *(f"| {status} | {phrase_of(status)} | {DO[status]} |" for status in sorted({s for _, s in known})),
        "",
    ]
    for status in sorted({status for _, status in known}):
        lines += [f"## {status} {phrase_of(status)}\n", "| code | what it means | where |", "|---|---|---|"]
        for (code, of), (title, meaning) in sorted(known.items()):
            if of == status:
                do = f" **{DO_OF[code]}**" if code in DO_OF else ""
                where = "anywhere" if code in EVERYWHERE else ", ".join(sorted(used[code]))
                lines.append(f'| <a id="{code}"></a>`{code}` | {_cell(meaning or title + ".")}{do} | {where} |')
        lines.append("")
    return MADE.format(source="the classes of refusals") + "\n".join(lines)


def _below(problem: type[Problem]) -> Iterator[type[Problem]]:
    """Those of the package; tests have their own."""
    yield problem
    for each in problem.__subclasses__():
        yield from (found for found in _below(each) if found.__module__.startswith("facepay."))


def _meaning(problem: type[Problem]) -> str:
    """Its own docstring, or none: an inherited one speaks of another refusal."""
    return str(vars(problem).get("__doc__") or "") if problem is not Problem else "The request can't be served."


def settings(example: str) -> str:
    fields = Settings.model_fields
    lines = [
        "# Every setting\n",
        f"{len(fields)} settings, each with a default that works: environment variables, or lines of a file `.env` in"
        " the folder where `facepay` starts (the environment wins). An empty value is the default. A value out of"
        " bounds is refused at the start. [`.env.example`](../.env.example) is the same list, to copy.\n",
    ]
    for paragraph in example.split("\n\n")[2:]:
        names = re.findall(r"^#(FACEPAY_\w+)=", paragraph, re.MULTILINE)
        if paragraph.startswith("## "):
            lines.append(f"## {paragraph[3:].strip()}\n")
        if names or not paragraph.startswith("## "):
            words = " ".join(line[2:] for line in paragraph.splitlines() if line.startswith("# "))
            lines += [words + "\n", "| | default | takes |", "|---|---|---|"]
            lines += [_setting(name, fields[name.removeprefix("FACEPAY_").lower()]) for name in names]
            lines.append("")
    return MADE.format(source="settings.py and .env.example") + "\n".join(lines)


def _setting(name: str, field: FieldInfo) -> str:
    default = "as many as processors" if name == "FACEPAY_INFERENCE_WORKERS" else _default(field.default)
    return f"| `{name}` | {default} | {_takes(field)} |"


def _default(value: object) -> str:
    if value is None:
        return "none"
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{shown}`"


def _takes(field: FieldInfo) -> str:
    words = re.sub(r"typing\.|pathlib\.|pydantic\.networks\.|facepay\.[\w.]*\.", "", str(field.annotation))
    if found := re.match(r"Literal\[(.*)\]$", words):
        return found[1].replace("'", "`")
    if isinstance(field.annotation, type) and hasattr(field.annotation, "__members__"):
        return ", ".join(f"`{each.value}`" for each in field.annotation.__members__.values())
    kinds = {"int": "a whole number", "float": "a number", "bool": "`true` or `false`", "Path": "a path", "str": "text"}
    first = next((kind for key, kind in kinds.items() if re.search(rf"\b{key}\b", words)), "text")
    return ", ".join([first, *_bounds(field.metadata)])


def _bounds(metadata: Iterable[object]) -> Iterator[str]:
    for name, words in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"), ("max_length", "characters ≤")):
        for each in metadata:
            if (limit := getattr(each, name, None)) is not None:
                yield f"{words} {limit}"


def holdings() -> str:
    lines = [
        "# What each table holds of a member\n",
        f"{len(HOLDINGS)} tables. Erasure and export follow this list, and a test fails for a table that isn't in it."
        " How long each is kept, and on what basis: [privacy-laws.md](privacy-laws.md).\n",
    ]
    for fate in (each for each in Fate if each is not Fate.NOTHING_HELD):
        some = {table: holding for table, holding in HOLDINGS.items() if holding.fate is fate}
        lines += [f"## {fate.name.capitalize()}: {fate.value}\n"]
        lines += ["| table | what, or why it stays | names the member by | with the face | in the export |"]
        lines += ["|---|---|---|---|---|"]
        lines += [_holding(table, holding) for table, holding in some.items()] + [""]
    none = {table: holding for table, holding in HOLDINGS.items() if holding.fate is Fate.NOTHING_HELD}
    lines += [f"## Nothing held: {Fate.NOTHING_HELD.value}\n"]
    said = {table: holding.why for table, holding in none.items() if not holding.why.startswith("of the shop")}
    lines += ["| table | what it holds instead |", "|---|---|"]
    lines += [f"| `{table}` | {_cell(why)} |" for table, why in said.items()]
    lines += ["\nOf the shop, its staff and its devices: " + ", ".join(f"`{t}`" for t in none if t not in said) + ".\n"]
    return MADE.format(source="privacy/holdings.py") + "\n".join(lines)


def _holding(table: str, holding: Holding) -> str:
    named = ", ".join(f"`{column}`" for column in holding.by) or _through(holding)
    marks = ("goes with it" if holding.with_face else "", "yes" if holding.exported else "")
    return f"| `{table}` | {_cell(holding.why)} | {named} | {marks[0]} | {marks[1]} |"


def _through(holding: Holding) -> str:
    return f"`{holding.through[0]}`, of `{holding.through[1]}`" if holding.through else ""


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")


def _anchor(tag: str) -> str:
    return tag.lower().replace(" ", "-")


def write() -> None:
    for name, text in pages(served()).items():
        (DOCS / name).write_text(text)


if __name__ == "__main__":
    write()
