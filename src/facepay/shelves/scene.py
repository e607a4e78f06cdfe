"""What was known around a shelf at a time: what lay there, who was inside or before it, who moved a hand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID
from weakref import WeakValueDictionary

from fastapi import Depends, Request
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance.visits import Visit
from facepay.shelves.baskets import BasketChange, Standing
from facepay.shelves.events import ShelfMotion, ShelfPresence
from facepay.shelves.fusion import FACE_WITHIN, HAND_AFTER, HAND_BEFORE, SEEN_LATELY, Motion, Seen, Stay
from facepay.shelves.planogram import Good, Planogram, Shelf, planogram_of
from facepay.shelves.restock import Restock, SlotStock, restocks_between
from facepay.stores.devices import Device

# A frame a second is the least that a camera sends while it watches.
WATCHED_AFTER = timedelta(seconds=3)
KNOWN_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Scene:
    """Between two times. `planograms` are those in force, the newest first; `lying` what each slot holds by count,
    `carried` what those inside have in their baskets, `elsewhere` the other goods of the store's shelves.
    """

    planograms: tuple[Shelf, ...]
    lying: Counter[tuple[str, UUID]]
    carried: Counter[UUID]
    elsewhere: tuple[Good, ...]
    motions: tuple[Motion, ...]
    watched: tuple[tuple[datetime, datetime], ...]
    seen: tuple[Seen, ...]
    stays: tuple[Stay, ...]
    restocks: tuple[Restock, ...]

    def shelf_at(self, at: datetime) -> Shelf | None:
        return next((shelf for shelf in self.planograms if shelf.valid_from <= at), None)

    def is_watched(self, at: datetime) -> bool:
        return any(begun <= at <= ended + WATCHED_AFTER for begun, ended in self.watched)


@dataclass(slots=True)
class Known:
    """Planograms that this process has read before, none of which ever changes; and whose report it is at."""

    shelves: dict[tuple[UUID, int], Shelf] = field(default_factory=dict)
    turns: WeakValueDictionary[UUID, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def turn(self, device_id: UUID) -> asyncio.Lock:
        """A shelf's reports take turns here, rather than each with a database connection in hand."""
        return self.turns.setdefault(device_id, asyncio.Lock())

    async def read(self, session: AsyncSession, device_id: UUID, version: int, valid_from: datetime) -> Shelf | None:
        key = device_id, version
        if key not in self.shelves:
            shelf = await planogram_of(session, device_id=device_id, at=valid_from)
            if shelf is None or shelf.version != version:  # one set in the same instant took its place
                return None
            if len(self.shelves) >= KNOWN_MAX:
                self.shelves.clear()
            self.shelves[key] = shelf
        return self.shelves[key]


async def get_known_planograms(request: Request) -> Known:
    known: Known = request.app.state.known_planograms
    return known


KnownPlanograms = Annotated[Known, Depends(get_known_planograms)]


@dataclass(frozen=True, slots=True)
class Watch:
    """A shelf, how far its clock is ahead, and its planograms of the last while, the newest first."""

    device_id: UUID
    store_id: UUID
    skew_ms: int
    planograms: tuple[Shelf, ...]


async def find_shelf(
    session: AsyncSession, *, device_id: UUID, store_id: UUID, since: datetime, now: datetime, known: Known
) -> Watch:
    """With every planogram that was in force at any time since then."""
    in_force_then = (
        select(func.max(Planogram.valid_from))
        .where(Planogram.device_id == device_id, Planogram.valid_from <= since)
        .scalar_subquery()
    )
    rows = await session.execute(
        select(Device.clock_skew_ms, Planogram.version, Planogram.valid_from)
        .outerjoin(
            Planogram,
            (Planogram.device_id == Device.id)
            & (Planogram.valid_from <= now)
            & (Planogram.valid_from >= func.coalesce(in_force_then, since)),
        )
        .where(Device.id == device_id)
        .order_by(Planogram.version.desc())
    )
    found = rows.all()
    shelves = [await known.read(session, device_id, version, start) for _, version, start in found if version]
    planograms = tuple(shelf for shelf in shelves if shelf is not None)
    return Watch(device_id, store_id, found[0].clock_skew_ms or 0, planograms)


async def look_around(
    session: AsyncSession, *, watch: Watch, since: datetime, until: datetime, returning: bool, known: Known
) -> Scene:
    """`returning`: something was put back, so it matters who carries what."""
    device_id = watch.device_id
    motions = await session.execute(
        select(ShelfMotion.slot, ShelfMotion.begun_at, ShelfMotion.ended_at, ShelfMotion.hand).where(
            ShelfMotion.device_id == device_id,
            ShelfMotion.ended_at >= since - max(HAND_BEFORE, WATCHED_AFTER),
            ShelfMotion.begun_at <= until + HAND_AFTER,
        )
    )
    moved = [Motion(*row) for row in motions]
    seen = await session.execute(
        select(ShelfPresence.visit_id, ShelfPresence.seen_at).where(
            ShelfPresence.device_id == device_id,
            ShelfPresence.seen_at >= since - SEEN_LATELY,
            ShelfPresence.seen_at <= until + FACE_WITHIN,
        )
    )
    stays = await session.execute(
        select(Visit.id, Visit.entered_at, Visit.left_at, Visit.group_id, Visit.is_host)
        .where(
            Visit.store_id == watch.store_id,
            Visit.entered_at <= until,
            Visit.left_at.is_(None) | (Visit.left_at >= since),
        )
        .order_by(Visit.id)
    )
    staying = tuple(Stay(*row) for row in stays)
    return Scene(
        planograms=watch.planograms,
        lying=await _lying(session, device_id),
        carried=await _carried(session, [stay.visit_id for stay in staying]) if returning else Counter(),
        elsewhere=await _elsewhere(session, watch.store_id, until, known) if returning else (),
        motions=tuple(each for each in moved if each.slot),
        watched=tuple((each.begun_at, each.ended_at) for each in moved if not each.slot),
        seen=tuple(Seen(*row) for row in seen),
        stays=staying,
        restocks=tuple(await restocks_between(session, device_id=device_id, since=since, until=until)),
    )


async def _lying(session: AsyncSession, device_id: UUID) -> Counter[tuple[str, UUID]]:
    rows = await session.execute(
        select(SlotStock.slot, SlotStock.product_id, SlotStock.pieces).where(SlotStock.device_id == device_id)
    )
    return Counter({(slot, product_id): pieces for slot, product_id, pieces in rows})


async def _carried(session: AsyncSession, visit_ids: Collection[UUID]) -> Counter[UUID]:
    """By product, what was taken and neither put back nor paid for at the exit."""
    rows = await session.execute(
        select(BasketChange.product_id, func.sum(BasketChange.quantity))
        .where(
            BasketChange.visit_id.in_(visit_ids),
            BasketChange.settled_at.is_(None),
            BasketChange.standing != Standing.DISMISSED,
        )
        .group_by(BasketChange.product_id)
    )
    return Counter({product_id: int(pieces) for product_id, pieces in rows if pieces > 0})


async def _elsewhere(session: AsyncSession, store_id: UUID, at: datetime, known: Known) -> tuple[Good, ...]:
    """The goods of all shelves of the store."""
    rows = await session.execute(
        select(Planogram.device_id, Planogram.version, Planogram.valid_from)
        .ext(distinct_on(Planogram.device_id))
        .join(Device, Device.id == Planogram.device_id)
        .where(Device.store_id == store_id, Device.revoked_at.is_(None), Planogram.valid_from <= at)
        .order_by(Planogram.device_id, Planogram.version.desc())
    )
    goods: dict[UUID, Good] = {}
    for device_id, version, valid_from in rows.all():
        shelf = await known.read(session, device_id, version, valid_from)
        for slot in shelf.slots if shelf else ():
            goods |= {good.product_id: good for good in slot.goods}
    return tuple(goods.values())


def lying_in(scene: Scene, slot: str) -> dict[UUID, int] | None:
    """By product, where the slot was ever counted."""
    return {product_id: pieces for (code, product_id), pieces in scene.lying.items() if code == slot} or None


def without(goods: Sequence[Good], those: Sequence[Good]) -> list[Good]:
    """The goods that aren't among those."""
    here = {good.product_id for good in those}
    return [good for good in goods if good.product_id not in here]
