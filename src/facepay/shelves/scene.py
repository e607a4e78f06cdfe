"""What was known around a shelf at a time: what lay there, who was inside or before it, who moved a hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance.visits import Visit
from facepay.shelves.baskets import live_basket
from facepay.shelves.events import ShelfMotion, ShelfPresence
from facepay.shelves.fusion import FACE_WITHIN, HAND_AFTER, HAND_BEFORE, SEEN_LATELY, Motion, Seen, Stay
from facepay.shelves.planogram import Good, Shelf, planogram_of, planograms_of_store
from facepay.shelves.restock import Restock, SlotStock, restocks_between

# A frame a second is the least that a camera sends while it watches.
WATCHED_AFTER = timedelta(seconds=3)


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


async def look_around(
    session: AsyncSession, *, device_id: UUID, store_id: UUID, since: datetime, until: datetime, returning: bool
) -> Scene:
    """`returning`: something was put back, so it matters who carries what."""
    motions = await session.scalars(
        select(ShelfMotion).where(
            ShelfMotion.device_id == device_id,
            ShelfMotion.ended_at >= since - max(HAND_BEFORE, WATCHED_AFTER),
            ShelfMotion.begun_at <= until + HAND_AFTER,
        )
    )
    moved = list(motions)
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
            Visit.store_id == store_id,
            Visit.entered_at <= until,
            Visit.left_at.is_(None) | (Visit.left_at >= since),
        )
        .order_by(Visit.id)
    )
    staying = tuple(Stay(*row) for row in stays)
    basket = await live_basket(session, visit_ids=[stay.visit_id for stay in staying]) if returning else {}
    return Scene(
        planograms=await _planograms(session, device_id, since, until),
        lying=await _lying(session, device_id),
        carried=Counter({held.product_id: held.count.possible for held in basket.values()}),
        elsewhere=await _elsewhere(session, store_id, until) if returning else (),
        motions=tuple(Motion(each.slot, each.begun_at, each.ended_at, each.hand) for each in moved if each.slot),
        watched=tuple((each.begun_at, each.ended_at) for each in moved if not each.slot),
        seen=tuple(Seen(*row) for row in seen),
        stays=staying,
        restocks=tuple(await restocks_between(session, device_id=device_id, since=since, until=until)),
    )


async def _planograms(session: AsyncSession, device_id: UUID, since: datetime, until: datetime) -> tuple[Shelf, ...]:
    found: list[Shelf] = []
    at = until
    while (shelf := await planogram_of(session, device_id=device_id, at=at)) is not None:
        found.append(shelf)
        if shelf.valid_from <= since:
            break
        at = shelf.valid_from - timedelta(microseconds=1)
    return tuple(found)


async def _lying(session: AsyncSession, device_id: UUID) -> Counter[tuple[str, UUID]]:
    rows = await session.execute(
        select(SlotStock.slot, SlotStock.product_id, SlotStock.pieces).where(SlotStock.device_id == device_id)
    )
    return Counter({(slot, product_id): pieces for slot, product_id, pieces in rows})


async def _elsewhere(session: AsyncSession, store_id: UUID, at: datetime) -> tuple[Good, ...]:
    goods: dict[UUID, Good] = {}
    for shelf in await planograms_of_store(session, store_id=store_id, at=at):
        for slot in shelf.slots:
            goods |= {good.product_id: good for good in slot.goods}
    return tuple(goods.values())


def lying_in(scene: Scene, slot: str) -> dict[UUID, int] | None:
    """By product, where the slot was ever counted."""
    return {product_id: pieces for (code, product_id), pieces in scene.lying.items() if code == slot} or None


def without(goods: Sequence[Good], those: Sequence[Good]) -> list[Good]:
    """The goods that aren't among those."""
    here = {good.product_id for good in those}
    return [good for good in goods if good.product_id not in here]
