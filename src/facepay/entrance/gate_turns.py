"""Conversations at a gate: one person's frames, as many as it takes, until they are let through or not."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from facepay.entrance.turns import Turn, turn_indexes
from facepay.kernel.database import Base

Authentication = Literal["accepted", "denied", "processing"]


class GateTurn(Turn, Base):
    """One turn at a gate, and who comes along in it."""

    __tablename__ = "gate_turn"
    __table_args__ = (
        *turn_indexes("gate_turn"),
        CheckConstraint("direction in ('entry', 'exit')", name="direction_known"),
    )

    direction: Mapped[str] = mapped_column(String(8))
    guests: Mapped[int] = mapped_column(server_default="0")
    group_id: Mapped[UUID | None] = mapped_column(ForeignKey("visit_group.id"))
    # The attempt that decided, or that waits for a second factor.
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("gate_attempt.id"))
    accepted: Mapped[bool] = mapped_column(server_default="false")

    @property
    def authentication(self) -> Authentication:
        if self.ended_at is None:
            return "processing"
        return "accepted" if self.accepted else "denied"
