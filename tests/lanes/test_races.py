"""What happens to a passage while it is on its way: twice at once, in two lanes, at the exit gate, or not at all."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text

from facepay.catalog.stock import Stock
from facepay.entrance.visits import Visit
from facepay.kernel.database import Database
from facepay.lanes.passages import close_overdue
from tests.conftest import Clock
from tests.lanes.lane import GOODS, LaneShop, assert_books_verify
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


async def test_two_lanes_that_sell_one_tag_at_once_sell_it_once(lanes: LaneShop, database: Database) -> None:
    """A copied tag, in two stores: no lane is the other's neighbour."""
    shop = lanes.shop
    other = (await shop.do("POST", "/v1/stores", json={"name": "Wulin Square", "code": "WULIN"}))["id"]
    lanes.lanes.append(await shop.add_device("lane", other))
    members = [await shop.add_member(number, balance=10_000) for number in (0, 1)]
    tag = lanes.tag("SCARF")
    passages = [await lanes.start(0), await lanes.start(2)]
    for number, passage in enumerate(passages):
        await passage.look(number)
        await passage.read(tag, lanes.tag("SOCKS"))
        await shop.do("PUT", f"/v1/stores/{other}/stock/SCARF", json={"quantity": 100})
    async with database.begin() as session:
        await session.execute(select(Stock.product_id).with_for_update())
        finishing = [asyncio.create_task(passage.finish()) for passage in passages]
        await somebody_waits(database, least=2)  # both have found the tag unsold
    answers = [await each for each in finishing]
    assert sorted(answer["order"]["total"] for answer in answers) == [SOCKS, SOCKS + SCARF]
    (loser,) = (answer for answer in answers if answer["order"]["total"] == SOCKS)
    assert loser["sold_tags"] == [tag]
    assert sum([await shop.balance(each) for each in members]) == 20_000 - 2 * SOCKS - SCARF
    async with database.begin() as session:
        left = await session.scalar(
            text("select sum(quantity) from stock join product on product.id = product_id where sku = 'SCARF'")
        )
        held = await session.scalar(text("select count(*) from ledger.holds where captured + released < amount"))
    assert (left, held) == (199, 0)


async def test_a_passage_that_is_charged_twice_at_once_at_the_lane_and_at_a_kiosk_is_charged_once(
    lanes: LaneShop, database: Database
) -> None:
    member = await lanes.shop.add_member(0, balance=SOCKS - 1)
    passage = await lanes.start()
    await asyncio.gather(passage.look(0), passage.read(lanes.tag("SOCKS")))
    assert (await passage.finish())["code"] == "insufficient_funds"
    await lanes.shop.top_up(member, 10_000)
    here, there = await asyncio.gather(passage.finish(), lanes.at_kiosk(passage, 0))
    assert here["decision"] == "release"
    assert there.status_code == 200 or there.json()["code"] == "passage_over"
    assert await lanes.shop.balance(member) == 9_999

    passage = await lanes.start()
    await asyncio.gather(passage.look(0), passage.read(lanes.tag("SOCKS")))
    answers = await asyncio.gather(*(passage.finish() for _ in range(4)))
    assert len({answer["order"]["id"] for answer in answers}) == 1
    assert await lanes.shop.balance(member) == 9_999 - SOCKS
    await assert_books_verify(database, SOCKS=2)


async def test_a_visit_that_ends_while_it_pays_ends_once_and_is_paid_once(lanes: LaneShop, database: Database) -> None:
    member = await lanes.shop.add_member(0, balance=10_000)

    async def leave() -> dict[str, Any]:
        left: dict[str, Any] = (await lanes.shop.at_gate(0, "exits")).json()
        return left

    for first, left_by in (("gate", lanes.shop.gate_id), ("lane", lanes.lanes[0][0])):
        visit_id = UUID((await lanes.shop.at_gate(0)).json()["visit_id"])
        passage = await lanes.start()
        await passage.look(0)
        await passage.read(lanes.tag("SOCKS"))
        async with database.begin() as session:
            await session.get_one(Visit, visit_id, with_for_update=True)
            one, other = (leave, passage.finish) if first == "gate" else (passage.finish, leave)
            racing = [asyncio.create_task(one())]
            await somebody_waits(database)
            racing.append(asyncio.create_task(other()))
            await somebody_waits(database, least=2)
        left, paid = [await each for each in (racing if first == "gate" else reversed(racing))]
        assert (left["code"], paid["code"]) == ("goodbye" if first == "gate" else "not_inside", "paid"), first
        async with database.begin() as session:
            visit = await session.get_one(Visit, visit_id)
        assert (str(visit.exit_gate_id), visit.basket_unpaid) == (left_by, False), first
    assert await lanes.shop.balance(member) == 10_000 - 2 * SOCKS
    await assert_books_verify(database, SOCKS=2)


async def test_a_passage_left_open_is_closed_its_money_freed_and_somebody_looks(
    lanes: LaneShop, database: Database, clock: Clock
) -> None:
    member = await lanes.shop.add_member(0, balance=10_000)
    await lanes.start(1)
    passage = await lanes.start()
    await passage.look(0)
    await passage.read(lanes.tag("SCARF"))
    assert await lanes.shop.balance(member) == 10_000 - SCARF
    assert await close_overdue(database, now=clock()) == 0
    clock.ahead += timedelta(seconds=31)
    assert await close_overdue(database, now=clock()) == 2
    closed = await passage.see()
    assert (closed["decision"], closed["code"], closed["held"]) == ("closed", "passage_abandoned", 0)
    (alert,) = await lanes.alerts("passage_abandoned")
    assert (alert["subject"], alert["details"]["pieces"]) == (passage.id, 1)
    assert await lanes.shop.balance(member) == 10_000
    late = await passage.finish()
    assert (late["decision"], late["order"]) == ("closed", None)

    held = await lanes.start()
    await held.read(lanes.tag("SOCKS"))
    assert (await held.finish())["code"] == "no_face"
    clock.ahead += timedelta(seconds=60)
    assert (await lanes.begin("next")).status_code == 409, "a held exit has more time"
    clock.ahead += timedelta(seconds=61)
    await lanes.start()
    assert (await held.see())["code"] == "passage_abandoned", "once its time is over the lane is the next one's"
    given_up = await lanes.start(1)
    await given_up.read(lanes.tag("SOCKS"))
    assert (await given_up.post("", method="DELETE"))["code"] == "gave_up"
    await assert_books_verify(database)


async def test_a_clock_that_goes_wrong_lets_nothing_out_unpaid(lanes: LaneShop) -> None:
    member = await lanes.shop.add_member(0, balance=10_000)
    for finished_at in ("1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z"):
        passage = await lanes.start()
        await passage.look(0)
        await passage.read(lanes.tag("SOCKS"))
        read_at = lanes.opened_at + timedelta(hours=8)  # as a time zone does to a clock
        reads = [{"epc": lanes.tag("SOCKS"), "rssi_dbm": -45, "read_at": read_at.isoformat()}]
        unkept = await lanes.ask(f"/{passage.id}/reads", json={"sequence": 2, "reads": reads})
        assert (unkept.status_code, unkept.json()["code"]) == (422, "reads_off_clock")
        assert unkept.json()["apart_seconds"] == 8 * 3600
        early = await lanes.ask(f"/{passage.id}/finish", json={"parts": 2, "finished_at": finished_at})
        assert early.json()["code"] == "reads_missing", finished_at
        assert (await passage.finish(finished_at=finished_at))["code"] == "paid", finished_at
    assert await lanes.shop.balance(member) == 10_000 - 2 * SOCKS


async def test_a_locked_lane_opens_for_nobody_until_it_is_unlocked_and_a_lockdown_alone_holds_nobody_back(
    lanes: LaneShop,
) -> None:
    await lanes.shop.add_member(0, balance=10_000)
    passage = await lanes.start()
    here, there = (f"/v1/devices/{lane_id}/commands" for lane_id, _ in lanes.lanes)
    await passage.look(0)
    await passage.read(lanes.tag("SOCKS"))
    await lanes.shop.do("POST", here, json={"command": {"kind": "lock"}, "reason": "Spilled milk"})
    held = await passage.finish()
    assert (held["code"], held["command_number"]) == ("lane_locked", 1)
    await lanes.shop.do("POST", here, json={"command": {"kind": "unlock"}, "reason": "Mopped"})
    paid = await passage.finish()
    assert (paid["code"], paid["command_number"]) == ("paid", 2)

    lock = {"command": {"kind": "lock", "exits": True}, "reason": "Robbed"}
    await lanes.shop.do("POST", there, json=lock)
    knife = {"kind": "lockdown", "reason": "Somebody with a knife"}
    await lanes.shop.do("POST", f"/v1/stores/{lanes.shop.store_id}/emergencies", json=knife)
    answers = [await lanes.walk(0, lanes.tag("SOCKS"), lane=lane) for lane in (1, 0)]
    assert [each["code"] for each in answers] == ["lane_locked", "paid"], "only that way out had been locked by staff"


async def test_a_lane_that_stands_open_charges_nobody(lanes: LaneShop) -> None:
    member = await lanes.shop.add_member(0, balance=10_000)
    await lanes.shop.at_gate(0)
    passage = await lanes.start()
    lane_id, _ = lanes.lanes[0]
    await passage.look(0)
    assert (await passage.read(lanes.tag("SOCKS")))["held"] == SOCKS
    commands = f"/v1/devices/{lane_id}/commands"
    await lanes.shop.do("POST", commands, json={"command": {"kind": "release"}, "reason": "Smoke"})
    out = await passage.finish()
    assert (out["decision"], out["code"], out["order"], out["command_number"]) == ("release", "released", None, 1)
    assert await passage.finish() | {"command_number": 1} == out
    assert await lanes.shop.balance(member) == 10_000
    visits = await lanes.shop.do("GET", f"/v1/stores/{lanes.shop.store_id}/visits")
    assert [visit["left_at"] is None for visit in visits["items"]] == [False]
