"""Alerts that many see at once, in transactions that start, last, end and fail as they like."""

from __future__ import annotations

import asyncio
import random

import pytest

from facepay.alerts.alerts import Alert
from facepay.alerts.kinds import Severity
from facepay.kernel.database import Database
from tests.alerts.seen import alerts, counted, see, told
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


@pytest.fixture
def database(shop: Shop) -> Database:
    database: Database = shop.app.state.database
    return database


async def test_two_see_the_same_two_things_in_opposite_order_and_neither_waits(shop: Shop, database: Database) -> None:
    for expected in (2, 4):  # as new alerts, and as old ones
        async with database.begin() as first, database.begin() as second:
            await see(first, shop, "back door")
            await see(second, shop, "front door")
            await see(first, shop, "front door")
            await see(second, shop, "back door")
        assert await counted(shop) == {"back door": expected, "front door": expected}


async def test_a_transaction_that_lasts_holds_nobody_up(shop: Shop, database: Database) -> None:
    async with database.begin() as session:
        alert_id = await see(session, shop, "vault")
    async with database.begin() as lasting:
        assert await see(lasting, shop, "vault") == alert_id
        for _ in range(3):
            async with database.begin() as session:
                assert await see(session, shop, "vault") == alert_id
        assert await counted(shop) == {"vault": 4}
        await shop.do("POST", f"/v1/alerts/{alert_id}/acknowledgement")
    (alert,) = await alerts(shop)
    assert (alert["times"], alert["acknowledged_by"] is None) == (5, False)


async def test_nothing_is_lost_where_whoever_saw_it_first_fails(shop: Shop, database: Database) -> None:
    async with database.begin() as failing:
        await see(failing, shop, "vault")
        for _ in range(2):
            async with database.begin() as session:
                await see(session, shop, "vault")
        await failing.rollback()
    assert await counted(shop) == {"vault": 2}
    (alert,) = await alerts(shop)
    assert [type for type, _ in await told(shop, alert["id"])] == ["alert.raised"]


async def test_what_is_seen_while_staff_resolve_it_is_another_alert(shop: Shop, database: Database) -> None:
    async with database.begin() as session:
        alert_id = await see(session, shop, "vault")
    async with database.begin() as session:
        await see(session, shop, "vault", severity=Severity.CRITICAL)
    async with database.begin() as late:
        await see(late, shop, "vault")
        resolved = await shop.do("POST", f"/v1/alerts/{alert_id}/resolution", json={})
        assert (resolved["times"], resolved["severity"]) == (2, "critical")
    assert await counted(shop) == {"vault": 1}
    assert [each["times"] for each in await alerts(shop)] == [1, 2]


async def test_a_storm_is_counted_to_the_last_sighting(shop: Shop, database: Database) -> None:
    subjects = [f"door {number}" for number in range(6)]
    dice = random.Random(7)

    async def see_some(number: int) -> None:
        async with database.begin() as session:
            for subject in dice.sample(subjects, k=4):
                await see(session, shop, subject)
            if number % 10 == 0:
                await session.rollback()

    await asyncio.gather(*(see_some(number) for number in range(100)))
    times = await counted(shop)
    assert sum(times.values()) == 90 * 4
    assert set(times) == set(subjects)
    for alert in await alerts(shop):
        assert [type for type, _ in await told(shop, alert["id"])] == ["alert.raised"]


async def test_what_is_seen_while_somebody_holds_the_alert_shows_all_the_same(shop: Shop, database: Database) -> None:
    async with database.begin() as session:
        alert_id = await see(session, shop, "vault")
    async with database.begin() as holding:
        await holding.get(Alert, alert_id, with_for_update=True)
        async with database.begin() as session:
            await see(session, shop, "vault", severity=Severity.CRITICAL)
        (alert,) = await alerts(shop)
        assert (alert["times"], alert["severity"]) == (2, "critical")
    (alert,) = await alerts(shop)
    assert (alert["times"], alert["severity"]) == (2, "critical")
