"""Whoever changes the books behind the ledger's back is found, and the row is named."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from facepay.kernel.proofs import Finding
from facepay.wallet.accounts import member_wallet, store_sales
from facepay.wallet.ledger import post
from facepay.wallet.upkeep import LEDGER, fold_hot_accounts
from facepay.wallet.verify import verify
from tests.reopening import AS_NOBODY_MAY, OpenedRows
from tests.wallet.books import Books, moves

pytestmark = pytest.mark.anyio


@dataclass
class Day:
    """A day's books, folded and sealed, and the rows that a thief would look for."""

    wallet: UUID
    sales: UUID
    payment: UUID
    hold: UUID


@pytest.fixture
async def day(books: Books) -> Day:
    member = await books.member(1_000)
    payment = await books.pay(member, 300, tax=30)
    await books.refund(member, payment, 100)
    hold = await books.authorise(member, 200)
    await books.capture(member, hold, 50, keep_open=True)
    await books.pay(member, 77)
    await LEDGER.seal_all(books.database)
    await fold_hot_accounts(books.database)
    return Day(member_wallet(member).id, store_sales(books.store_id).id, payment.transfer_id, hold.transfer_id)


async def test_honest_books_are_in_order(books: Books, day: Day) -> None:
    seen: list[str] = []
    report = await verify(books.database, progress=lambda check, done, total: seen.append(check))
    assert report.ok, report
    assert report.checked["transfers"] == report.checked["links"] == 6
    assert report.checked["entries"] == 12
    assert {"transfers", "entries", "chain"} <= set(seen)
    assert str(report).startswith("in order (6 transfers")


TAMPERINGS = {
    "a payment made smaller": (
        "update entries set amount = -1 where transfer_id = %(payment)s and amount < 0",
        "payment",
    ),
    "a payment made smaller on both sides": (
        "update entries set amount = sign(amount) * 10 where transfer_id = %(payment)s and abs(amount) > 30",
        "payment",
    ),
    "an entry removed": ("delete from entries where transfer_id = %(payment)s and account_id = %(sales)s", "payment"),
    "a payment removed": (
        "with t as (delete from chain.links where record_id = %(payment)s), e as (delete from entries"
        " where transfer_id = %(payment)s) delete from transfers where id = %(payment)s",
        "",  # what is named is what no longer fits without it
    ),
    "a transfer without its entries": ("delete from transfers where id = %(payment)s", "payment"),
    "a balance made larger": ("update balances set posted = posted + 1 where account_id = %(wallet)s", "wallet"),
    "a hold forgotten": ("update balances set held = 0 where account_id = %(wallet)s", "wallet"),
    "a hold enlarged": ("update holds set amount = amount + 1 where transfer_id = %(hold)s", "hold"),
    "a capture forgotten": ("update holds set captured = 0 where transfer_id = %(hold)s", "hold"),
    "a refund forgotten": ("update refundable set refunded = 0 where transfer_id = %(payment)s", "payment"),
    "a fold made larger": ("update folds set posted = posted + 1 where account_id = %(sales)s", "sales"),
    "a transfer of another time": (
        "insert into transfers select gen_random_uuid(), -1, 'forged', kind, target_id, cause, cause_id, actor,"
        " event_at, created_at from transfers where id = %(payment)s",
        "",
    ),
    "a name changed": ("update transfers set actor = 'nobody' where id = %(payment)s", "payment"),
    "a link removed": ("delete from chain.links where record_id = %(payment)s", "payment"),
    "a link forged": ("update chain.links set hash = sha256(hash) where record_id = %(payment)s", "payment"),
    "money from nowhere": (
        "insert into entries values (%(sales)s, 999999, %(payment)s, 'CNY', 5, 0, null, null, now())",
        "payment",
    ),
    "an entry of nobody": (
        "insert into entries values (gen_random_uuid(), 1, %(hold)s, 'EUR', 5, 0, null, null, now()),"
        " (gen_random_uuid(), 1, %(hold)s, 'EUR', -5, 0, null, null, now())",
        "",
    ),
}


async def test_tampering_is_found_and_its_row_named(books: Books, day: Day, superuser_url: str) -> None:
    honest = OpenedRows(superuser_url)
    with psycopg.connect(superuser_url, autocommit=True, options=AS_NOBODY_MAY) as thief:
        thief.execute("set search_path = ledger")
        for tampering, (statement, where) in TAMPERINGS.items():
            assert thief.execute(statement, vars(day)).rowcount > 0, tampering
            report = await verify(books.database)
            assert not report.ok, tampering
            rows = [finding.row for finding in report.findings]
            assert where == "" or any(str(getattr(day, where)) in row for row in rows), (tampering, report)
            honest.put_back(thief)
    assert (await verify(books.database)).ok


async def test_books_rewritten_from_beginning_to_end_differ_from_the_head_that_was_kept(
    books: Books, day: Day, superuser_url: str
) -> None:
    kept = (await verify(books.database)).head
    with psycopg.connect(superuser_url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("update ledger.transfers set actor = 'nobody'")
        connection.execute("delete from chain.links")
        connection.execute("update chain.logs set sealed = 0")
    await LEDGER.seal_all(books.database)
    assert (await verify(books.database)).ok
    rewritten = await verify(books.database, expected_head=kept)
    assert [finding.check for finding in rewritten.findings] == ["chain"]


async def test_a_chain_cut_short_differs_from_the_head_that_was_kept(
    books: Books, day: Day, superuser_url: str
) -> None:
    kept = (await verify(books.database)).head
    with psycopg.connect(superuser_url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("delete from chain.links where number = (select max(number) from chain.links)")
        connection.execute("update chain.logs set sealed = (select max(position) from chain.links)")
    report = await verify(books.database, expected_head=kept)
    assert [str(finding) for finding in report.findings] == ["chain: link 6 is gone: the chain was cut"]


async def test_another_rooms_check_is_part_of_the_proof(books: Books, day: Day) -> None:
    async def orders(connection: AsyncConnection) -> tuple[int, Finding | None]:
        query = text("select cause_id from ledger.transfers where cause = 'order' order by position")
        rows = (await connection.scalars(query)).all()
        return len(rows), Finding("orders", f"order {rows[0]}", "does not exist")

    report = await verify(books.database, extra_checks=[("orders", orders)])
    assert report.checked["orders"] == 4
    assert [finding.check for finding in report.findings] == ["orders"]


async def test_a_transfer_still_under_way_holds_the_chain_up_and_is_not_skipped(books: Books, day: Day) -> None:
    member, other = await books.member(500), await books.member(100)
    async with books.database.begin() as session:
        await post(session, [moves(member_wallet(member), store_sales(books.store_id), 5)])
        await books.pay(other, 100)
        await LEDGER.seal_all(books.database, patience_seconds=0.1)
        during = await verify(books.database)
    await LEDGER.seal_all(books.database)
    after = await verify(books.database)
    assert during.ok, during
    assert after.ok, after
    assert during.checked["links"] < during.checked["transfers"]
    assert after.checked["links"] == after.checked["transfers"] == during.checked["transfers"] + 1
