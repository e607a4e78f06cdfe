"""Whoever walks away from a table has paid, out of what is held, once the store's minutes are over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from facepay.dining.holds import HOLD_LASTS
from facepay.kernel.clock import utc_now
from facepay.kitchen.moves import advance
from facepay.kitchen.tickets import Ticket, TicketState
from facepay.wallet.accounts import Balance
from facepay.wallet.payments import expire_due_holds
from tests.dining.dinner import DUCK, TEA, Dinner

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
EARLY, LATE = timedelta(minutes=9), timedelta(minutes=11)


async def cooked(dinner: Dinner) -> None:
    """All that was ordered is on its way, and can't be cancelled any more."""
    to: dict[str, Any] = {"to": TicketState.PREPARING, "by": "cook", "now": utc_now()}
    async with dinner.database.begin() as session:
        for waits in await session.scalars(select(Ticket).where(Ticket.state == TicketState.RECEIVED)):
            await advance(session, store_id=waits.store_id, ticket_id=waits.id, **to)


async def notices(dinner: Dinner, seat: int) -> list[tuple[str, int]]:
    found = await dinner.shop.do("GET", f"/v1/members/{dinner.members[seat]}/notices")
    return [(each["kind"], each["amount"]) for each in found["items"]]


async def alerts(dinner: Dinner) -> list[tuple[str, int]]:
    found = await dinner.shop.do("GET", f"/v1/stores/{dinner.shop.store_id}/alerts?kind=table_unpaid")
    return [(each["details"]["code"], each["details"]["amount"]) for each in found["items"]]


async def test_who_stays_away_has_paid_what_was_cooked_for_them_and_of_the_tables_what_is_held(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=20_000)
    await dinner.sit(3, balance=10_000)
    await dinner.order("DUCK")
    await dinner.order("TEA-001", seat=1)
    await dinner.order("TEA-001", seat=2)
    await cooked(dinner)
    await dinner.order("DUCK", seat=2)
    gone = await dinner.leave(2, 3)
    assert [each["seat"] for each in gone["departures"]] == [2, 3]
    assert await dinner.settle(utc_now() + EARLY) == 0
    assert await dinner.settle(utc_now() + LATE) == 2
    assert await dinner.wallet(2) == Balance(20_000 - TEA, 0)
    assert await notices(dinner, 2) == [("table_settled", TEA)]
    assert await dinner.wallet(3) == Balance(10_000, 0)  # who ordered nothing walks away for nothing
    assert await dinner.held(1) == DUCK + TEA
    assert [each["seat"] for each in (await dinner.bill())["seats"]] == [1]
    await dinner.order("TEA-001", seat=1)  # who stays goes on
    assert (await dinner.pay(1))["total"] == DUCK + 2 * TEA
    assert await dinner.is_free()
    await dinner.books_agree()


async def test_back_in_time_nothing_happened_and_back_too_late_it_has(dinner: Dinner) -> None:
    """Whether the table or staff say so."""
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=10_000)
    await dinner.order("TEA-001", seat=2)
    await cooked(dinner)
    shop, gone = dinner.shop, {"seats": [2]}
    parties = f"/v1/stores/{shop.store_id}/parties"
    party = f"{parties}/{(await dinner.table.party())['id']}"
    await dinner.leave(2)
    assert (await dinner.table.do("POST", "/returns", json=gone))["departures"] == []
    assert len((await shop.do("POST", f"{party}/departures", json=gone))["departures"]) == 1
    assert (await shop.do("POST", f"{party}/returns", json=gone))["departures"] == []
    assert await dinner.settle(utc_now() + LATE) == 0
    assert await dinner.wallet(2) == Balance(10_000, TEA)
    await shop.do("POST", f"{party}/departures", json=gone)
    assert len((await dinner.leave(2))["departures"]) == 1
    assert await dinner.settle(utc_now() + LATE) == 1
    assert await dinner.wallet(2) == Balance(10_000 - TEA, 0)
    back = await dinner.table.send("POST", "/returns", json=gone)
    assert back.json()["code"] == "cover_not_found"
    unknown = await shop.client.post(f"{parties}/{UUID(int=1)}/departures", json=gone, headers=shop.staff)
    assert unknown.json()["code"] == "party_not_found"


async def test_a_margin_that_is_held_pays_as_much_of_the_tables_as_it_covers(dinner: Dinner) -> None:
    await dinner.serve(1000, margin_basis_points=10_000)
    await dinner.sit(1, balance=40_000)
    await dinner.sit(2, balance=10_000)
    await dinner.order("DUCK")
    await dinner.order("TEA-001", seat=2)
    await cooked(dinner)
    held = await dinner.held(2)
    assert held == 2 * (TEA + TEA // 10)
    await dinner.leave(2)
    await dinner.settle(utc_now() + LATE)
    assert await dinner.wallet(2) == Balance(10_000 - held, 0)
    whole = DUCK + TEA + (DUCK + TEA) // 10
    assert (await dinner.bill())["left"] == whole - held
    assert (await dinner.pay(1))["total"] == whole - held
    assert await dinner.is_free()
    await dinner.books_agree()


async def test_a_guests_part_falls_to_the_host_or_to_the_table(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=20_000)
    await dinner.sit(3)
    await dinner.order("DUCK", seat=3)
    await cooked(dinner)
    await dinner.leave(3)
    await dinner.settle(utc_now() + LATE)
    assert {each["seat"]: each["due"] for each in (await dinner.bill())["seats"]} == {1: DUCK, 2: 0}
    await dinner.set_policy(guests_fall_to="table")
    assert {each["seat"]: each["due"] for each in (await dinner.bill())["seats"]} == {1: DUCK // 2, 2: DUCK // 2}


async def test_a_party_that_walks_out_has_paid_and_its_table_is_free(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=10_000)
    await dinner.sit(3)
    await dinner.order("DUCK")
    await dinner.order("TEA-001", seat=3)
    await cooked(dinner)
    await dinner.leave(1, 2, 3)
    assert await dinner.settle(utc_now() + LATE) == 3
    paid = 20_000 - (await dinner.wallet(1)).posted + 10_000 - (await dinner.wallet(2)).posted
    assert paid == DUCK + TEA
    assert (await dinner.wallet(2)).posted == 10_000
    assert (await dinner.held(1), await dinner.held(2)) == (0, 0)
    assert await dinner.is_free()
    await dinner.books_agree()


async def test_a_host_who_leaves_guests_behind_has_paid_for_them(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2)
    await dinner.order("DUCK", seat=2)
    await cooked(dinner)
    await dinner.leave(1)
    await dinner.settle(utc_now() + LATE)
    assert await dinner.wallet(1) == Balance(20_000 - DUCK, 0)
    assert (await dinner.bill())["left"] == 0
    assert await dinner.refused("TEA-001", seat=2) == "nobody_pays"
    await dinner.leave(2)
    await dinner.settle(utc_now() + LATE)
    assert await dinner.is_free()


async def test_many_replicas_charge_a_departure_once(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.order("DUCK", seat=1)
    await cooked(dinner)
    await dinner.leave(1)
    now = utc_now() + LATE
    settled = await asyncio.gather(*(dinner.settle(now) for _ in range(4)))
    assert sum(settled) == 1
    assert await dinner.wallet(1) == Balance(10_000, 0)
    await dinner.books_agree()


async def test_who_pays_while_they_are_said_to_be_gone_pays_once(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.order("DUCK", seat=1)
    await cooked(dinner)
    await dinner.leave(1)
    paid, _ = await asyncio.gather(dinner.ask_to_pay(1), dinner.settle(utc_now() + LATE))
    assert paid.json()["code"] in ("paid", "party_not_found"), paid.text
    assert await dinner.wallet(1) == Balance(10_000, 0)
    assert await dinner.is_free()
    await dinner.books_agree()


async def test_what_a_hold_is_short_of_is_owed_as_far_as_the_store_lends(dinner: Dinner) -> None:
    await dinner.set_policy(margin_basis_points=0, debt_max=DUCK)
    member = await dinner.sit(1, balance=TEA)
    assert member
    await dinner.order("TEA-001", seat=1)
    await cooked(dinner)
    async with dinner.database.begin() as session:  # nobody has renewed it
        assert await expire_due_holds(session, now=utc_now() + HOLD_LASTS)
    shown = await dinner.shows(member)
    assert (await dinner.shop.pass_at_kiosk(shown, {"TEA-001": 1})).json()["code"] == "paid"
    await dinner.leave(1)
    await dinner.settle(utc_now() + LATE)
    debts = (await dinner.shop.do("GET", f"/v1/members/{dinner.members[1]}/debts"))["items"]
    assert [(each["currency"], each["owed"]) for each in debts] == [("CNY", TEA)], debts
    assert await dinner.is_free()
    await dinner.books_agree()


async def test_what_nobody_answers_for_calls_staff_who_close_the_party(dinner: Dinner) -> None:
    await dinner.set_policy(margin_basis_points=0, debt_max=0)
    await dinner.sit(1, balance=DUCK)
    await dinner.order("DUCK", seat=1)
    await cooked(dinner)
    freeze = f"/v1/members/{dinner.members[1]}/wallet/freeze"
    await dinner.shop.do("POST", freeze, json={"reason": "phone lost"})
    await dinner.leave(1)
    await dinner.settle(utc_now() + LATE)
    assert await alerts(dinner) == [("wallet_frozen", DUCK)]
    assert not await dinner.is_free()
    assert [(each["seat"], each["has_left"], each["due"]) for each in (await dinner.bill())["seats"]] == [
        (1, True, DUCK)
    ]
    friend = await dinner.shop.add_member_without_face(balance=DUCK)
    assert (await dinner.pay(friend, split="one", treat=True))["left"] == 0
    assert await dinner.is_free()
    assert await dinner.wallet(1) == Balance(DUCK, 0)
    await dinner.books_agree()


async def test_guests_without_a_member_who_leave_call_staff(dinner: Dinner) -> None:
    await dinner.set_policy(unsecured_max=10**6)
    await dinner.sit(1)
    await dinner.order("DUCK", seat=1)
    await cooked(dinner)
    await dinner.leave(1)
    await dinner.settle(utc_now() + LATE)
    assert await alerts(dinner) == [("nobody_pays", DUCK)]
    party = (await dinner.table.party())["id"]
    path = f"/v1/stores/{dinner.shop.store_id}/parties/{party}"
    assert (await dinner.shop.do("GET", f"{path}/bill"))["left"] == DUCK
    await dinner.shop.do("POST", f"{path}/closing", json={"reason": "They ran"})
    assert await dinner.is_free()
