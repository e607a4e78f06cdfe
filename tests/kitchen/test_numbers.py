"""Pick-up numbers: short, one for each order with dishes, and never two alike in a day."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from facepay.checkout.orders import Order
from facepay.checkout.selling import NotSold, Sold
from facepay.kernel.clock import utc_now
from facepay.shelves.settling import charge_left_visits
from tests.checkout.test_round_trips import recorded
from tests.conftest import Clock
from tests.kitchen.cook import NOODLES, SOUP, Kitchen
from tests.offline.field import Field, outcomes
from tests.shelves.shelf import Shelf

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_an_order_with_dishes_shows_its_number_wherever_it_is_shown(kitchen: Kitchen) -> None:
    shop, member = kitchen.shop, await kitchen.member()
    shown = await shop.issue_pass(member)
    answer = (await shop.pass_at_kiosk(shown["pass"], {NOODLES: 2, "TEA-001": 1})).json()
    number = answer["order"]["pickup_number"]
    assert number[0] in "ABCDEFG"
    assert number[1:] == "1"
    assert (await kitchen.counter.order(answer["order"]["id"]))["pickup_number"] == number
    ticket = await kitchen.ticket(number)
    plain: dict[str, object] = {"options": [], "seat": None, "sold_by": "piece", "taken_back": 0}
    assert ticket["dishes"] == [plain | {"name": "Noodles", "quantity": 2}]
    assert (ticket["place"], ticket["course"]) == (None, None)
    assert (await kitchen.order({SOUP: 1})).pickup_number == f"{number[0]}2"
    assert (await kitchen.order({"TEA-001": 1})).pickup_number is None


async def test_eight_sales_at_once_get_eight_numbers_and_those_that_fail_get_none(kitchen: Kitchen) -> None:
    poor = [await kitchen.member(balance=100) for _ in range(2)]
    rich = [await kitchen.member() for _ in range(8)]
    outcomes = await asyncio.gather(*(kitchen.counter.sell(each, {NOODLES: 1}) for each in [*poor, *rich]))
    assert [each.code for each in outcomes if isinstance(each, NotSold)] == ["insufficient_funds"] * 2
    numbers = [each.order.pickup_number for each in outcomes if isinstance(each, Sold)]
    assert len(set(numbers)) == 8
    assert sorted(each["number"] for each in await kitchen.tickets()) == sorted(map(str, numbers))


async def test_what_was_handed_out_before_the_sale_was_told_is_not_cooked_again(
    kitchen: Kitchen, clock: Clock, tmp_path: Path
) -> None:
    """Charged by staff after an order, sold without network, or left with unpaid: all of it is eaten by then."""
    shop, database = kitchen.shop, kitchen.database
    (tea,) = (await shop.do("GET", "/v1/products", params={"search": "TEA-001"}))["items"]
    order = await kitchen.order({"TEA-001": 1})
    await shop.do("PATCH", f"/v1/products/{tea['id']}", json={"prepared": True})
    charged = await kitchen.counter.charge_more(order.id, {NOODLES: 1})
    assert isinstance(charged, Sold)

    field = Field(shop, clock, tmp_path)
    await field.allow()
    kiosk = await field.device("kiosk")
    assert kiosk.sell(await field.signed_pass(await kitchen.member()), {"TEA-001": 1}).allowed
    assert outcomes(await kiosk.tell()) == [("accepted", "accepted")]

    member = await kitchen.member()
    await shop.pass_at_gate((await shop.issue_pass(member))["pass"])
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A1", -512.0))
    await shop.pass_at_gate((await shop.issue_pass(member))["pass"], "exits")
    later = utc_now() + timedelta(minutes=30)
    assert await charge_left_visits(database, settings=kitchen.settings, now=later) == 1

    async with database.read() as session:
        assert (await session.scalars(select(Order.pickup_number))).all() == [None] * 4
    assert await kitchen.tickets() == []


async def test_each_day_counts_anew_from_midnight_as_the_stores_clocks_go(kitchen: Kitchen) -> None:
    async def numbers(zone: str, *instants: datetime) -> list[str | None]:
        await kitchen.shop.do("PATCH", kitchen.path, json={"timezone": zone})
        return [(await kitchen.order(now=each)).pickup_number for each in instants]

    before = datetime(2026, 3, 2, 15, 59, 59, tzinfo=UTC)  # a Monday there, for one more second
    seconds = [before + timedelta(seconds=each) for each in (0, 0, 1, 2)]
    assert await numbers("Asia/Shanghai", *seconds) == ["A1", "A2", "B1", "B2"]
    midnight = datetime(2026, 10, 24, 21, 0, tzinfo=UTC)  # of a Saturday, when it is 23 o'clock once more
    hours = [midnight + timedelta(hours=each, minutes=-1) for each in (0, 1, 2)]
    assert await numbers("Asia/Beirut", *hours) == ["F1", "F2", "G1"]


async def test_a_basket_without_dishes_asks_the_database_no_more_often(kitchen: Kitchen, app: FastAPI) -> None:
    await kitchen.order({"TEA-001": 1})
    with recorded() as sent:
        await kitchen.order({"TEA-001": 1})
    assert not [each for each in sent if "pickup" in each.replace("pickup_number", "") or "kitchen" in each]
    with recorded() as with_dish:
        await kitchen.order()
    assert len(with_dish) - len(sent) <= 5, "\n".join(with_dish)
