"""A store's menu: which products are dishes there, in which section and courses, with what options, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified


class MenuItem(Identified, Base):
    """`courses` are those in which it may be ordered, its usual one first; without a schedule there is always some."""

    __tablename__ = "menu_item"
    __table_args__ = (
        CheckConstraint("cardinality(courses) between 1 and 9", name="has_courses"),
        Index("uq_menu_item_product", "store_id", "product_id", unique=True),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"))
    section: Mapped[str] = mapped_column(String(80))
    position: Mapped[int] = mapped_column(default=0, server_default="0")  # in its section
    courses: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    options: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list, server_default="[]")
    schedule_id: Mapped[UUID | None] = mapped_column(ForeignKey("schedule.id"))
    changed_at: Mapped[datetime]
