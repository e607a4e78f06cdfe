"""Parties move, tables are pushed together, and some of a party take a table of their own."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from facepay.kernel.clock import utc_now
from facepay.wallet.accounts import Balance
from tests.dining.dinner import DUCK, TEA, Dinner
from tests.dining.room import Table

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def ask(dinner: Dinner, what: str, table: Table, **body: Any) -> httpx.Response:
    party = (await dinner.table.party())["id"]
    path = f"/v1/stores/{dinner.shop.store_id}/parties/{party}/{what}"
    return await dinner.shop.client.post(path, json=body | {"table_id": table.id}, headers=dinner.shop.staff)


async def seats(table: Table) -> dict[int, bool]:
    """Whether a member sits there."""
    return {each["seat"]: each["member"] is not None for each in (await table.party())["covers"]}


async def test_a_party_moves_with_all_that_it_had_and_the_old_table_is_free_at_once(dinner: Dinner) -> None:
    await dinner.sit(2, balance=20_000)
    await dinner.order("DUCK", seat=2)
    other = await Table.set_up(dinner.shop, "Window")
    moved = await ask(dinner, "moves", other)
    assert (moved.status_code, moved.json()["table"]) == (200, "Window"), moved.text
    assert await dinner.is_free()
    tickets = (await dinner.shop.do("GET", f"/v1/stores/{dinner.shop.store_id}/tickets"))["items"]
    assert [each["place"] for each in tickets] == ["Window"]
    await dinner.sit(1, balance=1000)  # somebody else sits down at the old one
    after = Dinner(dinner.shop, other, dict(dinner.members))
    assert await seats(other) == {2: True}
    await after.order("TEA-001", seat=2)
    assert await after.held(2) == DUCK + TEA
    assert (await after.pay(2))["left"] == 0
    assert (await after.is_free(), await dinner.is_free()) == (True, False)
    await dinner.books_agree()


async def test_nobody_moves_where_somebody_sits_and_a_free_table_gives_more_seats(dinner: Dinner) -> None:
    await dinner.sit(3, balance=1000)
    taken, small = await Table.set_up(dinner.shop, "Table 8"), await Table.set_up(dinner.shop, "Small", seats=2)
    await taken.place(1)
    for table, code in ((taken, "table_occupied"), (dinner.table, "table_occupied"), (small, "too_few_seats")):
        assert (await ask(dinner, "moves", table)).json()["code"] == code, table
    assert await seats(dinner.table) == {3: True}
    assert (await ask(dinner, "merges", small)).status_code == 200
    await small.place(2)
    assert await seats(dinner.table) == {3: True, 6: False}
    for table in (small, dinner.table):
        assert (await ask(dinner, "merges", table)).json()["code"] == "table_occupied", table


async def test_of_two_who_move_to_one_table_at_once_one_gets_it(dinner: Dinner) -> None:
    other = await Dinner.at(dinner.shop, "Table 8")
    for each in (dinner, other):
        await each.sit(1, balance=1000)
    free = await Table.set_up(dinner.shop, "Window")
    answers = await asyncio.gather(ask(dinner, "moves", free), ask(other, "moves", free))
    assert sorted(each.status_code for each in answers) == [200, 409]


async def test_merged_tables_have_one_bill_and_holds_stay_with_whose_they_are(dinner: Dinner) -> None:
    other = await Dinner.at(dinner.shop, "Table 8")
    await dinner.sit(1, balance=20_000)
    await other.sit(1, balance=20_000)
    await other.sit(2)
    await dinner.order("TEA-001", seat=1)
    await other.order("DUCK")
    await other.order("TEA-001", seat=2)
    merged = await ask(dinner, "merges", other.table)
    assert merged.status_code == 200, merged.text
    assert await seats(dinner.table) == await seats(other.table) == {1: True, 5: True, 6: False}
    assert (await dinner.held(1), await other.held(1)) == (TEA, DUCK + TEA)
    await other.order("TEA-001", seat=6)  # of a guest: the host of them all answers from here on
    assert (await dinner.held(1), await other.held(1)) == (2 * TEA, DUCK + TEA)
    bill = await other.bill()
    assert sum(each["due"] for each in bill["seats"]) == DUCK + 3 * TEA
    assert {each["seat"] for each in bill["seats"]} == {1, 5, 6}
    assert (await dinner.pay(1, split="one"))["left"] == 0
    assert await dinner.is_free()
    assert await other.is_free()
    assert await other.wallet(1) == Balance(20_000, 0)
    assert await dinner.sit(1) is None
    assert await other.is_free()  # each is a table for itself again
    await dinner.books_agree()


async def test_two_tables_that_are_pushed_to_each_other_at_once_become_one(dinner: Dinner) -> None:
    other = await Dinner.at(dinner.shop, "Table 8")
    for each in (dinner, other):
        await each.sit(1, balance=1000)
        await each.order("TEA-001", seat=1)
    answers = await asyncio.gather(ask(dinner, "merges", other.table), ask(other, "merges", dinner.table))
    assert sorted(each.status_code for each in answers)[0] == 200, [each.text for each in answers]
    assert sorted(each.status_code for each in answers)[1] in (404, 409)
    assert len((await dinner.bill())["seats"]) == 2
    await dinner.books_agree()


async def test_ordering_and_moving_at_once_lose_nothing(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    other = await Table.set_up(dinner.shop, "Window")
    ordered, moved = await asyncio.gather(
        dinner.order("DUCK", seat=1), ask(dinner, "moves", other), return_exceptions=True
    )
    assert not isinstance(moved, BaseException)
    assert moved.status_code == 200
    expected = 0 if isinstance(ordered, BaseException) else DUCK
    assert await dinner.held(1) == expected
    assert sum(each["price"] for each in (await other.party())["items"]) == expected


async def test_some_take_a_table_of_their_own_with_what_they_had(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=5000)
    await dinner.sit(3)
    await dinner.order("DUCK")
    await dinner.order("TEA-001", seat=2)
    await dinner.order("TEA-001", 2, seat=3)
    assert await dinner.held(1) == DUCK + 2 * TEA
    other = await Table.set_up(dinner.shop, "Window")
    split = await ask(dinner, "splits", other, seats=[2, 3])
    assert split.status_code == 200, split.text
    assert (await dinner.held(1), await dinner.held(2)) == (DUCK, 3 * TEA)
    assert (await seats(dinner.table), await seats(other)) == ({1: True}, {1: True, 2: False})
    apart = Dinner(dinner.shop, other, {1: dinner.members[2]})
    assert (await apart.pay(1))["total"] == 3 * TEA
    assert (await dinner.pay(1))["total"] == DUCK
    assert (await apart.is_free(), await dinner.is_free()) == (True, True)
    await dinner.books_agree()


async def test_what_was_for_the_table_is_held_on_who_stays_once_its_host_has_gone(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=20_000)
    await dinner.order("DUCK")
    await dinner.order("TEA-001", seat=1)
    other = await Table.set_up(dinner.shop, "Window")
    split = await ask(dinner, "splits", other, seats=[1])
    assert split.status_code == 200, split.text
    assert (await dinner.held(1), await dinner.held(2)) == (TEA, DUCK)
    assert (await dinner.pay(2))["left"] == 0
    assert (await Dinner(dinner.shop, other, dinner.members).pay(1))["left"] == 0
    assert await dinner.wallet(1) == Balance(20_000 - TEA, 0)
    await dinner.books_agree()


async def test_nobody_is_split_off_where_somebody_cant_answer_for_what_they_had(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=TEA)
    await dinner.sit(3)
    await dinner.order("DUCK", seat=3)
    await dinner.order("TEA-001", seat=2)
    await dinner.order("TEA-001")
    other = await Table.set_up(dinner.shop, "Window")
    before = await dinner.held(1)
    for who, reason in (
        ([3], "nobody_pays"),
        ([2, 3], "insufficient_funds"),
        ([1, 2, 3], "all_leave"),
        ([1, 3], "insufficient_funds"),  # the table's tea would be left to seat 2
    ):
        refused = (await ask(dinner, "splits", other, seats=who)).json()
        assert (refused["code"], refused["reason"]) == ("cannot_split_off", reason), refused
    assert await dinner.held(1) == before == DUCK + TEA
    assert await seats(dinner.table) == {1: True, 2: True, 3: False}
    assert (await other.send("GET", "/party")).status_code == 404
    assert (await dinner.pay(1, split="one"))["left"] == 0
    await dinner.books_agree()


async def test_a_party_that_has_begun_to_pay_moves_but_is_not_merged(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=20_000)
    await dinner.order("DUCK")
    await dinner.pay(2)
    other = await Table.set_up(dinner.shop, "Window")
    assert (await ask(dinner, "merges", other)).json()["code"] == "party_paying"
    assert (await ask(dinner, "splits", other, seats=[1])).json()["code"] == "party_paying"
    assert (await ask(dinner, "moves", other)).status_code == 200
    after = Dinner(dinner.shop, other, dinner.members)
    await after.leave(1)
    await after.settle(utc_now() + timedelta(minutes=11))
    assert await after.wallet(1) == Balance(20_000 - DUCK // 2, 0)
    assert await after.is_free()
    await dinner.books_agree()
