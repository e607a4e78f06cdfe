"""Routes that are built when they are first asked for."""

from __future__ import annotations

import asyncio
import threading
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Security
from fastapi.routing import APIRoute
from structlog.testing import capture_logs

from facepay.kernel import documentation
from facepay.kernel.auth import Principal, current_staff, routes_without_scope
from facepay.kernel.routers import LazyRoute, Router, build_ahead

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


async def clerk(staff: Annotated[Principal, Security(current_staff, scopes=["members:read"])]) -> Principal:
    return staff


async def anybody(staff: Annotated[Principal, Security(current_staff)]) -> Principal:
    return staff


async def by_clerk(who: Annotated[Principal, Depends(clerk)]) -> None: ...


async def by_anybody(who: Annotated[Principal, Depends(anybody)]) -> None: ...


async def by_nobody(name: str) -> None: ...


def test_a_route_without_a_scope_is_told_by_its_signature_before_it_is_built() -> None:
    routes = [route_of(each) for each in (greet, by_clerk, by_anybody, by_nobody)]
    assert routes_without_scope(routes[:2]) == []
    assert routes_without_scope(routes[2:]) == ["GET /v1/greetings/{name}"] * 2
    assert not any("dependant" in vars(route) for route in routes)


async def test_routes_are_built_before_anybody_calls_them() -> None:
    routes = [route_of(greet), route_of(by_clerk)]
    building = asyncio.create_task(build_ahead(routes))
    async with asyncio.timeout(10):
        while not all("app" in vars(route) for route in routes):  # noqa: ASYNC110  nothing tells us
            await asyncio.sleep(0.01)
    building.cancel()


async def test_a_route_that_cannot_be_built_is_told_and_holds_up_no_other() -> None:
    routes = [route_of(by_nobody), route_of(greet)]
    with capture_logs() as told:
        building = asyncio.create_task(build_ahead(routes))
        async with asyncio.timeout(10):
            while "app" not in vars(routes[1]):  # noqa: ASYNC110  nothing tells us
                await asyncio.sleep(0.01)
        building.cancel()
    (line,) = told
    assert (line["event"], line["what"]) == ("not_built", "/v1/greetings/{name}")
    assert "has no scope" in str(line["exc_info"])


async def test_the_document_of_the_api_is_made_once_and_beside_the_event_loop() -> None:
    app, threads = FastAPI(title="Corner shop"), []
    app.router.routes.append(route_of(greet))
    documentation.install(app)
    made = app.openapi

    def openapi() -> dict[str, Any]:
        threads.append(threading.current_thread())
        return made()

    app.openapi = openapi  # type: ignore[method-assign]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        answers = await asyncio.gather(*(client.get("/openapi.json") for _ in range(3)))
    assert [answer.json()["info"]["title"] for answer in answers] == ["Corner shop"] * 3
    assert "/v1/greetings/{name}" in answers[0].json()["paths"]
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()
