"""Draws rooms.svg and frame.svg from the code: `python -m docs.make_pictures`, and tests/test_docs.py says when."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path

import grimp

DOCS = Path(__file__).parent
SOURCE = DOCS.parent / "src/facepay"
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b2733}.small{font-size:11px;fill:#51606e}"
    ".room{fill:#e8f0f7;stroke:#5b7f9e}.hot{fill:#fdf1dc;stroke:#b98a2e}.way{fill:none;stroke:#8aa1b5;stroke-width:1}"
    ".step{fill:none;stroke:#34506a;stroke-width:1.5}.act{fill:#f6f9fc;stroke:#5b7f9e;stroke-dasharray:5 4}"
)
WIDTH, HEIGHT, GAP_X, GAP_Y = 108, 30, 12, 34
HOT = frozenset({"vision", "identity", "wallet", "templates"})


def pictures() -> dict[str, str]:
    return {"rooms.svg": rooms(imports()), "frame.svg": frame()}


def imports() -> dict[str, set[str]]:
    """Which rooms each room imports."""
    graph = grimp.build_graph("facepay", cache_dir=None)
    children = {each.split(".")[1] for each in graph.find_children("facepay")}
    found: dict[str, set[str]] = {}
    for room in children:
        modules = graph.find_descendants(f"facepay.{room}") | {f"facepay.{room}"}
        if len(modules) > 1 or room in {"settings", "app"}:
            targets = {target for module in modules for target in graph.find_modules_directly_imported_by(module)}
            found[room] = {parts[1] for each in targets if len(parts := each.split(".")) > 1} - {room}
    return {room: below & found.keys() for room, below in found.items()}


def rooms(below: Mapping[str, set[str]]) -> str:
    """Each room above all that it imports; a line to those that no other line leads to already."""

    @cache
    def level(room: str) -> int:
        return 1 + max(map(level, below[room]), default=-1)

    @cache
    def reached(room: str) -> frozenset[str]:
        return frozenset(below[room]).union(*map(reached, below[room]))

    by_level = defaultdict(list)
    for room in sorted(below):
        by_level[level(room)].append(room)
    lines = {a: sorted(b for b in below[a] if not any(b in reached(c) for c in below[a])) for a in below}
    places = _places(by_level, lines)
    width = max(x for x, _ in places.values()) + WIDTH + GAP_X
    height = max(y for _, y in places.values()) + HEIGHT + GAP_Y
    drawn = [_line(places[a], places[b]) for a in sorted(lines) for b in lines[a]]
    drawn += [_box(room, *places[room], hot=room in HOT) for room in sorted(below)]
    count = sum(map(len, below.values()))
    words = (
        f"{len(below)} rooms, {count} imports from room to room, none upwards. "
        "Lines that others imply are left out. Yellow: what knows faces or money."
    )
    drawn.append(f'<text class="small" x="{GAP_X}" y="{height - 10}">{words}</text>')
    return _svg(width, height, "The rooms of facepay: each imports only rooms below it", drawn)


def _places(by_level: Mapping[int, list[str]], lines: Mapping[str, list[str]]) -> dict[str, tuple[float, float]]:
    """Levels are rows, the kernel lowest; within a row, a room stands over the middle of those its lines lead to."""
    widest = max(map(len, by_level.values()))
    places: dict[str, tuple[float, float]] = {}
    for number in sorted(by_level):
        row = by_level[number]
        row.sort(key=lambda room: (_middle([places[each][0] for each in lines[room]]), room))
        left = GAP_X + (widest - len(row)) * (WIDTH + GAP_X) / 2
        y = GAP_Y / 2 + (max(by_level) - number) * (HEIGHT + GAP_Y)
        places |= {room: (left + place * (WIDTH + GAP_X), y) for place, room in enumerate(row)}
    return places


def _middle(xs: list[float]) -> float:
    return sum(xs) / len(xs) if xs else 0.0


def _line(upper: tuple[float, float], lower: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = (upper[0] + WIDTH / 2, upper[1] + HEIGHT), (lower[0] + WIDTH / 2, lower[1])
    return f'<path class="way" d="M{x1:g} {y1:g}C{x1:g} {y1 + GAP_Y:g} {x2:g} {y2 - GAP_Y:g} {x2:g} {y2:g}"/>'


def _box(words: str, x: float, y: float, *, hot: bool = False) -> str:
    kind = "hot" if hot else "room"
    return (
        f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>'
        f'<text x="{x + WIDTH / 2:g}" y="{y + 20:g}" text-anchor="middle">{escape(words)}</text>'
    )


# A stop is the function that stands there, and what happens at it. Those in the transaction are together.
BEFORE = (
    ("entrance/gate_router.py", "enter", "the gate's request: who asks, may they"),
    ("identity/capture.py", "read_capture", "frames within their limits, or a signed face"),
    ("identity/desk.py", "Desk.decide", "claims the idempotency key; answers a retry at once"),
    ("identity/recognition.py", "Recogniser.see", "models in the pool, off the event loop; the gallery"),
)
WITHIN = (
    ("entrance/gates.py", "decide", "the door, and whose turn it is there"),
    ("identity/decisions.py", "identify", "sure enough? one of: recognised, asked, turned away"),
    ("entrance/telling.py", "tell_visit", "the member is inside, and webhooks will hear of it"),
    ("kernel/idempotency.py", "Claim.settle", "the answer is kept under its key"),
)
PAYING = (
    ("checkout/router.py", "check_out", "the kiosk's request: frame and basket"),
    ("checkout/kiosk.py", "check_out", "who it is (identify, as on the left), prices, limits"),
    ("checkout/tenders.py", "pay", "coupons, points, gift balance, wallet"),
    ("wallet/ledger.py", "post", "one SQL function: sums to zero, or nothing"),
    ("kernel/idempotency.py", "Claim.settle", "the answer is kept under its key"),
)
STOP_WIDTH, STOP_HEIGHT, STOP_GAP = 400, 46, 24
LEFT, RIGHT = 30, 490


def frame() -> str:
    drawn = list(_column(LEFT, 50, BEFORE))
    top = 50 + len(BEFORE) * (STOP_HEIGHT + STOP_GAP) + 26
    bottom = top + len(WITHIN) * (STOP_HEIGHT + STOP_GAP)
    drawn.append(f'<text x="{LEFT}" y="32">A gate: a frame comes in</text>')
    drawn.append(
        f'<rect class="act" x="{LEFT - 14}" y="{top - 30}" width="{STOP_WIDTH + 28}" height="{bottom - top + 22}"/>'
    )
    drawn.append(f'<text class="small" x="{LEFT - 6}" y="{top - 14}">one transaction</text>')
    drawn += _arrow(LEFT + 200, top - STOP_GAP - 26, top)
    drawn += _column(LEFT, top, WITHIN)
    drawn.append(f'<text x="{LEFT}" y="{bottom + 14}">open, deny or step_up, after the commit</text>')
    drawn.append(f'<text x="{RIGHT}" y="32">A kiosk: the same way, and then money</text>')
    drawn += _column(RIGHT, 50, PAYING[:1])
    drawn.append(f'<text class="small" x="{RIGHT}" y="132">… capture, desk, recognition, as on the left …</text>')
    drawn.append(
        f'<rect class="act" x="{RIGHT - 14}" y="{top - 30}" width="{STOP_WIDTH + 28}" height="{bottom - top + 22}"/>'
    )
    drawn.append(f'<text class="small" x="{RIGHT - 6}" y="{top - 14}">one transaction</text>')
    drawn += _arrow(RIGHT + 200, 144, top)
    drawn += _column(RIGHT, top, PAYING[1:])
    drawn.append(f'<text x="{RIGHT}" y="{bottom + 14}">paid, declined or step_up, after the commit</text>')
    return _svg(RIGHT + STOP_WIDTH + 30, bottom + 34, "A frame's way through the code", drawn)


def _column(x: float, y: float, stops: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    for number, (path, name, words) in enumerate(stops):
        _look(path, name)
        top = y + number * (STOP_HEIGHT + STOP_GAP)
        if number:
            yield from _arrow(x + STOP_WIDTH / 2, top - STOP_GAP, top)
        kind = "hot" if path.split("/")[0] in HOT else "room"
        yield f'<rect class="{kind}" x="{x:g}" y="{top:g}" width="{STOP_WIDTH}" height="{STOP_HEIGHT}" rx="5"/>'
        yield f'<text x="{x + 12:g}" y="{top + 19:g}">{escape(path)} · {escape(name)}</text>'
        yield f'<text class="small" x="{x + 12:g}" y="{top + 36:g}">{escape(words)}</text>'


def _look(path: str, name: str) -> None:
    """Raises LookupError where the function has gone elsewhere, so that the picture can't go on naming it."""
    body: list[ast.stmt] = ast.parse((SOURCE / path).read_text()).body
    for part in name.split("."):
        found = [each for each in body if isinstance(each, _DEFINED) and each.name == part]
        if not found:
            raise LookupError(f"{path} has no {name}")
        body = found[0].body


_DEFINED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _arrow(x: float, top: float, bottom: float) -> Iterator[str]:
    yield f'<path class="step" d="M{x:g} {top:g}V{bottom:g}m-5 -7l5 7l5 -7"/>'


def _svg(width: float, height: float, title: str, drawn: Iterable[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def write() -> None:
    for name, text in pictures().items():
        (DOCS / name).write_text(text)


if __name__ == "__main__":
    write()
