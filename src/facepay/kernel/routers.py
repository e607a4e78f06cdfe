"""The routers of all rooms: their routes are built when they are first asked for, and none without a scope."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import fastapi
import structlog
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.routing import BaseRoute, compile_path, get_name

from facepay.kernel.auth import PUBLIC_PATHS, scopes_of
from facepay.kernel.routing import unfolded
from facepay.kernel.schemas import Answer, Request

log = structlog.get_logger()
# FastAPI hides it while it makes its validators, but those of our models (`defer_build`) are made when first used.
warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)
PATTERN = ("path_regex", "path_format", "param_convertors")
BUILT = frozenset(APIRoute.__annotations__) | {"app", "form_limits"}
"""What a route has once FastAPI has looked at its function."""
PAUSE_SECONDS = 0.02


class LazyRoute(APIRoute):
    """A route that knows only its path until somebody calls it, or asks what it takes and answers.

    FastAPI reads each function's signature, makes its dependencies and the validators of all it takes and answers: a
    third of an import of the app, for routes most of which a process will never serve.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **how: Any) -> None:
        self.path, self.endpoint = path, endpoint
        self.name = how.get("name") or get_name(endpoint)
        self.methods = {method.upper() for method in how.get("methods") or ["GET"]}
        self.include_in_schema = how.get("include_in_schema", True)
        self._how = how

    def __getattr__(self, name: str) -> Any:
        """Raises RuntimeError where the route has no scope: it answers nobody."""
        if name in PATTERN:
            self.__dict__ |= zip(PATTERN, compile_path(self.path), strict=True)
        elif name in BUILT and "_how" in self.__dict__:
            self.__dict__ |= self._built().__dict__
        else:
            raise AttributeError(name)
        return self.__dict__[name]

    def build(self) -> None:
        """Raises RuntimeError where the route has no scope."""
        _ = self.app, self.dependant

    def _built(self) -> APIRoute:
        route = object.__new__(type(self))
        APIRoute.__init__(route, self.path, self.endpoint, **self._how)
        if self.path not in PUBLIC_PATHS and not any(scopes_of(route.dependant)):
            raise RuntimeError(f"{self.path} has no scope")
        return route


class Router(fastapi.APIRouter):
    """An `APIRouter` of lazy routes."""

    def __init__(self, *, route_class: type[LazyRoute] = LazyRoute, **how: Any) -> None:
        super().__init__(route_class=route_class, **how)


async def build_ahead(routes: Iterable[BaseRoute]) -> None:
    """Build in a thread what nobody has asked for yet, one route or model after the other, so that no first caller
    waits for it: with a pause after each, since the thread and the event loop take turns. What can't be built is told
    in the log.
    """
    lazy = [(route.path, route.build) for route in unfolded(routes) if isinstance(route, LazyRoute)]
    models = [(model.__name__, model.model_rebuild) for model in _below(Answer, Request)]
    builds: list[tuple[str, Callable[[], object]]] = [*lazy, *models]
    for what, build in builds:
        try:
            await asyncio.to_thread(build)
        except Exception as error:  # a mistake in one of them is no reason to leave the others
            log.error("not_built", what=what, exc_info=error)
        await asyncio.sleep(PAUSE_SECONDS)


def _below(*models: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in models:
        yield model
        yield from _below(*model.__subclasses__())
