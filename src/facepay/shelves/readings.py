"""What scales read moment by moment: settled here, and each step in it reported like a change that a device settled."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import raise_alert
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Database
from facepay.kernel.errors import Overloaded
from facepay.settings import Settings
from facepay.shelves.drift import Reading, Scale, settle
from facepay.shelves.judging import AGE_MAX, Change, Judged, happened_at
from facepay.shelves.kinds import SCALE_SHIFTED, UNKNOWN_SLOT
from facepay.shelves.planogram import Shelf
from facepay.shelves.reports import judge_all, keep, note_numbers
from facepay.shelves.scene import Known, find_shelf

Samples = Mapping[str, Sequence[Reading]]  # by slot, in the order of their numbers
SCALE = TypeAdapter(Scale)


class SlotScale(Base):
    """What is known of a slot's scale: up to which number of which run it was heard, and what `drift` makes of it."""

    __tablename__ = "slot_scale"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    slot: Mapped[str] = mapped_column(String(64), primary_key=True)
    run: Mapped[str] = mapped_column(String(64))
    number: Mapped[int]
    state: Mapped[dict[str, Any]] = mapped_column(JSONB)
    updated_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Heard:
    """A scale, and the last number that was heard of it in the run."""

    run: str
    number: int
    scale: Scale

    def since(self, run: str, readings: Sequence[Reading]) -> tuple[Scale, list[Reading]]:
        """What is new. Another run may have tared the scale; in one, what comes after a later one is passed over, for
        the later one weighed all that lies there.
        """
        if run != self.run:
            return self.scale.begun_anew(), list(readings)
        return self.scale, [reading for reading in readings if reading.number > self.number]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch of samples shows: changes, scales that began elsewhere, and slots that no planogram knows."""

    heard: dict[str, Heard] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    shifted: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Weighed:
    """How many readings were new, the changes in them, and slots that no planogram knows."""

    accepted: int
    repeated: int
    changes: Sequence[Judged]
    unknown_slots: Sequence[str]


async def weigh(
    database: Database,
    *,
    device: Principal,
    run: str,
    numbers: range,
    samples: Samples,
    known: Known,
    now: datetime,
    settings: Settings,
) -> Weighed:
    """Settle them, and report the steps. Raises TooManyGaps, and Overloaded where another process was quicker."""
    async with known.turn(device.id):
        async with database.read() as session:
            watch = await find_shelf(
                session, device_id=device.id, store_id=device.store, since=now - AGE_MAX, now=now, known=known
            )
            before = await _heard(session, device.id, samples)
        last_at = max(readings[-1].at for readings in samples.values())
        shelf = watch.shelf_at(happened_at(last_at, skew_ms=watch.skew_ms, now=now))
        batch = await asyncio.to_thread(settle_batch, run, samples, before, shelf)
        judged = await judge_all(database, changes=batch.changes, watch=watch, known=known, now=now)
        async with database.begin() as session:
            new = await note_numbers(session, device=device, run=run, numbers=numbers, now=now)
            if not new:
                return Weighed(0, len(numbers), (), batch.unknown)
            if before != await _heard(session, device.id, samples, lock=True):
                raise Overloaded("Another process hears this shelf at the same time.")
            await _remember(session, device.id, batch.heard, now)
            kept = [each for each in judged if each.change.sequence in new]
            await keep(session, device=device, run=run, judged=kept, watch=watch, now=now, settings=settings)
            await _alert(session, device, batch, now)
    return Weighed(len(new), len(numbers) - len(new), kept, batch.unknown)


def settle_batch(run: str, samples: Samples, before: Mapping[str, Heard], shelf: Shelf | None) -> Batch:
    """By slot. Pure."""
    batch = Batch()
    for code, readings in samples.items():
        slot = shelf.slot(code) if shelf else None
        if slot is None:
            batch.unknown.append(code)
            continue
        heard = before.get(code) or Heard(run, 0, Scale())
        scale, new = heard.since(run, readings)
        if not new:
            continue
        settled = settle(scale, new, slot)
        batch.heard[code] = Heard(run, new[-1].number, settled.scale)
        batch.changes.extend(
            Change(step.number, code, step.at, step.change_grams, step.noise_grams) for step in settled.steps
        )
        if settled.shifted:
            batch.shifted.append(code)
    return batch


async def _heard(session: AsyncSession, device_id: UUID, samples: Samples, *, lock: bool = False) -> dict[str, Heard]:
    query = (
        select(SlotScale.slot, SlotScale.run, SlotScale.number, SlotScale.state)
        .where(SlotScale.device_id == device_id, SlotScale.slot.in_(samples))
        .order_by(SlotScale.slot)
    )
    rows = await session.execute(query.with_for_update() if lock else query)
    return {slot: Heard(run, number, SCALE.validate_python(state)) for slot, run, number, state in rows}


async def _remember(session: AsyncSession, device_id: UUID, heard: Mapping[str, Heard], now: datetime) -> None:
    if not heard:
        return
    row = insert(SlotScale)
    columns = ("run", "number", "state", "updated_at")
    rows = [
        {
            "device_id": device_id,
            "slot": slot,
            "run": each.run,
            "number": each.number,
            "state": SCALE.dump_python(each.scale, mode="json"),
            "updated_at": now,
        }
        for slot, each in sorted(heard.items())
    ]
    replaced = {column: row.excluded[column] for column in columns}
    await session.execute(row.on_conflict_do_update(index_elements=["device_id", "slot"], set_=replaced), rows)


async def _alert(session: AsyncSession, device: Principal, batch: Batch, now: datetime) -> None:
    """Where goods may have been moved unseen, staff count what lies there."""
    for kind, slots in ((SCALE_SHIFTED, batch.shifted), (UNKNOWN_SLOT, batch.unknown)):
        for slot in sorted(slots):
            await raise_alert(
                session,
                kind,
                store_id=device.store,
                subject=f"{device.id}/{slot}",
                now=now,
                device_id=device.id,
                slot=slot,
            )
