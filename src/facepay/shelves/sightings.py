"""What a shelf's camera saw: where a hand moved, and whose face was there. The picture is gone with the request."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance.visits import Visit
from facepay.identity.identification import IdentifiedFace, identify, note_use
from facepay.identity.lookalikes import lookalikes_of
from facepay.identity.recognition import RecogniserOf
from facepay.identity.watches import is_watched
from facepay.kernel.auth import Principal
from facepay.kernel.database import Db
from facepay.kernel.ids import new_id
from facepay.shelves.events import ShelfMotion, ShelfPresence
from facepay.shelves.judging import happened_at
from facepay.shelves.planogram import Shelf, planogram_of
from facepay.stores.devices import Device
from facepay.vision.frames import decode_frame
from facepay.vision.motion import MotionWatcher, MotionWatchers, ZoneMotion

# Motions this near to each other are one.
SAME_MOTION = timedelta(seconds=2)
# Whoever was recognised before the shelf is there for as long, without being looked at again.
SAME_FACE = timedelta(seconds=2)
WATCHING = ""  # the slot that stands for the camera itself


async def get_watchers(request: Request) -> MotionWatchers:
    watchers: MotionWatchers = request.app.state.motion_watchers
    return watchers


WatchersOf = Annotated[MotionWatchers, Depends(get_watchers)]


@dataclass(frozen=True, slots=True)
class Seen:
    """Slots in whose zones something moves, those where it is a hand, and how many of those inside were recognised."""

    slots: tuple[str, ...]
    hands: tuple[str, ...]
    people: int


@dataclass(frozen=True, slots=True)
class Lookout:
    """The eyes of a shelf. A camera's frames have to come to one process, which alone knows how its shelf looked."""

    database: Db
    recogniser: RecogniserOf
    watchers: WatchersOf

    async def look(self, frame: bytes, *, device: Principal, said_at: datetime, now: datetime) -> Seen:
        """Raises vision's problems with the frame, and Overloaded."""
        async with self.database.begin() as session:
            skew, known = await _known(session, device.id)
            at = happened_at(said_at, skew_ms=skew, now=now)
            shelf = await planogram_of(session, device_id=device.id, at=at)
        motions = await self._motions(frame, shelf, at)
        faces: list[IdentifiedFace] = []
        if (motions or not _zones(shelf)) and (known is None or at - known > SAME_FACE):
            faces = await identify(self.recogniser, frame)
        async with self.database.begin() as session:
            await _note_motions(session, device.id, motions, at)
            people = await _note_faces(session, device, faces, at, now)
        hands = tuple(sorted(motion.zone for motion in motions if motion.hand))
        return Seen(tuple(sorted(motion.zone for motion in motions)), hands, people)

    async def _motions(self, frame: bytes, shelf: Shelf | None, at: datetime) -> list[ZoneMotion]:
        zones = _zones(shelf)
        if shelf is None or not zones:
            return []
        watcher = self.watchers.watcher((shelf.device_id, shelf.version), zones)
        return await asyncio.to_thread(self._watch, watcher, frame, at)

    def _watch(self, watcher: MotionWatcher, frame: bytes, at: datetime) -> list[ZoneMotion]:
        return watcher.see(decode_frame(frame, limits=self.recogniser.inference.engine.limits), at)


def _zones(shelf: Shelf | None) -> dict[str, tuple[tuple[float, float], ...]]:
    return {slot.code: slot.zone for slot in shelf.slots if slot.zone} if shelf else {}


async def _known(session: AsyncSession, device_id: UUID) -> tuple[int, datetime | None]:
    """How far the device's clock is ahead in milliseconds, and when somebody was last recognised there."""
    newest = select(func.max(ShelfPresence.seen_at)).where(ShelfPresence.device_id == device_id).scalar_subquery()
    row = (await session.execute(select(Device.clock_skew_ms, newest).where(Device.id == device_id))).one()
    skew, known = row
    return skew or 0, known


async def _note_motions(session: AsyncSession, device_id: UUID, motions: Sequence[ZoneMotion], at: datetime) -> None:
    """Each goes on from the one just before; where there is none, it begins."""
    # The device's row, or two frames at once would both begin one.
    await session.execute(select(Device.id).where(Device.id == device_id).with_for_update(key_share=True))
    now_there = [(WATCHING, False), *((motion.zone, motion.hand) for motion in motions)]
    for slot, hand in now_there:
        going_on = await session.scalar(
            update(ShelfMotion)
            .where(
                ShelfMotion.device_id == device_id,
                ShelfMotion.slot == slot,
                ShelfMotion.hand == hand,
                ShelfMotion.ended_at >= at - SAME_MOTION,
                ShelfMotion.begun_at <= at,
            )
            .values(ended_at=func.greatest(ShelfMotion.ended_at, at))
            .returning(ShelfMotion.id)
            .execution_options(synchronize_session=False)
        )
        if going_on is None:
            session.add(ShelfMotion(id=new_id(), device_id=device_id, slot=slot, begun_at=at, ended_at=at, hand=hand))
    await session.flush()


async def _note_faces(
    session: AsyncSession, device: Principal, faces: Sequence[IdentifiedFace], at: datetime, now: datetime
) -> int:
    """Those inside whom their face alone names. Every use of a face is noted, whether it helped or not."""
    members = await note_use(session, faces=list(faces), actor=f"device:{device.id}", reference_id=device.id, now=now)
    sure = [member_id for member_id in members if await _is_enough(session, member_id)]
    visits = await _visits_of(session, device.store, sure)
    similarity = {face.member_id: face.decision.similarity for face in faces if face.member_id and face.decision}
    session.add_all(
        ShelfPresence(id=new_id(), device_id=device.id, visit_id=visit_id, seen_at=at, similarity=similarity[member_id])
        for member_id, visit_id in visits.items()
    )
    await session.flush()
    return len(visits)


async def _is_enough(session: AsyncSession, member_id: UUID) -> bool:
    """Whether a face alone is trusted to be this member's: nobody can be asked for more before a shelf."""
    return not await lookalikes_of(session, member_id=member_id) and not await session.scalar(
        select(is_watched(member_id))
    )


async def _visits_of(session: AsyncSession, store_id: UUID, member_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The open visits of these members, by member."""
    rows = await session.execute(
        select(Visit.member_id, Visit.id).where(
            Visit.store_id == store_id, Visit.member_id.in_(member_ids), Visit.left_at.is_(None)
        )
    )
    return dict(rows.all())
