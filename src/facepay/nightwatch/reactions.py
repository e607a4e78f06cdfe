"""Reactions: what a store's devices do by themselves when an alert is raised."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, String, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified


class Reaction(Identified, Base):
    """A rule: `steps` say what which devices are told, whenever a new alert of this kind is at least so severe."""

    __tablename__ = "reaction"
    __table_args__ = (
        CheckConstraint("severity_min between 1 and 3", name="severity_known"),
        CheckConstraint("cooldown_seconds >= 0", name="cooldown_lasts"),
        Index("ix_reaction_store_id_id", "store_id", "id"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    name: Mapped[str] = mapped_column(String(200))
    alert_kind: Mapped[str] = mapped_column(String(40))
    severity_min: Mapped[int] = mapped_column(SmallInteger)
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    cooldown_seconds: Mapped[int]
    enabled: Mapped[bool]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class ReactionOutcome(Identified, Base):
    """What came of a rule for one alert at one device; `numbers` are those of its commands."""

    __tablename__ = "reaction_outcome"
    __table_args__ = (
        CheckConstraint("outcome in ('issued', 'cooling_down', 'too_late', 'failed')", name="outcome_known"),
        CheckConstraint("(outcome = 'failed') = (failure is not null)", name="failed_for_a_reason"),
        Index("uq_reaction_outcome_once", "reaction_id", "alert_id", "device_id", unique=True),
        Index("ix_reaction_outcome_issued", "reaction_id", "device_id", "at", postgresql_where=text("numbers <> '{}'")),
    )

    reaction_id: Mapped[UUID] = mapped_column(ForeignKey("reaction.id"))
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alert.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    outcome: Mapped[str] = mapped_column(String(16))
    numbers: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    failure: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]
