"""Refusals: what a family's rules or limits kept somebody from buying. The payer is told, and may approve it once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.families.purses import Purse
from facepay.kernel.database import Base, Identified
from facepay.kernel.ids import new_id
from facepay.notices.notices import NoticeKind, notify_member

# A lane asks again with every frame, and whoever is refused may try once more: that is told once.
TOLD_AGAIN_AFTER = timedelta(minutes=10)


class FamilyRefusal(Identified, Base):
    """`amount` is what the whole basket costs; `skus` are those that a rule is about, none where it is the hour or a
    limit.
    """

    __tablename__ = "family_refusal"
    __table_args__ = (Index("ix_family_refusal_member_id_refused_at", "member_id", "refused_at"),)

    family_id: Mapped[UUID] = mapped_column(ForeignKey("family.id"), index=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    code: Mapped[str] = mapped_column(String(40))
    skus: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    refused_at: Mapped[datetime]


async def note_refusal(
    session: AsyncSession,
    *,
    purse: Purse,
    store_id: UUID,
    code: str,
    skus: Collection[str],
    amount: int,
    currency: str,
    now: datetime,
) -> None:
    """The payer hears of it, once for as long as the same is tried again. The buyer is locked."""
    assert purse.family_id is not None, "only a family refuses"
    same = select(FamilyRefusal.id).where(
        FamilyRefusal.member_id == purse.buyer.id,
        FamilyRefusal.refused_at > now - TOLD_AGAIN_AFTER,
        FamilyRefusal.store_id == store_id,
        FamilyRefusal.code == code,
        FamilyRefusal.skus == list(skus),
        FamilyRefusal.amount == amount,
    )
    if await session.scalar(same.limit(1)):
        return
    refusal = FamilyRefusal(
        id=new_id(),
        family_id=purse.family_id,
        member_id=purse.buyer.id,
        store_id=store_id,
        code=code,
        skus=list(skus),
        amount=amount,
        currency=currency,
        refused_at=now,
    )
    session.add(refusal)
    await notify_member(
        session,
        member_id=purse.payer.id,
        kind=NoticeKind.FAMILY_REFUSED,
        amount=amount,
        currency=currency,
        refusal_id=str(refusal.id),
        code=code,
        skus=list(skus),
        now=now,
    )
    await session.flush()
