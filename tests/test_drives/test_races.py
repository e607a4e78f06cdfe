"""Two at once: the last car, the same car's next days, the machine against the app and the clock."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from facepay.test_drives.cars import Car
from facepay.test_drives.upkeep import keep_drives
from tests.conftest import Clock
from tests.locks import somebody_waits
from tests.shop import Shop
from tests.test_drives.forecourt import DEPOSIT, FEES, Forecourt

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_two_members_who_want_the_last_car_at_once_get_it_once(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    members = [await court.add_driver() for _ in range(2)]
    async with shop.app.state.database.begin() as session:
        await session.execute(select(Car.id).with_for_update())
        asking = [asyncio.create_task(court.reserve(member)) for member in members]
        await somebody_waits(shop.app.state.database, least=2)  # for the car
    answers = [await each for each in asking]
    assert sorted(each.status_code for each in answers) == [201, 409]
    (lost,) = (each.json() for each in answers if each.status_code == 409)
    assert lost["reasons"] == ["no_car_free"]
    assert sorted([await court.wallet(each) for each in members]) == [(200_000 - DEPOSIT, DEPOSIT), (200_000, 0)]


async def test_a_car_is_kept_for_longer_or_reserved_next_and_never_both(shop: Shop) -> None:
    court = await Forecourt.open(shop, drive_hours=2)
    driver, other = await court.add_driver(), await court.add_driver()
    drive = await court.reserved(driver)
    await court.take_out(driver, drive["number"])
    starts_at = court.now() + timedelta(hours=5)
    async with shop.app.state.database.begin() as session:
        await session.execute(select(Car.id).with_for_update())
        until = (court.now() + timedelta(hours=4)).isoformat()
        extending = asyncio.create_task(court.act(f"/{drive['id']}/extension", {"until": until}))
        reserving = asyncio.create_task(court.reserve(other, starts_at))
        await somebody_waits(shop.app.state.database, least=2)
    extended, reserved = await extending, await reserving
    won = (extended.status_code, reserved.status_code)
    assert won in ((200, 409), (409, 201)), (extended.text, reserved.text)
    if won[0] == 409:
        assert extended.json()["code"] == "car_reserved"
    later = await court.reserve(other, court.now() + timedelta(days=2))
    assert later.status_code == (201 if won[0] == 200 else 409)


async def test_pick_up_cancellation_and_the_clock_come_to_one_end(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    drive = await court.reserved(member, court.now() + timedelta(seconds=1))
    clock.ahead += timedelta(minutes=59)
    state = shop.app.state
    overdue = state.clock() + timedelta(minutes=5)
    shown, cancelled, *_ = await asyncio.gather(
        court.show_pass(member, drive["number"]),
        court.act(f"/{drive['id']}/cancellation", {}),
        keep_drives(state.database, settings=state.settings, now=overdue),
        keep_drives(state.database, settings=state.settings, now=overdue),
    )
    ended = (await court.drive(drive["id"]))["state"]
    charged = [each["kind"] for each in (await court.drive(drive["id"]))["charges"]]
    opened = shown.json()["decision"] == "open"
    outcomes = {
        "opening": (True, 409, ["fee"], (200_000 - DEPOSIT - FEES["FEE-1"], DEPOSIT)),
        "cancelled": (False, 200, ["cancellation"], (200_000 - FEES["CANCEL-1"], 0)),
        "no_show": (False, 409, ["no_show"], (200_000 - FEES["NOSHOW-1"], 0)),
    }
    assert (opened, cancelled.status_code, charged, await court.wallet(member)) == outcomes[ended]
    await court.assert_books_verify()


async def test_replicas_that_keep_house_at_once_charge_once(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    drive = await court.reserved(member)
    await court.take_out(member, drive["number"])
    clock.ahead += timedelta(days=5)
    state = shop.app.state
    await asyncio.gather(*(keep_drives(state.database, settings=state.settings, now=state.clock()) for _ in range(4)))
    court.shop = await shop.reached_by(shop.client)
    await court.later(clock)
    charges = (await court.drive(drive["id"]))["charges"]
    assert [(each["kind"], each["amount"]) for each in charges] == [
        ("fee", FEES["FEE-1"]),
        ("late", 48 * FEES["LATE-1"]),
    ]
    await court.assert_books_verify()


async def test_a_machine_and_its_retry_bring_a_car_back_once(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    drive = await court.reserved(member)
    await court.take_out(member, drive["number"])
    answers = await asyncio.gather(*(court.bring_back(drive["number"], key=f"return-{each}") for each in range(3)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409]
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"drive_in_other_state"}
