"""The operator's board: where the cars are, who comes and what is due today, what is late, and what is to be inspected.

It says numbers and plates, and no names: whoever drives is for whoever opens the drive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.clock import day_start
from facepay.stores.stores import get_store
from facepay.test_drives.cars import Car, CarModel, CarState
from facepay.test_drives.drives import DRIVING, Drive, DriveState
from facepay.test_drives.machines import Slot

SHOWN_MAX = 200
TO_COME = (DriveState.RESERVED, DriveState.OPENING)
TO_INSPECT = (DriveState.RETURNED, DriveState.CLAIMED, DriveState.DISPUTED)


@dataclass(frozen=True, slots=True)
class Entry:
    """A drive as the board shows it; `locker` is where its key is."""

    drive_id: UUID
    number: str
    state: str
    model: str
    plate: str
    starts_at: datetime
    due_at: datetime
    returned_at: datetime | None
    locker: int | None


@dataclass(frozen=True, slots=True)
class DrivesBoard:
    """`cars` counts them by state. Pick-ups and returns are those until the end of the store's day."""

    cars: Mapping[str, int]
    pick_ups: list[Entry]
    returns: list[Entry]
    late: list[Entry]
    inspections: list[Entry]
    at: datetime


async def board_of(session: AsyncSession, *, store_id: UUID, now: datetime) -> DrivesBoard:
    """Raises StoreNotFound."""
    store = await get_store(session, store_id)
    tomorrow = day_start(day_start(now, time_zone=store.timezone) + timedelta(hours=36), time_zone=store.timezone)
    counted = await session.execute(select(Car.state, func.count()).where(Car.store_id == store_id).group_by(Car.state))
    cars = dict.fromkeys(map(str, CarState), 0) | dict(counted.all())
    entries = await _entries(session, store_id)
    return DrivesBoard(
        cars=cars,
        pick_ups=[each for each in entries if each.state in TO_COME and each.starts_at < tomorrow],
        returns=[each for each in entries if each.state == DriveState.OUT and each.due_at < tomorrow],
        late=[each for each in entries if each.state == DriveState.LATE],
        inspections=[each for each in entries if each.state in TO_INSPECT],
        at=now,
    )


async def _entries(session: AsyncSession, store_id: UUID) -> list[Entry]:
    shown = (*TO_COME, *DRIVING, *TO_INSPECT)
    found = await session.execute(
        select(
            Drive.id,
            Drive.number,
            Drive.state,
            CarModel.name,
            Car.plate,
            Drive.starts_at,
            Drive.due_at,
            Drive.returned_at,
            Slot.number,
        )
        .join(Car, Car.id == Drive.car_id)
        .join(CarModel, CarModel.id == Drive.model_id)
        .outerjoin(Slot, Slot.car_id == Car.id)
        .where(Drive.store_id == store_id, Drive.state.in_(shown))
        .order_by(func.coalesce(Drive.returned_at, Drive.due_at), Drive.id)
        .limit(SHOWN_MAX)
    )
    return [Entry(*row) for row in found]
