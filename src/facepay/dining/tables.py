"""Tables of a restaurant: a screen with a camera, and what of its picture belongs to which seat.

A picture is read from its left to its right, as the screen looks at people; seats are counted the same way unless staff
say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound

SEATS_MAX = 20


class DiningTable(Identified, Base):
    """`merged_into_id` is the table whose party sits at this one too, for as long as it does; this one's seats are
    counted on from `seat_offset` then. A table that was taken away serves nobody.
    """

    __tablename__ = "dining_table"
    __table_args__ = (
        CheckConstraint(f"seats between 1 and {SEATS_MAX}", name="seats_in_bounds"),
        CheckConstraint("(merged_into_id is null) = (seat_offset = 0)", name="offset_while_merged"),
        CheckConstraint("seat_offset >= 0 and merged_into_id <> id", name="merged_into_another"),
        Index("uq_dining_table_name", "store_id", "name", unique=True, postgresql_where=text("removed_at is null")),
        Index("uq_dining_table_device", "device_id", unique=True, postgresql_where=text("removed_at is null")),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    name: Mapped[str] = mapped_column(String(80))
    seats: Mapped[int]
    # Of its own seats, from the first on: {"left", "top", "width", "height"} as shares of the picture; none: equal
    # slices from left to right.
    regions: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("dining_table.id"), index=True)
    seat_offset: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]

    @property
    def leads_id(self) -> UUID:
        """The table at which this one's party is kept."""
        return self.merged_into_id or self.id


class TableNotFound(NotFound):
    """There is no table with this id, or at this device."""

    code = "table_not_found"
    title = "No such table"


async def get_table(session: AsyncSession, table_id: UUID, *, lock: bool = False) -> DiningTable:
    """Raises TableNotFound."""
    table = await session.get(DiningTable, table_id, with_for_update=lock or None)
    if table is None or table.removed_at is not None:
        raise TableNotFound("There is no table with this id.")
    return table


async def table_at(session: AsyncSession, *, device_id: UUID) -> DiningTable:
    """The one that this device stands on. Raises TableNotFound."""
    query = select(DiningTable).where(DiningTable.device_id == device_id, DiningTable.removed_at.is_(None))
    table = await session.scalar(query)
    if table is None:
        raise TableNotFound("Nobody has said yet which table this device stands on.")
    return table


async def tables_led_by(session: AsyncSession, *, table_id: UUID) -> Sequence[DiningTable]:
    """The table itself, and those merged into it, in the order in which their seats are counted."""
    query = select(DiningTable).where((DiningTable.id == table_id) | (DiningTable.merged_into_id == table_id))
    return (await session.scalars(query.order_by(DiningTable.seat_offset))).all()
