"""Looking at the frame of a disputed decision: who, when and why is written down before it is shown."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound
from facepay.members.biometric_uses import Use, record_use
from facepay.review.disputes import get_dispute, hold_members
from facepay.templates.evidence import frame_of
from facepay.templates.protection import Protection


class EvidenceAccess(Identified, Base):
    """Somebody looked at the frame that shows this member, or whoever was taken for them."""

    __tablename__ = "evidence_access"

    dispute_id: Mapped[UUID] = mapped_column(ForeignKey("dispute.id"), index=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), index=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_account.id"))
    reason: Mapped[str] = mapped_column(String(200))
    accessed_at: Mapped[datetime]


class EvidenceNotKept(NotFound):
    """The shop keeps no frames, this decision had none to keep, or it was kept long enough."""

    code = "evidence_not_kept"
    title = "No evidence kept"


async def look_at_evidence(
    session: AsyncSession, *, dispute_id: UUID, protection: Protection, staff_id: UUID, reason: str, now: datetime
) -> bytes:
    """The frame, as JPEG. Raises DisputeNotFound, EvidenceNotKept and GalleryLocked."""
    await hold_members(session, [(await get_dispute(session, dispute_id)).member_id])
    dispute = await get_dispute(session, dispute_id, lock=True)
    found = await frame_of(session, decision_id=dispute.decision_id, protection=protection, now=now)
    if found is None:
        raise EvidenceNotKept("No frame is kept of this decision.")
    member_id, jpeg = found
    session.add(
        EvidenceAccess(dispute_id=dispute.id, member_id=member_id, staff_id=staff_id, reason=reason, accessed_at=now)
    )
    record_use(
        session,
        member_id=member_id,
        use=Use.EVIDENCE_VIEWED,
        actor=f"staff:{staff_id}",
        reference_id=dispute.decision_id,
        now=now,
    )
    await session.flush()
    return jpeg
