"""Alerts: what somebody in the store should look at. The same one again is counted, not raised anew."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.kinds import AlertKind, Severity
from facepay.alerts.records import SUBJECT_MAX, TOPIC, Alert, AlertSighting, Evidence, alerts_of
from facepay.alerts.sightings import add, new_alert, take, write_down
from facepay.alerts.telling import ACKNOWLEDGED, RAISED, RESOLVED, AlertTold, tell
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.hub import notify
from facepay.kernel.ids import new_id
from facepay.webhooks.events import EventType

__all__ = [
    "SUBJECT_MAX",
    "TOPIC",
    "Alert",
    "AlertNotFound",
    "AlertResolved",
    "Evidence",
    "acknowledge",
    "alerts_of",
    "get_alert",
    "raise_alert",
    "resolve",
]


class AlertNotFound(NotFound):
    """There is no alert with this id."""

    code = "alert_not_found"
    title = "No such alert"


class AlertResolved(Conflict):
    """The alert was resolved already."""

    code = "alert_resolved"
    title = "Alert resolved"


async def raise_alert(
    session: AsyncSession,
    kind: AlertKind,
    *,
    store_id: UUID,
    subject: str,
    now: datetime,
    device_id: UUID | None = None,
    evidence: Evidence | None = None,
    severity: Severity | None = None,
    **details: Any,
) -> UUID:
    """The open alert of this kind about this subject, new or seen once more; the graver severity stays.

    It is there once this transaction commits. It waits for nobody, and nobody has to wait for this transaction: see
    sightings.py, also for the one case in which what it returns isn't the alert's id.
    """
    sighting = AlertSighting(
        id=new_id(),
        store_id=store_id,
        device_id=device_id,
        kind=kind.name,
        severity=severity or kind.severity,
        subject=subject,
        details=details,
        evidence_kind=evidence and evidence.kind,
        evidence_id=evidence and evidence.id,
        at=now,
    )
    alert_id, is_new = await write_down(session, sighting)
    if is_new:
        await tell(session, new_alert(sighting), RAISED, now=now)
    return alert_id


async def get_alert(session: AsyncSession, alert_id: UUID) -> Alert:
    """Raises AlertNotFound."""
    alert = await session.get(Alert, alert_id)
    if alert is None:
        raise AlertNotFound("There is no alert with this id.")
    return alert


async def acknowledge(session: AsyncSession, *, alert_id: UUID, by: str, now: datetime) -> Alert:
    """Somebody looks after it; whoever was first stays. Raises AlertNotFound and AlertResolved."""
    alert = await _open(session, alert_id, now)
    if alert.acknowledged_at is None:
        alert.acknowledged_at, alert.acknowledged_by = now, by
        await session.flush()
        await _told(session, alert, ACKNOWLEDGED, now)
    return alert


async def resolve(session: AsyncSession, *, alert_id: UUID, by: str, note: str | None, now: datetime) -> Alert:
    """It is over; should it come back, that is another alert. Raises AlertNotFound and AlertResolved."""
    alert = await _open(session, alert_id, now)
    alert.resolved_at, alert.resolved_by, alert.note = now, by, note
    await session.flush()
    await _told(session, alert, RESOLVED, now)
    return alert


async def resolve_if_open(session: AsyncSession, *, alert_id: UUID, by: str, note: str | None, now: datetime) -> None:
    """The same for whoever found that it is over, where nobody was quicker."""
    with suppress(AlertNotFound, AlertResolved):
        await resolve(session, alert_id=alert_id, by=by, note=note, now=now)


async def resolve_about(
    session: AsyncSession, kind: AlertKind, *, store_id: UUID, subject: str, by: str, note: str | None, now: datetime
) -> None:
    """The same by what it was raised about."""
    about = Alert.store_id == store_id, Alert.kind == kind.name, Alert.subject == subject, Alert.resolved_at.is_(None)
    alert_id = await session.scalar(select(Alert.id).where(*about))
    if alert_id is not None:
        await resolve_if_open(session, alert_id=alert_id, by=by, note=note, now=now)


async def _open(session: AsyncSession, alert_id: UUID, now: datetime) -> Alert:
    """Held, with all that was seen of it until now."""
    alert = await session.get(Alert, alert_id, with_for_update={"key_share": True}, populate_existing=True)
    if alert is None:
        raise AlertNotFound("There is no alert with this id.")
    if alert.resolved_at is not None:
        raise AlertResolved("This alert was resolved already.", resolved_at=alert.resolved_at.isoformat())
    while seen := await take(session, store_id=alert.store_id, kind=alert.kind, subject=alert.subject):
        await add(session, alert, seen, now=now)
    return alert


async def _told(session: AsyncSession, alert: Alert, type: EventType[AlertTold], now: datetime) -> None:
    await tell(session, alert, type, now=now)
    await notify(session, alerts_of(alert.store_id))
