"""Whoever wrote a program for this API can go on using it."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from typing import Any

import httpx
import pytest
from docs.contract import RELEASED, breaks, shape
from fastapi import FastAPI

from facepay.kernel.deprecation import deprecated
from facepay.kernel.errors import NotFound
from facepay.kernel.http import RequestGuard
from facepay.kernel.metrics import Metrics
from facepay.kernel.problems import install
from facepay.kernel.rates import RateLimits
from facepay.kernel.telemetry import Traces

pytestmark = pytest.mark.anyio
BEFORE: dict[str, Any] = {
    "info": {"version": "1.0.0"},
    "paths": {
        "/v1/orders": {
            "post": {
                "parameters": [{"in": "query", "name": "store_id", "required": False, "schema": {"type": "string"}}],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
                },
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Order": {
                "type": "object",
                "required": ["amount", "title"],
                "properties": {
                    "amount": {"type": "integer", "maximum": 100},
                    "title": {"type": "string"},
                    "way": {"enum": ["kiosk", "gate"]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}},
                },
            }
        }
    },
}


def test_nothing_breaks_what_was_released(api: dict[str, Any]) -> None:
    """Broken on purpose? Say so in the changelog, then `python -m docs.contract` (docs/api-versions.md)."""
    assert breaks(json.loads(RELEASED.read_text()), shape(api)) == []


def operation(api: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api["paths"]["/v1/orders"]["post"]
    return found


def order(api: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api["components"]["schemas"]["Order"]
    return found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda api: api["paths"].clear(), "POST /v1/orders is gone"),
        (lambda api: operation(api)["parameters"].clear(), "parameter store_id is gone"),
        (lambda api: operation(api)["parameters"][0].update(required=True), "parameter store_id is required now"),
        (lambda api: operation(api)["responses"].clear(), "answers no 201"),
        (lambda api: order(api)["properties"].pop("title"), "title is gone"),
        (lambda api: order(api)["required"].append("way"), "body.way is required now"),
        (lambda api: order(api)["required"].remove("title"), "answer.title may be missing now"),
        (lambda api: order(api)["properties"]["amount"].update(type="string"), "type was integer, is string"),
        (lambda api: order(api)["properties"]["amount"].update(maximum=99), "maximum is 99 now"),
        (lambda api: order(api)["properties"]["title"].update(minLength=1), "minLength is 1 now"),
        (lambda api: order(api)["properties"]["way"].update(enum=["kiosk"]), "takes no gate any more"),
        (lambda api: order(api)["properties"]["title"].update(enum=["tea"]), "takes only tea now"),
        (lambda api: order(api)["properties"]["parts"].update(items={"type": "string"}), "parts[]"),
    ],
)
def test_each_way_to_break_a_caller_is_found(change: Callable[[dict[str, Any]], Any], said: str) -> None:
    after = deepcopy(BEFORE)
    change(after)
    assert any(said in each for each in breaks(BEFORE, after)), breaks(BEFORE, after)


@pytest.mark.parametrize(
    "change",
    [
        lambda api: api["paths"].update({"/v1/more": {"get": {"responses": {}}}}),
        lambda api: operation(api)["parameters"].append({"in": "query", "name": "q", "schema": {"type": "string"}}),
        lambda api: order(api)["properties"].update(note={"type": "string"}),
        lambda api: order(api)["properties"]["amount"].update(maximum=1000),
        lambda api: order(api)["properties"]["way"]["enum"].append("lane"),
        lambda api: operation(api)["responses"].update({"202": {}}),
    ],
)
def test_the_api_may_grow(change: Callable[[dict[str, Any]], Any]) -> None:
    after = deepcopy(BEFORE)
    change(after)
    assert breaks(BEFORE, after) == []


async def test_a_route_that_will_go_says_so_in_each_answer_and_in_the_docs() -> None:
    app = FastAPI()
    link = "https://example.com/changes#old"
    going = deprecated(since=date(2026, 1, 1), sunset=date(2026, 12, 31), link=link)

    @app.get("/old", **going)
    async def old(missing: bool = False) -> str:
        if missing:
            raise NotFound("There is none.")
        return "here"

    install(app)
    limits = RateLimits(device=0, person=0, address=0)
    app.add_middleware(RequestGuard, metrics=Metrics(), rates=limits, traces=Traces())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        answers = [await client.get("/old"), await client.get("/old", params={"missing": True})]
        other = await client.get("/openapi.json")
    assert [answer.status_code for answer in answers] == [200, 404]
    for answer in answers:
        assert answer.headers["deprecation"] == "@1767225600"
        assert answer.headers["sunset"] == "Thu, 31 Dec 2026 00:00:00 GMT"
        assert answer.headers["link"] == f'<{link}>; rel="deprecation"; type="text/html"'
    assert "deprecation" not in other.headers
    route = other.json()["paths"]["/old"]["get"]
    assert (route["deprecated"], route["x-sunset"]) == (True, "2026-12-31")


def test_nobody_is_left_without_half_a_year() -> None:
    with pytest.raises(ValueError, match="180 days"):
        deprecated(since=date(2026, 1, 1), sunset=date(2026, 6, 1), link="https://example.com")
