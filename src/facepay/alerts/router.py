"""Alerts over HTTP: what is open in a store, who looks after it, and how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Query, Security
from pydantic import Field
from sqlalchemy import select

from facepay.alerts import alerts
from facepay.alerts.alerts import Alert, AlertNotFound, AlertResolved
from facepay.alerts.kinds import AlertKindsOf, Severity, SeverityName
from facepay.alerts.sightings import Uncounted, count, uncounted
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer, Line, Request
from facepay.stores.stores import StoreNotFound, get_store

router = Router(prefix="/v1", tags=["alerts"])
Reader = Annotated[Principal, Security(current_staff, scopes=["alerts:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["alerts:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


class AlertKindAnswer(Answer):
    name: str
    severity: SeverityName
    words: str


class AlertAnswer(Answer):
    id: UUID
    store_id: UUID
    device_id: UUID | None
    kind: Annotated[str, Field(examples=["tag_sold_before"])]
    severity: SeverityName
    subject: Annotated[str, Field(description="What it is about, such as a tag or a slot.")]
    details: dict[str, Any]
    evidence_kind: Annotated[str | None, Field(description="What shows it.", examples=["gate_attempt"])]
    evidence_id: UUID | None
    times: Annotated[int, Field(description="How often it was seen since it was raised.")]
    raised_at: datetime
    last_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None
    escalated_at: datetime | None
    level: Annotated[int, Field(description="How many steps of the store's escalation were taken.")]

    @classmethod
    def of(cls, alert: Alert, left: Uncounted) -> Self:
        """With what is left to be counted."""
        shown = cls.model_validate(alert)
        if alert.resolved_at is not None or (alert.kind, alert.subject) not in left:
            return shown
        times, severity = left[alert.kind, alert.subject]
        graver = Severity(max(alert.severity, severity)).name.lower()
        return shown.model_copy(update={"times": alert.times + times, "severity": graver})


class Resolution(Request):
    note: Annotated[Line | None, Field(examples=["Refilled"])] = None


@router.get("/alert-kinds", summary="List kinds of alerts", responses=problems(*REFUSALS))
async def list_alert_kinds(kinds: AlertKindsOf, _: Reader) -> list[AlertKindAnswer]:
    """All that the shop raises alerts about, with how grave it usually is."""
    return [AlertKindAnswer.model_validate(kind) for kind in kinds]


@router.get("/stores/{store_id}/alerts", summary="List alerts", responses=problems(*REFUSALS, StoreNotFound))
async def list_alerts(
    store_id: UUID,
    session: Session,
    _: Reader,
    now: Now,
    paging: Paging,
    open_only: Annotated[bool, Query(alias="open", description="Only what isn't resolved.")] = False,
    kind: Annotated[str | None, Query(max_length=40)] = None,
) -> Page[AlertAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    await count(session, store_id=store_id, now=now)
    query = select(Alert).where(Alert.store_id == store_id)
    if open_only:
        query = query.where(Alert.resolved_at.is_(None))
    if kind:
        query = query.where(Alert.kind == kind)
    left = await uncounted(session, store_id=store_id)
    return await page(session, query, by=Alert.id, paging=paging, show=lambda alert: AlertAnswer.of(alert, left))


@router.get("/alerts/{alert_id}", summary="See an alert", responses=problems(*REFUSALS, AlertNotFound))
async def see_alert(alert_id: UUID, session: Session, _: Reader) -> AlertAnswer:
    alert = await alerts.get_alert(session, alert_id)
    return AlertAnswer.of(alert, await uncounted(session, store_id=alert.store_id))


@router.post(
    "/alerts/{alert_id}/acknowledgement",
    summary="Look after an alert",
    responses=problems(*REFUSALS, AlertNotFound, AlertResolved),
)
async def acknowledge(alert_id: UUID, session: Session, staff: Writer, now: Now) -> AlertAnswer:
    """Whoever was first stays; repeating it changes nothing."""
    return AlertAnswer.model_validate(
        await alerts.acknowledge(session, alert_id=alert_id, by=f"staff:{staff.id}", now=now)
    )


@router.post(
    "/alerts/{alert_id}/resolution",
    summary="Resolve an alert",
    responses=problems(*REFUSALS, AlertNotFound, AlertResolved),
)
async def resolve(alert_id: UUID, body: Resolution, session: Session, staff: Writer, now: Now) -> AlertAnswer:
    """It is over. Should it come back, that is another alert."""
    return AlertAnswer.model_validate(
        await alerts.resolve(session, alert_id=alert_id, by=f"staff:{staff.id}", note=body.note, now=now)
    )
