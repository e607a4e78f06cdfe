"""A shelf's report: each change of weight judged, kept once, and followed by the baskets of those inside."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.catalog.products import Product
from facepay.channel.sequences import note_sequence
from facepay.kernel.auth import Principal
from facepay.kernel.database import Database, insert_rows, rows_of
from facepay.kernel.hub import notify
from facepay.kernel.ids import new_id
from facepay.settings import Settings
from facepay.shelves.baskets import PAID_AT, BasketChange, BasketClosing, Standing, hold_off_payments, topic_of
from facepay.shelves.events import ShelfEvent
from facepay.shelves.fusion import Finding, Move
from facepay.shelves.judging import AGE_MAX, Change, Judged, happened_at, judge
from facepay.shelves.kinds import MISPLACED_GOODS, UNKNOWN_SLOT, WEIGHT_UNEXPLAINED
from facepay.shelves.planogram import Shelf
from facepay.shelves.restock import take_from_slots
from facepay.shelves.scene import Known, Watch, find_shelf, look_around


@dataclass(frozen=True, slots=True)
class Receipt:
    """How many numbers were new, and what each of the changes among them was found to be, by number."""

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
        judged = await judge_all(database, changes=changes, watch=watch, known=known, now=now)
        numbers = [change.sequence for change in changes]
        async with database.begin() as session:
            new = await note_numbers(session, device=device, run=run, numbers=numbers, now=now)
            kept = [each for each in judged if each.change.sequence in new]
            await keep(session, device=device, run=run, judged=kept, watch=watch, now=now, settings=settings)
    findings = {each.change.sequence: each.finding for each in kept}
    return Receipt(len(new), len(numbers) - len(new), findings)


async def judge_all(
    database: Database, *, changes: Sequence[Change], watch: Watch, known: Known, now: datetime
) -> list[Judged]:
    """By what was known around them."""
    if not changes:
        return []
    at = {change.sequence: happened_at(change.said_at, skew_ms=watch.skew_ms, now=now) for change in changes}
    async with database.read() as session:
        scene = await look_around(
            session,
            watch=watch,
            since=max(min(at.values()), now - AGE_MAX),
            until=max(at.values()),
            returning=any(change.delta_grams > 0 for change in changes),
            known=known,
        )
    return await asyncio.to_thread(judge, changes, at, scene, now)


async def note_numbers(
    session: AsyncSession, *, device: Principal, run: str, numbers: Collection[int], now: datetime
) -> frozenset[int]:
    """Those that weren't told before. The reports of a run come one by one from here on. Raises TooManyGaps."""
    noted = await note_sequence(session, device_id=device.id, run=run, sequences=numbers, now=now, series="shelf")
    return noted.fresh


async def keep(
    session: AsyncSession,
    *,
    device: Principal,
    run: str,
    judged: Sequence[Judged],
    watch: Watch,
    now: datetime,
    settings: Settings,
) -> None:
    """Changes that are new, with all that follows: baskets, what lies in the slots, and alerts."""
    if not judged:
        return
    ids = [new_id() for _ in judged]
    rows = [_event(event_id, device, run, each, now) for event_id, each in zip(ids, judged, strict=True)]
    await insert_rows(session, ShelfEvent, rows)
    await _follow(session, device, dict(zip(ids, judged, strict=True)), now, settings)
    shelf = watch.planograms[0] if watch.planograms else None
    if shelf is not None:
        taken: Counter[tuple[str, UUID]] = Counter()
        for each in judged:
            for move in each.moves:
                taken[each.change.slot, move.product_id] += move.quantity
        await take_from_slots(session, store_id=device.store, shelf=shelf, taken=taken, now=now)
    await _alert(session, device, judged, shelf, now)


def _event(event_id: UUID, device: Principal, run: str, each: Judged, now: datetime) -> dict[str, Any]:
    return {
        "id": event_id,
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


# Until when each of the visits has paid; and what the products cost.
PAID_AND_PRICES = select(
    rows_of(PAID_AT.where(BasketClosing.visit_id == any_(bindparam("visit_ids", type_=ARRAY(Uuid()))))),
    rows_of(select(Product.id, Product.price).where(Product.id == any_(bindparam("product_ids", type_=ARRAY(Uuid()))))),
)


async def _follow(
    session: AsyncSession, device: Principal, events: Mapping[UUID, Judged], now: datetime, settings: Settings
) -> None:
    """Into the baskets, what was taken and put back. The visits can't be paid meanwhile: what they have paid for up to
    here makes a change late.
    """
    moves = [
        (event_id, each.at, move)
        for event_id, each in events.items()
        if each.finding in (Finding.TAKE, Finding.PUT_BACK)
        for move in each.moves
    ]
    if not moves:
        return
    visit_ids = {move.who.visit_id for _, _, move in moves if move.who.visit_id}
    await hold_off_payments(session, visit_ids=visit_ids)
    bound = {"visit_ids": list(visit_ids), "product_ids": list({move.product_id for _, _, move in moves})}
    paid, prices = map(dict, (await session.execute(PAID_AND_PRICES, bound)).one())
    rows = []
    for event_id, at, move in moves:
        paid_at = paid.get(str(move.who.visit_id))
        late = paid_at is not None and at <= datetime.fromisoformat(paid_at)
        row = {"id": new_id(), "store_id": device.store, "event_id": event_id, "event_at": at, "created_at": now}
        rows.append(row | _change(move, late, prices[str(move.product_id)], settings))
    await insert_rows(session, BasketChange, rows)
    await notify(session, *map(topic_of, visit_ids))


def _change(move: Move, late: bool, price: int, settings: Settings) -> dict[str, Any]:
    """Into a basket, as sure or doubtful as it is; of little worth and nobody's, it is given up."""
    sure = move.who.visit_id is not None and move.confidence >= settings.shelf_confidence_min
    dear = price * abs(move.quantity) > settings.shelf_favour_max
    forgiven = move.who.visit_id is None and not dear
    standing = Standing.SURE if sure else Standing.DISMISSED if forgiven else Standing.DOUBTFUL
    return {
        "visit_id": move.who.visit_id,
        "product_id": move.product_id,
        "quantity": move.quantity,
        "confidence": move.confidence,
        "standing": standing,
        "sources": move.sources,
        "late": late,
        "for_review": standing is Standing.DOUBTFUL and dear and not late,
    }


async def _alert(
    session: AsyncSession, device: Principal, new: Sequence[Judged], shelf: Shelf | None, now: datetime
) -> None:
    """Goods that lie where they don't belong, weight that nothing explains, and slots that no planogram knows."""
    worth: dict[tuple[AlertKind, str], Judged] = {}
    for each in new:
        if each.misplaced or (each.finding is Finding.UNEXPLAINED and each.change.delta_grams > 0):
            worth[MISPLACED_GOODS, each.change.slot] = each
        elif each.finding is Finding.UNEXPLAINED:
            worth[WEIGHT_UNEXPLAINED, each.change.slot] = each
        elif each.finding is Finding.UNKNOWN_SLOT:
            worth[UNKNOWN_SLOT, each.change.slot] = each
    for (kind, slot), each in sorted(worth.items(), key=lambda item: (item[0][0].name, item[0][1])):
        await raise_alert(
            session,
            kind,
            store_id=device.store,
            severity=Severity.INFO if shelf and kind is MISPLACED_GOODS else None,
            subject=f"{device.id}/{slot}",
            now=now,
            device_id=device.id,
            slot=slot,
            delta_grams=each.change.delta_grams,
            product_ids=[str(move.product_id) for move in each.moves],
        )
