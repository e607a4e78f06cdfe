"""What is told of alerts to whoever listens, such as a pager: events that name devices and records, and no member."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.kinds import Severity, SeverityName
from facepay.alerts.records import Alert
from facepay.webhooks.events import EventType, emit


class AlertTold(BaseModel):
    """An alert as it was then."""

    id: UUID
    store_id: UUID
    device_id: UUID | None
    kind: str
    severity: SeverityName
    subject: str
    evidence_kind: str | None
    evidence_id: UUID | None
    times: int
    raised_at: datetime
    level: int


class EscalationTold(AlertTold):
    """`level` counts the steps so far. `staff_ids` are the accounts to call now, the first of them first."""

    staff_ids: Sequence[UUID]
    on_call_list_id: UUID


RAISED = EventType("alert.raised", "Something happened that somebody should look at.", AlertTold)
ESCALATED = EventType("alert.escalated", "Nobody looks after an alert: call whoever is on call.", EscalationTold)
ACKNOWLEDGED = EventType("alert.acknowledged", "Somebody looks after an alert.", AlertTold)
RESOLVED = EventType("alert.resolved", "An alert is over.", AlertTold)
EVENT_TYPES = (RAISED, ESCALATED, ACKNOWLEDGED, RESOLVED)


async def tell(session: AsyncSession, alert: Alert, type: EventType[AlertTold], *, now: datetime) -> None:
    """The caller holds the alert's row, so that events come in the order of its states."""
    told = AlertTold.model_validate(_of(alert))
    await emit(session, type=type, subject_id=alert.id, data=told, device_id=alert.device_id, now=now)


async def tell_of_escalation(
    session: AsyncSession, alert: Alert, *, staff_ids: Sequence[UUID], on_call_list_id: UUID, now: datetime
) -> None:
    """The caller holds the alert's row."""
    told = EscalationTold(**_of(alert), staff_ids=staff_ids, on_call_list_id=on_call_list_id)
    await emit(session, type=ESCALATED, subject_id=alert.id, data=told, device_id=alert.device_id, now=now)


def _of(alert: Alert) -> dict[str, object]:
    return {name: getattr(alert, name) for name in AlertTold.model_fields} | {"severity": Severity(alert.severity)}
