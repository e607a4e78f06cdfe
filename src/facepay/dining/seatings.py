"""What a table's camera decided of each face: a record of its own, as every device keeps one."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from facepay.identity.verdicts import WORTH_REVIEW, DeviceDecision
from facepay.kernel.database import Base


class Seating(DeviceDecision, Base):
    """One face at a table, or one pass: a member's seat, a question to them, or a guest's."""

    __tablename__ = "dining_seating"
    __table_args__ = (
        CheckConstraint("decision in ('member', 'guest', 'step_up')", name="decision_known"),
        CheckConstraint("identified_by in ('face', 'pass')", name="identified_by_known"),
        Index("ix_dining_seating_worth_review", "id", postgresql_where=text(WORTH_REVIEW)),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), index=True)
    cover_id: Mapped[UUID] = mapped_column(ForeignKey("dining_cover.id"), index=True)
