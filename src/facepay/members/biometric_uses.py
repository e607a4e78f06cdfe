"""Every use that is made of a member's face, so that the member can be shown it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified


class Use(StrEnum):
    """What was done with the face or its templates."""

    ENROLLED = "enrolled"
    RECOGNISED = "recognised"  # at a gate, a kiosk or a lane: `actor` says which
    VERIFIED = "verified"  # compared with the face of whoever was to pay, and was theirs
    STEPPED_UP = "stepped_up"  # a second factor proved what the face had left unsure
    ADAPTED = "adapted"  # a template learnt from a sure match
    REBUILT = "rebuilt"  # templates made anew from the enrolment photo, for another model pack
    EVIDENCE_VIEWED = "evidence_viewed"  # staff looked at a kept frame
    EXPORTED = "exported"
    WITHDRAWN = "withdrawn"


class BiometricUse(Identified, Base):
    """`actor` is who used it (`device:<id>`, `staff:<id>`, `system:<task>`), `reference_id` the decision it was for."""

    __tablename__ = "biometric_use"
    __table_args__ = (
        CheckConstraint("use ~ '^[a-z_]{1,20}$'", name="use_worded"),
        Index("ix_biometric_use_member_id_id", "member_id", "id"),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    use: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(80))
    reference_id: Mapped[UUID | None]
    similarity: Mapped[float | None]
    used_at: Mapped[datetime] = mapped_column(index=True)


def record_use(
    session: AsyncSession,
    *,
    member_id: UUID,
    use: Use,
    actor: str,
    now: datetime,
    reference_id: UUID | None = None,
    similarity: float | None = None,
) -> None:
    """Note a use in the transaction that makes it; written with the session's next flush."""
    session.add(
        BiometricUse(
            member_id=member_id,
            use=use,
            actor=actor,
            reference_id=reference_id,
            similarity=similarity,
            used_at=now,
        )
    )
