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


async def jam(court: Forecourt, person: int, number: str) -> None:
    """They come, and the locker doesn't open."""
    answer = (await court.show_face(person, number)).json()
    assert answer["decision"] == "open", answer
    await court.acknowledge("failed")


def ended(drive: dict[str, Any]) -> tuple[str, list[str]]:
    return drive["state"], [each["kind"] for each in drive["charges"]]


async def test_whoever_came_and_found_a_locker_jammed_is_no_no_show(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop, drives_per_model_max=9)
    member = await court.add_driver(0, score=TRUSTED)
    drive = await court.reserved(member)
    await jam(court, 0, drive["number"])
    await court.later(clock, minutes=66)
    assert ended(await court.drive(drive["id"])) == ("cancelled", [])
    given_up = await court.reserved(member)
    await jam(court, 0, given_up["number"])
    await court.act(f"/{given_up['id']}/cancellation", {})
    assert ended(await court.drive(given_up["id"])) == ("cancelled", [])
    assert await court.wallet(member) == (200_000, 0)


async def test_nobody_pays_for_not_taking_a_car_that_was_not_there(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop, cars=2, drives_per_model_max=9)
    came, stayed = await court.add_driver(0), await shop.add_member_without_face()
    await court.permit(stayed)
    drives = [await court.reserved(came), await court.reserved(stayed)]
    for locker in (1, 2):
        await shop.do("PUT", f"/v1/machines/{court.machine_id}/slots/{locker}", json={"car_id": None})
    assert (await court.show_face(0, drives[0]["number"])).json()["code"] == "car_not_ready"
    await court.later(clock, minutes=30)
    await court.later(clock, minutes=36)
    for member, drive in zip((came, stayed), drives, strict=True):
        assert ended(await court.drive(drive["id"])) == ("cancelled", [])
        assert await court.wallet(member) == (200_000, 0)


async def test_whoever_came_for_a_car_that_was_not_there_gives_it_up_for_nothing(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver(0)
    drive = await court.reserved(member)
    await shop.do("PUT", f"/v1/machines/{court.machine_id}/slots/1", json={"car_id": None})
    await court.show_face(0, drive["number"])
    assert (await court.act(f"/{drive['id']}/cancellation", {})).json()["state"] == "cancelled"
    assert await court.wallet(member) == (200_000, 0)


@pytest.mark.parametrize("back", ["cancellation", "refunds"])
async def test_a_fee_that_staff_gave_back_before_is_given_back_once(shop: Shop, clock: Clock, back: str) -> None:
    court = await Forecourt.open(shop, cars=2)
    member, other = await court.add_driver(0), await shop.add_member_without_face()
    await court.permit(other)
    drive, next_one = await court.reserved(member), await court.reserved(other)
    await jam(court, 0, drive["number"])
    (fee,) = (await court.drive(drive["id"]))["charges"]
    body = {"reason": "The locker is jammed"} | ({"amount": FEES["FEE-1"]} if back == "refunds" else {})
    headers = {"Idempotency-Key": uuid4().hex}
    await shop.do("POST", f"/v1/orders/{fee['order_id']}/{back}", json=body, headers=headers)
    await court.later(clock, minutes=66)
    assert (await court.drive(drive["id"]))["state"] == "cancelled"
    assert await court.wallet(member) == (200_000, 0)
    assert (await court.drive(next_one["id"]))["state"] == "no_show"
    await court.assert_books_verify()


async def test_a_car_that_is_not_back_is_promised_to_nobody_at_once(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop, drives_per_model_max=9)
    late, other = await court.add_driver(0), await shop.add_member_without_face()
    await court.permit(other)
    drive = await court.reserved(late)
    await court.take_out(0, drive["number"])
    await court.later(clock, hours=80)
    assert (await court.drive(drive["id"]))["state"] == "late"
    assert (await court.reserve(other)).json()["reasons"] == ["no_car_free"]
    await court.reserved(other, court.now() + timedelta(days=1))


async def test_a_car_that_is_not_fit_is_reserved_by_nobody(shop: Shop) -> None:
    court = await Forecourt.open(shop, drives_per_model_max=9)
    member, other = await court.add_driver(0), await shop.add_member_without_face()
    await court.permit(other)
    drive = await court.reserved(member)
    await court.take_out(0, drive["number"])
    await court.bring_back(drive["number"])
    tomorrow = court.now() + timedelta(days=1)
    assert (await court.act(f"/{drive['id']}/inspection", {"car_fit": False})).json()["state"] == "closed"
    assert (await court.reserve(other, tomorrow)).json()["reasons"] == ["no_car_free"]
    await shop.do("PATCH", f"/v1/cars/{drive['car_id']}", json={"state": "available"})
    await court.reserved(other, tomorrow)
    assert await court.wallet(other) == (200_000 - DEPOSIT, DEPOSIT)
