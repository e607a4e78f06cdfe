"""Paying by PIN on the web, alone or, for large amounts, after the face."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.answers import verdict
from tests.conftest import Clock
from tests.online.web import PIN, Person, WebShop, came_to

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
WRONG = "485920"
LARGE = 100_001


async def test_who_knows_the_pin_needs_no_camera_and_who_has_none_cannot_pay(web: WebShop) -> None:
    web.member_id = await web.shop.add_member_without_face(balance=20_000)
    page = await web.ask()
    assert (await page.see())["ways"] == []
    assert verdict(await page.type(PIN)) == (409, "payment_way_not_open")
    web.member_id = await web.shop.add_member_without_face(balance=20_000, pin=PIN)
    page = await web.ask()
    assert (await page.see())["ways"] == ["pin"]
    assert verdict(await page.call("POST", "challenges")) == (409, "payment_way_not_open")
    assert came_to(await page.type(PIN)) == ("succeeded", None)


async def test_three_wrong_pins_end_the_payment_and_five_lock_the_pin(web: WebShop, clock: Clock) -> None:
    shop = web.shop
    web.member_id = await shop.add_member_without_face(balance=50_000, pin=PIN)
    first, second, third = [await web.ask(expires_in=3_600) for _ in range(3)]
    for left in (2, 1):
        answer = await first.type(WRONG)
        assert came_to(answer) == ("requires_action", "wrong_pin")
        assert answer.json()["attempts_left"] == left
    assert came_to(await first.type(WRONG)) == ("canceled", "wrong_pin")
    assert (await first.see())["cancellation_reason"] == "failed_verification"
    alerts = (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts"))["items"]
    assert [each["kind"] for each in alerts] == ["payment_verification_failed"]
    assert web.member_id not in str(alerts)
    assert came_to(await second.type(WRONG)) == ("requires_action", "wrong_pin")
    assert came_to(await second.type(WRONG)) == ("requires_action", "pin_locked")
    assert (await second.see())["ways"] == []
    assert verdict(await third.type(PIN)) == (409, "payment_way_not_open")
    clock.ahead = timedelta(minutes=16)
    assert came_to(await third.type(PIN)) == ("succeeded", None)
    assert await shop.balance(web.member_id) == 50_000 - 12_900


async def test_a_large_amount_takes_face_and_pin_in_either_order(web: WebShop, person: Person) -> None:
    await web.with_payer(person, balance=300_000, pin=PIN)
    one, other = await web.ask(amount=LARGE), await web.ask(amount=LARGE)
    shown = await one.see()
    assert (shown["ways"], shown["ways_needed"]) == (["face", "pin"], 2)
    half = await one.smile(person)
    assert came_to(half) == ("requires_action", None)
    assert (half.json()["ways"], half.json()["ways_needed"]) == (["pin"], 1)
    assert verdict(await one.call("POST", "challenges")) == (409, "payment_way_not_open")
    assert came_to(await one.type(PIN)) == ("succeeded", None)
    half = await other.type(PIN)
    assert (came_to(half), half.json()["ways"]) == (("requires_action", None), ["face"])
    assert came_to(await other.smile(person)) == ("succeeded", None)


async def test_half_a_proof_is_none_and_does_not_last(web: WebShop, person: Person, clock: Clock) -> None:
    member = await web.with_payer(person, balance=300_000)
    page = await web.ask(amount=LARGE, expires_in=3_600)
    shown = await page.see()
    assert (shown["ways"], shown["ways_needed"]) == ([], 2)
    assert verdict(await page.call("POST", "challenges")) == (409, "payment_way_not_open")
    await web.shop.do("PUT", f"/v1/members/{member}/pin", json={"pin": PIN})
    assert came_to(await page.smile(person)) == ("requires_action", None)
    clock.ahead = timedelta(minutes=5)
    assert (await page.see())["ways"] == ["face", "pin"]
    half = await page.type(PIN)
    assert (came_to(half), half.json()["ways"]) == (("requires_action", None), ["face"])


async def test_who_was_short_of_money_proves_it_again_and_pays(web: WebShop, person: Person) -> None:
    member = await web.with_payer(person, balance=LARGE - 1, pin=PIN)
    page = await web.ask(amount=LARGE)
    await page.type(PIN)
    short = await page.smile(person)
    assert came_to(short) == ("requires_action", "insufficient_funds")
    assert (short.json()["ways"], short.json()["attempts_left"]) == (["face", "pin"], 3)
    await web.shop.top_up(member, 1)
    assert came_to(await page.smile(person)) == ("requires_action", None)
    assert came_to(await page.type(WRONG)) == ("requires_action", "wrong_pin")
    assert came_to(await page.type(PIN)) == ("succeeded", None)
    assert await web.shop.balance(member) == 0
