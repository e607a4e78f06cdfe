"""Where two members are too alike for the margin, the gate and the kiosk ask for a second factor."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select

from facepay.identity.step_up import StepUp, forget_expired
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.members.members import get_member, strip_personal_data
from tests.answers import verdict
from tests.conftest import Clock
from tests.locks import somebody_waits
from tests.shop import Shop

# A margin that nobody reaches.
pytestmark = [pytest.mark.anyio, pytest.mark.reopened(match_margin_min=0.99)]


@pytest.fixture
def app_database(app: FastAPI) -> Database:
    database: Database = app.state.database
    return database


async def answer(shop: Shop, attempt: dict[str, Any], text: str) -> Any:
    path = f"/v1/gates/{shop.gate_id}/entries/{attempt['attempt_id']}/step-up"
    return await shop.client.post(path, json={"answer": text}, headers=shop.gate)


async def test_the_phone_digits_tell_two_members_apart_once_at_the_gate_that_asked(shop: Shop) -> None:
    member_id = await shop.add_member(0, phone="+8613800138001")
    other_id = await shop.add_member(1)
    attempt = (await shop.at_gate(0)).json()
    assert (attempt["code"], attempt["step_up"]["factor"]) == ("ambiguous_face", "pass"), "nothing else is common"
    assert (await answer(shop, attempt, "8001")).json()["code"] == "wrong_answer", "digits are no pass"

    await shop.do("PATCH", f"/v1/members/{other_id}", json={"phone": "+8613800138002"})
    attempt = (await shop.at_gate(0)).json()
    assert (attempt["decision"], attempt["code"]) == ("step_up", "ambiguous_face")
    assert attempt["step_up"]["factor"] == "phone_last_four"
    assert attempt["member"] is None
    gate_id, gate = await shop.add_device("gate")
    elsewhere = replace(shop, gate_id=gate_id, gate=gate)
    assert verdict(await answer(elsewhere, attempt, "8001")) == (404, "attempt_not_found")
    opened = (await answer(shop, attempt, "8001")).json()
    assert (opened["decision"], opened["member"]["id"]) == ("open", member_id)
    assert (await answer(shop, attempt, "8001")).status_code == 409


async def test_an_attempt_is_closed_by_its_last_wrong_answer_or_after_a_minute_and_forgotten_after_a_day(
    shop: Shop, app_database: Database, clock: Clock
) -> None:
    await shop.add_member(0, phone="+8613800138001")
    await shop.add_member(1, phone="+8613800138002")
    attempt = (await shop.at_gate(0)).json()
    wrong = [(await answer(shop, attempt, "9999")).json() for _ in range(3)]
    assert [each["answers_left"] for each in wrong] == [2, 1, 0]
    assert [each["decision"] for each in wrong] == ["step_up", "step_up", "deny"]
    assert verdict(await answer(shop, attempt, "8001")) == (409, "attempt_closed")

    attempt = (await shop.at_gate(0)).json()
    await forget_expired(app_database, now=clock())
    assert (await answer(shop, attempt, "9999")).json()["code"] == "wrong_answer"
    clock.ahead += timedelta(seconds=61)
    assert (await answer(shop, attempt, "8001")).json()["code"] == "attempt_closed"
    await forget_expired(app_database, now=clock() + timedelta(days=1, minutes=2))
    assert (await answer(shop, attempt, "8001")).json()["code"] == "attempt_not_found"


async def guess(shop: Shop, count: int, *, wrong: str = "9998") -> None:
    """Wrong answers, each at an attempt of its own."""
    for _ in range(count):
        attempt = (await shop.at_gate(0)).json()
        assert (await answer(shop, attempt, wrong)).json()["code"] == "wrong_answer"


async def test_new_attempts_give_no_more_than_five_guesses_at_a_phone_number(shop: Shop, clock: Clock) -> None:
    await shop.add_member(0, phone="+8613800138001")
    await shop.add_member(1, phone="+8613800138002")
    waiting = (await shop.at_gate(0)).json()
    await guess(shop, 5)
    assert (await answer(shop, waiting, "8001")).json()["code"] == "wrong_answer"
    assert (await shop.at_gate(0)).json()["code"] == "step_up_impossible"
    clock.ahead += timedelta(minutes=15, seconds=1)
    assert (await answer(shop, (await shop.at_gate(0)).json(), "8001")).json()["decision"] == "open"


async def test_a_pin_is_asked_for_where_everybody_has_one_and_five_wrong_ones_lock_it_until_new_ones_are_set(
    shop: Shop,
) -> None:
    first = await shop.add_member(0, phone="+8613800138001", pin="739150")
    second = await shop.add_member(1, phone="+8613800138002", pin="280461")
    visits = f"/v1/stores/{shop.store_id}/visits"
    # A right answer is no wrong one of whoever looks alike.
    for already in range(5):
        attempt = (await shop.at_gate(0)).json()
        assert attempt["step_up"]["factor"] == "pin"
        opened = (await answer(shop, attempt, "739150")).json()
        assert opened["member"]["display_name"] == "Person 0"
        assert opened["code"] == ("already_inside" if already else "welcome")
    opened = (await answer(shop, (await shop.at_gate(1)).json(), "280461")).json()
    assert (opened["decision"], opened["member"]["id"]) == ("open", second)

    await guess(shop, 5, wrong="000001")
    assert (await shop.at_gate(0)).json()["code"] == "step_up_impossible"
    for visit in (await shop.do("GET", visits))["items"]:
        await shop.do("POST", f"{visits}/{visit['id']}/end")
    for member_id in (first, second):
        await shop.do("PUT", f"/v1/members/{member_id}/pin", json={"pin": "604817"})
    await shop.do("PUT", f"/v1/members/{second}/pin", json={"pin": "280461"})
    assert (await answer(shop, (await shop.at_gate(0)).json(), "604817")).json()["decision"] == "open"


async def test_whoever_is_erased_while_they_answer_or_are_asked_for_has_nothing_left_to_answer(
    shop: Shop, app_database: Database
) -> None:
    members = [UUID(await shop.add_member(number, phone=f"+861380013800{number}")) for number in (0, 1)]
    asked = (await shop.at_gate(0)).json()
    async with app_database.begin() as session:
        await get_member(session, members[0], lock=True)
        answering = asyncio.create_task(answer(shop, asked, "8000"))
        await somebody_waits(app_database)
        await session.execute(delete(StepUp).where(StepUp.candidate_ids.contains([members[0]])))
    assert verdict(await answering) == (404, "attempt_not_found")

    async with app_database.begin() as session:
        member = await get_member(session, members[0], lock=True)
        asking = asyncio.create_task(shop.at_gate(0))
        await somebody_waits(app_database)
        await strip_personal_data(session, member=member, now=utc_now())
    assert (await asking).json()["decision"] == "step_up"
    async with app_database.begin() as session:
        assert await session.scalar(select(StepUp.candidate_ids)) == members[1:]


async def test_the_kiosk_charges_whoever_the_digits_name_unless_the_price_changed_meanwhile(shop: Shop) -> None:
    await shop.add_member(0, phone="+8613800138001", balance=1000)
    payer = await shop.add_member(1, phone="+8613800138002", balance=1000)

    async def finish(asked: dict[str, Any], digits: str) -> Any:
        path = f"/v1/kiosks/{shop.kiosk_id}/checkouts/{asked['checkout_id']}/step-up"
        headers = shop.kiosk | {"Idempotency-Key": f"finish-{digits}"}
        return (await shop.client.post(path, json={"answer": digits}, headers=headers)).json()

    asked = (await shop.at_kiosk(1, {"TEA-001": 1})).json()
    assert (asked["decision"], asked["total"]) == ("step_up", 450)
    paid = await finish(asked, "8002")
    assert (paid["decision"], paid["member"]["id"]) == ("paid", payer)
    assert (await finish(asked, "8002"))["order"] == paid["order"]
    assert await shop.balance(payer) == 550

    asked = (await shop.at_kiosk(0, {"TEA-001": 1})).json()
    tea = next(each for each in (await shop.do("GET", "/v1/products"))["items"] if each["sku"] == "TEA-001")
    await shop.do("PATCH", f"/v1/products/{tea['id']}", json={"price": 999})
    declined = await finish(asked, "8001")
    assert (declined["decision"], declined["code"]) == ("declined", "price_changed")
