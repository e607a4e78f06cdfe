"""Guests, and debts that are settled at the door."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from facepay.checkout.adjustments import charge_more
from facepay.kernel.clock import utc_now
from tests.answers import verdict
from tests.conftest import OpenShop
from tests.entrance.doors import enter, visit
from tests.locks import somebody_waits
from tests.photos import camera_frame, people, variant
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_guests_come_in_on_a_member_s_face_or_pass_and_stand_in_the_visit(shop: Shop) -> None:
    await shop.add_member(0)
    key = uuid4().hex
    entered = await enter(shop, 0, guests=2, key=key)
    assert entered["code"] == "welcome"
    assert (await visit(shop, entered["visit_id"]))["guests"] == 2
    assert (await enter(shop, 0, guests=2, key=key))["visit_id"] == entered["visit_id"]
    (attempt,) = (await shop.do("GET", f"/v1/stores/{shop.store_id}/gate-attempts"))["items"]
    assert attempt["guests"] == 2
    shown = (await shop.issue_pass(await shop.add_member_without_face()))["pass"]
    path = f"/v1/gates/{shop.gate_id}/entries"
    on_pass = (await shop.client.post(f"{path}/pass", json={"pass": shown, "guests": 1}, headers=shop.gate)).json()
    assert (await visit(shop, on_pass["visit_id"]))["guests"] == 1
    frame = {"frame": ("frame.jpg", people()[0], "image/jpeg")}
    for guests in ("-1", "51", "two"):
        refused = await shop.client.post(path, files=frame, data={"guests": guests}, headers=shop.gate)
        assert verdict(refused) == (422, "invalid_request")


async def test_a_member_brings_as_many_guests_as_the_store_allows(open_shop: OpenShop) -> None:
    shop = await open_shop(guests_max=1)
    await shop.add_member(0)
    refused = await enter(shop, 0, guests=2)
    assert (refused["decision"], refused["code"], refused["visit_id"]) == ("deny", "too_many_guests", None)
    store = f"/v1/stores/{shop.store_id}"
    assert (await shop.do("PATCH", store, json={"guests_max": 2}))["guests_max"] == 2
    assert (await enter(shop, 0, guests=2))["code"] == "welcome"
    await shop.at_gate(0, "exits")
    await shop.do("PATCH", store, json={"guests_max": 0})
    assert (await enter(shop, 0, guests=1))["code"] == "too_many_guests"
    assert (await enter(shop, 0))["code"] == "welcome"


async def test_guests_are_no_tailgaters(shop: Shop) -> None:
    for number in (0, 2):
        await shop.add_member(number)
    frame = camera_frame([variant(people()[0], scale=1.0), variant(people()[2], scale=0.4)], fill=0.8)
    assert (await enter(shop, frame, guests=1))["tailgate_suspected"] is False
    await shop.client.post(
        f"/v1/gates/{shop.gate_id}/exits", content=frame, headers=shop.gate | {"Content-Type": "image/jpeg"}
    )
    assert (await enter(shop, frame))["tailgate_suspected"] is True


async def buy(shop: Shop) -> dict[str, Any]:
    paid = (await shop.at_kiosk(0, {"TEA-001": 1})).json()
    assert paid["code"] == "paid", paid
    order: dict[str, Any] = paid["order"]
    return order


async def owe(shop: Shop, order: dict[str, Any]) -> None:
    """12.90, which the camera saw them take."""
    body = {"lines": [{"sku": "BAO-002", "quantity": 1}], "reason": "Seen on the shelf's camera"}
    path = f"/v1/orders/{order['id']}/supplements"
    await shop.do("POST", path, json=body, headers={"Idempotency-Key": uuid4().hex})


async def test_whoever_owes_is_let_out_and_pays_before_they_come_in_again(shop: Shop, app: FastAPI) -> None:
    member_id = await shop.add_member(0, balance=500)
    order = await buy(shop)
    async with app.state.database.begin() as session:
        await charge_more(
            session,
            order_id=UUID(order["id"]),
            quantities={"BAO-002": 1},
            reason="Seen on the shelf's camera",
            actor="staff:test",
            now=utc_now(),
            settings=app.state.settings,
        )
        entering = asyncio.create_task(shop.at_gate(0))
        await somebody_waits(app.state.database)
    refused = (await entering).json()  # the debt came up while they stood at the gate
    assert (refused["decision"], refused["code"], refused["visit_id"]) == ("deny", "debt_unsettled", None)
    assert (refused["amount_owed"], refused["currency"]) == (1240, "CNY")
    await shop.top_up(member_id, 1000)
    assert (await shop.at_gate(0)).json()["amount_owed"] == 240  # the wallet paid what it had
    assert await shop.balance(member_id) == 0
    await shop.top_up(member_id, 300)
    welcome = (await shop.at_gate(0)).json()
    assert (welcome["code"], welcome["amount_owed"]) == ("welcome", None)
    assert await shop.balance(member_id) == 60

    await owe(shop, order)
    assert (await shop.at_gate(0, "exits")).json()["code"] == "goodbye"
    refused = (await shop.at_gate(0)).json()
    assert (refused["code"], refused["amount_owed"]) == ("debt_unsettled", 1230)
    await shop.top_up(member_id, 5000)
    answers = [each.json()["code"] for each in await asyncio.gather(*(shop.at_gate(0) for _ in range(4)))]
    assert sorted(answers) == ["already_inside"] * 3 + ["welcome"]
    assert await shop.balance(member_id) == 5000 - 1230, "it is paid once"
