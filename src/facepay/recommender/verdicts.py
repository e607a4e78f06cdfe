"""What members said of products, and what is left of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base


class Verdict(StrEnum):
    LIKED = "liked"
    DISLIKED = "disliked"  # never suggested again, until they say otherwise
    TRIED_ON = "tried_on"


class Feedback(Base):
    """A member's last word on a product."""

    __tablename__ = "product_feedback"
    __table_args__ = (CheckConstraint("verdict in ('liked', 'disliked', 'tried_on')", name="verdict_known"),)

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True, index=True)
    verdict: Mapped[Verdict] = mapped_column(String(16))
    given_at: Mapped[datetime]


async def forget_liked(session: AsyncSession, *, member_id: UUID) -> None:
    """What they like and tried on; what they dislike stays so. The caller holds the member's row."""
    spoken = Feedback.verdict != Verdict.DISLIKED
    await session.execute(delete(Feedback).where(Feedback.member_id == member_id, spoken))


async def forget_all_said(session: AsyncSession, *, member_id: UUID) -> None:
    """The caller holds the member's row."""
    await session.execute(delete(Feedback).where(Feedback.member_id == member_id))
