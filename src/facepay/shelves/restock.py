"""How many pieces lie in each slot, and staff who fill it up.

The store's stock follows what is sold, returned and delivered. What lies in a slot follows what its shelf weighs: a
piece that was taken and not yet paid for is in stock, and in no slot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import raise_alert
from facepay.alerts.kinds import Severity
from facepay.kernel.database import Base, Identified
from facepay.kernel.ids import new_id
from facepay.shelves.kinds import RESTOCK
from facepay.shelves.planogram import Shelf


class SlotStock(Base):
    """Pieces of a product in a slot, by what its shelf reported since they were last counted. No row: never counted."""

    __tablename__ = "slot_stock"
    __table_args__ = (CheckConstraint("pieces >= 0", name="not_negative"),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    slot: Mapped[str] = mapped_column(String(64), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True)
    pieces: Mapped[int]
    updated_at: Mapped[datetime]


class Restock(Identified, Base):
    """While it lasts, whatever its slots weigh more or less is staff's doing. No slots: the whole shelf."""

    __tablename__ = "restock"
    __table_args__ = (
        CheckConstraint("ends_at > begun_at", name="lasts"),
        Index("ix_restock_device_id_ends_at", "device_id", "ends_at"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    slots: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    begun_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    begun_by: Mapped[str] = mapped_column(String(80))

    def covers(self, slot: str, at: datetime) -> bool:
        return self.begun_at <= at <= self.ends_at and (not self.slots or slot in self.slots)


async def begin_restock(
    session: AsyncSession, *, device_id: UUID, slots: Collection[str], ends_at: datetime, by: str, now: datetime
) -> Restock:
    """Staff fill up these slots from now on, or all of them where none is named."""
    restock = Restock(id=new_id(), device_id=device_id, slots=sorted(slots), begun_at=now, ends_at=ends_at, begun_by=by)
    session.add(restock)
    await session.flush()
    return restock


async def end_restock(session: AsyncSession, *, restock: Restock, now: datetime) -> None:
    """Sooner than was said; ending it again changes nothing."""
    if restock.begun_at < now < restock.ends_at:
        restock.ends_at = now
        await session.flush()


async def count_slot(
    session: AsyncSession, *, device_id: UUID, slot: str, pieces: Mapping[UUID, int], now: datetime
) -> None:
    """What staff counted in a slot just now, by product; from here on the shelf's reports are counted on."""
    row = insert(SlotStock)
    await session.execute(
        row.on_conflict_do_update(
            index_elements=["device_id", "slot", "product_id"],
            set_={"pieces": row.excluded.pieces, "updated_at": row.excluded.updated_at},
        ),
        [
            {"device_id": device_id, "slot": slot, "product_id": product_id, "pieces": counted, "updated_at": now}
            for product_id, counted in sorted(pieces.items())
        ],
    )


TAKE = text("""
with counted as (
    select slot, product_id, moved.pieces
    from slot_stock
    join unnest(cast(:slots as text[]), cast(:products as uuid[]), cast(:pieces as bigint[]))
        as moved (slot, product_id, pieces) using (slot, product_id)
    where device_id = :device_id
    order by slot, product_id
    for update of slot_stock
)
update slot_stock
set pieces = greatest(0, slot_stock.pieces - counted.pieces), updated_at = :now
from counted
where device_id = :device_id and slot_stock.slot = counted.slot and slot_stock.product_id = counted.product_id
""")


async def take_from_slots(
    session: AsyncSession, *, store_id: UUID, shelf: Shelf, taken: Counter[tuple[str, UUID]], now: datetime
) -> None:
    """Count pieces out of their slots, or into them where negative, and ask for more where a slot has too few.

    Rows are locked in the order of their keys.
    """
    moved = sorted((slot, product_id, pieces) for (slot, product_id), pieces in taken.items() if pieces)
    if not moved:
        return
    slots, products, pieces = map(list, zip(*moved, strict=True))
    rows = {"slots": slots, "products": products, "pieces": pieces}
    await session.execute(TAKE, rows | {"device_id": shelf.device_id, "now": now})
    await _ask_for_more(session, store_id, shelf, {slot for slot, _, pieces in moved if pieces > 0}, now)


async def _ask_for_more(
    session: AsyncSession, store_id: UUID, shelf: Shelf, slots: Collection[str], now: datetime
) -> None:
    wanting = [code for code in slots if (slot := shelf.slot(code)) and slot.restock_below]
    if not wanting:
        return
    left = await session.execute(
        select(SlotStock.slot, func.sum(SlotStock.pieces))
        .where(SlotStock.device_id == shelf.device_id, SlotStock.slot.in_(wanting))
        .group_by(SlotStock.slot)
        .order_by(SlotStock.slot)
    )
    for code, pieces in left.all():
        slot = shelf.slot(code)
        if slot is not None and pieces < slot.restock_below:
            await raise_alert(
                session,
                RESTOCK,
                store_id=store_id,
                severity=None if pieces else Severity.WARNING,
                subject=f"{shelf.device_id}/{code}",
                now=now,
                device_id=shelf.device_id,
                slot=code,
                pieces=int(pieces),
                restock_below=slot.restock_below,
            )
