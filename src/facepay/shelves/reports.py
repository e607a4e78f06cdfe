"""A shelf's report: each change of weight judged, kept once, and followed by the baskets of those inside."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Severity, raise_alert
from facepay.catalog.products import Product
from facepay.channel.sequences import note_sequence
from facepay.kernel.auth import Principal
from facepay.kernel.database import Database
from facepay.kernel.hub import notify
from facepay.kernel.ids import new_id
from facepay.settings import Settings
from facepay.shelves.baskets import BasketChange, Standing, hold_off_payments, paid_at, topic_of
from facepay.shelves.events import ShelfEvent
from facepay.shelves.fusion import Finding
from facepay.shelves.judging import AGE_MAX, Change, Judged, happened_at, judge
from facepay.shelves.planogram import Shelf
from facepay.shelves.restock import take_from_slots
from facepay.shelves.scene import Known, Scene, find_shelf, look_around

CHANGES_MAX = 200


@dataclass(frozen=True, slots=True)
class Receipt:
    """How many were new, and what each of those was found to be, by sequence."""

    accepted: int
    repeated: int
    findings: Mapping[int, Finding]


async def report(
    database: Database,
    *,
    device: Principal,
    run: str,
    changes: Sequence[Change],
    known: Known,
    now: datetime,
    settings: Settings,
) -> Receipt:
    """Judge the changes by what was known around them, and keep those that are new with all that follows from them.

    No transaction is open while they are weighed: a slot with many goods has many explanations. Raises TooManyGaps.
    """
    async with known.turn(device.id):
        async with database.read() as session:
            watch = await find_shelf(
                session, device_id=device.id, store_id=device.store, since=now - AGE_MAX, now=now, known=known
            )
            at = {change.sequence: happened_at(change.said_at, skew_ms=watch.skew_ms, now=now) for change in changes}
            scene = await look_around(
                session,
                watch=watch,
                since=max(min(at.values()), now - AGE_MAX),
                until=max(at.values()),
                returning=any(change.delta_grams > 0 for change in changes),
                known=known,
            )
        judged = await asyncio.to_thread(judge, changes, at, scene, now)
        async with database.begin() as session:
            return await keep(session, device=device, run=run, judged=judged, scene=scene, now=now, settings=settings)


async def keep(
    session: AsyncSession,
    *,
    device: Principal,
    run: str,
    judged: Sequence[Judged],
    scene: Scene,
    now: datetime,
    settings: Settings,
) -> Receipt:
    """Those that were told before change nothing. The reports of a run come one by one. Raises TooManyGaps."""
    sequences = [each.change.sequence for each in judged]
    noted = await note_sequence(session, device_id=device.id, run=run, sequences=sequences, now=now, series="shelf")
    new = [each for each in judged if each.change.sequence in noted.fresh]
    if new:
        events = await _insert(session, device, run, new, now)
        await _follow(session, device, new, events, now, settings)
    taken: Counter[tuple[str, UUID]] = Counter()
    for each in new:
        for move in each.moves:
            taken[each.change.slot, move.product_id] += move.quantity
    shelf = scene.planograms[0] if scene.planograms else None
    if shelf is not None:
        await take_from_slots(session, store_id=device.store, shelf=shelf, taken=taken, now=now)
    await _alert(session, device, new, shelf, now)
    return Receipt(len(new), len(judged) - len(new), {each.change.sequence: each.finding for each in new})


async def _insert(
    session: AsyncSession, device: Principal, run: str, new: Sequence[Judged], now: datetime
) -> dict[int, UUID]:
    """Their ids by sequence."""
    ids = [new_id() for _ in new]
    rows = [
        {
            "id": row_id,
            "store_id": device.store,
            "device_id": device.id,
            "run": run,
            "sequence": each.change.sequence,
            "slot": each.change.slot,
            "said_at": each.change.said_at,
            "at": each.at,
            "received_at": now,
            "delta_grams": each.change.delta_grams,
            "noise_grams": each.change.noise_grams,
            "hand": each.change.hand,
            "finding": each.finding,
        }
        for each, row_id in zip(new, ids, strict=True)
    ]
    await (await session.connection()).execute(insert(ShelfEvent), rows)  # plain rows, not objects
    return {each.change.sequence: row_id for each, row_id in zip(new, ids, strict=True)}


async def _follow(
    session: AsyncSession,
    device: Principal,
    new: Sequence[Judged],
    events: Mapping[int, UUID],
    now: datetime,
    settings: Settings,
) -> None:
    """Into the baskets, what was taken and put back. The visits can't be paid meanwhile: what they have paid for up to
    here makes a change late.
    """
    moved = [each for each in new if each.finding in (Finding.TAKE, Finding.PUT_BACK)]
    if not moved:
        return
    visit_ids = {move.who.visit_id for each in moved for move in each.moves if move.who.visit_id}
    await hold_off_payments(session, visit_ids=visit_ids)
    paid = await paid_at(session, visit_ids)
    prices = await _prices(session, {move.product_id for each in moved for move in each.moves})
    rows = []
    for each in moved:
        for move in each.moves:
            visit_id = move.who.visit_id
            late = visit_id in paid and each.at <= paid[visit_id]
            sure = visit_id is not None and move.confidence >= settings.shelf_confidence_min
            dear = prices[move.product_id] * abs(move.quantity) > settings.shelf_favour_max
            forgiven = visit_id is None and not dear
            standing = Standing.SURE if sure else Standing.DISMISSED if forgiven else Standing.DOUBTFUL
            rows.append(
                {
                    "id": new_id(),
                    "store_id": device.store,
                    "event_id": events[each.change.sequence],
                    "visit_id": visit_id,
                    "product_id": move.product_id,
                    "quantity": move.quantity,
                    "confidence": move.confidence,
                    "standing": standing,
                    "sources": move.sources,
                    "late": late,
                    "for_review": standing is Standing.DOUBTFUL and dear and not late,
                    "event_at": each.at,
                    "created_at": now,
                }
            )
    await (await session.connection()).execute(insert(BasketChange), rows)
    for visit_id in sorted(visit_ids):
        await notify(session, topic_of(visit_id))


async def _prices(session: AsyncSession, product_ids: Collection[UUID]) -> dict[UUID, int]:
    rows = await session.execute(select(Product.id, Product.price).where(Product.id.in_(product_ids)))
    return dict(rows.all())


async def _alert(
    session: AsyncSession, device: Principal, new: Sequence[Judged], shelf: Shelf | None, now: datetime
) -> None:
    """Goods that lie where they don't belong, weight that nothing explains, and slots that no planogram knows."""
    worth: dict[tuple[str, str], Judged] = {}
    for each in new:
        if each.misplaced or (each.finding is Finding.UNEXPLAINED and each.change.delta_grams > 0):
            worth["misplaced_goods", each.change.slot] = each
        elif each.finding is Finding.UNEXPLAINED:
            worth["weight_unexplained", each.change.slot] = each
        elif each.finding is Finding.UNKNOWN_SLOT:
            worth["unknown_slot", each.change.slot] = each
    for (kind, slot), each in sorted(worth.items(), key=lambda item: item[0]):
        await raise_alert(
            session,
            store_id=device.store,
            kind=kind,
            severity=Severity.INFO if shelf and kind == "misplaced_goods" else Severity.WARNING,
            subject=f"{device.id}/{slot}",
            now=now,
            device_id=device.id,
            slot=slot,
            delta_grams=each.change.delta_grams,
            product_ids=[str(move.product_id) for move in each.moves],
        )
