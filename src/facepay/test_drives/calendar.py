"""When cars of a model are free, day by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.stores.stores import get_open_store
from facepay.test_drives.cars import Car, CarState, get_model
from facepay.test_drives.drives import WITH_CAR, Drive, comes_back

DAYS_MAX = 62


@dataclass(frozen=True, slots=True)
class Day:
    """Cars that nobody has on this day of the store's, from its first minute to its last."""

    day: date
    cars_free: int


async def calendar_of(session: AsyncSession, *, store_id: UUID, model_id: UUID, first: date, days: int) -> list[Day]:
    """Raises StoreNotFound, StoreClosed and CarModelNotFound."""
    store = await get_open_store(session, store_id)
    await get_model(session, model_id)
    zone = ZoneInfo(store.timezone)
    edges = [datetime.combine(first + timedelta(days=each), time(), zone) for each in range(days + 1)]
    is_there = (Car.state == CarState.AVAILABLE) | comes_back()
    lent = Car.store_id == store_id, Car.model_id == model_id, Car.state != CarState.RETIRED, is_there
    cars = set(await session.scalars(select(Car.id).where(*lent)))
    taken = await session.execute(
        select(Drive.car_id, Drive.starts_at, Drive.busy_until).where(
            Drive.car_id.in_(cars),
            Drive.state.in_(WITH_CAR),
            Drive.starts_at < edges[-1],
            Drive.busy_until > edges[0],
        )
    )
    busy = taken.all()
    return [
        Day(
            first + timedelta(days=each),
            len(cars - {car for car, starts, ends in busy if starts < end and ends > start}),
        )
        for each, (start, end) in enumerate(pairwise(edges))
    ]
