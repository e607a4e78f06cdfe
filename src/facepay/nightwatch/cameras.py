"""Cameras: how each one is, and when something last moved before it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base


class CameraState(Base):
    """Of a device that shows what its camera sees, from its first frame on. No picture is kept: `baseline` holds how
    many edges of which direction a 16th of the view has, and how sharp and bright it is.
    """

    __tablename__ = "camera_state"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    last_frame_at: Mapped[datetime]
    last_motion_at: Mapped[datetime | None]
    faults: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))  # each with the time since when
    baseline: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    baseline_at: Mapped[datetime | None]
