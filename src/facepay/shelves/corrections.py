"""Baskets set right: by staff, and after they were paid, as a refund or an extra charge that the member is told of."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product, get_piece_by_sku
from facepay.checkout.orders import Order
from facepay.checkout.refunds import still_out
from facepay.entrance.visits import Visit
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.hub import notify
from facepay.kernel.ids import new_id
from facepay.members.members import holding
from facepay.settings import Settings
from facepay.shelves.baskets import (
    BasketChange,
    BasketClosing,
    Standing,
    live_basket,
    lock_visits,
    paid_at,
    topic_of,
    whole_basket,
)
from facepay.shelves.billing import Staff, bill, orders_of
from facepay.shelves.rule import Count, LateVerdict, settle_late


class ChangeNotFound(NotFound):
    """There is no basket change with this id."""

    code = "basket_change_not_found"
    title = "No such basket change"


class VisitNotFound(NotFound):
    """There is no visit with this id."""

    code = "visit_not_found"
    title = "No such visit"


class AlreadyDecided(Conflict):
    """It isn't in doubt: staff have decided, or the basket was paid meanwhile."""

    code = "review_decided"
    title = "Already decided"


async def decide(
    session: AsyncSession,
    *,
    change_id: UUID,
    sku: str,
    quantity: int,
    visit_id: UUID | None,
    staff: Staff,
    now: datetime,
    settings: Settings,
) -> BasketChange:
    """What a doubtful change really was, and whose; 0 pieces are nothing. The basket follows, and the bill where it was
    paid. Raises ChangeNotFound, AlreadyDecided, VisitNotFound, ProductNotFound, NotSoldByPiece, NotCharged and
    NothingToReturn.
    """
    product = await get_piece_by_sku(session, sku)
    doubt = await _doubt(session, change_id)
    whose = visit_id or doubt.visit_id
    visits = await hold_visits(session, visit_ids={each for each in (whose, doubt.visit_id) if each is not None})
    if any(visit.store_id != doubt.store_id for visit in visits):
        raise VisitNotFound("The visit is one to another store.")
    doubt = await _doubt(session, change_id, lock=True)
    doubt.standing, doubt.decided_by, doubt.note = Standing.DISMISSED, staff.actor, staff.note
    if doubt.visit_id is not None:
        await notify(session, topic_of(doubt.visit_id))
    if quantity == 0 or whose is None:
        await session.flush()
        return doubt
    return await _add(session, whose, product, quantity, staff, now, settings, doubt=doubt)


async def correct(
    session: AsyncSession,
    *,
    visit_id: UUID,
    sku: str,
    quantity: int,
    staff: Staff,
    now: datetime,
    settings: Settings,
) -> BasketChange:
    """So many pieces more in a visit's basket, or fewer, that no shelf told of. Raises as `decide`."""
    product = await get_piece_by_sku(session, sku)
    await hold_visits(session, visit_ids=[visit_id])
    return await _add(session, visit_id, product, quantity, staff, now, settings)


async def hold_visits(session: AsyncSession, *, visit_ids: Collection[UUID]) -> list[Visit]:
    """Lock their members, whoever pays or paid for them, and then them, as a payment does. Raises VisitNotFound."""
    groups = select(Visit.group_id).where(Visit.id.in_(visit_ids))
    pay = select(Visit.member_id).where(Visit.id.in_(visit_ids) | (Visit.group_id.in_(groups) & Visit.is_host))
    paid = (
        select(Order.member_id)
        .join(BasketClosing, BasketClosing.order_id == Order.id)
        .where(BasketClosing.visit_id.in_(visit_ids))
    )
    members = (await session.scalars(pay.union(paid))).all()
    await session.execute(holding(members))
    visits = await lock_visits(session, visit_ids=visit_ids)
    if len(visits) < len(set(visit_ids)):
        raise VisitNotFound("There is no visit with this id.")
    return visits


async def _doubt(session: AsyncSession, change_id: UUID, *, lock: bool = False) -> BasketChange:
    change = await session.get(
        BasketChange, change_id, with_for_update={"of": BasketChange} if lock else None, populate_existing=True
    )
    if change is None:
        raise ChangeNotFound("There is no basket change with this id.")
    if change.standing != Standing.DOUBTFUL:
        raise AlreadyDecided("This change isn't in doubt.", standing=change.standing)
    return change


async def _add(
    session: AsyncSession,
    visit_id: UUID,
    product: Product,
    quantity: int,
    staff: Staff,
    now: datetime,
    settings: Settings,
    *,
    doubt: BasketChange | None = None,
) -> BasketChange:
    visit = await session.get_one(Visit, visit_id)
    event_at = doubt.event_at if doubt else min(now, visit.left_at or now)
    over = await _is_billed(session, visit, product.sku, quantity, event_at, told_by_shelf=doubt is not None)
    change = BasketChange(
        id=new_id(),
        store_id=visit.store_id,
        event_id=doubt.event_id if doubt else None,
        visit_id=visit_id,
        product_id=product.id,
        quantity=quantity,
        confidence=1.0,
        standing=Standing.CONFIRMED,
        sources={"who": "staff"},
        late=over,
        for_review=False,
        event_at=event_at,
        created_at=now,
        decided_by=staff.actor,
        note=staff.note,
    )
    session.add(change)
    await session.flush()
    await session.refresh(change, ["product"])
    if over:
        change.order_id = await bill(session, visit, product.sku, quantity, staff, now, settings)
        change.settled_at = now
        await session.flush()
    await notify(session, topic_of(visit_id))
    return change


async def _is_billed(
    session: AsyncSession, visit: Visit, sku: str, quantity: int, event_at: datetime, *, told_by_shelf: bool
) -> bool:
    """Whether it is too late for the basket. What staff take out that isn't in it any more was paid for."""
    if quantity < 0 and not told_by_shelf:
        held = (await live_basket(session, visit_ids=[visit.id])).get(sku)
        return held is None or held.count.possible < -quantity
    paid = (await paid_at(session, [visit.id])).get(visit.id)
    return paid is not None and event_at <= paid


async def judge_late(session: AsyncSession, *, change: BasketChange, settings: Settings) -> LateVerdict:
    """What the rule makes of a change that came to be known after its visit had paid."""
    assert change.visit_id is not None
    together = await paid_together(session, visit_id=change.visit_id)
    basket = await whole_basket(session, visit_ids=together)
    orders = await orders_of(session, visit_ids=together)
    held, product = basket.get(change.sku), change.product
    taken = held.count if held else Count(0, 0)
    paid = sum(still_out(order).get(product.sku, 0) for order in orders)
    if change.quantity > 0 and change.standing == Standing.DOUBTFUL:
        paid = max(paid, taken.sure)  # of what is sure and not paid, an unsure take is no reason to charge anything
    return settle_late(
        moved=change.quantity,
        paid=paid,
        taken=taken,
        unit_price=product.price,
        favour_max=settings.shelf_favour_max,
    )


async def paid_together(session: AsyncSession, *, visit_id: UUID) -> set[UUID]:
    """This visit, those of its group, and those whose baskets were paid with the same order."""
    group = select(Visit.group_id).where(Visit.id == visit_id)
    mine = select(BasketClosing.order_id).where(BasketClosing.visit_id == visit_id, BasketClosing.order_id.is_not(None))
    others = await session.scalars(
        select(Visit.id)
        .where(Visit.group_id.in_(group))
        .union(select(BasketClosing.visit_id).where(BasketClosing.order_id.in_(mine)))
    )
    return {visit_id, *others}
