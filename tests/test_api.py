"""The API as a whole: nothing without a scope, every error documented, nothing that schemathesis can break."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from facepay.kernel.auth import PUBLIC_PATHS, api_routes, routes_without_scope, scopes_of
from tests.shop import Shop

pytestmark = pytest.mark.anyio


async def test_no_route_can_be_called_without_a_scope(app: FastAPI) -> None:
    assert routes_without_scope(app.routes) == []
    guarded = [route for route in api_routes(app.routes) if route.path not in PUBLIC_PATHS]
    assert all(any(scopes_of(route.dependant)) for route in guarded)  # FastAPI sees them too

    @app.get("/v1/forgotten")
    async def forgotten() -> None: ...

    @app.websocket("/v1/overheard")
    async def overheard() -> None: ...

    app.mount("/files", FastAPI())
    assert routes_without_scope(app.routes) == ["GET /v1/forgotten", "/v1/overheard", "/files"]


async def test_every_guarded_route_refuses_whoever_has_no_token(
    app: FastAPI, client: httpx.AsyncClient, api: dict[str, Any]
) -> None:
    routes, wrong = list(api_routes(app.routes)), cycle(("fpd_wrong", "a.b.c"))
    assert {route.path for route in routes if route.include_in_schema} == set(api["paths"])
    for route in routes:
        if route.path not in PUBLIC_PATHS and route.path.split("/")[1] != "console":
            path = route.path.replace("{", "").replace("}", "")
            for method in route.methods or ():
                for token in ({}, {"Authorization": f"Bearer {next(wrong)}"}):
                    response = await client.request(method, path, headers=token)
                    assert response.status_code == 401, (method, path, response.text)
                    assert response.json()["code"] == "unauthenticated"


def test_every_route_is_described_for_people(api: dict[str, Any]) -> None:
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert operation["tags"], (method, path)


async def test_replicas_stay_ready_on_a_newer_schema_and_on_no_older_one(shop: Shop, owner_database_url: str) -> None:
    owner = create_async_engine(owner_database_url)
    for revision, status in (("9999_newer", 200), ("0001_kernel", 503)):
        async with owner.begin() as connection:
            await connection.execute(text("update alembic_version set version_num = :to"), {"to": revision})
        assert (await shop.client.get("/readyz")).status_code == status
    await owner.dispose()


async def test_liveness_readiness_and_metrics(shop: Shop) -> None:
    assert (await shop.client.get("/livez")).json() == {"status": "ok"}
    ready, checks = await shop.client.get("/readyz"), {"database": "ok", "schema": "ok"}
    assert ready.json() == {"status": "ready", "checks": checks | {"models": "ok", "liveness": "no passive model"}}
    await shop.add_member(0)
    await shop.at_gate(0)
    _, monitor = await shop.add_device("monitor")
    exposed = (await shop.client.get("/metrics", headers=monitor)).text
    assert 'facepay_decisions_total{code="welcome",decision="open",use="gate_entry"} 1.0' in exposed
    assert "facepay_gallery_templates 1.0" in exposed
    assert "Person" not in exposed
