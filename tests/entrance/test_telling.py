"""What integrators hear of visits and sales: that they were, and nothing of whoever it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def told(shop: Shop) -> list[dict[str, Any]]:
    """All events, the oldest first."""
    events = (await shop.do("GET", "/v1/webhook-events"))["items"]
    return [json.loads((await shop.do("GET", f"/v1/webhook-events/{each['id']}"))["body"]) for each in reversed(events)]


async def test_whoever_comes_buys_and_goes_is_told_of_without_a_name(shop: Shop) -> None:
    member = await shop.add_member(0, balance=10_000)
    await shop.at_gate(0)
    order = (await shop.at_kiosk(0, {"TEA-001": 2})).json()["order"]
    await shop.at_gate(0, "exits")
    entered, paid, left = await told(shop)
    assert [each["type"] for each in (entered, paid, left)] == ["visit.entered", "order.paid", "visit.left"]
    visit = {"store_id": shop.store_id, "gate_id": shop.gate_id, "guests": 0}
    assert entered["data"] == left["data"] == visit | {"id": entered["data"]["id"]}
    assert paid["data"]["id"] == order["id"]
    assert (paid["data"]["total"], paid["data"]["device_id"]) == (order["total"], shop.kiosk_id)
    assert member not in json.dumps([entered, paid, left])


async def test_nothing_is_told_of_whoever_was_refused_and_of_who_has_left_also_where_staff_saw_it(shop: Shop) -> None:
    await shop.add_member(0, balance=100)
    await shop.at_gate(1)
    assert (await shop.at_kiosk(0, {"TEA-001": 2})).json()["decision"] == "declined"
    assert await told(shop) == []
    visit = (await shop.at_gate(0)).json()["visit_id"]
    await shop.do("POST", f"/v1/stores/{shop.store_id}/visits/{visit}/end")
    *_, left = await told(shop)
    assert (left["type"], left["data"]["id"], left["data"]["gate_id"]) == ("visit.left", visit, None)
