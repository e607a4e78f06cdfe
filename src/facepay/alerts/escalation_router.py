"""On-call lists, escalation and response times over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response, Security
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts import escalation, oncall
from facepay.alerts.alerts import AlertNotFound, get_alert
from facepay.alerts.escalation import AlertEscalation, EscalationPlan, Plan, PlanTwice
from facepay.alerts.kinds import AlertKindsOf, SeverityName, UnknownAlertKind
from facepay.alerts.oncall import (
    SHIFTS_MAX,
    OnCallList,
    OnCallListNameTaken,
    OnCallListNotFound,
    Shift,
    UnknownShift,
)
from facepay.alerts.response_times import PeriodEmpty, response_times
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer, DeviceClock, Line, Request
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1", tags=["alerts"])
Reader = Annotated[Principal, Security(current_staff, scopes=["security:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["security:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)
PLANS_MAX = 100
REPORTED_BY_DEFAULT = timedelta(days=30)


class OnCallListBody(Request):
    name: Annotated[Line, Field(examples=["Night"])]
    shifts: Annotated[list[Shift], Field(max_length=SHIFTS_MAX, description="Who is called first comes first.")]


class ShiftAnswer(Answer):
    staff_id: UUID
    schedule_id: UUID | None


class OnCallListAnswer(Answer):
    id: UUID
    store_id: UUID
    name: str
    shifts: list[ShiftAnswer]
    now_on_call: Annotated[list[UUID], Field(description="Accounts, the first of them first.")]
    created_at: datetime
    changed_at: datetime
    changed_by: str


class Escalation(Request):
    plans: Annotated[list[Plan], Field(max_length=PLANS_MAX)]


class PlanAnswer(Answer):
    alert_kind: str | None
    severity_min: SeverityName
    steps: list[escalation.EscalationStep]


class EscalationAnswer(Answer):
    plans: list[PlanAnswer]


class StepAnswer(Answer):
    level: int
    on_call_list_id: UUID
    staff_ids: Annotated[list[UUID], Field(description="Who was on call then; nobody, and the next step came at once.")]
    at: datetime


class TimesAnswer(Answer):
    half: Annotated[float | None, Field(description="Seconds, in half of the cases no more.")]
    most: Annotated[float | None, Field(description="Seconds, in 95 of 100 cases no more.")]


class ResponseTimesAnswer(Answer):
    kind: str
    severity: SeverityName
    raised: int
    acknowledged: int
    resolved: Annotated[int, Field(description="By staff.")]
    ended_by_itself: int
    escalated: int
    to_acknowledge: TimesAnswer
    to_resolve: Annotated[TimesAnswer, Field(description="Of those that staff resolved.")]


@router.post(
    "/stores/{store_id}/on-call-lists",
    status_code=201,
    summary="Add an on-call list",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, OnCallListNameTaken, UnknownShift),
)
async def add_list(
    store_id: UUID, body: OnCallListBody, response: Response, session: Session, staff: Writer, now: Now
) -> OnCallListAnswer:
    """Hours are those of the store's schedules, by its own clock."""
    by = f"staff:{staff.id}"
    added = await oncall.add_list(session, store_id=store_id, name=body.name, shifts=body.shifts, by=by, now=now)
    response.headers["Location"] = f"/v1/on-call-lists/{added.id}"
    return await _shown(session, added, now)


@router.get(
    "/stores/{store_id}/on-call-lists",
    summary="List a store's on-call lists",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def list_lists(store_id: UUID, session: Session, _: Reader, now: Now, paging: Paging) -> Page[OnCallListAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(OnCallList).where(OnCallList.store_id == store_id)
    found = await rows_of_page(session, query, by=OnCallList.id, paging=paging)
    return found.shown([await _shown(session, each, now) for each in found.rows])


@router.get(
    "/on-call-lists/{list_id}", summary="See an on-call list", responses=problems(*REFUSALS, OnCallListNotFound)
)
async def see_list(list_id: UUID, session: Session, _: Reader, now: Now) -> OnCallListAnswer:
    return await _shown(session, await oncall.get_list(session, list_id), now)


@router.put(
    "/on-call-lists/{list_id}",
    summary="Set an on-call list",
    responses=problems(*REFUSALS, OnCallListNotFound, OnCallListNameTaken, UnknownShift),
)
async def change_list(
    list_id: UUID, body: OnCallListBody, session: Session, staff: Writer, now: Now
) -> OnCallListAnswer:
    """The shifts take the place of those there were."""
    by = f"staff:{staff.id}"
    changed = await oncall.change_list(session, list_id=list_id, name=body.name, shifts=body.shifts, by=by, now=now)
    return await _shown(session, changed, now)


async def _shown(session: AsyncSession, of: OnCallList, now: datetime) -> OnCallListAnswer:
    return OnCallListAnswer(
        id=of.id,
        store_id=of.store_id,
        name=of.name,
        shifts=[ShiftAnswer.model_validate(shift) for shift in await oncall.shifts_of(session, of.id)],
        now_on_call=await oncall.on_call(session, list_id=of.id, at=now),
        created_at=of.created_at,
        changed_at=of.changed_at,
        changed_by=of.changed_by,
    )


@router.put(
    "/stores/{store_id}/escalation",
    summary="Set whom alerts are brought to",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, UnknownAlertKind, PlanTwice, OnCallListNotFound),
)
async def set_escalation(
    store_id: UUID, body: Escalation, session: Session, _: Writer, kinds: AlertKindsOf
) -> EscalationAnswer:
    """Takes the place of what there was, also for alerts that are open. A step is taken when its minutes are over and
    nobody has acknowledged or resolved the alert; where nobody is on call then, the next one is taken at once.
    """
    await escalation.plan(session, store_id=store_id, plans=body.plans, kinds=kinds)
    return _planned(await escalation.plans_of(session, store_id))


@router.get(
    "/stores/{store_id}/escalation",
    summary="See whom alerts are brought to",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def see_escalation(store_id: UUID, session: Session, _: Reader) -> EscalationAnswer:
    await get_store(session, store_id)
    return _planned(await escalation.plans_of(session, store_id))


def _planned(plans: Sequence[EscalationPlan]) -> EscalationAnswer:
    return EscalationAnswer(plans=[PlanAnswer.model_validate(plan) for plan in plans])


@router.get(
    "/alerts/{alert_id}/escalations",
    summary="See whom an alert was brought to",
    responses=problems(*REFUSALS, AlertNotFound),
)
async def list_steps(alert_id: UUID, session: Session, _: Reader) -> list[StepAnswer]:
    """Each step that was taken, the first of them first."""
    await get_alert(session, alert_id)
    taken = select(AlertEscalation).where(AlertEscalation.alert_id == alert_id).order_by(AlertEscalation.level)
    return [StepAnswer.model_validate(step) for step in await session.scalars(taken)]


@router.get(
    "/stores/{store_id}/alert-response-times",
    summary="See how fast alerts are answered",
    responses=problems(*REFUSALS, StoreNotFound, PeriodEmpty),
)
async def see_response_times(
    store_id: UUID,
    session: Session,
    _: Reader,
    now: Now,
    since: Annotated[DeviceClock | None, Query(description="By default thirty days ago.")] = None,
    until: Annotated[DeviceClock | None, Query(description="By default now.")] = None,
) -> list[ResponseTimesAnswer]:
    """Of the alerts raised in that time, by kind and severity, the gravest first."""
    await get_store(session, store_id)
    until = until or now
    times = await response_times(session, store_id=store_id, since=since or until - REPORTED_BY_DEFAULT, until=until)
    return [ResponseTimesAnswer.model_validate(each) for each in times]
