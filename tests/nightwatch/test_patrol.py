"""The night watch's rounds: each finding is one alert, which ends by itself where it can."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from facepay.kernel.database import Database
from facepay.nightwatch.patrol import watch_closing, watch_devices, watch_stays, watch_stillness
from tests.channel.line import event, report
from tests.conftest import Clock
from tests.nightwatch.watch import alerts, enter_by_pass, is_open, leave_by_pass, set_rules
from tests.shelves.shelf import Shelf
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
MINUTE = timedelta(minutes=1)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


async def set_hours(shop: Shop, opens: datetime, closes: datetime, **rules: int) -> None:
    """Every day between these two by the store's clock, which is UTC's."""
    timetable = {"weekly": {day: [[f"{opens:%H:%M}", f"{closes:%H:%M}"]] for day in DAYS}}
    path = f"/v1/stores/{shop.store_id}/schedules"
    schedule = await shop.do("POST", path, json={"name": uuid4().hex, "timetable": timetable})
    await set_rules(shop, opening_schedule_id=schedule["id"], **rules)


async def test_who_stays_too_long_is_told_of_once_until_they_leave(
    shop: Shop, database: Database, clock: Clock
) -> None:
    member = await enter_by_pass(shop)
    await watch_stays(database, now=clock() + 1000 * MINUTE)
    assert await alerts(shop, "stayed_too_long") == []
    await set_rules(shop, stay_max_minutes=60)
    await watch_stays(database, now=clock() + 59 * MINUTE)
    assert await alerts(shop, "stayed_too_long") == []
    for minutes in (61, 62):
        await watch_stays(database, now=clock() + minutes * MINUTE)
    (alert,) = await alerts(shop, "stayed_too_long")
    (visit,) = (await shop.do("GET", f"/v1/stores/{shop.store_id}/visits"))["items"]
    assert (alert["subject"], alert["times"], alert["severity"]) == (f"visit:{visit['id']}", 1, "warning")
    assert alert["details"]["people"] == 1
    assert member not in str(alert)
    await leave_by_pass(shop, member)
    await watch_stays(database, now=clock() + 63 * MINUTE)
    (ended,) = await alerts(shop, "stayed_too_long")
    assert (ended["resolved_by"], ended["note"]) == ("patrol", "They have left.")

    await enter_by_pass(shop, member)
    await watch_stays(database, now=clock() + 61 * MINUTE)
    alert, _ = await alerts(shop, "stayed_too_long")
    await shop.do("POST", f"/v1/alerts/{alert['id']}/resolution", json={"note": "The plumber"})
    await watch_stays(database, now=clock() + 62 * MINUTE)
    await leave_by_pass(shop, member)
    await watch_stays(database, now=clock() + 63 * MINUTE)
    same, _ = await alerts(shop, "stayed_too_long")
    assert same["note"] == "The plumber", "what staff have resolved is not raised again for the same"


async def test_before_it_closes_and_after_the_store_is_looked_into(
    shop: Shop, database: Database, clock: Clock
) -> None:
    now = clock().replace(second=0, microsecond=0)
    closes = now + 30 * MINUTE
    member = await enter_by_pass(shop)
    await set_hours(shop, now - 60 * MINUTE, closes, closing_notice_minutes=10, closing_grace_minutes=5)

    async def round_at(minutes: int) -> tuple[list[bool], list[bool]]:
        await watch_closing(database, now=closes + minutes * MINUTE)
        return await is_open(shop, "closing_soon"), await is_open(shop, "inside_after_closing")

    assert await round_at(-11) == ([], [])
    assert await round_at(-9) == ([True], [])
    assert await round_at(1) == ([False], [])
    assert await round_at(6) == ([False], [True])
    assert (await alerts(shop, "inside_after_closing"))[0]["details"] == {"visits": 1, "people": 1}
    await leave_by_pass(shop, member)
    assert await round_at(7) == ([False], [False])

    await enter_by_pass(shop, member)  # and is inside all night
    for hours in (1, 10, 20):
        assert await round_at(hours * 60) == ([False], [True, False])
    opens = now + timedelta(hours=23, minutes=1)
    await watch_closing(database, now=opens)
    assert await is_open(shop, "inside_after_closing") == [False, False]


async def test_nothing_moves_is_told_until_goods_a_door_or_somebody_moves(
    shop: Shop, database: Database, clock: Clock
) -> None:
    await set_rules(shop, still_max_minutes=15)
    await watch_stillness(database, now=clock() + 60 * MINUTE)
    assert await alerts(shop, "nothing_moves") == []  # with nobody inside, nothing has to move
    member = await enter_by_pass(shop)
    gate, shelf = (shop.gate_id, shop.gate), await Shelf.put_up(shop)
    await watch_stillness(database, now=clock() + 14 * MINUTE)
    assert await alerts(shop, "nothing_moves") == []
    await watch_stillness(database, now=clock() + 16 * MINUTE)
    (alert,) = await alerts(shop, "nothing_moves")
    assert (alert["severity"], alert["subject"]) == ("critical", "store")
    clock.ahead += 16 * MINUTE
    await report(shop, gate, event(1, "door_opened"))
    await watch_stillness(database, now=clock())
    assert await is_open(shop, "nothing_moves") == [False]
    clock.ahead += 16 * MINUTE
    await watch_stillness(database, now=clock())
    assert await is_open(shop, "nothing_moves") == [True, False]
    await shelf.tell(shelf.event("A1", -512.0))
    await watch_stillness(database, now=clock())
    assert await is_open(shop, "nothing_moves") == [False, False]
    clock.ahead += 16 * MINUTE
    await watch_stillness(database, now=clock())
    await leave_by_pass(shop, member)
    await watch_stillness(database, now=clock())
    assert await is_open(shop, "nothing_moves") == [False, False, False]


async def test_a_silent_device_is_told_of_until_it_is_back_or_revoked(
    shop: Shop, database: Database, clock: Clock
) -> None:
    await set_rules(shop, silent_after_seconds=120)

    async def beat(device_id: str, token: dict[str, str]) -> None:
        sent = {"sent_at": clock().isoformat()}
        answer = await shop.client.post(f"/v1/devices/{device_id}/heartbeats", json=sent, headers=token)
        assert answer.status_code == 200

    await beat(shop.gate_id, shop.gate)
    await beat(shop.kiosk_id, shop.kiosk)
    await shop.add_device("lane")  # has yet to be put up
    await watch_devices(database, now=clock() + 110 * timedelta(seconds=1))
    assert await alerts(shop, "device_silent") == []
    clock.ahead += 3 * MINUTE
    await watch_devices(database, now=clock())
    await watch_devices(database, now=clock())
    found = await alerts(shop, "device_silent")
    assert sorted(each["device_id"] for each in found) == sorted([shop.gate_id, shop.kiosk_id])
    assert [each["times"] for each in found] == [1, 1]
    await beat(shop.gate_id, shop.gate)
    await shop.do("DELETE", f"/v1/devices/{shop.kiosk_id}")
    await watch_devices(database, now=clock())
    ended = await alerts(shop, "device_silent")
    assert [each["note"] for each in ended] == ["It is back, or nobody expects it."] * 2
