"""What devices say has happened, numbered by them: each once, however often it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, delete, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind
from facepay.channel.door_states import follow
from facepay.channel.kinds import DOOR_FORCED, DOOR_HELD_OPEN, DOOR_UNKNOWN, EVENTS_CONFLICTING, EVENTS_MISSING, TAMPER
from facepay.channel.sequences import HAS_GAPS, DeviceSequence, Numbers, note_sequence
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.ids import new_id
from facepay.stores.devices import Device

Verdict = Literal["recorded", "repeated", "conflicting"]
# What somebody should look at, at once.
ALARMING: Mapping[str, AlertKind] = MappingProxyType(
    {kind.name: kind for kind in (DOOR_FORCED, TAMPER, DOOR_HELD_OPEN, DOOR_UNKNOWN)}
)
MISSING_MAX = timedelta(minutes=1)
KEPT_FOR = timedelta(days=90)
AT_ONCE_MAX = 500
GAPS_SHOWN_MAX = 100


class DeviceEvent(Identified, Base):
    __tablename__ = "device_event"
    __table_args__ = (
        Index("uq_device_event_sequence", "device_id", "run", "sequence", unique=True),
        Index("ix_device_event_device_id_id", "device_id", "id"),
        Index("ix_device_event_kind", "device_id", "kind", "happened_at"),
        Index("ix_device_event_received_at", "received_at"),
        Index("ix_device_event_tags_seen", "received_at", postgresql_where=text("kind = 'tags_seen'")),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    run: Mapped[str] = mapped_column(String(64))
    sequence: Mapped[int]
    kind: Mapped[str] = mapped_column(String(40))
    happened_at: Mapped[datetime]  # by the device's clock
    received_at: Mapped[datetime]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)


@dataclass(frozen=True, slots=True)
class Reported:
    """An event as a device tells it."""

    sequence: int
    kind: str
    happened_at: datetime
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The verdict on each report, in their order, and which numbers of the run have come."""

    verdicts: list[tuple[int, Verdict]]
    numbers: Numbers


async def record_events(
    session: AsyncSession, *, device: Principal, run: str, events: Sequence[Reported], now: datetime
) -> Recorded:
    """Record what hasn't come before. A number that comes again with something else changes nothing, and alerts: a
    device that uses one twice hides something. Raises TooManyGaps.
    """
    noted = await note_sequence(
        session, device_id=device.id, run=run, sequences=[event.sequence for event in events], now=now
    )
    known = await _known(session, device.id, run, {event.sequence for event in events} - noted.fresh)
    recorded: dict[int, Reported] = {}
    verdicts: list[tuple[int, Verdict]] = []
    for event in events:
        if event.sequence in noted.fresh and event.sequence not in recorded:
            recorded[event.sequence] = event
            verdicts.append((event.sequence, "recorded"))
        else:  # what it was may have been forgotten
            same = event == (recorded | known).get(event.sequence, event)
            verdicts.append((event.sequence, "repeated" if same else "conflicting"))
    ids = await _insert(session, device.id, run, list(recorded.values()), now)
    await follow(session, device=device, run=run, events=recorded.values(), now=now)
    await _alert(session, device, run, [(ids[event.sequence], event) for event in recorded.values()], verdicts, now)
    return Recorded(verdicts, noted.numbers)


async def alert_of_missing(database: Database, *, now: datetime) -> None:
    """Alert of numbers that stay missing: what happened then, nobody knows."""
    async with database.begin() as session:
        found = await session.execute(
            select(DeviceSequence, Device.store_id)
            .join(Device, Device.id == DeviceSequence.device_id)
            .where(text(HAS_GAPS), DeviceSequence.missing_since <= now - MISSING_MAX)
            .order_by(DeviceSequence.device_id, DeviceSequence.series, DeviceSequence.run)
            .limit(AT_ONCE_MAX)
            .with_for_update(of=DeviceSequence, skip_locked=True)
        )
        for sequence, store_id in found:
            sequence.alerted_at = now
            await raise_alert(
                session,
                EVENTS_MISSING,
                store_id=store_id,
                subject=f"device:{sequence.device_id}:{sequence.series}:{sequence.run}",
                now=now,
                device_id=sequence.device_id,
                missing=[[gap.start, gap.stop - 1] for gap in sequence.numbers.missing[:GAPS_SHOWN_MAX]],
            )


async def forget_events(database: Database, *, now: datetime) -> None:
    """Drop events past their time, and the runs that ended so long ago: those that others have followed."""
    later = aliased(DeviceSequence)
    followed = select(later.run).where(
        later.device_id == DeviceSequence.device_id,
        later.series == DeviceSequence.series,
        later.last_at > DeviceSequence.last_at,
    )
    async with database.begin() as session:
        await session.execute(delete(DeviceEvent).where(DeviceEvent.received_at < now - KEPT_FOR))
        await session.execute(
            delete(DeviceSequence).where(DeviceSequence.last_at < now - KEPT_FOR, followed.exists()),
            execution_options={"synchronize_session": False},
        )


async def _known(session: AsyncSession, device_id: UUID, run: str, sequences: AbstractSet[int]) -> dict[int, Reported]:
    if not sequences:
        return {}
    found = await session.scalars(
        select(DeviceEvent).where(
            DeviceEvent.device_id == device_id, DeviceEvent.run == run, DeviceEvent.sequence.in_(sequences)
        )
    )
    return {event.sequence: Reported(event.sequence, event.kind, event.happened_at, event.details) for event in found}


async def _insert(
    session: AsyncSession, device_id: UUID, run: str, events: Sequence[Reported], now: datetime
) -> dict[int, UUID]:
    """Their ids, by sequence."""
    ids = {event.sequence: new_id() for event in events}
    of_all = {"device_id": device_id, "run": run, "received_at": now}
    if events:
        rows = [{"id": ids[event.sequence]} | of_all | asdict(event) for event in events]
        await session.execute(insert(DeviceEvent), rows)
    return ids


async def _alert(
    session: AsyncSession,
    device: Principal,
    run: str,
    events: Sequence[tuple[UUID, Reported]],
    verdicts: Sequence[tuple[int, Verdict]],
    now: datetime,
) -> None:
    async def alert(kind: AlertKind, event_id: UUID | None = None, **details: Any) -> None:
        await raise_alert(
            session,
            kind,
            store_id=device.store,
            subject=f"device:{device.id}",
            now=now,
            device_id=device.id,
            evidence=Evidence("device_event", event_id) if event_id else None,
            run=run,
            **details,
        )

    for event_id, event in events:
        if event.kind in ALARMING:
            await alert(ALARMING[event.kind], event_id, sequence=event.sequence)
    if conflicting := [sequence for sequence, verdict in verdicts if verdict == "conflicting"]:
        await alert(EVENTS_CONFLICTING, sequences=conflicting)
