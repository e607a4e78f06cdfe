"""What nobody waits for: changes that came after the payment, and visits that left with goods they hadn't paid for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product, find_products
from facepay.checkout.benefits import Offer, Wish, offer
from facepay.checkout.orders import Order
from facepay.checkout.pricing import PricedBasket, price_basket
from facepay.checkout.selling import Sold, sell
from facepay.entrance.visits import Visit
from facepay.kernel.database import Database
from facepay.members.freezes import current_freeze
from facepay.members.members import Member, get_member
from facepay.notices.notices import NoticeKind, notify_member
from facepay.settings import Settings
from facepay.shelves.baskets import (
    BasketChange,
    BasketClosing,
    Standing,
    claims_of,
    close_basket,
    live_basket,
    lock_visits,
)
from facepay.shelves.corrections import NotCharged, NothingToReturn, Staff, bill, hold_visits, judge_late
from facepay.shelves.events import ShelfMotion, ShelfPresence
from facepay.shelves.rule import Dispute, Verdict, reconcile
from facepay.stores.stores import get_store

AT_ONCE_MAX = 200
LATE = Staff("system:late_shelf_event", "reported after the visit had paid")
KEPT_FOR = timedelta(days=1)


async def settle_late_changes(database: Database, *, settings: Settings, now: datetime) -> int:
    """Each in a transaction of its own, so that one that fails holds up no other; how many were settled."""
    async with database.begin() as session:
        waiting = await session.scalars(
            select(BasketChange.id)
            .where(BasketChange.late, BasketChange.settled_at.is_(None))
            .order_by(BasketChange.id)
            .limit(AT_ONCE_MAX)
        )
        change_ids = list(waiting)
    for change_id in change_ids:
        async with database.begin() as session:
            await settle_late_change(session, change_id=change_id, settings=settings, now=now)
    return len(change_ids)


async def settle_late_change(session: AsyncSession, *, change_id: UUID, settings: Settings, now: datetime) -> None:
    """By the rule: an extra charge or a refund, both with a notice; nothing; or a question to staff."""
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
    product = change.product
    verdict = await judge_late(session, change=change, settings=settings)
    change.settled_at = now
    match verdict.action:
        case "charge" | "refund":
            pieces = verdict.quantity if verdict.action == "charge" else -verdict.quantity
            try:
                async with session.begin_nested():
                    change.order_id = await _bill_or_sell(session, visit, product, pieces, settings, now)
            except (NotCharged, NothingToReturn):
                change.standing, change.for_review = Standing.DOUBTFUL, True
        case "waive":
            change.standing = Standing.DISMISSED
        case "review":
            change.standing, change.for_review = Standing.DOUBTFUL, True
        case "nothing":
            pass
    await session.flush()


async def _bill_or_sell(
    session: AsyncSession, visit: Visit, product: Product, pieces: int, settings: Settings, now: datetime
) -> UUID:
    """Whoever passed with nothing has no order to add to: theirs is an order of its own."""
    has_order = select(BasketClosing.id).where(BasketClosing.visit_id == visit.id, BasketClosing.order_id.is_not(None))
    if pieces < 0 or await session.scalar(has_order.limit(1)):
        return await bill(session, visit, product.sku, pieces, LATE, now, settings)
    member = await get_member(session, visit.member_id)
    order = await _sell(session, visit, member, {product.sku: pieces}, settings, now)
    if order is None:
        raise NotCharged("The member can't be charged now.")
    return order.id


async def charge_left_visits(database: Database, *, settings: Settings, now: datetime) -> int:
    """Whoever left without paying is charged for what their basket holds, once it is sure to be all; how many were."""
    left_before = now - timedelta(minutes=settings.unpaid_visit_minutes)
    async with database.begin() as session:
        waiting = await session.scalars(
            select(Visit.id)
            .distinct()
            .join(BasketChange, BasketChange.visit_id == Visit.id)
            .where(
                Visit.left_at < left_before,
                BasketChange.settled_at.is_(None),
                BasketChange.late.is_(False),
            )
            .order_by(Visit.id)
            .limit(AT_ONCE_MAX)
        )
        visit_ids = list(waiting)
    for visit_id in visit_ids:
        async with database.begin() as session:
            await charge_left_visit(session, visit_id=visit_id, settings=settings, now=now)
    return len(visit_ids)


async def charge_left_visit(
    session: AsyncSession, *, visit_id: UUID, settings: Settings, now: datetime
) -> Order | None:
    """By the rule, like a lane without tags; what the wallet is short of is owed. Whoever can't be charged is put to
    staff.
    """
    visit = await session.get_one(Visit, visit_id)
    payer = await get_member(session, await payer_after(session, visit=visit, settings=settings), lock=True)
    await lock_visits(session, visit_ids=[visit_id])
    basket = await live_basket(session, visit_ids=[visit_id])
    verdict = reconcile(claims_of(basket), favour_max=settings.shelf_favour_max)
    order = await _sell(session, visit, payer, verdict.charged, settings, now) if verdict.charged else None
    if verdict.charged and order is None:
        refused = tuple(
            Dispute(sku, 0, pieces, pieces * basket[sku].unit_price) for sku, pieces in verdict.charged.items()
        )
        verdict = Verdict({}, verdict.waived, (*verdict.review, *refused))
    await close_basket(session, visit_ids=[visit_id], order_id=order.id if order else None, now=now, verdict=verdict)
    visit.basket_unpaid = False
    await session.flush()
    return order


async def payer_after(session: AsyncSession, *, visit: Visit, settings: Settings) -> UUID:
    """The member who pays for a visit that is over: the group's host, where they stayed until it ended, or nearly."""
    if visit.group_id is None or visit.left_at is None:
        return visit.member_id
    nearly = visit.left_at - timedelta(minutes=settings.unpaid_visit_minutes)
    host = await session.scalar(
        select(Visit.member_id).where(
            Visit.group_id == visit.group_id, Visit.is_host, Visit.left_at.is_(None) | (Visit.left_at >= nearly)
        )
    )
    return host or visit.member_id


async def _sell(
    session: AsyncSession,
    visit: Visit,
    payer: Member,
    quantities: Mapping[str, int],
    settings: Settings,
    now: datetime,
) -> Order | None:
    """Goods that are out of the store already, with a notice; None where the payer can't be charged."""
    store = await get_store(session, visit.store_id)
    products = await find_products(session, skus=quantities.keys())
    basket = price_basket(quantities, products, currency=store.currency)
    if not isinstance(basket, PricedBasket) or await current_freeze(session, member_id=payer.id) is not None:
        return None
    offered = await offer(session, member_id=payer.id, basket=basket, wish=Wish(), now=now, settings=settings)
    if not isinstance(offered, Offer):
        return None
    outcome = await sell(
        session,
        offered=offered,
        member=payer,
        store_id=store.id,
        device_id=visit.exit_gate_id or visit.entry_gate_id,
        now=now,
        settings=settings,
        advance_max=None,
        in_hand=True,
    )
    if not isinstance(outcome, Sold):
        return None
    order = outcome.order
    await notify_member(
        session,
        member_id=payer.id,
        kind=NoticeKind.CHARGED_LATER,
        order_id=order.id,
        amount=order.total,
        currency=order.currency,
        goods=dict(quantities),
        reason="left without paying",
        now=now,
    )
    return order


async def forget_sightings(database: Database, *, now: datetime) -> None:
    """Who stood before which shelf, and where something moved, serves for a day."""
    async with database.begin() as session:
        await session.execute(delete(ShelfPresence).where(ShelfPresence.seen_at < now - KEPT_FOR))
        await session.execute(delete(ShelfMotion).where(ShelfMotion.ended_at < now - KEPT_FOR))
