"""Cars that come back: in time, late, damaged, or not at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from facepay.test_drives.photos import forget_photos
from tests.conftest import Clock
from tests.shop import Shop
from tests.test_drives.forecourt import DEPOSIT, FEES, PHOTO, Forecourt

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
START = 200_000
PAID = START - FEES["FEE-1"]


async def on_the_road(shop: Shop, **rules: Any) -> tuple[Forecourt, str, dict[str, Any]]:
    court = await Forecourt.open(shop, **rules)
    member = await court.add_driver()
    drive = await court.reserved(member)
    await court.take_out(member, drive["number"])
    return court, member, drive


async def test_a_late_car_costs_each_hour_that_has_started_out_of_the_deposit(shop: Shop, clock: Clock) -> None:
    court, member, drive = await on_the_road(shop)
    await court.later(clock, hours=70)
    notices = [each["kind"] for each in (await court.shop.do("GET", f"/v1/members/{member}/notices"))["items"]]
    assert notices[0] == "drive_due_soon"
    await court.later(clock, hours=4)
    assert (await court.drive(drive["id"]))["state"] == "late"
    assert "car_late" in await court.alerts()
    back = (await court.bring_back(drive["number"])).json()
    assert back["late_hours"] == 2
    late = 2 * FEES["LATE-1"]
    assert await court.wallet(member) == (PAID - DEPOSIT, DEPOSIT - late)
    await court.act(f"/{drive['id']}/inspection", {})
    assert await court.wallet(member) == (PAID - late, 0)
    assert (await court.drive(drive["id"]))["charges"][-1]["kind"] == "late"
    await court.assert_books_verify()


async def test_a_car_that_stays_away_is_charged_in_steps_and_reported_missing(shop: Shop, clock: Clock) -> None:
    court, member, drive = await on_the_road(shop)
    await court.later(clock, hours=97)
    assert {"car_late", "car_missing"} <= set(await court.alerts())
    assert await court.wallet(member) == (PAID - 25 * FEES["LATE-1"], 0)  # all of the deposit, and more
    await court.later(clock, hours=30)
    charges = (await court.drive(drive["id"]))["charges"]
    assert [each["amount"] for each in charges if each["kind"] == "late"] == [
        25 * FEES["LATE-1"],
        23 * FEES["LATE-1"],
    ]
    await court.assert_books_verify()


async def test_damage_is_charged_when_nobody_disputes_it_in_time(shop: Shop, clock: Clock) -> None:
    court, member, drive = await on_the_road(shop)
    await court.bring_back(drive["number"])
    damage = {"damage": 30_000, "reason": "Scratch on the left door", "car_fit": False}
    response = await court.act(f"/{drive['id']}/inspection", damage)
    assert response.json()["code"] == "damage_unshown"
    path = f"/v1/test-drives/{drive['id']}/photos"
    photos = (await shop.do("POST", path, files=[("photo", PHOTO)] * 2))["items"]
    assert [each["taken"] for each in photos] == ["return", "inspection", "inspection"]
    claimed = (await court.act(f"/{drive['id']}/inspection", damage)).json()
    assert (claimed["state"], claimed["claim"]) == ("claimed", 30_000)
    assert await court.wallet(member) == (PAID - DEPOSIT, DEPOSIT)
    await court.later(clock, hours=49)
    assert (await court.drive(drive["id"]))["state"] == "closed"
    assert await court.wallet(member) == (PAID - 30_000, 0)
    cars = (await court.shop.do("GET", f"/v1/stores/{shop.store_id}/cars"))["items"]
    assert [each["state"] for each in cars] == ["inspection"]


async def test_disputed_damage_waits_for_staff_who_may_find_less(shop: Shop) -> None:
    court, member, drive = await on_the_road(shop)
    await court.bring_back(drive["number"])
    await shop.do("POST", f"/v1/test-drives/{drive['id']}/photos", files=[("photo", PHOTO)])
    await court.act(f"/{drive['id']}/inspection", {"damage": 30_000, "reason": "Scratch"})
    disputed = await court.act(f"/{drive['id']}/dispute", {"reason": "It was there before"})
    assert disputed.json()["state"] == "disputed"
    assert "damage_disputed" in await court.alerts()
    too_much = await court.act(f"/{drive['id']}/resolution", {"amount": 30_001, "reason": "More"})
    assert (too_much.status_code, too_much.json()["code"]) == (422, "claim_exceeded")
    closed = await court.act(f"/{drive['id']}/resolution", {"amount": 10_000, "reason": "Half of it was old"})
    assert closed.json()["state"] == "closed"
    assert await court.wallet(member) == (PAID - 10_000, 0)
    await court.assert_books_verify()


async def test_damage_beyond_deposit_and_wallet_is_owed(shop: Shop) -> None:
    court, member, drive = await on_the_road(shop)
    await court.bring_back(drive["number"])
    await shop.do("POST", f"/v1/test-drives/{drive['id']}/photos", files=[("photo", PHOTO)])
    await court.act(f"/{drive['id']}/inspection", {"damage": PAID + 500, "reason": "Gearbox"})
    assert (await court.act(f"/{drive['id']}/acceptance", {})).json()["state"] == "closed"
    assert await court.wallet(member) == (0, 0)
    assert (await shop.do("GET", f"/v1/members/{member}/debts"))["items"] == [{"currency": "CNY", "owed": 500}]
    assert "drive_debt" in await court.alerts()
    quote = await shop.do("POST", "/v1/test-drives/quote", json=court.asked(member))
    assert "in_debt" in quote["reasons"]


async def test_a_drive_lasts_longer_where_nobody_is_next_and_the_deposit_with_it(shop: Shop, clock: Clock) -> None:
    court, member, drive = await on_the_road(shop)
    due = court.now() + timedelta(hours=140)
    extended = (await court.act(f"/{drive['id']}/extension", {"until": due.isoformat()})).json()
    assert extended["due_at"].startswith(due.isoformat()[:19])
    too_long = await court.act(f"/{drive['id']}/extension", {"until": (due + timedelta(hours=9)).isoformat()})
    assert too_long.json()["reason"] == "too_long"
    await court.later(clock, hours=139)
    assert (await court.drive(drive["id"]))["state"] == "out"
    assert (await court.bring_back(drive["number"])).json()["late_hours"] == 0
    assert await court.wallet(member) == (PAID - DEPOSIT, DEPOSIT)


async def test_a_deposit_is_held_anew_before_it_runs_out(shop: Shop, clock: Clock) -> None:
    court, member, drive = await on_the_road(shop, late_hours_max=0)
    for _ in range(4):
        await court.later(clock, days=10)
        assert await court.wallet(member) == (PAID - DEPOSIT, DEPOSIT)
    await court.bring_back(drive["number"])
    await court.act(f"/{drive['id']}/inspection", {})
    assert await court.wallet(member) == (PAID, 0)


async def test_what_a_machine_says_of_a_return_has_to_be_so_and_its_pictures_go_some_time_later(shop: Shop) -> None:
    court, _, drive = await on_the_road(shop)
    wrong: tuple[tuple[dict[str, Any], int, str], ...] = (
        ({"mileage_km": 99}, 422, "mileage_fell"),
        ({"locker": 7}, 404, "slot_not_found"),
        ({"locker": 1000}, 422, "invalid_request"),
    )
    for said, status, code in wrong:
        response = await court.bring_back(drive["number"], **said)
        assert (response.status_code, response.json()["code"]) == (status, code)
    other = await court.add_car(2)
    response = await court.bring_back(drive["number"], locker=2)
    assert (response.json()["code"], response.json()["car_id"]) == ("slot_taken", other)
    assert (await court.bring_back("00000000")).json()["code"] == "drive_not_found"
    path = f"/v1/machines/{court.machine_id}/returns"
    form = {"number": drive["number"], "locker": "1", "mileage_km": "350", "fuel_percent": "80"}
    headers = court.machine | {"Idempotency-Key": "return-0001"}
    response = await shop.client.post(path, data=form, headers=headers, files=[("photo", ("a.jpg", b"no picture"))])
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_image_type")
    assert (await court.bring_back(drive["number"])).json()["state"] == "returned"
    path = f"/v1/test-drives/{drive['id']}/photos"
    (photo,) = (await shop.do("GET", path))["items"]
    seen = await shop.client.get(f"{path}/{photo['id']}", headers=shop.staff)
    assert (seen.headers["content-type"], seen.content[:2]) == ("image/jpeg", b"\xff\xd8")
    database, ninety = shop.app.state.database, timedelta(days=90)
    assert await forget_photos(database, lasts=ninety, now=court.now() + timedelta(days=400)) == 0
    await court.act(f"/{drive['id']}/inspection", {})
    assert await forget_photos(database, lasts=ninety, now=court.now() + timedelta(days=89)) == 0
    assert await forget_photos(database, lasts=ninety, now=court.now() + timedelta(days=91)) == 1
    gone = await shop.client.get(f"{path}/{photo['id']}", headers=shop.staff)
    assert (gone.status_code, gone.json()["code"]) == (404, "photo_not_found")


async def test_nobody_is_erased_while_a_car_is_promised_to_them(shop: Shop) -> None:
    court = await Forecourt.open(shop, levels=[{"name": "Everybody"}])
    member = await court.add_driver(balance=0)
    drive = await court.reserved(member)
    response = await shop.client.delete(f"/v1/members/{member}", headers=shop.staff)
    assert (response.status_code, response.json()["code"]) == (409, "drive_unfinished")
    await court.act(f"/{drive['id']}/cancellation", {"waive": "They leave us"})
    assert (await shop.client.delete(f"/v1/members/{member}", headers=shop.staff)).is_success
    left = await court.drive(drive["id"])
    assert (left["member_id"], left["ended_why"], UUID(left["car_id"])) == (None, None, UUID(court.cars[0]))
    response = await shop.client.get(f"/v1/members/{member}/driving-licence", headers=shop.staff)
    assert response.status_code == 404
