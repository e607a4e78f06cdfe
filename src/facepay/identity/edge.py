"""A device with its own engine sends what it saw of a face instead of a frame, signed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base


class SpentNonce(Base):
    """A signed face that was decided on: it counts once."""

    __tablename__ = "spent_nonce"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    nonce: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    spent_at: Mapped[datetime] = mapped_column(index=True)
