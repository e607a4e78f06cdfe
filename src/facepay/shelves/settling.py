"""What nobody waits for: changes that came after the payment, and visits that left with goods they hadn't paid for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.orders import Order
from facepay.entrance.visits import Visit
from facepay.families.purses import purse_of
from facepay.kernel.database import Database
from facepay.kernel.errors import Problem
from facepay.members.members import get_member
from facepay.settings import Settings
from facepay.shelves.baskets import BasketChange, Standing, claims_of, close_basket, live_basket, lock_visits
from facepay.shelves.billing import Staff, bill, charge_afterwards, payer_after
from facepay.shelves.corrections import hold_visits, judge_late
from facepay.shelves.events import ShelfMotion, ShelfPresence
from facepay.shelves.rule import Dispute, Verdict, reconcile

log = structlog.get_logger()
AT_ONCE_MAX = 200
LEFT = "left without paying"
LATE = Staff("system:late_shelf_event", "reported after the visit had paid")
KEPT_FOR = timedelta(days=1)


async def settle_late_changes(database: Database, *, settings: Settings, now: datetime) -> int:
    """How many were settled."""
    async with database.begin() as session:
        waiting = await session.scalars(
            select(BasketChange.id)
            .where(BasketChange.late, BasketChange.settled_at.is_(None))
            .order_by(BasketChange.id)
            .limit(AT_ONCE_MAX)
        )
        change_ids = list(waiting)

    async def settle(session: AsyncSession, change_id: UUID) -> None:
        await settle_late_change(session, change_id=change_id, settings=settings, now=now)

    return await _each(database, change_ids, settle)


async def _each(database: Database, ids: Sequence[UUID], act: Callable[[AsyncSession, UUID], Awaitable[object]]) -> int:
    """Each in a transaction of its own, so that one that fails holds up no other; how many didn't."""
    done = 0
    for each in ids:
        try:
            async with database.begin() as session:
                await act(session, each)
            done += 1
        except Exception as error:
            log.error("shelf_settlement_failed", id=str(each), exc_info=error)
    return done


async def settle_late_change(session: AsyncSession, *, change_id: UUID, settings: Settings, now: datetime) -> None:
    """By the rule: an extra charge or a refund, both with a notice; nothing; or a question to staff, who also hear of
    what can't be done.
    """
    change = await session.get_one(BasketChange, change_id)
    if change.visit_id is None:  # who it was asked to be forgotten
        change.settled_at = now
        await session.flush()
        return
    (visit,) = await hold_visits(session, visit_ids=[change.visit_id])
    change = await session.get_one(
        BasketChange, change_id, with_for_update={"of": BasketChange}, populate_existing=True
    )
    if change.settled_at is not None:
        return
    sku = change.sku
    verdict = await judge_late(session, change=change, settings=settings)
    change.settled_at = now
    match verdict.action:
        case "charge" | "refund":
            pieces = verdict.quantity if verdict.action == "charge" else -verdict.quantity
            try:
                async with session.begin_nested():
                    change.order_id = await bill(session, visit, sku, pieces, LATE, now, settings)
            except Problem:
                change.standing, change.for_review = Standing.DOUBTFUL, True
        case "waive":
            change.standing = Standing.DISMISSED
        case "review":
            change.standing, change.for_review = Standing.DOUBTFUL, True
        case "nothing":
            pass
    await session.flush()


async def charge_left_visits(database: Database, *, settings: Settings, now: datetime) -> int:
    """Whoever left without paying is charged for what their basket holds, once it is sure to be all; how many were.

    A group counts as one.
    """
    left_before = now - timedelta(minutes=settings.unpaid_visit_minutes)
    party = func.coalesce(Visit.group_id, Visit.id)
    async with database.begin() as session:
        waiting = await session.scalars(
            select(Visit.id)
            .ext(distinct_on(party))
            .join(BasketChange, BasketChange.visit_id == Visit.id)
            .where(
                Visit.left_at < left_before,
                BasketChange.settled_at.is_(None),
                BasketChange.late.is_(False),
            )
            .order_by(party, Visit.id)
            .limit(AT_ONCE_MAX)
        )
        visit_ids = list(waiting)

    async def charge(session: AsyncSession, visit_id: UUID) -> None:
        await charge_left_visit(session, visit_id=visit_id, settings=settings, now=now)

    return await _each(database, visit_ids, charge)


async def charge_left_visit(
    session: AsyncSession, *, visit_id: UUID, settings: Settings, now: datetime
) -> Order | None:
    """By the rule, like a lane without tags, together with those of its group who have left; what the wallet is short
    of is owed. Whoever can't be charged is put to staff.
    """
    visit = await session.get_one(Visit, visit_id)
    payer = await get_member(session, await payer_after(session, visit=visit, settings=settings), lock=True)
    await purse_of(session, member=payer)  # locked with them, before any visit
    visit_ids = await _left_together(session, visit, payer.id, settings)
    visits = await lock_visits(session, visit_ids=visit_ids)
    basket = await live_basket(session, visit_ids=visit_ids)
    verdict = reconcile(claims_of(basket), favour_max=settings.shelf_favour_max)
    order = None
    if verdict.charged:
        order = await charge_afterwards(session, visit, payer, verdict.charged, LEFT, now, settings)
    if verdict.charged and order is None:
        refused = tuple(
            Dispute(sku, 0, pieces, pieces * basket[sku].unit_price) for sku, pieces in verdict.charged.items()
        )
        verdict = Verdict({}, verdict.waived, (*verdict.review, *refused))
    await close_basket(session, visit_ids=visit_ids, order_id=order.id if order else None, now=now, verdict=verdict)
    for each in visits:
        each.basket_unpaid = False
    await session.flush()
    return order


async def _left_together(session: AsyncSession, visit: Visit, payer_id: UUID, settings: Settings) -> list[UUID]:
    """The visit, and those of its group that are over too and have the same payer, who may have paid for all at once at
    a kiosk.
    """
    group = await session.scalars(
        select(Visit)
        .where(Visit.group_id == visit.group_id, Visit.id != visit.id, Visit.left_at.is_not(None))
        .order_by(Visit.id)
    )
    others = [each.id for each in group if await payer_after(session, visit=each, settings=settings) == payer_id]
    return [visit.id, *others]


async def forget_sightings(database: Database, *, now: datetime) -> None:
    """Who stood before which shelf, and where something moved, serves for a day."""
    async with database.begin() as session:
        await session.execute(delete(ShelfPresence).where(ShelfPresence.seen_at < now - KEPT_FOR))
        await session.execute(delete(ShelfMotion).where(ShelfMotion.ended_at < now - KEPT_FOR))
