"""Value that expires: points and gift balance come in lots, and what expires first is spent first.

An account's balance in the ledger is what its lots have left. A lot only ever shrinks, and each draw says what for.
Whoever draws or adds has locked the member's row, so that one member's lots change one transaction at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, DateTime, ForeignKey, Index, String, Uuid, any_, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified, Prepared
from facepay.kernel.ids import new_id
from facepay.kernel.records import columns_of, loaded
from facepay.wallet.accounts import Account, AccountKind, AccountNotFound, balance
from facepay.wallet.ledger import Cause

POINT = "POINT"
POINTS = AccountKind("points", "credit", hot=False, floor=0)
# Points that a refund took back after they had been spent; the next ones that are earned pay for them.
POINTS_OWED = AccountKind("points_owed", "debit", hot=False)
GIFT = AccountKind("gift", "credit", hot=False, floor=0)


class ValueLot(Identified, Base):
    __tablename__ = "value_lot"
    __table_args__ = (
        CheckConstraint("amount > 0 and remaining between 0 and amount", name="remaining_within_amount"),
        Index("ix_value_lot_account_id", "account_id", "expires_at", postgresql_where=text("remaining > 0")),
        Index("ix_value_lot_expires_at", "expires_at", postgresql_where=text("remaining > 0")),
    )

    account_id: Mapped[UUID]
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    kind: Mapped[str] = mapped_column(String(16))
    unit: Mapped[str] = mapped_column(String(12))
    amount: Mapped[int]
    remaining: Mapped[int]
    expires_at: Mapped[datetime]
    cause: Mapped[str] = mapped_column(String(16))
    cause_id: Mapped[UUID]
    created_at: Mapped[datetime]


class LotDraw(Identified, Base):
    __tablename__ = "lot_draw"
    __table_args__ = (CheckConstraint("amount > 0", name="takes"),)

    lot_id: Mapped[UUID] = mapped_column(ForeignKey("value_lot.id"), index=True)
    amount: Mapped[int]
    cause: Mapped[str] = mapped_column(String(16))
    cause_id: Mapped[UUID] = mapped_column(index=True)
    created_at: Mapped[datetime]


def member_points(member_id: UUID) -> Account:
    return Account(POINTS, member_id, POINT)


def member_points_owed(member_id: UUID) -> Account:
    return Account(POINTS_OWED, member_id, POINT)


def member_gift(member_id: UUID, unit: str) -> Account:
    return Account(GIFT, member_id, unit)


async def points_owed(session: AsyncSession, *, member_id: UUID) -> int:
    try:
        return -(await balance(session, member_points_owed(member_id).id)).posted
    except AccountNotFound:
        return 0


_LIVE = Prepared(
    select(*columns_of(ValueLot))
    .where(
        ValueLot.account_id == any_(bindparam("accounts", type_=ARRAY(Uuid()))),
        ValueLot.remaining > 0,
        ValueLot.expires_at > bindparam("now", type_=DateTime(timezone=True)),
    )
    .order_by(ValueLot.expires_at, ValueLot.id)
)


async def live_lots(session: AsyncSession, accounts: Sequence[Account], *, now: datetime) -> list[ValueLot]:
    """What can be spent from these accounts, the first to expire first."""
    rows = await _LIVE.rows(session, accounts=[account.id for account in accounts], now=now)
    return [loaded(session, ValueLot, row) for row in rows]


def in_account(lots: Sequence[ValueLot], account: Account) -> list[ValueLot]:
    return [lot for lot in lots if lot.account_id == account.id]


def worth(lots: Sequence[ValueLot]) -> int:
    return sum(lot.remaining for lot in lots)


def add_lot(
    session: AsyncSession, account: Account, *, amount: int, expires_at: datetime, cause: Cause, now: datetime
) -> ValueLot:
    """The lot of an amount that this transaction posts to the account, which is a member's."""
    assert account.owner_id
    lot = ValueLot(
        id=new_id(),
        account_id=account.id,
        member_id=account.owner_id,
        kind=account.kind.name,
        unit=account.unit,
        amount=amount,
        remaining=amount,
        expires_at=expires_at,
        cause=cause.kind,
        cause_id=cause.id,
        created_at=now,
    )
    session.add(lot)
    return lot


def draw(session: AsyncSession, lots: Sequence[ValueLot], amount: int, *, cause: Cause, now: datetime) -> None:
    """Take an amount from lots, in their order. Raises ValueError where they have less."""
    if amount > worth(lots):
        raise ValueError(f"{amount} can't be drawn from lots worth {worth(lots)}")
    for lot in lots:
        taken = min(amount, lot.remaining)
        if taken:
            lot.remaining -= taken
            amount -= taken
            session.add(LotDraw(lot_id=lot.id, amount=taken, cause=cause.kind, cause_id=cause.id, created_at=now))


async def draws_for(session: AsyncSession, account: Account, cause_id: UUID) -> list[tuple[int, datetime]]:
    """What was drawn for a cause, and when each part would have expired; the last one drawn first."""
    rows = await session.execute(
        select(LotDraw.amount, ValueLot.expires_at)
        .join(ValueLot, ValueLot.id == LotDraw.lot_id)
        .where(LotDraw.cause_id == cause_id, ValueLot.account_id == account.id)
        .order_by(ValueLot.expires_at.desc(), ValueLot.id.desc())
    )
    return [(amount, expires_at) for amount, expires_at in rows]


def part_of(draws: Sequence[tuple[int, datetime]], *, start: int, amount: int) -> list[tuple[int, datetime]]:
    """The stretch of `amount` units from the `start`-th on: parts of one sequence after another cover it all once."""
    parts: list[tuple[int, datetime]] = []
    for length, expires_at in draws:
        taken = max(0, min(length, start + amount) - max(0, start))
        if taken:
            parts.append((taken, expires_at))
        start -= length
    return parts
