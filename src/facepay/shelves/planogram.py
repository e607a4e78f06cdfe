"""Planograms: what lies where on a shelf, what a piece of it weighs, and where the shelf's camera sees it.

A planogram is set as a whole and never changed: the next one is in force from when it was set, and what happened
before, however late it is told, is judged by the one that was in force then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.products import Product
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id
from facepay.stores.devices import DeviceRole, get_device
from facepay.vision.motion import Zone


@dataclass(frozen=True, slots=True)
class Good:
    """A product in a slot: a piece weighs so many grams, give or take a standard deviation; so many lie there, full."""

    product_id: UUID
    sku: str
    unit_weight_grams: float
    tolerance_grams: float
    full_quantity: int


@dataclass(frozen=True, slots=True)
class Slot:
    """A part of a shelf that is weighed by itself.

    `noise_grams` is the standard deviation of a settled change in weight that no goods explain. The zone is a polygon
    in shares of the frame's width and height, from its upper left corner.
    """

    code: str
    noise_grams: float
    goods: tuple[Good, ...]
    capacity_grams: float | None = None
    restock_below: int = 0
    zone: Zone | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """A planogram as it was in force."""

    device_id: UUID
    version: int
    valid_from: datetime
    set_by: str
    slots: tuple[Slot, ...]

    def slot(self, code: str) -> Slot | None:
        return next((slot for slot in self.slots if slot.code == code), None)


class Planogram(Identified, Base):
    __tablename__ = "planogram"
    __table_args__ = (UniqueConstraint("device_id", "version"),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    version: Mapped[int]  # from 1 on; a later version is never valid from an earlier time
    valid_from: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(80))


class ShelfSlot(Identified, Base):
    __tablename__ = "shelf_slot"
    __table_args__ = (
        UniqueConstraint("planogram_id", "code"),
        CheckConstraint("noise_grams > 0 and capacity_grams > 0", name="weighs_something"),
        CheckConstraint("restock_below >= 0", name="restock_not_negative"),
    )

    planogram_id: Mapped[UUID] = mapped_column(ForeignKey("planogram.id"))
    code: Mapped[str] = mapped_column(String(64))
    noise_grams: Mapped[float]
    capacity_grams: Mapped[float | None]
    restock_below: Mapped[int]
    zone: Mapped[list[list[float]] | None] = mapped_column(JSONB(none_as_null=True))


class SlotProduct(Base):
    __tablename__ = "slot_product"
    __table_args__ = (
        CheckConstraint("unit_weight_grams > 0 and tolerance_grams >= 0", name="weighs_something"),
        CheckConstraint("full_quantity > 0", name="holds_something"),
    )

    slot_id: Mapped[UUID] = mapped_column(ForeignKey("shelf_slot.id"), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True, index=True)
    unit_weight_grams: Mapped[float]
    tolerance_grams: Mapped[float]
    full_quantity: Mapped[int]


class NotAShelf(Conflict):
    """The device has another job than to watch a shelf."""

    code = "not_a_shelf"
    title = "Not a shelf"


async def set_planogram(
    session: AsyncSession, *, device_id: UUID, slots: Sequence[Slot], by: str, now: datetime
) -> Shelf:
    """In force from now on; setting again what is in force changes nothing. Raises DeviceNotFound and NotAShelf."""
    device = await get_device(session, device_id, lock=True)
    if device.role != DeviceRole.SHELF:
        raise NotAShelf(f"This device is a {device.role}.", role=device.role)
    before = await _latest(session, device_id)
    if before is not None:
        now = max(now, before.valid_from)
        in_force = await planogram_of(session, device_id=device_id, at=now)
        if in_force is not None and in_force.slots == _in_order(slots):
            return in_force
    version = before.version + 1 if before else 1
    planogram = Planogram(id=new_id(), device_id=device_id, version=version, valid_from=now, set_by=by)
    session.add(planogram)
    await session.flush()
    await _add_slots(session, planogram.id, slots)
    return Shelf(device_id=device_id, version=version, valid_from=now, set_by=by, slots=_in_order(slots))


async def planogram_of(session: AsyncSession, *, device_id: UUID, at: datetime) -> Shelf | None:
    """The one that was in force then; None before the first."""
    query = (
        select(Planogram)
        .where(Planogram.device_id == device_id, Planogram.valid_from <= at)
        .order_by(Planogram.version.desc())
        .limit(1)
    )
    planogram = await session.scalar(query)
    return None if planogram is None else await _shelf(session, planogram)


async def _latest(session: AsyncSession, device_id: UUID) -> Planogram | None:
    query = select(Planogram).where(Planogram.device_id == device_id).order_by(Planogram.version.desc()).limit(1)
    found: Planogram | None = await session.scalar(query)
    return found


async def _add_slots(session: AsyncSession, planogram_id: UUID, slots: Sequence[Slot]) -> None:
    rows = {slot.code: ShelfSlot(id=new_id(), planogram_id=planogram_id, **_columns(slot)) for slot in slots}
    session.add_all(rows.values())
    await session.flush()
    session.add_all(
        SlotProduct(
            slot_id=rows[slot.code].id,
            product_id=good.product_id,
            unit_weight_grams=good.unit_weight_grams,
            tolerance_grams=good.tolerance_grams,
            full_quantity=good.full_quantity,
        )
        for slot in slots
        for good in slot.goods
    )
    await session.flush()


def _columns(slot: Slot) -> dict[str, Any]:
    return {
        "code": slot.code,
        "noise_grams": slot.noise_grams,
        "capacity_grams": slot.capacity_grams,
        "restock_below": slot.restock_below,
        "zone": None if slot.zone is None else [list(point) for point in slot.zone],
    }


async def _shelf(session: AsyncSession, planogram: Planogram) -> Shelf:
    query = (
        select(ShelfSlot, SlotProduct, Product.sku)
        .join(SlotProduct, SlotProduct.slot_id == ShelfSlot.id)
        .join(Product, Product.id == SlotProduct.product_id)
        .where(ShelfSlot.planogram_id == planogram.id)
    )
    goods: dict[ShelfSlot, list[Good]] = defaultdict(list)
    for row, lying, sku in await session.execute(query):
        goods[row].append(
            Good(lying.product_id, sku, lying.unit_weight_grams, lying.tolerance_grams, lying.full_quantity)
        )
    slots = _in_order([_slot(row, those) for row, those in goods.items()])
    return Shelf(planogram.device_id, planogram.version, planogram.valid_from, planogram.set_by, slots)


def _slot(row: ShelfSlot, goods: Sequence[Good]) -> Slot:
    return Slot(
        code=row.code,
        noise_grams=row.noise_grams,
        goods=tuple(goods),
        capacity_grams=row.capacity_grams,
        restock_below=row.restock_below,
        zone=None if row.zone is None else tuple((x, y) for x, y in row.zone),
    )


def _in_order(slots: Sequence[Slot]) -> tuple[Slot, ...]:
    """So that two planograms of the same content are equal."""
    sorted_goods = (replace(slot, goods=tuple(sorted(slot.goods, key=lambda good: good.sku))) for slot in slots)
    return tuple(sorted(sorted_goods, key=lambda slot: slot.code))
