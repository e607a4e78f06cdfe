"""Schedules: a store's timetables, each under a name, so that rules everywhere in the house mean the same hours.

A schedule is changed and never deleted: policies, profiles and records name it, and a rule whose hours went missing
would open doors or shut them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified, saved
from facepay.kernel.errors import Conflict, NotFound
from facepay.schedules.timetables import Timetable, covers, next_change
from facepay.stores.stores import get_open_store

__all__ = ["Schedule", "ScheduleNameTaken", "ScheduleNotFound", "Timetable", "covers", "get_schedule", "next_change"]


class Schedule(Identified, Base):
    __tablename__ = "schedule"
    __table_args__ = (Index("uq_schedule_name", "store_id", "name", unique=True),)

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    name: Mapped[str] = mapped_column(String(200))
    hours: Mapped[dict[str, Any]] = mapped_column("timetable", JSONB)
    version: Mapped[int] = mapped_column(default=1)  # of the timetable
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    @property
    def timetable(self) -> Timetable:
        return Timetable.model_validate(self.hours)


class ScheduleNotFound(NotFound):
    """There is no schedule with this id."""

    code = "schedule_not_found"
    title = "No such schedule"


class ScheduleNameTaken(Conflict):
    """Another schedule of this store has this name."""

    code = "schedule_name_taken"
    title = "Schedule name taken"


async def add_schedule(
    session: AsyncSession, *, store_id: UUID, name: str, timetable: Timetable, now: datetime
) -> Schedule:
    """Raises StoreNotFound, StoreClosed and ScheduleNameTaken."""
    store = await get_open_store(session, store_id)
    schedule = Schedule(
        store_id=store.id, name=name, hours=timetable.model_dump(mode="json"), created_at=now, changed_at=now
    )
    session.add(schedule)
    await _save(session)
    return schedule


async def change_schedule(
    session: AsyncSession, *, schedule_id: UUID, name: str | None, timetable: Timetable | None, now: datetime
) -> Schedule:
    """What is None stays; another timetable is another version. Raises ScheduleNotFound and ScheduleNameTaken."""
    schedule = await get_schedule(session, schedule_id, lock=True)
    if name is not None:
        schedule.name = name
    if timetable is not None and timetable != schedule.timetable:
        schedule.hours, schedule.version = timetable.model_dump(mode="json"), schedule.version + 1
    schedule.changed_at = now
    await _save(session)
    return schedule


async def get_schedule(session: AsyncSession, schedule_id: UUID, *, lock: bool = False) -> Schedule:
    """Raises ScheduleNotFound."""
    schedule = await session.get(Schedule, schedule_id, with_for_update=lock or None)
    if schedule is None:
        raise ScheduleNotFound("There is no schedule with this id.")
    return schedule


async def _save(session: AsyncSession) -> None:
    await saved(session, ScheduleNameTaken("Another schedule of this store has this name."))
