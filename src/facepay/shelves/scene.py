"""What was known around a shelf at a time: what lay there, who was inside or before it, who moved a hand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID
from weakref import WeakValueDictionary

from fastapi import Depends, Request
from sqlalchemy import Boolean, DateTime, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance.visits import Visit
from facepay.kernel.database import rows_of
from facepay.shelves.baskets import BasketChange, Standing
from facepay.shelves.events import ShelfMotion, ShelfPresence
from facepay.shelves.fusion import FACE_WITHIN, HAND_AFTER, HAND_BEFORE, SEEN_LATELY, Motion, Seen, Stay
from facepay.shelves.planogram import Good, Planogram, Shelf, planogram_of
from facepay.shelves.restock import Restock, SlotStock
from facepay.stores.devices import Device

# A frame a second is the least that a camera sends while it watches.
WATCHED_AFTER = timedelta(seconds=3)
KNOWN_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Watch:
    """A shelf, how far its clock is ahead, and its planograms of the last while, the newest first."""

    device_id: UUID
    store_id: UUID
    skew_ms: int
    planograms: tuple[Shelf, ...]

    def shelf_at(self, at: datetime) -> Shelf | None:
        return next((shelf for shelf in self.planograms if shelf.valid_from <= at), None)


@dataclass(frozen=True, slots=True)
class Scene:
    """Between two times. `lying` is what each slot holds by count, `carried` what those inside have in their baskets,
    `elsewhere` the goods of all of the store's shelves.
    """

    watch: Watch
    lying: Counter[tuple[str, UUID]]
    carried: Counter[UUID]
    elsewhere: tuple[Good, ...]
    motions: tuple[Motion, ...]
    watched: tuple[tuple[datetime, datetime], ...]
    seen: tuple[Seen, ...]
    stays: tuple[Stay, ...]
    restocks: tuple[Restock, ...]

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


DEVICE, STORE = bindparam("device_id", type_=Uuid()), bindparam("store_id", type_=Uuid())
SINCE, UNTIL = (bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until"))
RETURNING = bindparam("returning", type_=Boolean())


# Statements that are made once: to make one, and to find how it is to be written, takes longer than to run it.
PLANOGRAMS = (
    select(Device.clock_skew_ms, Planogram.version, Planogram.valid_from)
    .outerjoin(
        Planogram,
        (Planogram.device_id == Device.id)
        & (Planogram.valid_from <= UNTIL)
        & (
            Planogram.valid_from
            >= func.coalesce(
                select(func.max(Planogram.valid_from))
                .where(Planogram.device_id == DEVICE, Planogram.valid_from <= SINCE)
                .scalar_subquery(),
                SINCE,
            )
        ),
    )
    .where(Device.id == DEVICE)
    .order_by(Planogram.version.desc())
)


async def find_shelf(
    session: AsyncSession, *, device_id: UUID, store_id: UUID, since: datetime, now: datetime, known: Known
) -> Watch:
    """With every planogram that was in force at any time since then."""
    rows = await session.execute(PLANOGRAMS, {"device_id": device_id, "since": since, "until": now})
    found = rows.all()
    shelves = [await known.read(session, device_id, version, start) for _, version, start in found if version]
    planograms = tuple(shelf for shelf in shelves if shelf is not None)
    return Watch(device_id, store_id, found[0].clock_skew_ms or 0, planograms)


STAYING = (Visit.store_id == STORE) & (Visit.entered_at <= UNTIL) & (Visit.left_at.is_(None) | (Visit.left_at >= SINCE))
AROUND = select(
    rows_of(
        select(ShelfMotion.slot, ShelfMotion.begun_at, ShelfMotion.ended_at, ShelfMotion.hand).where(
            ShelfMotion.device_id == DEVICE,
            ShelfMotion.ended_at >= SINCE - max(HAND_BEFORE, WATCHED_AFTER),
            ShelfMotion.begun_at <= UNTIL + HAND_AFTER,
        )
    ),
    rows_of(
        select(ShelfPresence.visit_id, ShelfPresence.seen_at).where(
            ShelfPresence.device_id == DEVICE,
            ShelfPresence.seen_at >= SINCE - SEEN_LATELY,
            ShelfPresence.seen_at <= UNTIL + FACE_WITHIN,
        )
    ),
    rows_of(select(Visit.id, Visit.entered_at, Visit.left_at, Visit.group_id, Visit.is_host).where(STAYING)),
    rows_of(
        select(Restock.slots, Restock.begun_at, Restock.ends_at).where(
            Restock.device_id == DEVICE, Restock.ends_at >= SINCE, Restock.begun_at <= UNTIL
        )
    ),
    rows_of(select(SlotStock.slot, SlotStock.product_id, SlotStock.pieces).where(SlotStock.device_id == DEVICE)),
    # What was taken and neither put back nor paid for at the exit.
    rows_of(
        select(BasketChange.product_id, func.sum(BasketChange.quantity))
        .join(Visit, Visit.id == BasketChange.visit_id)
        .where(RETURNING, STAYING, BasketChange.settled_at.is_(None), BasketChange.standing != Standing.DISMISSED)
        .group_by(BasketChange.product_id)
    ),
    rows_of(
        select(Planogram.device_id, Planogram.version, Planogram.valid_from)
        .ext(distinct_on(Planogram.device_id))
        .join(Device, Device.id == Planogram.device_id)
        .where(RETURNING, Device.store_id == STORE, Device.revoked_at.is_(None), Planogram.valid_from <= UNTIL)
        .order_by(Planogram.device_id, Planogram.version.desc())
    ),
)


async def look_around(
    session: AsyncSession, *, watch: Watch, since: datetime, until: datetime, returning: bool, known: Known
) -> Scene:
    """`returning`: something was put back, so it matters who carries what, and what lies elsewhere."""
    bound = {"device_id": watch.device_id, "store_id": watch.store_id, "since": since, "until": until}
    found = await session.execute(AROUND, bound | {"returning": returning})
    motions, seen, stays, restocks, lying, carried, shelves = found.one()
    moved = [Motion(slot, _time(begun), _time(ended), hand) for slot, begun, ended, hand in motions]
    return Scene(
        watch=watch,
        lying=Counter({(slot, UUID(product)): pieces for slot, product, pieces in lying}),
        carried=Counter({UUID(product): pieces for product, pieces in carried if pieces > 0}),
        elsewhere=await _goods(session, shelves, known),
        motions=tuple(each for each in moved if each.slot),
        watched=tuple((each.begun_at, each.ended_at) for each in moved if not each.slot),
        seen=tuple(Seen(UUID(visit), _time(at)) for visit, at in seen),
        stays=tuple(_stay(*row) for row in sorted(stays)),
        restocks=tuple(
            Restock(slots=slots, begun_at=_time(begun), ends_at=_time(ends)) for slots, begun, ends in restocks
        ),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _stay(visit: str, entered: str, left: str | None, group: str | None, is_host: bool) -> Stay:
    return Stay(UUID(visit), _time(entered), _time(left) if left else None, UUID(group) if group else None, is_host)


async def _goods(session: AsyncSession, shelves: Sequence[Sequence[Any]], known: Known) -> tuple[Good, ...]:
    goods: dict[UUID, Good] = {}
    for device_id, version, valid_from in shelves:
        shelf = await known.read(session, UUID(device_id), version, _time(valid_from))
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
