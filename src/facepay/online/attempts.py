"""What was tried to prove who pays, and what came of it: no frame, no embedding."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.online.ways import Way


class PaymentAttempt(Identified, Base):
    """`similarity` is to the payer's own templates; it is null where the frames weren't fit to be compared."""

    __tablename__ = "payment_attempt"
    __table_args__ = (CheckConstraint("way in ('face', 'pin')", name="way_known"),)

    intent_id: Mapped[UUID] = mapped_column(ForeignKey("payment_intent.id"), index=True)
    way: Mapped[Way] = mapped_column(String(8))
    code: Mapped[str] = mapped_column(String(40))
    similarity: Mapped[float | None]
    threshold: Mapped[float | None]
    basis: Mapped[str | None] = mapped_column(String(100))  # policy and calibration
    pack: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime]


async def attempts_of(session: AsyncSession, *, intent_id: UUID) -> list[PaymentAttempt]:
    """The newest last."""
    query = select(PaymentAttempt).where(PaymentAttempt.intent_id == intent_id).order_by(PaymentAttempt.id)
    return list(await session.scalars(query))
