"""A member has one car at a time, for as long as they are welcome; a locker opened twice alarms nobody."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest

from tests.conftest import Clock
from tests.shop import Shop
from tests.test_drives.forecourt import DEPOSIT, FEES, Forecourt

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_whoever_is_late_with_a_car_gets_no_other(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop, cars=2, drives_per_model_max=9)
    member = await court.add_driver()
    first = await court.reserved(member)
    await court.take_out(member, first["number"])
    second = await court.reserved(member, datetime.fromisoformat(first["due_at"]) + timedelta(minutes=30))
    await court.later(clock, hours=72, minutes=40)
    assert (await court.reserve(member, court.now() + timedelta(days=9))).json()["reasons"] == ["already_driving"]
    answer = (await court.show_pass(member, second["number"])).json()
    assert (answer["decision"], answer["code"]) == ("refused", "already_driving")
    assert (await court.bring_back(first["number"], locker=1)).is_success
    await court.take_out(member, second["number"])
    await court.assert_books_verify()


async def test_nobody_keeps_a_car_who_would_not_get_one_and_a_deposit_held_anew_often_is_free_at_the_end(
    shop: Shop,
) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    drive = await court.reserved(member)
    await court.take_out(member, drive["number"])

    async def keep(hours: int) -> httpx.Response:
        until = datetime.fromisoformat(drive["due_at"]) + timedelta(hours=hours)
        return await court.act(f"/{drive['id']}/extension", {"until": until.isoformat()})

    await shop.do("PATCH", f"/v1/members/{member}", json={"status": "blocked"})
    refused = (await keep(1)).json()
    assert (refused["code"], refused["reason"]) == ("not_extended", "member_blocked")
    await shop.do("PATCH", f"/v1/members/{member}", json={"status": "active"})
    for hours in (1, 2, 3):
        assert (await keep(hours)).is_success
        assert await court.wallet(member) == (200_000 - FEES["FEE-1"] - DEPOSIT, DEPOSIT)
    await court.bring_back(drive["number"])
    await court.act(f"/{drive['id']}/inspection", {})
    assert await court.wallet(member) == (200_000 - FEES["FEE-1"], 0)
    await court.assert_books_verify()


async def test_a_locker_that_was_open_already_alarms_nobody_once_the_key_is_out(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    drive = await court.reserved(member)
    await court.show_pass(member, drive["number"])
    (first,) = await court.commands()
    await court.later(clock, seconds=31)
    alerts = await court.alerts()
    await court.show_pass(member, drive["number"])
    second = (await court.commands())[-1]
    await court.acknowledge(number=first["number"])
    for alert in (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts"))["items"]:
        await shop.do("POST", f"/v1/alerts/{alert['id']}/resolution", json={"note": "Seen"})
    await court.acknowledge("failed", number=second["number"])
    still = (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts?open=true"))["items"]
    assert (alerts, [each["kind"] for each in still]) == (["key_not_released"], ["command_failed"])
    assert (await court.drive(drive["id"]))["state"] == "out"


async def test_staff_check_the_licence_that_they_saw_and_no_other(shop: Shop) -> None:
    member = await shop.add_member_without_face()
    path = f"/v1/members/{member}/driving-licence"
    licence = {"number": "440106199005011234", "classes": ["C1"], "expires_on": "2190-01-01"}
    shown = await shop.do("PUT", path, json=licence)
    replaced = await shop.do("PUT", path, json=licence | {"classes": ["A1", "C1"]})
    seen = {"accepted": True, "submitted_at": shown["submitted_at"]}
    refused = await shop.client.post(f"{path}/check", json=seen, headers=shop.staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "licence_replaced")
    assert (await shop.do("GET", path))["status"] == "pending"
    checked = await shop.do("POST", f"{path}/check", json=seen | {"submitted_at": replaced["submitted_at"]})
    assert (checked["status"], checked["classes"]) == ("checked", ["A1", "C1"])
