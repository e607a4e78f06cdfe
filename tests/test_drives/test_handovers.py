"""At the machine: faces, numbers, lockers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from facepay.identity.watches import watch
from facepay.staff.accounts import StaffAccount
from facepay.vision.engine import Engine
from facepay.vision.heads import HEAD, sheet
from tests.conftest import Clock
from tests.presentation.test_presentation import Visitor, enrol, require
from tests.shop import Shop
from tests.test_drives.forecourt import DEPOSIT, FEES, Forecourt

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def codes(court: Forecourt, *shown: Any) -> tuple[str, str]:
    return codes_of(await court.show_face(*shown))


def codes_of(response: httpx.Response) -> tuple[str, str]:
    answer = response.json()
    return answer["decision"], answer["code"]


async def test_only_the_member_of_the_reservation_gets_the_key(shop: Shop) -> None:
    court = await Forecourt.open(shop, cars=2)
    first, second = await court.add_driver(0), await court.add_driver(1)
    of_first, of_second = await court.reserved(first), await court.reserved(second)
    assert await codes(court, 1, of_first["number"]) == ("refused", "unknown_face")
    assert await codes(court, 2) == ("refused", "unknown_face")
    assert await codes(court, 0, "00000000") == ("refused", "drive_unknown")
    answer = (await court.show_face(1)).json()  # nothing typed: whoever is due here now
    assert (answer["code"], answer["drive_id"], answer["locker"]) == ("opening", of_second["id"], 2)
    assert await codes(court, 1, of_second["number"]) == ("refused", "already_opening")
    record = (await shop.do("GET", f"/v1/test-drives/{of_first['id']}/handovers"))["items"]
    assert [(each["code"], each["member_id"]) for each in record] == [("unknown_face", None)]


async def test_too_early_too_late_and_never_again(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver(0)
    drive = await court.reserved(member, court.now() + timedelta(minutes=30))
    assert await codes(court, 0, drive["number"]) == ("refused", "too_early")
    assert await codes(court, 0) == ("refused", "unknown_face")
    clock.ahead += timedelta(minutes=91)
    assert await codes(court, 0, drive["number"]) == ("refused", "too_late")
    await court.later(clock)
    assert await codes(court, 0, drive["number"]) == ("refused", "drive_ended")


async def test_a_locker_that_fails_leaves_the_reservation_and_the_fee_is_paid_once(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    drive = await court.reserved(member)
    paid = 200_000 - DEPOSIT - FEES["FEE-1"]
    assert codes_of(await court.show_pass(member, drive["number"])) == ("open", "opening")
    await court.acknowledge("failed")
    assert (await court.drive(drive["id"]))["state"] == "reserved"
    assert await court.wallet(member) == (paid, DEPOSIT)
    assert "key_not_released" in await court.alerts()
    await court.take_out(member, drive["number"])
    assert (await court.drive(drive["id"]))["state"] == "out"
    assert await court.wallet(member) == (paid, DEPOSIT)


async def test_a_machine_that_says_nothing_is_given_up_and_believed_when_it_speaks(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    drive = await court.reserved(member)
    await court.show_pass(member, drive["number"])
    (command,) = await court.commands()
    await court.later(clock, seconds=31)
    assert (await court.drive(drive["id"]))["state"] == "reserved"
    await court.acknowledge(number=command["number"])
    await court.acknowledge(number=command["number"])
    assert (await court.drive(drive["id"]))["state"] == "out"
    slots = (await shop.do("GET", f"/v1/machines/{court.machine_id}/slots"))["items"]
    assert slots == [{"number": 1, "car_id": None}]


async def test_a_locker_that_opened_after_its_reservation_ended_calls_somebody(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    drive = await court.reserved(member)
    await court.show_pass(member, drive["number"])
    (command,) = await court.commands()
    await court.later(clock, minutes=66)
    ended = await court.drive(drive["id"])
    assert ended["state"] == "cancelled"  # it was no fault of theirs
    assert await court.wallet(member) == (200_000, 0)
    await court.acknowledge(number=command["number"])
    assert "key_out_unreserved" in await court.alerts()
    assert (await court.drive(drive["id"]))["state"] == "cancelled"


async def test_an_empty_wallet_gets_no_key_and_an_other_car_of_the_model_does(shop: Shop) -> None:
    court = await Forecourt.open(shop, cars=2)
    member = await court.add_driver(balance=DEPOSIT)
    drive = await court.reserved(member)
    assert codes_of(await court.show_pass(member, drive["number"])) == ("refused", "insufficient_funds")
    await shop.top_up(member, FEES["FEE-1"])
    await shop.do("PATCH", f"/v1/cars/{drive['car_id']}", json={"state": "inspection"})
    await court.take_out(member, drive["number"])
    out = await court.drive(drive["id"])
    assert out["car_id"] in court.cars
    assert out["car_id"] != drive["car_id"]
    assert await court.wallet(member) == (0, DEPOSIT)


async def test_a_key_in_another_machine_says_which_and_no_key_at_all_says_so(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    drive = await court.reserved(member)
    here, here_token = court.machine_id, court.machine
    other_id, other = await shop.add_device("vending")
    court.machine_id, court.machine = other_id, other
    answer = (await court.show_pass(member, drive["number"])).json()
    assert (answer["code"], answer["machine_id"]) == ("key_in_other_machine", here)
    court.machine_id, court.machine = here, here_token
    await shop.do("PUT", f"/v1/machines/{here}/slots/1", json={"car_id": None})
    assert codes_of(await court.show_pass(member, drive["number"])) == ("refused", "car_not_ready")


async def test_a_machine_hands_out_nothing_without_liveness_and_a_print_in_depth_is_no_face(
    shop: Shop, engine: Engine
) -> None:
    court = await Forecourt.open(shop, liveness_required=True)
    visitor = Visitor(engine)
    member = await enrol(shop, visitor)
    await court.permit(member)
    drive = await court.reserved(member)

    async def shown(**depth: Any) -> str:
        answer = await shop.client.post(
            f"/v1/machines/{court.machine_id}/handovers",
            files={"frame": ("frame.jpg", visitor.still())} | depth,
            data={"number": drive["number"]},
            headers=court.machine | {"Idempotency-Key": uuid4().hex},
        )
        return str(answer.json()["code"])

    assert await shown() == "liveness_not_set_up"
    await require(shop, court.machine_id, "challenge")
    assert await shown() == "challenge_required"
    asked = await shop.client.post(f"/v1/machines/{court.machine_id}/challenges", headers=court.machine)
    assert asked.status_code == 201
    assert asked.json()["steps"]
    await require(shop, court.machine_id, "depth")
    assert await shown(depth=("depth.png", visitor.depth(sheet()))) == "depth_flat"
    assert await court.wallet(member) == (200_000 - DEPOSIT, DEPOSIT)
    assert await shown(depth=("depth.png", visitor.depth(HEAD))) == "opening"


async def test_staff_hand_out_a_key_to_whoever_shows_no_face(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    drive = await court.reserved(member)
    body = {"machine_id": court.machine_id, "reason": "Passport seen"}
    answer = (await court.act(f"/{drive['id']}/release", body)).json()
    assert (answer["decision"], answer["code"], answer["locker"]) == ("open", "opening", 1)
    await court.acknowledge()
    assert (await court.drive(drive["id"]))["state"] == "out"


async def test_a_scanned_pass_opens_and_typed_digits_do_not(shop: Shop) -> None:
    court = await Forecourt.open(shop, liveness_required=True)
    member = await court.add_driver()
    drive = await court.reserved(member)
    path = f"/v1/machines/{court.machine_id}/handovers/pass"
    for part, code in (("code", "pass_must_be_scanned"), ("pass", "opening")):
        issued = await shop.issue_pass(member)
        body = {"pass": issued[part], "number": drive["number"]}
        headers = court.machine | {"Idempotency-Key": code}
        answer = (await shop.client.post(path, json=body, headers=headers)).json()
        assert (answer["code"], answer["identified_by"]) == (code, "pass")


async def test_a_face_that_alone_does_not_count_is_asked_for_more(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await shop.add_member(0, pin="739150")
    await court.permit(member)
    drive = await court.reserved(member)
    async with shop.app.state.database.begin() as session:
        owner = (await session.scalars(select(StaffAccount.id))).one()
        await watch(session, member_id=UUID(member), reason="Mixed up", staff_id=owner, now=court.now())
    asked = (await court.show_face(0, drive["number"])).json()
    assert (asked["decision"], asked["code"], asked["step_up"]["factor"]) == ("step_up", "watched_member", "pin")
    path = f"/v1/machines/{court.machine_id}/handovers/{asked['handover_id']}/step-up"
    for pin, code in (("000000", "wrong_answer"), ("739150", "opening")):
        headers = court.machine | {"Idempotency-Key": pin}
        answer = (await shop.client.post(path, json={"answer": pin}, headers=headers)).json()
        assert answer["code"] == code, answer
