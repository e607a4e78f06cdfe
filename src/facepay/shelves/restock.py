"""How many pieces lie in each slot, and who has to fill it up."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base


class SlotStock(Base):
    """Pieces of a product in a slot, by what its shelf reported since it was last filled or counted."""

    __tablename__ = "slot_stock"
    __table_args__ = (CheckConstraint("pieces >= 0", name="not_negative"),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    slot: Mapped[str] = mapped_column(String(64), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True)
    pieces: Mapped[int]
    updated_at: Mapped[datetime]
