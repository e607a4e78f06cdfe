"""Routes that are built when they are first asked for."""

from __future__ import annotations

from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Security
from fastapi.routing import APIRoute

from facepay.kernel.auth import Principal, current_staff
from facepay.kernel.routers import LazyRoute, Router

pytestmark = pytest.mark.anyio


async def greet(name: str, staff: Annotated[Principal, Security(current_staff, scopes=["members:read"])]) -> str:
    """A greeting."""
    return name


def route_of(endpoint: Any) -> LazyRoute:
    router = Router(prefix="/v1")
    router.get("/greetings/{name}", status_code=203, responses={404: {"description": "Nobody"}})(endpoint)
    (route,) = router.routes
    assert isinstance(route, LazyRoute)
    return route


def test_a_route_is_built_once_and_as_fastapi_builds_it() -> None:
    route = route_of(greet)
    assert "dependant" not in vars(route)
    assert [field.name for field in route.dependant.path_params] == ["name"]
    assert vars(route).keys() - {"_how"} == vars(APIRoute("/v1/greetings/{name}", greet)).keys()
    assert (route.status_code, route.description, set(route.responses)) == (203, "A greeting.", {404})
    assert route.dependant is route.dependant


async def test_a_route_without_a_scope_answers_nobody_however_often_it_is_called() -> None:
    async def leak(name: str) -> str:
        return name

    app = FastAPI()
    app.router.routes.append(route_of(leak))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        for _ in range(2):
            answer = await client.get("/v1/greetings/Ann")
            assert (answer.status_code, answer.text) == (500, "Internal Server Error")
