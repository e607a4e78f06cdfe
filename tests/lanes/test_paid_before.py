"""Goods with tags that were paid for at a kiosk, which knows of no tags, and then walk out through a lane."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from facepay.catalog.products import get_product_by_sku
from facepay.checkout.adjustments import cancel_order
from facepay.checkout.orders import Order
from facepay.checkout.sold_tags import Piece, claim_tags
from facepay.entrance.visits import Visit
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from tests.lanes.lane import GOODS, LaneShop, assert_books_verify
from tests.lanes.shelf import take
from tests.locks import somebody_waits
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
SOCKS, SCARF = (GOODS[sku][1] for sku in ("SOCKS", "SCARF"))


@pytest.fixture
async def lanes(shop: Shop) -> LaneShop:
    return await LaneShop.open(shop)


@pytest.fixture
def database(app: FastAPI) -> Database:
    database: Database = app.state.database
    return database


async def come_in(lanes: LaneShop, who: int = 0) -> tuple[str, str]:
    """A member with money, inside; and their visit."""
    member = await lanes.shop.add_member(who, balance=20_000)
    return member, (await lanes.shop.at_gate(who)).json()["visit_id"]


async def pay_at_kiosk(lanes: LaneShop, who: int = 0, **basket: int) -> str:
    paid = (await lanes.shop.at_kiosk(who, basket)).json()
    assert paid["decision"] == "paid", paid
    return str(paid["order"]["id"])


async def staff_post(lanes: LaneShop, path: str, **body: Any) -> Any:
    return await lanes.shop.do("POST", path, json=body, headers={"Idempotency-Key": uuid4().hex})


async def test_as_many_tags_as_were_paid_for_at_a_kiosk_are_not_charged_again(
    lanes: LaneShop, database: Database
) -> None:
    member, _ = await come_in(lanes)
    order = await pay_at_kiosk(lanes, SOCKS=1, SCARF=1)
    scarf, socks = lanes.tag("SCARF"), sorted(lanes.tag("SOCKS") for _ in range(3))
    passage = await lanes.start()
    await passage.read(*reversed(socks), scarf)
    seen = await passage.look(0)
    assert (seen["total"], seen["held"], seen["sold_tags"]) == (2 * SOCKS, 2 * SOCKS, sorted([socks[0], scarf]))
    paid = await passage.finish()
    assert (paid["code"], paid["order"]["total"]) == ("paid", 2 * SOCKS)
    assert await lanes.shop.balance(member) == 20_000 - 3 * SOCKS - SCARF
    sold = {epc: (await lanes.shop.do("GET", f"/v1/tags/{epc}"))["sales"][0]["order_id"] for epc in (*socks, scarf)}
    assert sold == {socks[0]: order, scarf: order, socks[1]: paid["order"]["id"], socks[2]: paid["order"]["id"]}
    assert await lanes.alerts("tag_sold_before") == []
    await assert_books_verify(database, SOCKS=3, SCARF=1)


async def test_whoever_paid_for_all_of_it_walks_out_free_and_only_this_once(
    lanes: LaneShop, database: Database
) -> None:
    member = await lanes.shop.add_member(0, balance=SOCKS)
    await lanes.shop.at_gate(0)
    order, tag = await pay_at_kiosk(lanes, SOCKS=1), lanes.tag("SOCKS")
    tags = [tag, lanes.tag("SOCKS")]
    passage = await lanes.start()
    await passage.look(0)
    await passage.read(*tags)
    assert (await passage.finish())["code"] == "insufficient_funds"
    assert not (await lanes.shop.do("GET", f"/v1/tags/{tag}"))["sold"]
    await lanes.shop.top_up(member, 3 * SOCKS)
    await pay_at_kiosk(lanes, SOCKS=1)
    for _ in "ab":
        out = await passage.finish()
        assert (out["decision"], out["code"], out["total"], out["sold_tags"]) == ("release", "paid_before", 0, tags)
    assert (out["order"], await lanes.inside()) == (None, [])
    await lanes.shop.at_gate(0)
    again = await lanes.walk(0, tag, lanes.tag("SOCKS"))
    assert (again["code"], again["order"]["total"]) == ("paid", SOCKS)
    assert [alert["subject"] for alert in await lanes.alerts("tag_sold_before")] == [tag]
    lines = [{"sku": "SOCKS", "quantity": 1}]
    await staff_post(lanes, f"/v1/orders/{order}/returns", lines=lines, epcs=[tag], reason="Too small")
    await lanes.shop.at_gate(0)
    assert (await lanes.walk(0, tag))["total"] == SOCKS, "it came back, and is sold again"
    assert await lanes.shop.balance(member) == SOCKS
    await assert_books_verify(database, SOCKS=3)


async def test_one_piece_that_was_paid_for_lets_one_tag_out_of_two_lanes_at_once(
    lanes: LaneShop, database: Database
) -> None:
    member, visit_id = await come_in(lanes)
    await pay_at_kiosk(lanes, SOCKS=1)
    passages = [await lanes.start(lane) for lane in (0, 1)]
    for passage in passages:
        await passage.look(0)
        assert (await passage.read(lanes.tag("SOCKS")))["total"] == 0, "either may be the one"
    async with database.begin() as session:
        await session.get_one(Visit, UUID(visit_id), with_for_update=True)
        finishing = [asyncio.create_task(passage.finish()) for passage in passages]
        await somebody_waits(database, least=2)
    # Whoever comes second finds that there is something to charge, and has the money for it.
    codes = sorted([(await each)["code"] for each in finishing])
    assert codes == ["paid", "paid_before"]
    assert await lanes.shop.balance(member) == 20_000 - 2 * SOCKS
    await assert_books_verify(database, SOCKS=2)


async def test_what_the_host_paid_for_a_guest_may_carry_out(lanes: LaneShop, database: Database) -> None:
    host, host_visit = await come_in(lanes, 0)
    _, guest_visit = await come_in(lanes, 1)
    body = {"visit_ids": [host_visit, guest_visit], "host_visit_id": host_visit}
    await lanes.shop.do("POST", f"/v1/stores/{lanes.shop.store_id}/visit-groups", json=body)
    await pay_at_kiosk(lanes, 0, SOCKS=1)
    assert (await lanes.walk(1, lanes.tag("SOCKS")))["code"] == "paid_before"
    assert (await lanes.walk(0, lanes.tag("SOCKS")))["code"] == "paid"
    assert await lanes.shop.balance(host) == 20_000 - 2 * SOCKS
    await assert_books_verify(database, SOCKS=2)


async def test_what_was_paid_before_the_visit_or_given_back_or_by_somebody_else_or_at_a_passage_counts_for_nothing(
    lanes: LaneShop, database: Database
) -> None:
    await lanes.shop.add_member(0, balance=20_000)
    earlier = await pay_at_kiosk(lanes, SOCKS=1)
    await lanes.shop.at_gate(0)
    await come_in(lanes, 1)
    await pay_at_kiosk(lanes, 1, SOCKS=1)
    cancelled, returned = [await pay_at_kiosk(lanes, SOCKS=1) for _ in "ab"]
    await staff_post(lanes, f"/v1/orders/{cancelled}/cancellation", reason="Wrong size")
    lines = [{"sku": "SOCKS", "quantity": 1}]
    await staff_post(lanes, f"/v1/orders/{returned}/returns", lines=lines, reason="Wrong colour")
    await staff_post(lanes, f"/v1/orders/{earlier}/supplements", lines=lines, reason="Last week's")
    disputed, by_lane = [UUID(await pay_at_kiosk(lanes, SOCKS=1)) for _ in "ab"]
    async with database.begin() as session:
        await cancel_order(session, order_id=disputed, reason="-", actor="staff", now=utc_now(), goods_kept=True)
        # As a lane without a network places it, which tells of no tags.
        (await session.get_one(Order, by_lane)).device_id = UUID(lanes.lanes[1][0])
    named, other = await lanes.start(0), await lanes.start(1)
    await named.look(0)
    await other.look(0)
    await named.read("311BA1B300CE0A6A83000000")
    assert (await named.finish())["code"] == "unknown_tag"
    at_kiosk = await lanes.at_kiosk(named, 0, '{"lines":[{"sku":"SOCKS","quantity":1}]}')
    assert at_kiosk.json()["code"] == "paid"
    await other.read(lanes.tag("SOCKS"))
    out = await other.finish()
    assert (out["code"], out["total"], out["sold_tags"]) == ("paid", SOCKS, [])
    await assert_books_verify(database, SOCKS=7)


async def test_what_was_paid_at_a_kiosk_is_taken_off_once_where_tags_and_shelves_both_saw_it(
    lanes: LaneShop, database: Database
) -> None:
    member, visit_id = await come_in(lanes)
    path = f"/v1/lanes/{lanes.lanes[0][0]}/policy"
    await lanes.shop.do("PUT", path, json={"goods_from": "both"})
    await pay_at_kiosk(lanes, SOCKS=1)
    for _ in range(3):
        await take(lanes, database, visit_id, "SOCKS")
    out = await lanes.walk(0, *(lanes.tag("SOCKS") for _ in range(3)))
    assert (out["code"], out["total"]) == ("paid", 2 * SOCKS)
    await lanes.shop.at_gate(0)
    await pay_at_kiosk(lanes, SOCKS=1)
    assert (await lanes.walk(0, lanes.tag("SOCKS")))["code"] == "paid_before", "no shelf weighs where it lay"
    assert await lanes.shop.balance(member) == 20_000 - 4 * SOCKS
    await assert_books_verify(database, SOCKS=4)


async def test_a_copied_tag_that_is_sold_elsewhere_meanwhile_leaves_the_paid_piece_to_another_tag(
    lanes: LaneShop, database: Database
) -> None:
    member, _ = await come_in(lanes, 0)
    await pay_at_kiosk(lanes, SOCKS=1)
    somebody = await lanes.shop.issue_pass(await lanes.shop.add_member_without_face(balance=SOCKS))
    elsewhere = UUID((await lanes.shop.pass_at_kiosk(somebody["pass"], {"SOCKS": 1})).json()["order"]["id"])
    copied, second, third = sorted(lanes.tag("SOCKS") for _ in range(3))
    passage = await lanes.start()
    await passage.look(0)
    await passage.read(copied, second, third)
    async with database.begin() as session:
        piece = Piece((await get_product_by_sku(session, "SOCKS")).id, elsewhere)
        assert not await claim_tags(session, pieces={copied: piece}, now=utc_now())
        finishing = asyncio.create_task(passage.finish())
        await somebody_waits(database)
    paid = await finishing
    assert (paid["code"], paid["total"], paid["sold_tags"]) == ("paid", SOCKS, [copied, second])
    assert [alert["subject"] for alert in await lanes.alerts("tag_sold_before")] == [copied]
    assert await lanes.shop.balance(member) == 20_000 - 2 * SOCKS
    await assert_books_verify(database, SOCKS=3)
