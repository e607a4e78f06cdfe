"""What shelves report: settled changes of weight, each once, and who moved a hand where at that time."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified


class ShelfEvent(Identified, Base):
    """One change of one slot. `at` is when it happened by our clock, `said_at` by the device's; `run` tells one run of
    the device's sequence from the next. `finding` is what was made of it.
    """

    __tablename__ = "shelf_event"
    __table_args__ = (
        UniqueConstraint("device_id", "run", "sequence"),
        Index("ix_shelf_event_store_id_id", "store_id", "id"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    run: Mapped[str] = mapped_column(String(64))
    sequence: Mapped[int]
    slot: Mapped[str] = mapped_column(String(64))
    said_at: Mapped[datetime]
    at: Mapped[datetime]
    received_at: Mapped[datetime]
    delta_grams: Mapped[float]
    noise_grams: Mapped[float | None]
    hand: Mapped[bool | None]
    finding: Mapped[str] = mapped_column(String(16))


class ShelfMotion(Identified, Base):
    """Something moved in a slot's zone of a camera's picture. No picture is kept, and this only for a day."""

    __tablename__ = "shelf_motion"
    __table_args__ = (Index("ix_shelf_motion_device_id_ended_at", "device_id", "ended_at"),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    slot: Mapped[str] = mapped_column(String(64))
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    hand: Mapped[bool]


class ShelfPresence(Identified, Base):
    """Whose visit a face before a shelf belongs to. Kept for a day."""

    __tablename__ = "shelf_presence"
    __table_args__ = (Index("ix_shelf_presence_device_id_seen_at", "device_id", "seen_at"),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visit.id"), index=True)
    seen_at: Mapped[datetime]
    similarity: Mapped[float]
