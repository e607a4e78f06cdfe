"""Schemathesis reads /openapi.json and tries what nobody thought of, against a real HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from requests import Session
from schemathesis import APIOperation
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.server import on_a_socket
from tests.shop import Shop

pytestmark = pytest.mark.anyio
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
EXAMPLES_EACH = 2
OPENAPI_SECONDS_MAX = 60
# Who may call the paths with this in them; staff may call all others.
CALLERS = {
    "/gates/": "gate",
    "/kiosks/": "kiosk",
    "/terminals/": "kiosk",
    "/devices/{device_id}/smiles": "kiosk",
    "/devices/{device_id}/campaigns": "kiosk",
    "/devices/{device_id}/looks": "display",
    "/devices/{device_id}/recommendations": "display",
    "/lanes/{lane_id}/passages": "lane",
    "/kitchen/": "kitchen",
    "/board": "kitchen",
    "/stores/{store_id}/payment-intents": "staff",
    "/payment-intents": "webshop",
    "/payer/": "payer",
    "/access-points/{access_point_id}/attempts": "door",
    "/doors/{door_id}/challenges": "door",
    "/cameras/{camera_id}/frames": "camera",
    "/v1/tables/": "table",
    "/mirrors/": "mirror",
    "/machines/{machine_id}/handovers": "vending",
    "/machines/{machine_id}/returns": "vending",
    "/machines/{machine_id}/challenges": "vending",
    "/devices/{device_id}/members/": "kiosk",
    "/heartbeats": "gate",
    "/metrics": "monitor",
}


async def test_no_request_breaks_the_contract(shop: Shop, app: FastAPI, api: dict[str, Any]) -> None:
    app.openapi_schema = api  # or the app makes its own
    people = {"staff": shop.staff}
    for role in set(CALLERS.values()) - {"staff", "payer"}:
        _, people[role] = await shop.add_device(role)
    people["payer"] = {"Authorization": f"Bearer {await secret_of_a_payment(shop, people['webshop'])}"}
    async with on_a_socket(app) as address:
        await asyncio.to_thread(hold_all_to_contract, address, people)


async def secret_of_a_payment(shop: Shop, webshop: dict[str, str]) -> str:
    """Of one that waits for its payer for a day."""
    body = {
        "amount": 100,
        "currency": "CNY",
        "member_id": await shop.add_member_without_face(),
        "description": "Tea",
        "return_url": "https://shop.example.com",
        "expires_in": 86_400,
        "confirm": True,
    }
    headers = webshop | {"Idempotency-Key": "payment"}
    return str((await shop.client.post("/v1/payment-intents", json=body, headers=headers)).json()["client_secret"])


def hold_all_to_contract(address: str, people: Mapping[str, dict[str, str]]) -> None:
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json", timeout=OPENAPI_SECONDS_MAX)
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) > 40
    with Session() as session:
        session.trust_env = False  # or each request reads the environment for proxies
        for operation in operations:
            caller = next((caller for part, caller in CALLERS.items() if part in operation.path), "staff")
            hold_to_contract(operation, people[caller], session)


def hold_to_contract(operation: APIOperation[Any, Any, Any, Any], headers: dict[str, str], session: Session) -> None:
    @seed(0)
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES_EACH,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=headers, session=session, checks=CHECKS)

    holds()
