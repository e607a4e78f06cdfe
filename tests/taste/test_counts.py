"""No report, and no difference between reports, shows fewer people than the minimum group.

Each look's time is another power of two, so that a sum of times says exactly which looks are in it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import combinations_with_replacement
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from facepay.catalog.products import Product
from facepay.kernel.database import Database
from facepay.stores.stores import Store, get_store
from facepay.taste.counts import AttentionCount, Tally, close_days, count
from facepay.taste.report import attention_in
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
GROUP_MIN = 3
FIRST, DAYS = date(2026, 6, 1), 5
MIDDAY = datetime(2026, 6, 1, 12, tzinfo=UTC)  # by the stores' clocks too


@dataclass
class Season:
    """Days of looks in two stores, and every report that anybody could have read of it."""

    database: Database
    stores: list[Store]
    products: dict[str, UUID]
    now: datetime = MIDDAY
    looks: int = 0
    of_members: int = 0  # a bit for each look of somebody who agreed
    group_min: int = GROUP_MIN
    read: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    async def begin(cls, database: Database, shop: Shop) -> Season:
        other = await shop.do("POST", "/v1/stores", json={"name": "Other", "code": "OTHER"})
        async with database.begin() as session:
            stores = [await get_store(session, UUID(each)) for each in (shop.store_id, other["id"])]
            products = dict((await session.execute(select(Product.sku, Product.id))).all())
        return cls(database, stores, products)

    async def look(self, store: int, sku: str, *, agreed: bool = False) -> None:
        bit = 1 << self.looks
        self.looks += 1
        self.of_members |= bit if agreed else 0
        tally = Tally(looks=1, others=int(not agreed), dwell_ms=bit, attention_ms=bit)
        async with self.database.begin() as session:
            day = self.now.astimezone(UTC).date()
            await count(session, store_id=self.stores[store].id, day=day, tallies={self.products[sku]: tally})

    async def keep_house(self) -> None:
        await close_days(self.database, group_min=self.group_min, now=self.now)

    async def read_all(self) -> None:
        """Every period's report of every store."""
        days = [FIRST + timedelta(days=number) for number in range(DAYS)]
        async with self.database.begin() as session:
            for store in self.stores:
                for first, last in combinations_with_replacement(days, 2):
                    rows = await attention_in(session, store=store, first=first, last=last, group_min=self.group_min)
                    for row in rows:
                        self.read[row.sku].add(row.attention_ms)

    def others_in(self, looks: int) -> int:
        return (looks & ~self.of_members).bit_count()

    def check(self) -> None:
        """Whatever is read, and whatever of it is subtracted from whatever, holds nobody or a group."""
        for sums in self.read.values():
            # The smallest parts that the sums can be cut into by subtracting and intersecting.
            parts = {(1 << self.looks) - 1}
            for read in sums:
                parts = {part for each in parts for part in (each & read, each & ~read) if part}
            shown = [part for part in parts if any(part & read for read in sums)]
            assert all(self.others_in(part) >= self.group_min for part in shown), (sums, parts)


step = st.one_of(
    st.tuples(st.just("look"), st.integers(0, 1), st.sampled_from(["TEA-001", "BAO-002"]), st.booleans()),
    st.tuples(st.just("looks"), st.integers(0, 1), st.sampled_from(["TEA-001", "BAO-002"]), st.integers(1, 5)),
    st.tuples(st.just("hours"), st.integers(1, 30)),
    st.tuples(st.just("housekeeping")),
    st.tuples(st.just("read")),
)


async def test_no_report_and_no_difference_of_reports_shows_fewer_than_the_group(shop: Shop, app: FastAPI) -> None:
    seasons: list[list[Any]] = []

    @settings(max_examples=8, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.lists(step, min_size=10, max_size=25))
    def collect(steps: list[Any]) -> None:
        seasons.append(steps)

    await asyncio.to_thread(collect)
    start = await Season.begin(app.state.database, shop)
    for steps in seasons:
        async with start.database.begin() as session:
            await session.execute(delete(AttentionCount))
        season = Season(start.database, start.stores, start.products)
        for name, *values in steps:
            match name:
                case "look":
                    await season.look(values[0], values[1], agreed=values[2])
                case "looks":
                    for _ in range(values[2]):
                        await season.look(values[0], values[1])
                case "hours":
                    season.now = min(season.now + timedelta(hours=values[0]), MIDDAY + timedelta(days=DAYS - 1))
                case "housekeeping":
                    await season.keep_house()
                case "read":
                    await season.read_all()
        season.now += timedelta(days=1)
        await season.keep_house()
        await season.read_all()
        season.check()


async def days_shown(season: Season, store: int = 0) -> list[tuple[date, date, int]]:
    async with season.database.begin() as session:
        rows = await attention_in(
            session, store=season.stores[store], first=FIRST, last=FIRST + timedelta(days=9), group_min=GROUP_MIN
        )
    return [(row.since, row.until, row.looks) for row in rows]


async def test_a_day_shows_when_it_has_closed_and_stays_as_it_is(shop: Shop, app: FastAPI) -> None:
    season = await Season.begin(app.state.database, shop)
    for _ in range(3):
        await season.look(0, "TEA-001")
    for hours, shown in ((0, 0), (13, 0), (15, 3)):  # two hours after midnight
        season.now = MIDDAY + timedelta(hours=hours)
        await season.keep_house()
        assert sum(looks for *_, looks in await days_shown(season)) == shown, hours
    season.now = MIDDAY
    await season.look(0, "TEA-001")  # too late for that day
    assert await days_shown(season) == [(FIRST, FIRST, 3)]
    async with season.database.begin() as session:  # and hidden again where more is asked for
        assert await attention_in(session, store=season.stores[0], first=FIRST, last=FIRST, group_min=4) == []


async def test_too_few_are_folded_into_later_days_until_they_are_a_group(shop: Shop, app: FastAPI) -> None:
    season = await Season.begin(app.state.database, shop)
    for shown in ([], [], [(FIRST, FIRST + timedelta(days=2), 3)]):
        await season.look(0, "TEA-001")
        season.now += timedelta(days=1)
        await season.keep_house()
        assert await days_shown(season) == shown
    async with season.database.begin() as session:
        assert len((await session.scalars(select(AttentionCount))).all()) == 1


async def test_members_who_agreed_other_products_and_other_stores_are_no_group_to_hide_in(
    shop: Shop, app: FastAPI
) -> None:
    season = await Season.begin(app.state.database, shop)
    for _ in range(5):
        await season.look(0, "TEA-001", agreed=True)
    for store, sku in ((0, "TEA-001"), (0, "BAO-002"), (1, "TEA-001")):
        for _ in range(2):
            await season.look(store, sku)
    season.now += timedelta(days=1)
    await season.keep_house()
    assert await days_shown(season) == await days_shown(season, 1) == []


async def test_days_close_while_people_look(shop: Shop, app: FastAPI) -> None:
    season = await Season.begin(app.state.database, shop)
    for _ in range(2):
        await season.look(0, "TEA-001")
    season.now += timedelta(days=1)
    await asyncio.gather(*(season.look(0, "TEA-001") for _ in range(4)), *(season.keep_house() for _ in range(3)))
    async with season.database.begin() as session:
        (cell,) = (await session.scalars(select(AttentionCount))).all()
        assert (cell.since, cell.looks, cell.attention_ms) == (FIRST, 6, 0b111111)


async def test_a_store_that_moves_to_another_time_zone_opens_no_day_again(shop: Shop, app: FastAPI) -> None:
    season = await Season.begin(app.state.database, shop)
    for _ in range(3):
        await season.look(0, "TEA-001")
    season.now = MIDDAY + timedelta(hours=15)
    await season.keep_house()
    async with season.database.begin() as session:
        await session.execute(update(Store).values(timezone="America/Los_Angeles"))
    before = await days_shown(season)
    season.now = MIDDAY
    await season.look(0, "TEA-001")
    await season.keep_house()
    assert await days_shown(season) == before != []
