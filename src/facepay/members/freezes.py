"""Frozen wallets: nothing goes out until staff thaw them. What comes in (top-ups, refunds of orders) still does."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound
from facepay.members.members import get_member


class WalletFreeze(Identified, Base):
    """The rows stay when a wallet is thawed: who froze it, why, and for how long."""

    __tablename__ = "wallet_freeze"
    __table_args__ = (
        CheckConstraint("(thawed_at is null) = (thawed_by is null)", name="thawed_by_someone"),
        Index("uq_wallet_freeze_member_id", "member_id", unique=True, postgresql_where=text("thawed_at is null")),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    reason: Mapped[str] = mapped_column(String(200))
    frozen_by: Mapped[str] = mapped_column(String(80))
    frozen_at: Mapped[datetime]
    thawed_by: Mapped[str | None] = mapped_column(String(80))
    thawed_at: Mapped[datetime | None]


class WalletFrozen(Conflict):
    """The wallet is frozen: nothing goes out of it."""

    code = "wallet_frozen"
    title = "Wallet frozen"


class WalletNotFrozen(NotFound):
    """The wallet isn't frozen."""

    code = "wallet_not_frozen"
    title = "Wallet not frozen"


async def freeze(session: AsyncSession, *, member_id: UUID, reason: str, actor: str, now: datetime) -> WalletFreeze:
    """Once it's committed, no payment goes out any more, those under way included. Repeating it changes nothing.

    Raises MemberNotFound.
    """
    await get_member(session, member_id, lock=True)
    frozen = await current_freeze(session, member_id=member_id)
    if frozen is None:
        frozen = WalletFreeze(member_id=member_id, reason=reason, frozen_by=actor, frozen_at=now)
        session.add(frozen)
        await session.flush()
    return frozen


async def thaw(session: AsyncSession, *, member_id: UUID, actor: str, now: datetime) -> None:
    """Raises MemberNotFound and WalletNotFrozen."""
    await get_member(session, member_id, lock=True)
    frozen = await current_freeze(session, member_id=member_id)
    if frozen is None:
        raise WalletNotFrozen("This wallet isn't frozen.")
    frozen.thawed_by, frozen.thawed_at = actor, now
    await session.flush()


async def current_freeze(session: AsyncSession, *, member_id: UUID) -> WalletFreeze | None:
    """Holds until the transaction ends for whoever has locked the member's row."""
    return await session.scalar(
        select(WalletFreeze).where(WalletFreeze.member_id == member_id, WalletFreeze.thawed_at.is_(None))
    )


async def hold_thawed(session: AsyncSession, *, member_id: UUID) -> None:
    """Keep the wallet from being frozen until the transaction ends. Raises MemberNotFound and WalletFrozen."""
    await get_member(session, member_id, lock=True)
    if await current_freeze(session, member_id=member_id) is not None:
        raise WalletFrozen("This wallet is frozen: nothing goes out of it.")
