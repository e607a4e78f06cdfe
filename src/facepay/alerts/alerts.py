"""Alerts: what somebody in the store should look at. The same one again is counted, not raised anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, func, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.kinds import AlertKind, Severity
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.hub import notify
from facepay.kernel.ids import new_id

SUBJECT_MAX = 200
OPEN = "resolved_at is null"
TOPIC = "alerts"


def alerts_of(store_id: UUID) -> str:
    """The topic that wakes whoever watches a store."""
    return f"{TOPIC}:{store_id}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Which record shows it: its kind, such as `gate_attempt`, and its id."""

    kind: str
    id: UUID


class Alert(Identified, Base):
    """`subject` is what it is about, such as a tag or a slot; one alert of a kind is open about it at a time."""

    __tablename__ = "alert"
    __table_args__ = (
        CheckConstraint("severity between 1 and 3", name="severity_known"),
        CheckConstraint("times > 0", name="seen"),
        CheckConstraint("(resolved_at is null) = (resolved_by is null)", name="resolved_by_somebody"),
        CheckConstraint("(evidence_id is null) = (evidence_kind is null)", name="evidence_of_a_kind"),
        Index("uq_alert_open", "store_id", "kind", "subject", unique=True, postgresql_where=text(OPEN)),
        Index("ix_alert_store_id_id", "store_id", "id"),
        Index("ix_alert_reacted_at", "id", postgresql_where=text("reacted_at is null")),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    device_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"))
    kind: Mapped[str] = mapped_column(String(40))
    severity: Mapped[int] = mapped_column(SmallInteger)
    subject: Mapped[str] = mapped_column(String(SUBJECT_MAX))
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)  # of the last time; never of a member
    evidence_kind: Mapped[str | None] = mapped_column(String(40))  # of the last time, as the details are
    evidence_id: Mapped[UUID | None]
    times: Mapped[int] = mapped_column(default=1)
    raised_at: Mapped[datetime]
    last_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(80))
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None] = mapped_column(String(80))
    note: Mapped[str | None] = mapped_column(String(200))
    reacted_at: Mapped[datetime | None]  # when the store's reactions to it were carried out


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
    """The open alert of this kind about this subject, new or seen once more; the graver severity stays."""
    row = insert(Alert).values(
        id=new_id(),
        store_id=store_id,
        device_id=device_id,
        kind=kind.name,
        severity=severity or kind.severity,
        subject=subject,
        details=details,
        evidence_kind=evidence and evidence.kind,
        evidence_id=evidence and evidence.id,
        times=1,
        raised_at=now,
        last_at=now,
    )
    again = row.on_conflict_do_update(
        index_elements=["store_id", "kind", "subject"],
        index_where=text(OPEN),
        set_={
            "times": Alert.times + 1,
            "last_at": func.greatest(Alert.last_at, row.excluded.last_at),
            "severity": func.greatest(Alert.severity, row.excluded.severity),
            "details": row.excluded.details,
            "evidence_kind": row.excluded.evidence_kind,
            "evidence_id": row.excluded.evidence_id,
        },
    )
    alert_id: UUID = (await session.scalars(again.returning(Alert.id))).one()
    await notify(session, TOPIC, alerts_of(store_id))
    return alert_id


async def acknowledge(session: AsyncSession, *, alert_id: UUID, by: str, now: datetime) -> Alert:
    """Somebody looks after it; whoever was first stays. Raises AlertNotFound and AlertResolved."""
    alert = await _open(session, alert_id)
    if alert.acknowledged_at is None:
        alert.acknowledged_at, alert.acknowledged_by = now, by
        await session.flush()
    return alert


async def resolve(session: AsyncSession, *, alert_id: UUID, by: str, note: str | None, now: datetime) -> Alert:
    """It is over; should it come back, that is another alert. Raises AlertNotFound and AlertResolved."""
    alert = await _open(session, alert_id)
    alert.resolved_at, alert.resolved_by, alert.note = now, by, note
    await session.flush()
    return alert


async def _open(session: AsyncSession, alert_id: UUID) -> Alert:
    alert = await session.get(Alert, alert_id, with_for_update=True)
    if alert is None:
        raise AlertNotFound("There is no alert with this id.")
    if alert.resolved_at is not None:
        raise AlertResolved("This alert was resolved already.", resolved_at=alert.resolved_at.isoformat())
    return alert
