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
    tag = lanes.tag("SOCKS")
    paid = await bought(lanes, "trip-1", tag, lanes.tag("SOCKS"))
    seen = await lanes.shop.do("GET", "/v1/purchases/trip-1")
    assert (seen["order"]["id"], seen["passage"]["basket"]) == (paid["order"]["id"], {"SOCKS": 2})
    lines = [{"sku": "SOCKS", "quantity": 1}, {"sku": "SCARF", "quantity": 1}]
    righted = await staff_post(lanes, "trip-1/adjustments", lines=lines, reason="It was a scarf")
    assert (righted["order"]["refunded"], [each["total"] for each in righted["supplements"]]) == (SOCKS, [SCARF])
    assert await lanes.shop.balance(member) == 10_000 - SOCKS - SCARF
    again = await staff_post(lanes, "trip-1/adjustments", lines=lines, reason="It was a scarf")
    assert (again["order"]["refunded"], len(again["supplements"])) == (SOCKS, 1), "nothing is left to set right"
    cancelled = await staff_post(lanes, "trip-1/cancellation", reason="Somebody else's")
    assert [each["status"] for each in (cancelled["order"], *cancelled["supplements"])] == ["cancelled"] * 2
    assert await lanes.shop.balance(member) == 10_000
    assert (await bought(lanes, "trip-2", tag))["code"] == "paid", "the tag is back on the shelf"
    missing = await lanes.shop.client.get("/v1/purchases/trip-9", headers=lanes.shop.staff)
    assert (missing.status_code, missing.json()["code"]) == (404, "purchase_not_found")
    await assert_books_verify(app.state.database, SOCKS=1)


async def test_two_of_the_staff_who_set_one_purchase_right_at_once_charge_what_was_missing_once(
    lanes: LaneShop, app: FastAPI
) -> None:
    member = await lanes.shop.add_member(0, balance=20_000)
    await bought(lanes, "trip-1", lanes.tag("SOCKS"))
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
    await assert_books_verify(app.state.database, SOCKS=1, SCARF=1)


async def test_a_cancellation_and_a_sale_of_the_same_goods_do_not_wait_in_a_circle(
    lanes: LaneShop, app: FastAPI
) -> None:
    await lanes.shop.add_member(0, balance=10_000)
    other = await lanes.shop.add_member_without_face(balance=10_000)
    paid = await bought(lanes, "trip-1", lanes.tag("SOCKS"))
    lines = [{"sku": "SOCKS", "quantity": 1}, {"sku": "SCARF", "quantity": 1}]
    await staff_post(lanes, "trip-1/adjustments", lines=lines, reason="And a scarf")
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


async def test_a_piece_that_was_charged_too_much_is_charged_to_whoever_takes_it(lanes: LaneShop) -> None:
    await lanes.shop.add_member(0, balance=10_000)
    kept, on_the_shelf = lanes.tag("SOCKS"), lanes.tag("SOCKS")
    await bought(lanes, "trip-1", kept, on_the_shelf)
    righted = {"lines": [{"sku": "SOCKS", "quantity": 1}], "reason": "One was never taken"}
    path, headers = "/v1/purchases/trip-1/adjustments", lanes.shop.staff | {"Idempotency-Key": "other"}
    other = await lanes.shop.client.post(path, json=righted | {"epcs": [lanes.tag("SOCKS")]}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "tags_not_of_order")
    await staff_post(lanes, "trip-1/adjustments", **righted, epcs=[on_the_shelf])
    taken = await bought(lanes, "trip-2", on_the_shelf)
    assert (taken["code"], taken["total"]) == ("paid", SOCKS)
    assert (await bought(lanes, "trip-3", kept))["sold_tags"] == [kept]


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


async def test_a_lane_without_a_portal_charges_what_the_shelves_saw_taken(lanes: LaneShop, app: FastAPI) -> None:
    member = await lanes.shop.add_member(0, balance=10_000)
    lane_id, _ = lanes.lanes[0]
    await lanes.shop.do("PUT", f"/v1/lanes/{lane_id}/policy", json={"goods_from": "shelves"})
    await lanes.shop.at_gate(0)
    visit_id = (await lanes.shop.do("GET", f"/v1/stores/{lanes.shop.store_id}/visits"))["items"][0]["id"]
    await take(lanes, app.state.database, visit_id, "SCARF")
    passage = await lanes.start()
    assert (await passage.finish())["code"] == "no_face", "nobody knows what a stranger took"
    paid = await passage.look(0)
    assert (paid["decision"], paid["code"], paid["total"]) == ("release", "paid", SCARF)
    await lanes.shop.at_gate(0)
    assert (await lanes.walk(0))["code"] == "nothing_taken"
    assert await lanes.shop.balance(member) == 10_000 - SCARF
    await assert_books_verify(app.state.database, SCARF=1)


async def test_where_tags_and_shelves_disagree_only_what_both_saw_is_charged(lanes: LaneShop, app: FastAPI) -> None:
    await lanes.shop.add_member(0, balance=10_000)
    lane_id, _ = lanes.lanes[0]
    await lanes.shop.do("PUT", f"/v1/lanes/{lane_id}/policy", json={"goods_from": "both"})
    await lanes.shop.at_gate(0)
    visit_id = (await lanes.shop.do("GET", f"/v1/stores/{lanes.shop.store_id}/visits"))["items"][0]["id"]
    await take(lanes, app.state.database, visit_id, "SCARF")
    await take(lanes, app.state.database, visit_id, "SOCKS")
    paid = await lanes.walk(0, lanes.tag("SOCKS"))
    assert (paid["decision"], paid["total"]) == ("release", SOCKS)
    await assert_books_verify(app.state.database, SOCKS=1)


async def test_only_a_lane_has_a_policy(lanes: LaneShop) -> None:
    lane_id, _ = lanes.lanes[0]
    assert (await lanes.shop.do("GET", f"/v1/lanes/{lane_id}/policy"))["goods_from"] == "rfid"
    path = f"/v1/lanes/{lanes.shop.gate_id}/policy"
    refused = await lanes.shop.client.put(path, json={"goods_from": "both"}, headers=lanes.shop.staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_a_lane")
