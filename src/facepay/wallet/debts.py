"""What members owe: the part of a payment that the wallet fell short of, until it's collected or written off."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ColumnElement, SQLColumnExpression, String, column, select, table
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id
from facepay.notices.notices import NoticeKind, notify_member
from facepay.wallet.accounts import (
    BAD_DEBTS,
    DEBT,
    Account,
    Balance,
    accounts_of,
    balances,
    house,
    member_debt,
    member_wallet,
)
from facepay.wallet.ledger import Cause, Entry, Posting, post
from facepay.wallet.payments import post_opening


class DebtWriteOff(Identified, Base):
    __tablename__ = "debt_write_off"
    __table_args__ = (CheckConstraint("amount > 0", name="amount_positive"),)

    member_id: Mapped[UUID] = mapped_column(index=True)
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    transfer_id: Mapped[UUID]
    created_at: Mapped[datetime]


class NothingOwed(Conflict):
    """The member owes nothing in this currency."""

    code = "nothing_owed"
    title = "Nothing owed"


async def owed(session: AsyncSession, *, member_id: UUID, unit: str) -> int:
    """In minor units."""
    debt = member_debt(member_id, unit)
    return _owed(debt, await balances(session, [debt.id]))


def in_debt(member_id: UUID | SQLColumnExpression[UUID], *, unit: SQLColumnExpression[str]) -> ColumnElement[bool]:
    """Whether they owe anything, as part of another statement."""
    accounts = table("accounts", column("id"), column("kind"), column("owner_id"), column("unit"), schema="ledger")
    balances = table("balances", column("account_id"), column("posted"), schema="ledger")
    return (
        select(balances.c.account_id)
        .join(accounts, accounts.c.id == balances.c.account_id)
        .where(accounts.c.kind == DEBT.name, accounts.c.owner_id == member_id, accounts.c.unit == unit)
        .where(balances.c.posted < 0)
        .exists()
    )


async def debts_of(session: AsyncSession, *, member_id: UUID) -> dict[str, int]:
    """What they owe, in minor units by currency, where it's anything."""
    found = await accounts_of(session, owner_id=member_id, kinds=(DEBT,))
    return {account.unit: -balance.posted for account, balance in found.items() if balance.posted}


async def collect(session: AsyncSession, *, member_id: UUID, unit: str, actor: str, now: datetime) -> int:
    """Pay from the wallet as much of what the member owes as it has; answers what is still owed, in minor units.

    A frozen wallet pays too: nothing leaves the shop.
    """
    wallet, debt = member_wallet(member_id, unit), member_debt(member_id, unit)
    # A refused posting leaves both accounts locked, so that the second look is exact.
    for _ in range(2):
        found = await balances(session, [wallet.id, debt.id])
        left = _owed(debt, found)
        amount = min(left, found[wallet.id].available if wallet.id in found else 0)
        if amount == 0:
            return left
        collection_id = new_id()
        posting = Posting(
            key=f"collection:{collection_id}",
            kind="transfer",
            entries=(Entry(wallet.id, -amount, unit), Entry(debt.id, amount, unit)),
            cause=Cause("collection", collection_id),
            actor=actor,
            event_at=now,
        )
        (outcome,) = await post(session, [posting])
        if outcome.ok:
            if amount == left:
                await _tell_settled(session, member_id, unit, amount, "wallet", now)
            return left - amount
    raise RuntimeError(f"the debt {debt.id} can't be collected: {outcome.code}")


async def write_off(
    session: AsyncSession, *, member_id: UUID, unit: str, reason: str, actor: str, now: datetime
) -> DebtWriteOff:
    """Give up what a member owes: from then on it's the house's loss. The caller holds the member's row lock.

    Raises NothingOwed.
    """
    amount = await owed(session, member_id=member_id, unit=unit)
    if amount == 0:
        raise NothingOwed("This member owes nothing in this currency.", currency=unit)
    debt, loss = member_debt(member_id, unit), house(BAD_DEBTS, unit)
    made = DebtWriteOff(
        id=new_id(), member_id=member_id, amount=amount, currency=unit, reason=reason, actor=actor, created_at=now
    )
    posting = Posting(
        key=f"write_off:{made.id}",
        kind="transfer",
        entries=(Entry(debt.id, amount, unit), Entry(loss.id, -amount, unit)),
        cause=Cause("write_off", made.id),
        actor=actor,
        event_at=now,
    )
    outcome = await post_opening(session, posting, accounts=[loss])
    if not outcome.ok:
        raise NothingOwed("What this member owed was paid at this moment.", currency=unit)
    made.transfer_id = outcome.transfer_id
    session.add(made)
    await _tell_settled(session, member_id, unit, amount, "write_off", now)
    await session.flush()
    return made


def _owed(debt: Account, found: dict[UUID, Balance]) -> int:
    return -found[debt.id].posted if debt.id in found else 0


async def _tell_settled(
    session: AsyncSession, member_id: UUID, unit: str, amount: int, settled_by: str, now: datetime
) -> None:
    await notify_member(
        session,
        member_id=member_id,
        kind=NoticeKind.DEBT_SETTLED,
        amount=amount,
        currency=unit,
        settled_by=settled_by,
        now=now,
    )
