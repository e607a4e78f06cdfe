"""Tables of a restaurant: a screen with a camera, and what of its picture belongs to which seat.

A picture is read from its left to its right, as the screen looks at people; seats are counted the same way unless staff
say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Uuid, column, select, table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.dining.regions import Region, slices
from facepay.kernel.database import Base, Identified, saved
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.stores.devices import DeviceRole, get_device
from facepay.stores.stores import get_open_store

SEATS_MAX = 20
# Parties are in a file above this one.
PARTY = table("dining_party", column("id", Uuid()), column("table_id", Uuid()), column("closed_at"))


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
    def boxes(self) -> list[Region]:
        """The regions of its own seats, from the first on."""
        return slices(self.seats) if self.regions is None else [Region.model_validate(each) for each in self.regions]

    @property
    def leads_id(self) -> UUID:
        """The table at which this one's party is kept."""
        return self.merged_into_id or self.id


class NotATable(Conflict):
    """Only a device of this store with the role `table` stands on one."""

    code = "device_not_a_table"
    title = "Not a table's device"


class TableTaken(Conflict):
    """Another table of this store has this name, or stands under this device."""

    code = "table_taken"
    title = "Table taken"


class TableOccupied(Conflict):
    """Somebody sits there, or a party reaches there from another table."""

    code = "table_occupied"
    title = "Table occupied"


class RegionsDontFit(Problem):
    """Each seat has one region."""

    status = 422
    code = "regions_dont_fit"
    title = "Regions don't fit"


class TableNotFound(NotFound):
    """There is no table with this id, or at this device."""

    code = "table_not_found"
    title = "No such table"


async def add_table(
    session: AsyncSession,
    *,
    store_id: UUID,
    device_id: UUID,
    name: str,
    seats: int,
    regions: Sequence[Region] | None,
    now: datetime,
) -> DiningTable:
    """Raises StoreNotFound, StoreClosed, DeviceNotFound, NotATable, RegionsDontFit and TableTaken."""
    await get_open_store(session, store_id)
    await _check_device(session, store_id, device_id)
    stands = {"store_id": store_id, "device_id": device_id, "created_at": now, "changed_at": now}
    table = DiningTable(name=name, seats=seats, regions=_kept(regions, seats), **stands)
    session.add(table)
    await saved(session, TableTaken("Another table has this name or device."))
    return table


async def change_table(
    session: AsyncSession, *, store_id: UUID, table_id: UUID, changes: Mapping[str, Any], now: datetime
) -> DiningTable:
    """Set name, device_id, seats or regions; other seats have equal slices unless regions come along.

    Raises TableNotFound, DeviceNotFound, NotATable, RegionsDontFit, TableTaken, and TableOccupied for all but a name.
    """
    table = await get_table(session, table_id, store_id=store_id, lock=True)
    if changes.keys() - {"name"}:
        await _check_free(session, table)
    if "device_id" in changes:
        await _check_device(session, store_id, changes["device_id"])
    seats = changes.get("seats", table.seats)
    if "regions" in changes or seats != table.seats:
        table.regions = _kept(changes.get("regions"), seats)
    table.name, table.device_id = changes.get("name", table.name), changes.get("device_id", table.device_id)
    table.seats, table.changed_at = seats, now
    await saved(session, TableTaken("Another table has this name or device."))
    return table


async def remove_table(session: AsyncSession, *, store_id: UUID, table_id: UUID, now: datetime) -> None:
    """It serves nobody from now on; its parties stay on record. Raises TableNotFound and TableOccupied."""
    table = await get_table(session, table_id, store_id=store_id, lock=True)
    await _check_free(session, table)
    table.removed_at = now
    await session.flush()


async def get_table(
    session: AsyncSession, table_id: UUID, *, store_id: UUID | None = None, lock: bool = False
) -> DiningTable:
    """Of this store, where one is named. Tables are locked before parties, in id order. Raises TableNotFound."""
    table = await session.get(DiningTable, table_id, with_for_update=lock or None, populate_existing=lock)
    if table is None or table.removed_at is not None or store_id not in (None, table.store_id):
        raise TableNotFound("There is no table with this id.")
    return table


async def table_at(session: AsyncSession, *, device_id: UUID, lock: bool = False) -> DiningTable:
    """The one that this device stands on. Raises TableNotFound."""
    query = select(DiningTable).where(DiningTable.device_id == device_id, DiningTable.removed_at.is_(None))
    table = await session.scalar(query.with_for_update() if lock else query)
    if table is None:
        raise TableNotFound("Nobody has said yet which table this device stands on.")
    return table


async def tables_led_by(session: AsyncSession, *, table_id: UUID) -> Sequence[DiningTable]:
    """The table itself, and those merged into it, in the order in which their seats are counted."""
    query = select(DiningTable).where((DiningTable.id == table_id) | (DiningTable.merged_into_id == table_id))
    return (await session.scalars(query.order_by(DiningTable.seat_offset))).all()


async def _check_device(session: AsyncSession, store_id: UUID, device_id: UUID) -> None:
    device = await get_device(session, device_id)
    if device.store_id != store_id or device.role != DeviceRole.TABLE or device.revoked_at is not None:
        raise NotATable("Register a device with the role table in this store first.")


async def _check_free(session: AsyncSession, table: DiningTable) -> None:
    open_there = select(PARTY.c.id).where(PARTY.c.table_id == table.id, PARTY.c.closed_at.is_(None))
    led = select(DiningTable.id).where(DiningTable.merged_into_id == table.id)
    if table.merged_into_id or await session.scalar(open_there) or await session.scalar(led.limit(1)):
        raise TableOccupied("Somebody sits at this table.")


def _kept(regions: Sequence[Region] | None, seats: int) -> list[dict[str, Any]] | None:
    if regions is None:
        return None
    if len(regions) != seats:
        raise RegionsDontFit("Give one region for each seat.", seats=seats, regions=len(regions))
    return [region.model_dump() for region in regions]
