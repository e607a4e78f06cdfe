"""On-call lists: whom to call, and when. Who comes first, is called first; hours are those of the store's schedules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import Field
from sqlalchemy import ForeignKey, Index, SmallInteger, String, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified, saved
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.kernel.schemas import Request
from facepay.schedules.schedules import Schedule, covers
from facepay.staff.accounts import StaffAccount
from facepay.stores.stores import Store, get_open_store

SHIFTS_MAX = 50


class OnCallList(Identified, Base):
    __tablename__ = "on_call_list"
    __table_args__ = (Index("uq_on_call_list_name", "store_id", "name", unique=True),)

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(80))


class OnCallShift(Base):
    """Somebody's hours on a list; always, where there is no schedule."""

    __tablename__ = "on_call_shift"

    list_id: Mapped[UUID] = mapped_column(ForeignKey("on_call_list.id"), primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_account.id"))
    schedule_id: Mapped[UUID | None] = mapped_column(ForeignKey("schedule.id"))


class Shift(Request):
    staff_id: UUID
    schedule_id: UUID | None = Field(default=None, description="When they are on call; null is always.")


class OnCallListNotFound(NotFound):
    """There is no on-call list with this id."""

    code = "on_call_list_not_found"
    title = "No such on-call list"


class OnCallListNameTaken(Conflict):
    """Another list of this store has this name."""

    code = "on_call_list_name_taken"
    title = "On-call list's name taken"


class UnknownShift(Problem):
    """A shift names staff or a schedule that the store doesn't have."""

    status = 422
    code = "unknown_shift"
    title = "Nobody to call, or no such hours"


async def add_list(
    session: AsyncSession, *, store_id: UUID, name: str, shifts: Sequence[Shift], by: str, now: datetime
) -> OnCallList:
    """Raises StoreNotFound, StoreClosed, OnCallListNameTaken and UnknownShift."""
    await get_open_store(session, store_id)
    added = OnCallList(store_id=store_id, name=name, created_at=now, changed_at=now, changed_by=by)
    session.add(added)
    await _save(session, added, shifts)
    return added


async def change_list(
    session: AsyncSession, *, list_id: UUID, name: str, shifts: Sequence[Shift], by: str, now: datetime
) -> OnCallList:
    """The shifts take the place of those there were. Raises OnCallListNotFound, OnCallListNameTaken, UnknownShift."""
    changed = await get_list(session, list_id, lock=True)
    changed.name, changed.changed_at, changed.changed_by = name, now, by
    await _save(session, changed, shifts)
    return changed


async def get_list(session: AsyncSession, list_id: UUID, *, lock: bool = False) -> OnCallList:
    """Raises OnCallListNotFound."""
    found = await session.get(OnCallList, list_id, with_for_update=lock or None)
    if found is None:
        raise OnCallListNotFound("There is no on-call list with this id.")
    return found


async def shifts_of(session: AsyncSession, list_id: UUID) -> Sequence[OnCallShift]:
    """In the order in which they are called."""
    of_list = select(OnCallShift).where(OnCallShift.list_id == list_id).order_by(OnCallShift.place)
    return (await session.scalars(of_list)).all()


async def on_call(session: AsyncSession, *, list_id: UUID, at: datetime) -> list[UUID]:
    """The accounts to call, each once, the first of them first; nobody whose access was taken away."""
    shifts = await session.execute(
        select(OnCallShift.staff_id, Schedule, Store.timezone)
        .join(OnCallList, OnCallList.id == OnCallShift.list_id)
        .join(Store, Store.id == OnCallList.store_id)
        .join(StaffAccount, StaffAccount.id == OnCallShift.staff_id)
        .outerjoin(Schedule, Schedule.id == OnCallShift.schedule_id)
        .where(OnCallShift.list_id == list_id, StaffAccount.disabled_at.is_(None))
        .order_by(OnCallShift.place)
    )
    called = (
        staff_id
        for staff_id, schedule, timezone in shifts
        if schedule is None or covers(schedule.timetable, at, timezone)
    )
    return list(dict.fromkeys(called))


async def _save(session: AsyncSession, changed: OnCallList, shifts: Sequence[Shift]) -> None:
    await saved(session, OnCallListNameTaken("Another list of this store has this name."))
    await _check(session, changed.store_id, shifts)
    await session.execute(delete(OnCallShift).where(OnCallShift.list_id == changed.id))
    session.add_all(
        OnCallShift(list_id=changed.id, place=place, **shift.model_dump()) for place, shift in enumerate(shifts)
    )
    await session.flush()


async def _check(session: AsyncSession, store_id: UUID, shifts: Sequence[Shift]) -> None:
    staff_ids = {shift.staff_id for shift in shifts}
    schedule_ids = {shift.schedule_id for shift in shifts if shift.schedule_id is not None}
    staff = await session.scalars(
        select(StaffAccount.id).where(StaffAccount.id.in_(staff_ids), StaffAccount.disabled_at.is_(None))
    )
    schedules = await session.scalars(
        select(Schedule.id).where(Schedule.id.in_(schedule_ids), Schedule.store_id == store_id)
    )
    if unknown := sorted(map(str, (staff_ids - set(staff)) | (schedule_ids - set(schedules)))):
        raise UnknownShift("No staff, or no schedule of this store, has this id.", unknown=unknown)
