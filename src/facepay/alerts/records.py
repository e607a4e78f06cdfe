"""Alerts and their sightings as they are kept, and what they wake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.kinds import NAME_MAX
from facepay.kernel.database import Base, Identified

SUBJECT_MAX = 200
OPEN = "resolved_at is null"
TOPIC = "alerts"  # wakes whoever acts on new alerts, and on those that became graver
SIGHTINGS = "alert_sightings"


def alerts_of(store_id: UUID) -> str:
    """The topic that wakes whoever watches a store."""
    return f"{TOPIC}:{store_id}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Which record shows it: its kind, such as `gate_attempt`, and its id."""

    kind: str
    id: UUID


class Alert(Identified, Base):
    """`subject` is what it is about, such as a tag or a slot; one alert of a kind is open about it at a time.

    Device, details and evidence are of the last time, and never of a member.
    """

    __tablename__ = "alert"
    __table_args__ = (
        CheckConstraint("severity between 1 and 3", name="severity_known"),
        CheckConstraint("times > 0", name="seen"),
        CheckConstraint("(resolved_at is null) = (resolved_by is null)", name="resolved_by_somebody"),
        CheckConstraint("(evidence_id is null) = (evidence_kind is null)", name="evidence_of_a_kind"),
        CheckConstraint("(level > 0) = (escalated_at is not null)", name="escalated_to_a_level"),
        Index("uq_alert_open", "store_id", "kind", "subject", unique=True, postgresql_where=text(OPEN)),
        Index("ix_alert_store_id_id", "store_id", "id"),
        Index(
            "ix_alert_unacknowledged",
            "store_id",
            "raised_at",
            postgresql_where=text("resolved_at is null and acknowledged_at is null"),
        ),
        Index("ix_alert_reacted_at", "id", postgresql_where=text("reacted_at is null")),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    device_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"))
    kind: Mapped[str] = mapped_column(String(NAME_MAX))
    severity: Mapped[int] = mapped_column(SmallInteger)
    subject: Mapped[str] = mapped_column(String(SUBJECT_MAX))
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    evidence_kind: Mapped[str | None] = mapped_column(String(40))
    evidence_id: Mapped[UUID | None]
    times: Mapped[int] = mapped_column(default=1)
    raised_at: Mapped[datetime]
    last_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(80))
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None] = mapped_column(String(80))
    note: Mapped[str | None] = mapped_column(String(200))
    reacted_at: Mapped[datetime | None]  # when the store's reactions to it were carried out
    escalated_at: Mapped[datetime | None]
    level: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))  # of escalation


class AlertSighting(Identified, Base):
    """That an alert was seen once more, until it is counted there: writing it down waits for nobody."""

    __tablename__ = "alert_sighting"
    __table_args__ = (
        CheckConstraint("severity between 1 and 3", name="severity_known"),
        Index("ix_alert_sighting_store_id_kind_subject", "store_id", "kind", "subject"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    device_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"))
    kind: Mapped[str] = mapped_column(String(NAME_MAX))
    severity: Mapped[int] = mapped_column(SmallInteger)
    subject: Mapped[str] = mapped_column(String(SUBJECT_MAX))
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    evidence_kind: Mapped[str | None] = mapped_column(String(40))
    evidence_id: Mapped[UUID | None]
    at: Mapped[datetime]
