"""Which route answers a path, found by the path's words rather than by trying one route after another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

Place = tuple[int, int, str]
"""How many parts a path has, where one of them stands, and what it says."""


class RouteIndex(BaseRoute):
    """Stands before the routes that it knows, and leaves what none of them answers in full to them.

    Every parameter of theirs is one part of a path, so the number of parts and any part that is no parameter tell
    routes apart. Each route is filed under its rarest such part.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        known = [route for route in routes if isinstance(route, Route) and ":" not in route.path]
        counts: dict[Place, int] = defaultdict(int)
        for route in known:
            for place in _places(route.path):
                counts[place] += 1
        self._filed: dict[Place, list[tuple[int, Route]]] = defaultdict(list)
        for rank, route in enumerate(known):
            self._filed[min(_places(route.path), key=counts.__getitem__)].append((rank, route))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The first of those that answer it, in the order in which they were given."""
        if scope["type"] != "http":
            return Match.NONE, {}
        candidates = [filed for place in _places(scope["path"]) for filed in self._filed.get(place, ())]
        for _, route in sorted(candidates, key=lambda filed: filed[0]):
            match, child = route.matches(scope)
            if match is Match.FULL:
                return match, {**child, "answered_by": route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["answered_by"].handle(scope, receive, send)


def unfolded(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """All of them, those of routers that FastAPI keeps as they were included too, and no index."""
    for route in routes:
        if included := getattr(route, "original_router", None):
            yield from unfolded(included.routes)
        elif not isinstance(route, RouteIndex):
            yield route


def _places(path: str) -> list[Place]:
    parts = path.split("/")
    return [(len(parts), position, part) for position, part in enumerate(parts) if not part.startswith("{")]
