"""Deliveries: one for each event and endpoint that hears it, tried until it succeeds or is given up."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base

WAITING = text("state = 'waiting'")


class WebhookDelivery(Base):
    """While one is being sent, `due_at` is when to try again should nobody live to say what became of it."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint("state in ('waiting', 'delivered', 'dead')", name="state_known"),
        Index("ix_webhook_delivery_due", "endpoint_id", "due_at", postgresql_where=WAITING),
        Index("ix_webhook_delivery_turn", "endpoint_id", "subject_id", "number", postgresql_where=WAITING),
    )

    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoint.id"), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(
        ForeignKey("webhook_event.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    number: Mapped[int]  # the event's, as is the subject
    subject_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(String(9))
    attempts: Mapped[int]
    due_at: Mapped[datetime]
    attempted_at: Mapped[datetime | None]  # the last time, as is all that follows
    status: Mapped[int | None]
    failure: Mapped[str | None] = mapped_column(String(40))
    duration_ms: Mapped[int | None]
    excerpt: Mapped[str | None] = mapped_column(String(500))
