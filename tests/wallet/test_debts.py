"""Debts in the books: paid as soon as money comes, and never twice."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from facepay.kernel.ids import new_id
from facepay.wallet.accounts import member_debt, member_wallet
from facepay.wallet.debts import collect, debts_of, owed
from facepay.wallet.providers.mock import Behaviour
from facepay.wallet.top_ups import top_up
from facepay.wallet.verify import verify
from tests.locks import somebody_waits
from tests.wallet.books import NOW, Books, moves
from tests.wallet.desk import Desk

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]


async def lend(books: Books, member_id: UUID, amount: int) -> None:
    """As a sale does: the money is in the wallet for a moment, and then the store's."""
    await books.open(member_debt(member_id))
    (lent,) = await books.post(moves(member_debt(member_id), member_wallet(member_id), amount))
    assert lent.ok
    assert (await books.pay(member_id, amount)).ok


async def collected(books: Books, member_id: UUID) -> int:
    async with books.database.begin() as session:
        return await collect(session, member_id=member_id, unit="CNY", actor="test", now=NOW)


async def owes(books: Books, member_id: UUID) -> int:
    async with books.database.begin() as session:
        return await owed(session, member_id=member_id, unit="CNY")


async def test_nobody_pays_more_than_they_owe(books: Books) -> None:
    member = await books.member(1000)
    await lend(books, member, 300)
    (refused,) = await books.post(moves(member_wallet(member), member_debt(member), 301))
    assert refused.code == "ceiling_exceeded"
    assert await collected(books, member) == 0
    assert (await books.wallet(member)).available == 700
    assert await collected(books, member) == 0
    assert (await books.wallet(member)).available == 700


async def test_whoever_never_owed_anything_or_has_nothing_pays_nothing(books: Books) -> None:
    assert await collected(books, new_id()) == 0
    member = await books.member()
    await lend(books, member, 300)
    assert await collected(books, member) == 300
    async with books.database.begin() as session:
        assert await debts_of(session, member_id=member) == {"CNY": 300}


async def test_money_on_hold_pays_no_debt(books: Books) -> None:
    member = await books.member(500)
    await books.authorise(member, 400)
    await lend(books, member, 300)
    assert await collected(books, member) == 200
    assert (await books.wallet(member)).held == 400


async def test_a_top_up_pays_the_debt_when_it_is_settled_and_so_does_one_that_can_not_be_given_back(
    books: Books,
) -> None:
    desk = Desk(books.database)
    member = await books.member()
    await lend(books, member, 300)
    first = await desk.top_up(member, 200)
    await desk.hear_all()
    assert (await desk.wallet(member), await owes(books, member)) == (0, 100)
    await desk.top_up(member, 600)
    await desk.hear_all()
    assert (await desk.wallet(member), await owes(books, member)) == (500, 0)
    desk = Desk(books.database, behaviour=Behaviour(failure_rate=1))
    refund = await desk.refund(first)
    await lend(books, member, 450)
    assert await collected(books, member) == 150
    await desk.hear_all()
    assert await desk.status(refund) == "failed"
    assert (await desk.wallet(member), await owes(books, member)) == (50, 0)


async def test_whoever_collects_waits_for_a_top_up_that_collects_too_rather_than_in_a_circle(books: Books) -> None:
    """Of several members: it would depend on their accounts' ids which of the two is locked first."""
    for _ in range(6):
        member = await books.member()
        await lend(books, member, 5000)
        assert (await books.top_up(member, 70)).ok
        async with books.database.begin() as session:
            credit = await top_up(
                session, top_up_id=new_id(), member_id=member, amount=100, currency="CNY", actor="test", now=NOW
            )
            assert credit.ok
            other = asyncio.create_task(collected(books, member))
            await somebody_waits(books.database)
            assert await collect(session, member_id=member, unit="CNY", actor="test", now=NOW) == 5000 - 170
        assert await other == 5000 - 170
    assert (await verify(books.database)).ok
