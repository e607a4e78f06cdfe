"""Two things at once, and things that happen while frames are being looked at: money moves once, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text

from facepay.kernel.database import Database
from facepay.members.members import Member
from facepay.online.intents import settle_due
from facepay.vision.evidence import FrameEvidence
from facepay.vision.pool import InferencePool
from tests.answers import verdict
from tests.conftest import Clock
from tests.locks import somebody_waits
from tests.online.web import PIN, Page, Person, WebShop, came_to, told

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
END_WHOEVER_WAITS = text(
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and wait_event_type = 'Lock'"
)


class Pause:
    """Frames are looked at, and what was seen waits until the test lets it go on."""

    def __init__(self, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        inference: InferencePool = app.state.inference
        look = inference.analyse_burst

        async def look_and_wait(frames: Sequence[bytes], **how: Any) -> list[FrameEvidence]:
            seen = await look(frames, **how)
            self.reached.set()
            await self.go_on.wait()
            return seen

        monkeypatch.setattr(inference, "analyse_burst", look_and_wait)

    @asynccontextmanager
    async def during(self, page: Page, person: Person) -> AsyncIterator[asyncio.Task[Any]]:
        """The block runs while the page's frames are looked at; the task ends with the answer."""
        task = asyncio.create_task(page.smile(person))
        async with asyncio.timeout(10):
            await self.reached.wait()
        try:
            yield task
        finally:
            self.go_on.set()
            await task


@pytest.fixture
def pause(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Pause:
    return Pause(app, monkeypatch)


async def test_two_tabs_at_once_pay_once(web: WebShop, person: Person) -> None:
    member = await web.with_payer(person)
    page = await web.ask()
    answers = await asyncio.gather(*(page.smile(person) for _ in range(3)), return_exceptions=True)
    statuses = [each.status_code for each in answers if not isinstance(each, BaseException)]
    assert statuses.count(200) == 1
    assert (await page.see())["status"] == "succeeded"
    assert await web.shop.balance(member) == 50_000 - 12_900


async def test_a_tab_with_the_face_and_one_with_the_pin_pay_once(web: WebShop, person: Person, pause: Pause) -> None:
    member = await web.with_payer(person, pin=PIN)
    page = await web.ask()
    async with pause.during(page, person) as face:
        assert (await page.see())["status"] == "processing"
        assert (await web.see(page.id))["status"] == "processing"
        assert verdict(await page.type(PIN)) == (409, "payment_intent_unexpected_state")
        assert verdict(await page.call("POST", "challenges")) == (409, "payment_intent_unexpected_state")
    assert came_to(face.result()) == ("succeeded", None)
    assert await web.shop.balance(member) == 50_000 - 12_900


async def test_pins_at_once_pay_once(web: WebShop, database: Database) -> None:
    web.member_id = await web.shop.add_member_without_face(balance=50_000, pin=PIN)
    page = await web.ask()
    async with database.begin() as session:
        await session.execute(select(Member.id).where(Member.id == UUID(web.member_id)).with_for_update())
        typing = [asyncio.create_task(page.type(PIN)) for _ in range(3)]
        await somebody_waits(database, least=3)
    assert {came_to(await each) for each in typing} == {("succeeded", None)}
    assert await web.shop.balance(web.member_id) == 50_000 - 12_900


async def test_wrong_pins_at_once_are_counted_one_by_one(web: WebShop, database: Database) -> None:
    web.member_id = await web.shop.add_member_without_face(balance=50_000, pin=PIN)
    pages = [await web.ask() for _ in range(4)]
    async with database.begin() as session:
        await session.execute(select(Member.id).where(Member.id == UUID(web.member_id)).with_for_update())
        typing = [asyncio.create_task(page.type("485920")) for page in (pages + pages)[:7]]
        await somebody_waits(database, least=7)
    codes = [str(came_to(await each)[1]) for each in typing]
    assert sorted(codes) == ["pin_locked"] * 3 + ["wrong_pin"] * 4
    assert verdict(await pages[3].type(PIN)) == (409, "payment_way_not_open")


async def test_what_is_canceled_while_frames_are_looked_at_is_not_paid(
    web: WebShop, person: Person, pause: Pause
) -> None:
    member = await web.with_payer(person)
    page = await web.ask()
    async with pause.during(page, person) as face:
        assert (await web.do("POST", f"/{page.id}/cancel", json={})).json()["status"] == "canceled"
    assert came_to(face.result()) == ("canceled", None)
    assert await web.shop.balance(member) == 50_000


async def test_a_cancellation_and_a_payment_at_once_are_one_or_the_other(web: WebShop) -> None:
    web.member_id = await web.shop.add_member_without_face(balance=1_000_000, pin=PIN)
    paid = 0
    for _ in range(4):
        page = await web.ask()
        typed, canceled = await asyncio.gather(page.type(PIN), web.do("POST", f"/{page.id}/cancel", json={}))
        status = (await page.see())["status"]
        assert (status == "canceled") == (canceled.status_code == 200)
        assert (status == "succeeded") == (typed.status_code == 200 and came_to(typed)[0] == "succeeded")
        paid += status == "succeeded"
    assert await web.shop.balance(web.member_id) == 1_000_000 - paid * 12_900


async def test_what_expires_while_frames_are_looked_at_is_not_paid(
    web: WebShop, person: Person, pause: Pause, clock: Clock
) -> None:
    member = await web.with_payer(person)
    page = await web.ask(expires_in=60)
    clock.ahead = timedelta(seconds=50)
    async with pause.during(page, person) as face:
        clock.ahead = timedelta(seconds=61)
    assert came_to(face.result()) == ("canceled", None)
    assert (await web.see(page.id))["cancellation_reason"] == "expired"
    assert await web.shop.balance(member) == 50_000


async def test_a_process_that_dies_over_frames_leaves_the_payment_to_be_tried_again(
    web: WebShop, person: Person, pause: Pause, clock: Clock, database: Database
) -> None:
    member = await web.with_payer(person)
    page = await web.ask()
    async with pause.during(page, person) as late:
        clock.ahead = timedelta(seconds=29)
        await settle_due(database, now=clock())
        assert (await page.see())["status"] == "processing"
        clock.ahead = timedelta(seconds=31)
        await settle_due(database, now=clock())
        assert (await page.see())["status"] == "requires_action"
        assert (await told(database, page))[-2:] == ["processing", "requires_action"]
    assert came_to(late.result()) == ("requires_action", None)  # it came to life again, too late
    assert await web.shop.balance(member) == 50_000
    assert came_to(await page.smile(person))[0] == "succeeded"


async def test_a_database_that_goes_away_over_a_payment_gives_it_back_at_once(
    web: WebShop, person: Person, database: Database
) -> None:
    member = await web.with_payer(person)
    page = await web.ask()
    async with database.begin() as session:
        await session.execute(select(Member.id).where(Member.id == UUID(member)).with_for_update())
        paying = asyncio.create_task(page.smile(person))
        await somebody_waits(database)
        await session.execute(END_WHOEVER_WAITS)
    assert (await paying).status_code == 503
    assert (await page.see())["status"] == "requires_action"
    assert await web.shop.balance(member) == 50_000
    assert (await told(database, page))[-2:] == ["processing", "requires_action"]
    assert came_to(await page.smile(person)) == ("succeeded", None)


async def test_whoever_withdraws_or_is_erased_meanwhile_pays_nothing(
    web: WebShop, person: Person, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = web.shop
    member = await web.with_payer(person)
    page, last = await web.ask(), await web.ask()
    async with Pause(app, monkeypatch).during(page, person) as face:
        await shop.do("DELETE", f"/v1/members/{member}/face", headers={"Idempotency-Key": f"withdraw-{member}"})
    assert came_to(face.result()) == ("requires_action", "face_not_available")
    assert face.result().json()["attempts_left"] == 3
    assert await shop.balance(member) == 50_000
    erased = {"Idempotency-Key": f"erase-{member}"}
    await shop.do("DELETE", f"/v1/members/{member}", params={"forfeit": True}, headers=erased)
    for each in (page, last):
        seen = await web.see(each.id)
        assert (seen["status"], seen["member_id"]) == ("canceled", None)


async def test_a_member_who_is_erased_over_their_frames_pays_nothing(
    web: WebShop, person: Person, pause: Pause
) -> None:
    member = await web.with_payer(person, balance=20_000)
    page = await web.ask()
    async with pause.during(page, person) as face:
        erased = {"Idempotency-Key": f"erase-{member}"}
        await web.shop.do("DELETE", f"/v1/members/{member}", params={"forfeit": True}, headers=erased)
    assert came_to(face.result()) == ("canceled", None)
    assert face.result().json()["description"] is None


async def test_a_wallet_that_is_emptied_at_a_kiosk_meanwhile_pays_nothing_twice(
    web: WebShop, person: Person, pause: Pause
) -> None:
    member = await web.with_payer(person, balance=13_000)
    page = await web.ask()
    async with pause.during(page, person) as face:
        issued = await web.shop.issue_pass(member)
        assert (await web.shop.pass_at_kiosk(issued["pass"], {"UMB-003": 1})).json()["code"] == "paid"
    assert came_to(face.result()) == ("requires_action", "insufficient_funds")
    assert await web.shop.balance(member) == 13_000 - 5_900
    await web.shop.top_up(member, 10_000)
    assert came_to(await page.smile(person)) == ("succeeded", None)


async def test_many_payments_at_once_stay_within_the_wallet_and_the_limits(web: WebShop) -> None:
    web.member_id = await web.shop.add_member_without_face(balance=50_000, pin=PIN)
    pages = [await web.ask() for _ in range(5)]
    answers = [came_to(each) for each in await asyncio.gather(*(page.type(PIN) for page in pages))]
    assert answers.count(("succeeded", None)) == 3
    assert answers.count(("requires_action", "insufficient_funds")) == 2
    assert await web.shop.balance(web.member_id) == 50_000 - 3 * 12_900
