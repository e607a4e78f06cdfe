"""Approvals: what a family's rules or limits refuse, its payer may let pass once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.families.families import get_dependant, get_family
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound
from facepay.kernel.ids import new_id
from facepay.members.members import holding


class FamilyApproval(Identified, Base):
    """One purchase of a dependant, of so much at most, in which these goods may be; used once, by an order."""

    __tablename__ = "family_approval"
    __table_args__ = (
        CheckConstraint("amount_max > 0 and expires_at > created_at", name="is_for_something"),
        Index("ix_family_approval_unused", "member_id", postgresql_where=text("order_id is null")),
    )

    family_id: Mapped[UUID] = mapped_column(ForeignKey("family.id"), index=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    skus: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    amount_max: Mapped[int]
    approved_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    order_id: Mapped[UUID | None]


class ApprovalNotFound(NotFound):
    """This family has no approval with this id that could still be used."""

    code = "approval_not_found"
    title = "No such approval"


async def approve(
    session: AsyncSession,
    *,
    family_id: UUID,
    member_id: UUID,
    skus: Collection[str],
    amount_max: int,
    lasts: timedelta,
    actor: str,
    now: datetime,
) -> FamilyApproval:
    """Raises FamilyNotFound and NotInFamily."""
    await get_family(session, family_id)
    await session.execute(holding({member_id}))  # they may leave at this moment
    await get_dependant(session, family_id=family_id, member_id=member_id)
    approval = FamilyApproval(
        id=new_id(),
        family_id=family_id,
        member_id=member_id,
        skus=sorted(set(skus)),
        amount_max=amount_max,
        approved_by=actor,
        created_at=now,
        expires_at=now + lasts,
    )
    session.add(approval)
    await session.flush()
    return approval


async def withdraw(session: AsyncSession, *, family_id: UUID, approval_id: UUID, now: datetime) -> None:
    """Before it is used. Raises ApprovalNotFound."""
    approval = await session.get(FamilyApproval, approval_id)
    if approval is not None:
        await session.execute(holding({approval.member_id}))  # they may be using it
        approval = await session.get(FamilyApproval, approval_id, populate_existing=True)
    if approval is None or approval.family_id != family_id or approval.order_id or approval.expires_at <= now:
        raise ApprovalNotFound("This family has no approval with this id that could still be used.")
    await session.delete(approval)
    await session.flush()


async def approval_for(
    session: AsyncSession, *, member_id: UUID, skus: Collection[str], amount: int, now: datetime
) -> FamilyApproval | None:
    """One that lets this purchase pass, the first to expire first. Whoever asks has locked the member's row, so that
    nobody else uses it meanwhile.
    """
    query = (
        select(FamilyApproval)
        .where(
            FamilyApproval.member_id == member_id,
            FamilyApproval.order_id.is_(None),
            FamilyApproval.expires_at > now,
            FamilyApproval.amount_max >= amount,
            FamilyApproval.skus.contains(list(skus)),
        )
        .order_by(FamilyApproval.expires_at, FamilyApproval.id)
        .limit(1)
    )
    return await session.scalar(query)
