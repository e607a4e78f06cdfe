"""What the night watch has found and not seen the end of: each is alerted of once, however many rounds find it.

A round compares what it finds with what was found before. What is new is alerted of; of what is over, the alert ends
by itself, where there is a word for that. Staff may resolve an alert sooner: it isn't raised again for the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import SUBJECT_MAX, Evidence, raise_alert, resolve_if_open
from facepay.alerts.kinds import AlertKind
from facepay.kernel.database import Base

ACTOR = "patrol"
# In one round; the others come in the next.
RAISED_MAX = 500


class Finding(Base):
    """`subject` is the alert's."""

    __tablename__ = "patrol_finding"

    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(SUBJECT_MAX), primary_key=True)
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alert.id"))
    found_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Found:
    """What an alert says. `details` name no member."""

    store_id: UUID
    subject: str
    evidence: Evidence | None = None
    device_id: UUID | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[UUID, str]:
        return self.store_id, self.subject


def left_to_staff(_: Finding) -> None:
    """How findings end of which somebody has to say what they were."""


async def follow_up(
    session: AsyncSession,
    kind: AlertKind,
    found: Iterable[Found],
    *,
    now: datetime,
    note_of: Callable[[Finding], str | None] = left_to_staff,
) -> None:
    """Alert of what wasn't found before, and end what isn't found any more, with its note. `found` is all there is."""
    current = {each.key: each for each in found}
    known = await session.scalars(
        select(Finding).where(Finding.kind == kind.name).order_by(Finding.store_id, Finding.subject)
    )
    for finding in known.all():
        if current.pop((finding.store_id, finding.subject), None):
            continue
        if note := note_of(finding):
            await resolve_if_open(session, alert_id=finding.alert_id, by=ACTOR, note=note, now=now)
        await session.delete(finding)
    for key in sorted(current)[:RAISED_MAX]:
        each = current[key]
        alert_id = await raise_alert(
            session,
            kind,
            store_id=each.store_id,
            subject=each.subject,
            now=now,
            device_id=each.device_id,
            evidence=each.evidence,
            **each.details,
        )
        session.add(
            Finding(kind=kind.name, store_id=each.store_id, subject=each.subject, alert_id=alert_id, found_at=now)
        )
    await session.flush()
