"""Schedules over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response, Security
from sqlalchemy import select

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import DeviceClock
from facepay.schedules import schedules
from facepay.schedules.schedules import Schedule, ScheduleNameTaken, ScheduleNotFound
from facepay.schedules.schemas import NewSchedule, ScheduleAnswer, ScheduleChange, ScheduleState
from facepay.schedules.timetables import covers, next_change
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1", tags=["schedules"])
Reader = Annotated[Principal, Security(current_staff, scopes=["stores:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["stores:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.post(
    "/stores/{store_id}/schedules",
    status_code=201,
    summary="Add a schedule",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, ScheduleNameTaken),
)
async def add_schedule(
    store_id: UUID, body: NewSchedule, response: Response, session: Session, _: Writer, now: Now
) -> ScheduleAnswer:
    """Hours by the store's own clock, also on the days on which it changes: an hour that is repeated counts twice,
    one that is skipped doesn't exist. Schedules stay, since rules name them; change those that no longer fit.
    """
    schedule = await schedules.add_schedule(
        session, store_id=store_id, name=body.name, timetable=body.timetable, now=now
    )
    response.headers["Location"] = f"/v1/schedules/{schedule.id}"
    return ScheduleAnswer.model_validate(schedule)


@router.get(
    "/stores/{store_id}/schedules",
    summary="List a store's schedules",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def list_schedules(store_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[ScheduleAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(Schedule).where(Schedule.store_id == store_id)
    return await page(session, query, by=Schedule.id, paging=paging, show=ScheduleAnswer.model_validate)


@router.get("/schedules/{schedule_id}", summary="See a schedule", responses=problems(*REFUSALS, ScheduleNotFound))
async def see_schedule(schedule_id: UUID, session: Session, _: Reader) -> ScheduleAnswer:
    return ScheduleAnswer.model_validate(await schedules.get_schedule(session, schedule_id))


@router.patch(
    "/schedules/{schedule_id}",
    summary="Change a schedule",
    responses=problems(*REFUSALS, ScheduleNotFound, ScheduleNameTaken),
)
async def change_schedule(
    schedule_id: UUID, body: ScheduleChange, session: Session, _: Writer, now: Now
) -> ScheduleAnswer:
    """Whatever is ruled by it is ruled by the new hours from now on."""
    sent = body.model_fields_set
    schedule = await schedules.change_schedule(
        session,
        schedule_id=schedule_id,
        name=body.name if "name" in sent else None,
        timetable=body.timetable if "timetable" in sent else None,
        now=now,
    )
    return ScheduleAnswer.model_validate(schedule)


@router.get(
    "/schedules/{schedule_id}/state",
    summary="See whether a schedule covers a moment",
    responses=problems(*REFUSALS, ScheduleNotFound),
)
async def see_state(
    schedule_id: UUID,
    session: Session,
    _: Reader,
    now: Now,
    at: Annotated[DeviceClock | None, Query(description="By default now.")] = None,
) -> ScheduleState:
    schedule = await schedules.get_schedule(session, schedule_id)
    store = await get_store(session, schedule.store_id)
    moment = at or now
    return ScheduleState(
        at=moment,
        timezone=store.timezone,
        covers=covers(schedule.timetable, moment, store.timezone),
        changes_at=next_change(schedule.timetable, moment, store.timezone),
    )
