"""What lies on a store's shelves too scarcely, by the planograms in force."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.shelves.planogram import Planogram, ShelfSlot
from facepay.shelves.restock import SlotStock
from facepay.stores.devices import Device, DeviceRole

SLOTS_MAX = 100


@dataclass(frozen=True, slots=True)
class LowSlot:
    """Fewer pieces lie there than are to be."""

    device_id: UUID
    slot: str
    pieces: int
    restock_below: int


async def low_slots(session: AsyncSession, *, store_id: UUID) -> list[LowSlot]:
    """The emptiest first. A slot that nobody has counted yet isn't low."""
    in_force = (
        select(Planogram.id)
        .where(Planogram.device_id == Device.id)
        .order_by(Planogram.version.desc())
        .limit(1)
        .lateral()
    )
    pieces = func.sum(SlotStock.pieces).cast(BigInteger)
    low = (
        select(Device.id, ShelfSlot.code, pieces, ShelfSlot.restock_below)
        .join(in_force, Device.id == Device.id)
        .join(ShelfSlot, ShelfSlot.planogram_id == in_force.c.id)
        .join(SlotStock, (SlotStock.device_id == Device.id) & (SlotStock.slot == ShelfSlot.code))
        .where(
            Device.store_id == store_id,
            Device.role == DeviceRole.SHELF,
            Device.revoked_at.is_(None),
            ShelfSlot.restock_below > 0,
        )
        .group_by(Device.id, ShelfSlot.id)
        .having(pieces < ShelfSlot.restock_below)
        .order_by(pieces, Device.id, ShelfSlot.code)
        .limit(SLOTS_MAX)
    )
    return [LowSlot(*row) for row in await session.execute(low)]
