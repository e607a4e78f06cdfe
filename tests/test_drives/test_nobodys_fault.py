"""What isn't the member's fault costs the member nothing, and one drive that is stuck keeps no other waiting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Clock
from tests.shop import Shop
from tests.test_drives.forecourt import DEPOSIT, FEES, Forecourt

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TRUSTED = 720  # they pay no fee, and so none shows that they were there


async def jam(court: Forecourt, member: str, number: str) -> None:
    """They come, and the locker doesn't open."""
    answer = (await court.show_pass(member, number)).json()
    assert answer["decision"] == "open", answer
    await court.acknowledge("failed")


def ended(drive: dict[str, Any]) -> tuple[str, list[str]]:
    return drive["state"], [each["kind"] for each in drive["charges"]]


async def test_whoever_came_and_found_a_locker_jammed_is_no_no_show(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop, drives_per_model_max=9)
    member = await court.add_driver(score=TRUSTED)
    drive = await court.reserved(member)
    await jam(court, member, drive["number"])
    await court.later(clock, minutes=66)
    assert ended(await court.drive(drive["id"])) == ("cancelled", [])
    given_up = await court.reserved(member)
    await jam(court, member, given_up["number"])
    await court.act(f"/{given_up['id']}/cancellation", {})
    assert ended(await court.drive(given_up["id"])) == ("cancelled", [])
    assert await court.wallet(member) == (200_000, 0)


async def test_nobody_pays_for_not_taking_a_car_that_was_not_there(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop, cars=3, drives_per_model_max=9)
    came, stayed, gave_up = members = [await court.add_driver() for _ in range(3)]
    drives = {member: await court.reserved(member) for member in members}
    for locker in (1, 2, 3):
        await shop.do("PUT", f"/v1/machines/{court.machine_id}/slots/{locker}", json={"car_id": None})
    for member in (came, gave_up):
        assert (await court.show_pass(member, drives[member]["number"])).json()["code"] == "car_not_ready"
    assert (await court.act(f"/{drives[gave_up]['id']}/cancellation", {})).json()["state"] == "cancelled"
    assert await court.wallet(gave_up) == (200_000, 0)
    await court.later(clock, minutes=30)
    await court.later(clock, minutes=36)
    for member in (came, stayed):
        assert ended(await court.drive(drives[member]["id"])) == ("cancelled", [])
        assert await court.wallet(member) == (200_000, 0)


async def test_a_fee_that_staff_gave_back_before_is_given_back_once(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop, cars=3)
    first, second, other = members = [await court.add_driver() for _ in range(3)]
    drives = {member: await court.reserved(member) for member in members}
    for member, back, part in ((first, "cancellation", {}), (second, "refunds", {"amount": FEES["FEE-1"]})):
        await jam(court, member, drives[member]["number"])
        (fee,) = (await court.drive(drives[member]["id"]))["charges"]
        headers = {"Idempotency-Key": uuid4().hex}
        body = {"reason": "The locker is jammed"} | part
        await shop.do("POST", f"/v1/orders/{fee['order_id']}/{back}", json=body, headers=headers)
    await court.later(clock, minutes=66)
    for member in (first, second):
        assert (await court.drive(drives[member]["id"]))["state"] == "cancelled", member
        assert await court.wallet(member) == (200_000, 0)
    assert (await court.drive(drives[other]["id"]))["state"] == "no_show"
    await court.assert_books_verify()


async def test_a_car_that_is_not_back_is_promised_to_nobody_at_once(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop, drives_per_model_max=9)
    late, other = await court.add_driver(), await court.add_driver()
    drive = await court.reserved(late)
    await court.take_out(late, drive["number"])
    await court.later(clock, hours=80)
    assert (await court.drive(drive["id"]))["state"] == "late"
    assert (await court.reserve(other)).json()["reasons"] == ["no_car_free"]
    await court.reserved(other, court.now() + timedelta(days=1))


async def test_a_car_that_is_not_fit_is_reserved_by_nobody(shop: Shop) -> None:
    court = await Forecourt.open(shop, drives_per_model_max=9)
    member, other = await court.add_driver(), await court.add_driver()
    drive = await court.reserved(member)
    await court.take_out(member, drive["number"])
    await court.bring_back(drive["number"])
    tomorrow = court.now() + timedelta(days=1)
    assert (await court.act(f"/{drive['id']}/inspection", {"car_fit": False})).json()["state"] == "closed"
    assert (await court.reserve(other, tomorrow)).json()["reasons"] == ["no_car_free"]
    await shop.do("PATCH", f"/v1/cars/{drive['car_id']}", json={"state": "available"})
    await court.reserved(other, tomorrow)
    assert await court.wallet(other) == (200_000 - DEPOSIT, DEPOSIT)
