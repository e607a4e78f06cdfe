"""A shop's books to test with: what each test needs of accounts and money, in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import psycopg

from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.wallet import payments, top_ups
from facepay.wallet.accounts import Account, Balance, balance, member_wallet, open_account, store_sales
from facepay.wallet.ledger import Cause, Entry, Kind, Outcome, Posting, post, statement_for
from facepay.wallet.payments import Payment

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@dataclass
class Books:
    database: Database
    store_id: UUID = field(default_factory=new_id)

    async def member(self, amount: int = 0) -> UUID:
        """A new member, with money."""
        member_id = new_id()
        await self.open(member_wallet(member_id), store_sales(self.store_id))
        if amount:
            assert (await self.top_up(member_id, amount)).code == "ok"
        return member_id

    async def open(self, *accounts: Account) -> None:
        async with self.database.begin() as session:
            for account in accounts:
                await open_account(session, account, now=NOW)

    async def top_up(self, member_id: UUID, amount: int) -> Payment:
        async with self.database.begin() as session:
            return await top_ups.top_up(
                session,
                top_up_id=new_id(),
                member_id=member_id,
                amount=amount,
                currency="CNY",
                actor="test",
                now=NOW,
            )

    async def pay(self, member_id: UUID, total: int, *, tax: int = 0, order_id: UUID | None = None) -> Payment:
        async with self.database.begin() as session:
            return await payments.pay(
                session,
                order_id=order_id or new_id(),
                member_id=member_id,
                store_id=self.store_id,
                total=total,
                tax=tax,
                currency="CNY",
                actor="test",
                now=NOW,
            )

    async def refund(self, member_id: UUID, payment: Payment, total: int, *, tax: int = 0) -> Payment:
        async with self.database.begin() as session:
            return await payments.refund(
                session,
                refund_id=new_id(),
                payment_id=payment.transfer_id,
                member_id=member_id,
                store_id=self.store_id,
                total=total,
                tax=tax,
                currency="CNY",
                actor="test",
                now=NOW,
            )

    async def authorise(self, member_id: UUID, amount: int, *, expires_at: datetime | None = None) -> Payment:
        async with self.database.begin() as session:
            return await payments.authorise(
                session,
                order_id=new_id(),
                member_id=member_id,
                amount=amount,
                currency="CNY",
                actor="test",
                now=NOW,
                expires_at=expires_at,
            )

    async def capture(
        self, member_id: UUID, hold: Payment, total: int, *, keep_open: bool = False, now: datetime = NOW
    ) -> Payment:
        async with self.database.begin() as session:
            return await payments.capture(
                session,
                capture_id=new_id(),
                hold_id=hold.transfer_id,
                order_id=new_id(),
                member_id=member_id,
                store_id=self.store_id,
                total=total,
                tax=0,
                currency="CNY",
                actor="test",
                now=now,
                keep_open=keep_open,
            )

    async def post(self, *postings: Posting) -> list[Outcome]:
        async with self.database.begin() as session:
            return await post(session, postings)

    async def balance(self, account: Account) -> Balance:
        async with self.database.begin() as session:
            return await balance(session, account.id)

    async def wallet(self, member_id: UUID) -> Balance:
        return await self.balance(member_wallet(member_id))

    async def sales(self) -> Balance:
        return await self.balance(store_sales(self.store_id))


def as_psycopg_takes_it(postings: Sequence[Posting]) -> tuple[str, dict[str, Any]]:
    """The statement and parameters of `post`, for a bare connection."""
    statement, parameters = statement_for(postings)
    dialect = psycopg.dialect()  # type: ignore[no-untyped-call]
    return str(statement.compile(dialect=dialect)), parameters


def posting(*entries: Entry, kind: Kind = "transfer", key: str | None = None, linked: bool = False) -> Posting:
    """A posting whose cause doesn't matter."""
    cause = Cause("test", UUID(int=1))
    return Posting(key or f"test:{new_id()}", kind, cause, "test", NOW, entries, linked=linked)


def moves(payer: Account, payee: Account, amount: int, *, linked: bool = False, key: str | None = None) -> Posting:
    entries = Entry(payer.id, -amount, payer.unit), Entry(payee.id, amount, payee.unit)
    return posting(*entries, linked=linked, key=key)
