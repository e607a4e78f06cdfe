"""Offline passes: a member's signed promise, which any device checks by itself.

Unlike a one-time pass it can be read, and shown, more than once: the same pass lets its member in, pays and lets them
out. What is paid with it at devices that don't hear of each other may come to more than it promised; that shows when
their queues arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.identity.passes import MemberBlocked
from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id
from facepay.members.freezes import WalletFreeze, hold_thawed
from facepay.members.members import Member, MemberStatus, get_member
from facepay.offline.documents import Pass, whole_seconds
from facepay.wallet.debts import in_debt, owed

# Queues arrive late; without its row, a pass is unknown.
KEPT_FOR = timedelta(days=90)
# One a phone, and one to spare: each promises its amount again.
PASSES_MAX = 3


class OfflinePass(Identified, Base):
    """`spent` is what was charged to it so far, in minor units."""

    __tablename__ = "offline_pass"
    __table_args__ = (CheckConstraint("spent between 0 and amount_max", name="spent_within_amount"),)

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), index=True)
    currency: Mapped[str] = mapped_column(String(3))
    amount_max: Mapped[int]
    spent: Mapped[int] = mapped_column(default=0)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]

    @property
    def left(self) -> int:
        return self.amount_max - self.spent


class DebtUnpaid(Conflict):
    """The member owes for an earlier purchase, and gets no credit before that is paid."""

    code = "debt_unpaid"
    title = "Debt unpaid"


class FamilyPays(Conflict):
    """Without network no device can ask what a family lets its dependants buy, so they get no pass for it."""

    code = "family_pays"
    title = "A family pays"


class TooManyPasses(Conflict):
    """The member has as many passes in force as may be: let them expire, or revoke them."""

    code = "too_many_passes"
    title = "Too many passes"


async def issue_pass(
    session: AsyncSession, *, member_id: UUID, currency: str, amount_max: int, lasts: timedelta, now: datetime
) -> Pass:
    """A new pass beside the member's others.

    Raises MemberNotFound, MemberBlocked, FamilyPays, WalletFrozen, DebtUnpaid and TooManyPasses.
    """
    await hold_thawed(session, member_id=member_id)
    member = await get_member(session, member_id)
    if not member.is_active:
        raise MemberBlocked("This member is blocked.")
    if member.payer_id is not None:
        raise FamilyPays("Somebody else pays for this member, within limits that no device knows without network.")
    if debt := await owed(session, member_id=member_id, unit=currency):
        raise DebtUnpaid("The member owes for an earlier purchase.", owed=debt)
    in_force = select(func.count()).where(
        OfflinePass.member_id == member_id, OfflinePass.revoked_at.is_(None), OfflinePass.expires_at > now
    )
    if await session.scalar(in_force) == PASSES_MAX:
        raise TooManyPasses(f"A member has at most {PASSES_MAX} passes in force.", passes_max=PASSES_MAX)
    issued = Pass(
        id=new_id(),
        issued_at=whole_seconds(now),
        expires_at=whole_seconds(now + lasts),
        currency=currency,
        member_id=member_id,
        amount_max=amount_max,
    )
    session.add(OfflinePass(**issued.model_dump()))
    await session.flush()
    return issued


async def revoke_passes(session: AsyncSession, *, member_id: UUID, now: datetime) -> None:
    """All of a member's: devices refuse them from their next policy on."""
    await session.execute(
        update(OfflinePass)
        .where(OfflinePass.member_id == member_id, OfflinePass.revoked_at.is_(None), OfflinePass.expires_at > now)
        .values(revoked_at=now)
    )


async def unwelcome_passes(session: AsyncSession, *, now: datetime, limit: int) -> Sequence[UUID]:
    """Passes not yet expired that were revoked or used up, or whose member is blocked, owes something, has their wallet
    frozen, or belongs to a family since.
    """
    frozen = exists().where(WalletFreeze.member_id == OfflinePass.member_id, WalletFreeze.thawed_at.is_(None))
    found = await session.scalars(
        select(OfflinePass.id)
        .join(Member, Member.id == OfflinePass.member_id)
        .where(
            OfflinePass.expires_at > now,
            or_(
                OfflinePass.revoked_at.is_not(None),
                OfflinePass.spent >= OfflinePass.amount_max,
                Member.status != MemberStatus.ACTIVE,
                Member.payer_id.is_not(None),
                frozen,
                in_debt(OfflinePass.member_id, unit=OfflinePass.currency),
            ),
        )
        .order_by(OfflinePass.id)
        .limit(limit)
    )
    return found.all()


async def forget_offline_passes(database: Database, *, now: datetime) -> None:
    """Drop what expired so long ago that no queue can still hold it."""
    async with database.begin() as session:
        await session.execute(delete(OfflinePass).where(OfflinePass.expires_at < now - KEPT_FOR))
