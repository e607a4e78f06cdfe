from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from facepay.wallet.accounts import member_wallet, store_sales
from facepay.wallet.statements import Line, balance_at, statement
from facepay.wallet.upkeep import LEDGER, fold_hot_accounts
from tests.wallet.books import Books

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]


async def fold(books: Books) -> None:
    await LEDGER.seal_all(books.database)  # waits until all that was posted is settled
    assert await fold_hot_accounts(books.database) > 0


async def read(books: Books, account_id: UUID, limit: int) -> list[Line]:
    """All pages, oldest line first."""
    lines: list[Line] = []
    before = None
    async with books.database.begin() as session:
        while True:
            page = await statement(session, account_id, before=before, limit=limit)
            lines += page.lines
            before = page.next_before
            if before is None:
                return lines[::-1]


async def test_a_statement_says_what_was_there_after_each_line(books: Books) -> None:
    member = await books.member(1_000)
    payment = await books.pay(member, 300)
    hold = await books.authorise(member, 200)
    await books.capture(member, hold, 150)
    await books.refund(member, payment, 100)
    lines = await read(books, member_wallet(member).id, limit=2)
    assert [(line.kind, line.amount, line.held, line.posted_after, line.held_after) for line in lines] == [
        ("transfer", 1_000, 0, 1_000, 0),
        ("transfer", -300, 0, 700, 0),
        ("hold", 0, 200, 700, 200),
        ("capture", -150, -200, 550, 0),
        ("refund", 100, 0, 650, 0),
    ]
    assert [line.cause for line in lines] == ["top_up", "order", "order", "order", "refund"]
    assert lines[1].transfer_id == payment.transfer_id


@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_a_stores_statement_runs_through_folds(books: Books, limit: int) -> None:
    member = await books.member(1_000)
    for amount in (1, 2, 3):
        await books.pay(member, amount)
    await fold(books)
    for amount in (4, 5, 6):
        await books.pay(member, amount)
    lines = await read(books, store_sales(books.store_id).id, limit)
    assert [(line.amount, line.posted_after) for line in lines] == [(1, 1), (2, 3), (3, 6), (4, 10), (5, 15), (6, 21)]
    assert (await books.sales()).posted == 21


@pytest.mark.parametrize("folded", [True, False], ids=["folded", "unfolded"])
async def test_the_balance_of_any_past_instant_can_be_asked_for(books: Books, folded: bool) -> None:
    member = await books.member(1_000)
    instants = [datetime.now(UTC)]
    for amount in (100, 200, 300):
        await books.pay(member, amount)
        if folded:
            await fold(books)
        instants.append(datetime.now(UTC))
    wallet, sales = member_wallet(member).id, store_sales(books.store_id).id
    async with books.database.begin() as session:
        wallets = [(await balance_at(session, wallet, instant)).posted for instant in instants]
        stores = [(await balance_at(session, sales, instant)).posted for instant in instants]
        before = await balance_at(session, wallet, datetime(2020, 1, 1, tzinfo=UTC))
    assert wallets == [1_000, 900, 700, 400]
    assert stores == [0, 100, 300, 600]
    assert before.posted == 0
