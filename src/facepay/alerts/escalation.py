"""Escalation: whom an alert is brought to, step by step, for as long as nobody looks after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID

import structlog
from pydantic import Field, TypeAdapter, model_validator
from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, Uuid, delete, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import Alert, alerts_of
from facepay.alerts.kinds import NAME_MAX, AlertKinds, Severity, SeverityName
from facepay.alerts.oncall import OnCallList, OnCallListNotFound, on_call
from facepay.alerts.records import OPEN
from facepay.alerts.telling import tell_of_escalation
from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.errors import Problem
from facepay.kernel.hub import notify
from facepay.kernel.schemas import Request
from facepay.stores.stores import get_open_store

log = structlog.get_logger()
STEPS_MAX = 10
AT_ONCE_MAX = 200


class EscalationStep(Request):
    minutes: Annotated[int, Field(ge=0, le=24 * 60, strict=True, description="After the alert was raised.")]
    on_call_list_id: UUID


STEPS: TypeAdapter[list[EscalationStep]] = TypeAdapter(list[EscalationStep])


class EscalationPlan(Identified, Base):
    """A store's steps for alerts of a kind, or for those of every kind that has no plan of its own."""

    __tablename__ = "escalation_plan"
    __table_args__ = (
        CheckConstraint("severity_min between 1 and 3", name="severity_known"),
        Index("uq_escalation_plan", "store_id", "alert_kind", unique=True, postgresql_nulls_not_distinct=True),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    alert_kind: Mapped[str | None] = mapped_column(String(NAME_MAX))
    severity_min: Mapped[int] = mapped_column(SmallInteger)
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class AlertEscalation(Base):
    """A step that was taken. Where nobody was on call, `staff_ids` is empty, and the next one wasn't waited for."""

    __tablename__ = "alert_escalation"

    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alert.id"), primary_key=True)
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    on_call_list_id: Mapped[UUID] = mapped_column(ForeignKey("on_call_list.id"))
    staff_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    at: Mapped[datetime]


class Plan(Request):
    """`steps` in the order of their minutes; none is never."""

    alert_kind: Annotated[
        str | None, Field(max_length=NAME_MAX, description="Null is every kind that has no plan of its own.")
    ] = None
    severity_min: SeverityName = "warning"
    steps: Annotated[list[EscalationStep], Field(max_length=STEPS_MAX)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        minutes = [step.minutes for step in self.steps]
        if minutes != sorted(set(minutes)):
            raise ValueError("each step comes some minutes after the one before it")
        return self


class PlanTwice(Problem):
    """There are two plans for one kind of alert."""

    status = 422
    code = "escalation_plan_twice"
    title = "Two plans for one kind"


async def plan(session: AsyncSession, *, store_id: UUID, plans: Sequence[Plan], kinds: AlertKinds) -> None:
    """The store's plans are these from now on, also for alerts that are open.

    Raises StoreNotFound, StoreClosed, UnknownAlertKind, PlanTwice and OnCallListNotFound.
    """
    store = await get_open_store(session, store_id)
    await session.refresh(store, with_for_update={"key_share": True})  # one plan at a time
    for each in plans:
        if each.alert_kind is not None:
            kinds.named(each.alert_kind)
    if len({each.alert_kind for each in plans}) != len(plans):
        raise PlanTwice("Each kind of alert has one plan.")
    named = {step.on_call_list_id for each in plans for step in each.steps}
    known = await session.scalars(
        select(OnCallList.id).where(OnCallList.id.in_(named), OnCallList.store_id == store_id)
    )
    if unknown := sorted(map(str, named - set(known))):
        raise OnCallListNotFound("This store has no such on-call list.", unknown=unknown)
    await session.execute(delete(EscalationPlan).where(EscalationPlan.store_id == store_id))
    session.add_all(
        EscalationPlan(
            store_id=store_id,
            alert_kind=each.alert_kind,
            severity_min=Severity[each.severity_min.upper()],
            steps=[step.model_dump(mode="json") for step in each.steps],
        )
        for each in plans
    )
    await session.flush()


async def plans_of(session: AsyncSession, store_id: UUID) -> Sequence[EscalationPlan]:
    """The one for every other kind last."""
    of_store = select(EscalationPlan).where(EscalationPlan.store_id == store_id)
    return (await session.scalars(of_store.order_by(EscalationPlan.alert_kind.nulls_last()))).all()


# The plan of its kind counts, or else the store's general one.
_DUE = text(f"""
select alert.id
from alert cross join lateral (
    select steps, severity_min from escalation_plan plan
    where plan.store_id = alert.store_id and (plan.alert_kind = alert.kind or plan.alert_kind is null)
    order by plan.alert_kind nulls last limit 1
) plan
where alert.{OPEN} and alert.acknowledged_at is null and alert.severity >= plan.severity_min
  and alert.level < jsonb_array_length(plan.steps)
  and alert.raised_at <= cast(:now as timestamptz)
                         - make_interval(mins => (plan.steps -> alert.level::int ->> 'minutes')::int)
order by alert.severity desc, alert.raised_at, alert.id
limit {AT_ONCE_MAX}
""")  # noqa: S608 - our own names


async def escalate_due(database: Database, *, now: datetime) -> int:
    """Take the steps that are due, the gravest alerts first; how many alerts had any."""
    async with database.read() as session:
        due = (await session.scalars(_DUE, {"now": now})).all()
    for alert_id in due:
        try:
            async with database.begin() as session:
                await _escalate(session, alert_id, now)
        except Exception as error:  # the others mustn't wait for it
            log.error("escalation_failed", alert_id=str(alert_id), exc_info=error)
    return len(due)


async def _escalate(session: AsyncSession, alert_id: UUID, now: datetime) -> None:
    """Whoever holds it is looking at it, or another replica is."""
    waiting = select(Alert).where(Alert.id == alert_id, Alert.resolved_at.is_(None), Alert.acknowledged_at.is_(None))
    alert = await session.scalar(waiting.with_for_update(key_share=True, skip_locked=True))
    if alert is None:
        return
    ahead = await _steps_ahead(session, alert)
    reached_nobody = False
    for step in ahead:
        if not reached_nobody and now < alert.raised_at + timedelta(minutes=step.minutes):
            break
        staff_ids = await on_call(session, list_id=step.on_call_list_id, at=now)
        reached_nobody = not staff_ids
        await _take_step(session, alert, step, staff_ids, now)


async def _steps_ahead(session: AsyncSession, alert: Alert) -> list[EscalationStep]:
    plans = {plan.alert_kind: plan for plan in await plans_of(session, alert.store_id)}
    plan = plans.get(alert.kind) or plans.get(None)
    if plan is None or alert.severity < plan.severity_min:
        return []
    return STEPS.validate_python(plan.steps)[alert.level :]


async def _take_step(
    session: AsyncSession, alert: Alert, step: EscalationStep, staff_ids: list[UUID], now: datetime
) -> None:
    alert.level, alert.escalated_at = alert.level + 1, now
    taken = AlertEscalation(
        alert_id=alert.id, level=alert.level, on_call_list_id=step.on_call_list_id, staff_ids=staff_ids, at=now
    )
    session.add(taken)
    await session.flush()
    await tell_of_escalation(session, alert, staff_ids=staff_ids, on_call_list_id=step.on_call_list_id, now=now)
    await notify(session, alerts_of(alert.store_id))
