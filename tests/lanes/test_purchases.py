"""Purchases by their trip: seen, cancelled, set right, disputed; and lanes that know their goods from the shelves."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from facepay.checkout.orders import Order
from facepay.members.members import Member
from tests.lanes.lane import GOODS, LaneShop, assert_books_verify
from tests.lanes.shelf import take
from tests.locks import somebody_waits
from tests.review.counter import Counter
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
SOCKS, SCARF = (GOODS[sku][1] for sku in ("SOCKS", "SCARF"))


@pytest.fixture
async def lanes(shop: Shop) -> LaneShop:
    return await LaneShop.open(shop)


async def staff_post(lanes: LaneShop, path: str, **body: Any) -> Any:
    headers = {"Idempotency-Key": uuid4().hex}
    return await lanes.shop.do("POST", f"/v1/purchases/{path}", json=body, headers=headers)


async def bought(lanes: LaneShop, trip: str, *epcs: str) -> dict[str, Any]:
    passage = await lanes.start(trip=trip)
    await passage.look(0)
    await passage.read(*epcs)
    return await passage.finish()


async def test_a_purchase_is_set_right_and_cancelled_by_its_trip(lanes: LaneShop, app: FastAPI) -> None:
    member = await lanes.shop.add_member(0, balance=10_000)
    kept, on_the_shelf = lanes.tag("SOCKS"), lanes.tag("SOCKS")
    paid = await bought(lanes, "trip-1", kept, on_the_shelf)
    seen = await lanes.shop.do("GET", "/v1/purchases/trip-1")
    assert (seen["order"]["id"], seen["passage"]["basket"]) == (paid["order"]["id"], {"SOCKS": 2})
    lines = [{"sku": "SOCKS", "quantity": 1}, {"sku": "SCARF", "quantity": 1}]
    body = {"lines": lines, "reason": "It was a scarf"}
    path, headers = "/v1/purchases/trip-1/adjustments", lanes.shop.staff | {"Idempotency-Key": "other"}
    other = await lanes.shop.client.post(path, json=body | {"epcs": [lanes.tag("SOCKS")]}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "tags_not_of_order")
    righted = await staff_post(lanes, "trip-1/adjustments", **body, epcs=[on_the_shelf])
    assert (righted["order"]["refunded"], [each["total"] for each in righted["supplements"]]) == (SOCKS, [SCARF])
    assert await lanes.shop.balance(member) == 10_000 - SOCKS - SCARF
    again = await staff_post(lanes, "trip-1/adjustments", **body)
    assert (again["order"]["refunded"], len(again["supplements"])) == (SOCKS, 1), "nothing is left to set right"

    taken = await bought(lanes, "trip-2", kept, on_the_shelf)
    assert (taken["code"], taken["total"], taken["sold_tags"]) == ("paid", SOCKS, [kept]), "who takes it pays for it"
    cancelled = await staff_post(lanes, "trip-1/cancellation", reason="Somebody else's")
    assert [each["status"] for each in (cancelled["order"], *cancelled["supplements"])] == ["cancelled"] * 2
    assert await lanes.shop.balance(member) == 10_000 - SOCKS
    assert (await bought(lanes, "trip-3", kept))["code"] == "paid", "the tag is back on the shelf"
    missing = await lanes.shop.client.get("/v1/purchases/trip-9", headers=lanes.shop.staff)
    assert (missing.status_code, missing.json()["code"]) == (404, "purchase_not_found")
    await assert_books_verify(app.state.database, SOCKS=2)


async def test_two_who_set_a_purchase_right_at_once_charge_it_once_and_its_cancellation_waits_in_no_circle_with_a_sale(
    lanes: LaneShop, app: FastAPI
) -> None:
    member = await lanes.shop.add_member(0, balance=20_000)
    other = await lanes.shop.add_member_without_face(balance=10_000)
    paid = await bought(lanes, "trip-1", lanes.tag("SOCKS"))
    lines = [{"sku": "SOCKS", "quantity": 1}, {"sku": "SCARF", "quantity": 1}]
    async with app.state.database.begin() as session:
        await session.get_one(Member, UUID(member), with_for_update=True)
        both = [
            asyncio.create_task(staff_post(lanes, "trip-1/adjustments", lines=lines, reason="A scarf")) for _ in "ab"
        ]
        await somebody_waits(app.state.database, least=2)
    for each in both:
        assert [supplement["total"] for supplement in (await each)["supplements"]] == [SCARF]
    assert await lanes.shop.balance(member) == 20_000 - SOCKS - SCARF

    # Nor do a cancellation and a sale of the same goods wait in a circle.
    text = (await lanes.shop.issue_pass(other))["pass"]
    async with app.state.database.begin() as session:
        await session.get_one(Order, UUID(paid["order"]["id"]), with_for_update={"of": Order})
        cancelling = asyncio.create_task(staff_post(lanes, "trip-1/cancellation", reason="Never left"))
        await somebody_waits(app.state.database)
        selling = asyncio.create_task(lanes.shop.pass_at_kiosk(text, {"SOCKS": 1, "SCARF": 1}))
        await asyncio.wait([selling], timeout=0.5)  # where it waits for the cancellation, these two are one circle
    assert (await selling).json()["code"] == "paid"
    assert (await cancelling)["order"]["status"] == "cancelled"
    await assert_books_verify(app.state.database, SOCKS=1, SCARF=1)


async def test_a_passage_is_disputed_and_refunded(lanes: LaneShop) -> None:
    member = await lanes.shop.add_member(0, balance=10_000)
    counter = Counter(lanes.shop)
    passage = await lanes.start()
    await passage.look(0)
    await passage.read(lanes.tag("SOCKS"))
    pending = await counter.dispute("passage", passage.id)
    assert (pending.status_code, pending.json()["code"]) == (409, "decision_pending")
    await passage.finish()
    dispute = await counter.opened("passage", passage.id)
    receipt = await counter.resolved(dispute, "wrong")
    assert receipt["consequences"] == ["refunded", "member_steps_up"]
    assert await lanes.shop.balance(member) == 10_000
    await lanes.shop.at_gate(0)
    listed = await lanes.shop.do("GET", f"/v1/stores/{lanes.shop.store_id}/passages", params={"decision": "release"})
    assert [each["id"] for each in listed["items"]] == [passage.id]


async def test_a_lane_charges_what_tags_and_shelves_both_saw_taken_or_without_a_portal_what_the_shelves_saw(
    lanes: LaneShop, app: FastAPI
) -> None:
    member = await lanes.shop.add_member(0, balance=10_000)
    policy = f"/v1/lanes/{lanes.lanes[0][0]}/policy"
    assert (await lanes.shop.do("GET", policy))["goods_from"] == "rfid"
    no_lane = f"/v1/lanes/{lanes.shop.gate_id}/policy"
    refused = await lanes.shop.client.put(no_lane, json={"goods_from": "both"}, headers=lanes.shop.staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_a_lane")

    await lanes.shop.do("PUT", policy, json={"goods_from": "both"})
    visit_id = (await lanes.shop.at_gate(0)).json()["visit_id"]
    for sku in GOODS:
        await take(lanes, app.state.database, visit_id, sku)
    paid = await lanes.walk(0, lanes.tag("SOCKS"))
    assert (paid["decision"], paid["total"]) == ("release", SOCKS)

    await lanes.shop.do("PUT", policy, json={"goods_from": "shelves"})
    visit_id = (await lanes.shop.at_gate(0)).json()["visit_id"]
    await take(lanes, app.state.database, visit_id, "SCARF")
    passage = await lanes.start()
    assert (await passage.finish())["code"] == "no_face", "nobody knows what a stranger took"
    paid = await passage.look(0)
    assert (paid["decision"], paid["code"], paid["total"]) == ("release", "paid", SCARF)
    await lanes.shop.at_gate(0)
    assert (await lanes.walk(0))["code"] == "nothing_taken"
    assert await lanes.shop.balance(member) == 10_000 - SOCKS - SCARF
    await assert_books_verify(app.state.database, SOCKS=1, SCARF=1)
