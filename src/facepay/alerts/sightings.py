"""Sightings of alerts: written down without waiting for anybody, and counted behind.

Whoever sees an alert that is open already only adds a row, and locks nothing of the alert's: so they neither wait for
one another, however long they last, nor lock each other up, in whatever order they see what. Counting waits for none
of them either: what somebody holds is left for the next round.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.records import OPEN, SIGHTINGS, TOPIC, Alert, AlertSighting, alerts_of
from facepay.alerts.telling import RAISED, tell
from facepay.kernel.database import Database
from facepay.kernel.hub import CHANNEL, notify

Uncounted = Mapping[tuple[str, str], tuple[int, int]]
COUNTING = 1_634_493_029  # the first half of a store's advisory lock
SUBJECTS_MAX, SIGHTINGS_MAX = 200, 5000  # in one transaction; the others come in the next
# One transaction at a time raises a new alert of a kind about a subject; who comes meanwhile leaves a sighting.
_SUBJECT = "concat_ws(' ', cast({0} as text), cast({1} as text), cast({2} as text))"
_ALONE = f"pg_try_advisory_xact_lock(hashtextextended({_SUBJECT}, {COUNTING}))"
_SIGHTING = "id, store_id, device_id, kind, severity, subject, details, evidence_kind, evidence_id, at"

_WRITE_DOWN = text(f"""
with seen as materialized (
    select * from jsonb_populate_record(null::alert_sighting, cast(:sighting as jsonb))
), known as materialized (
    select alert.id from alert join seen using (store_id, kind, subject) where alert.{OPEN}
), created as (
    insert into alert (id, store_id, device_id, kind, severity, subject, details, evidence_kind, evidence_id,
                       raised_at, last_at, times)
    select {_SIGHTING}, at, 1 from seen
    where case when exists (select from known) then false else {_ALONE.format("store_id", "kind", "subject")} end
    on conflict (store_id, kind, subject) where {OPEN} do nothing
    returning id
), noted as (
    insert into alert_sighting ({_SIGHTING}) select {_SIGHTING} from seen where not exists (select from created)
)
select exists (select from created) as created, (select id from known) as known, (
    select count(pg_notify(:channel, topic))
    from unnest(case when exists (select from created) then cast(:new as text[]) else array[:again] end) as topic)
""")  # noqa: S608 - our own names
_MINE = text(f"select {_ALONE.format(':store_id', ':kind', ':subject')}")


async def write_down(session: AsyncSession, sighting: AlertSighting) -> tuple[UUID, bool]:
    """Write down what was seen, as the alert itself where none is open about it. The alert's id, and whether it's new.

    While another transaction raises the same alert, the id is the sighting's: the alert's own where the other fails.
    """
    columns = {column.key: getattr(sighting, column.key) for column in AlertSighting.__table__.columns}
    row = (
        await session.execute(
            _WRITE_DOWN,
            {
                "sighting": to_json(columns).decode(),
                "channel": CHANNEL,
                "new": [TOPIC, alerts_of(sighting.store_id)],
                "again": SIGHTINGS,
            },
        )
    ).one()
    if row.created:
        return sighting.id, True
    return row.known or await _open_id(session, sighting) or sighting.id, False


async def _open_id(session: AsyncSession, of: AlertSighting) -> UUID | None:
    same = (Alert.store_id == of.store_id, Alert.kind == of.kind, Alert.subject == of.subject)
    return await session.scalar(select(Alert.id).where(*same, text(OPEN)))


async def count(session: AsyncSession, *, store_id: UUID, now: datetime) -> bool:
    """Count the store's sightings, and wake whoever watches it. Whether there are more than were looked at."""
    await session.execute(select(func.pg_advisory_xact_lock(COUNTING, func.hashtext(str(store_id)))))
    waiting = (
        select(AlertSighting.kind, AlertSighting.subject)
        .where(AlertSighting.store_id == store_id)
        .group_by(AlertSighting.kind, AlertSighting.subject)
        .order_by(AlertSighting.kind, AlertSighting.subject)
        .limit(SUBJECTS_MAX)
    )
    subjects = (await session.execute(waiting)).all()
    counted = [await _count_of(session, store_id, kind, subject, now) for kind, subject in subjects]
    if not any(counted):
        return False
    await notify(session, alerts_of(store_id))
    return len(subjects) == SUBJECTS_MAX or SIGHTINGS_MAX in counted


async def uncounted(session: AsyncSession, *, store_id: UUID) -> Uncounted:
    """What `count` had to leave, since somebody held the alert: how many by kind and subject, and the gravest."""
    left = await session.execute(
        select(AlertSighting.kind, AlertSighting.subject, func.count(), func.max(AlertSighting.severity))
        .where(AlertSighting.store_id == store_id)
        .group_by(AlertSighting.kind, AlertSighting.subject)
    )
    return {(kind, subject): (times, severity) for kind, subject, times, severity in left}


async def _count_of(session: AsyncSession, store_id: UUID, kind: str, subject: str, now: datetime) -> int:
    """How many there were; none where somebody holds the alert, or is raising it."""
    opened = select(Alert).where(
        Alert.store_id == store_id, Alert.kind == kind, Alert.subject == subject, Alert.resolved_at.is_(None)
    )
    alert = await session.scalar(opened.with_for_update(key_share=True, skip_locked=True))
    if alert is None:
        alone = await session.scalar(_MINE, {"store_id": str(store_id), "kind": kind, "subject": subject})
        if not alone or await session.scalar(select(opened.exists())):
            return 0
    seen = await take(session, store_id=store_id, kind=kind, subject=subject)
    if alert is not None:
        await add(session, alert, seen, now=now)
    elif seen:
        await _raise(session, seen, now)
    return len(seen)


async def take(session: AsyncSession, *, store_id: UUID, kind: str, subject: str) -> list[AlertSighting]:
    """From the first on, and gone from where they waited."""
    of_subject = (
        AlertSighting.store_id == store_id,
        AlertSighting.kind == kind,
        AlertSighting.subject == subject,
    )
    some = select(AlertSighting.id).where(*of_subject).order_by(AlertSighting.id).limit(SIGHTINGS_MAX)
    taken = delete(AlertSighting).where(AlertSighting.id.in_(some)).returning(AlertSighting)
    rows = await session.scalars(taken, execution_options={"synchronize_session": False})
    return sorted(rows.all(), key=lambda each: (each.at, each.id))


async def add(session: AsyncSession, alert: Alert, seen: list[AlertSighting], *, now: datetime) -> None:
    """To an alert that the caller holds. The graver severity stays; where it grows, reactions and guards hear of it as
    of a new alert, and whoever looked after the lesser one has to say so again.
    """
    if not seen:
        return
    last, severity = seen[-1], max(each.severity for each in seen)
    alert.times += len(seen)
    if last.at >= alert.last_at:
        alert.last_at, alert.device_id, alert.details = last.at, last.device_id, last.details
        alert.evidence_kind, alert.evidence_id = last.evidence_kind, last.evidence_id
    if severity > alert.severity:
        alert.severity, alert.reacted_at, alert.acknowledged_at, alert.acknowledged_by = severity, None, None, None
        await tell(session, alert, RAISED, now=now)
        await notify(session, TOPIC)
    await session.flush()


async def _raise(session: AsyncSession, seen: list[AlertSighting], now: datetime) -> None:
    """An alert of sightings alone: whoever was raising it meanwhile has failed."""
    first = seen[0]
    alert = new_alert(first)
    alert.severity = max(each.severity for each in seen)
    session.add(alert)
    await session.flush()
    await add(session, alert, seen[1:], now=now)
    await tell(session, alert, RAISED, now=now)
    await notify(session, TOPIC)


def new_alert(first: AlertSighting) -> Alert:
    return Alert(
        id=first.id,
        store_id=first.store_id,
        device_id=first.device_id,
        kind=first.kind,
        severity=first.severity,
        subject=first.subject,
        details=first.details,
        evidence_kind=first.evidence_kind,
        evidence_id=first.evidence_id,
        times=1,
        raised_at=first.at,
        last_at=first.at,
        level=0,
    )


async def count_all(database: Database, *, now: datetime) -> None:
    """Every store's."""
    async with database.read() as session:
        store_ids = (await session.scalars(select(AlertSighting.store_id).distinct())).all()
    for store_id in sorted(store_ids):
        more = True
        while more:
            async with database.begin() as session:
                more = await count(session, store_id=store_id, now=now)
