"""What is charged, or refunded, once a visit has paid or has left without: always with a notice to whoever pays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import find_products
from facepay.checkout.adjustments import charge_more, take_back
from facepay.checkout.benefits import Offer, Wish, offer
from facepay.checkout.buyers import Purchase, faults_of, tell_unfit
from facepay.checkout.orders import Order
from facepay.checkout.pricing import PricedBasket, price_basket
from facepay.checkout.refunds import still_out
from facepay.checkout.selling import NotSold, Sold, sell
from facepay.entrance.groups import payer_of
from facepay.entrance.visits import Visit
from facepay.families.purses import purse_of
from facepay.kernel.errors import Conflict
from facepay.members.freezes import current_freeze
from facepay.members.members import Member, get_member
from facepay.notices.notices import NoticeKind, notify_member
from facepay.settings import Settings
from facepay.shelves.baskets import BasketClosing, bought_inside
from facepay.stores.stores import get_store


class NotCharged(Conflict):
    """The member can't be charged now: `reason` says why. Nothing has changed."""

    code = "not_charged"
    title = "Not charged"


class NothingToReturn(Conflict):
    """Fewer of these goods were paid for in this visit."""

    code = "nothing_to_return"
    title = "Nothing to return"


@dataclass(frozen=True, slots=True)
class Staff:
    """Whose word a correction is, and why."""

    actor: str
    note: str


async def bill(
    session: AsyncSession, visit: Visit, sku: str, quantity: int, why: Staff, now: datetime, settings: Settings
) -> UUID:
    """Charge pieces after a visit has paid, or refund them where negative; the order that shows it.

    Whoever passed with nothing has no order to add to: theirs is an order of its own. Raises NotCharged and
    NothingToReturn.
    """
    if quantity < 0:
        return await _refund(session, await orders_of(session, visit_ids=[visit.id]), sku, -quantity, why, now)
    paid_with = select(BasketClosing.order_id).where(BasketClosing.visit_id == visit.id)
    first = await session.scalar(
        select(Order.id).where(Order.id.in_(paid_with), Order.cancelled_at.is_(None)).order_by(Order.id).limit(1)
    )
    if first is None:
        payer = await get_member(session, await payer_after(session, visit=visit, settings=settings))
        order = await charge_afterwards(session, visit, payer, {sku: quantity}, why.note, now, settings)
        if order is None:
            raise NotCharged("The member can't be charged now.")
        return order.id
    outcome = await charge_more(
        session,
        order_id=first,
        quantities={sku: quantity},
        reason=why.note,
        actor=why.actor,
        now=now,
        settings=settings,
    )
    if isinstance(outcome, NotSold):
        raise NotCharged("The member can't be charged now.", reason=outcome.code)
    return outcome.order.id


async def orders_of(session: AsyncSession, *, visit_ids: Collection[UUID]) -> list[Order]:
    """What these visits paid with, at a kiosk too, the first first, and what was charged later on top of it."""
    closed = select(BasketClosing.order_id).where(
        BasketClosing.visit_id.in_(visit_ids), BasketClosing.order_id.is_not(None)
    )
    # By their ids: either index serves, where one statement for all of it would read every order there is.
    paid = (await session.scalars(closed.union(bought_inside(visit_ids)))).all()
    found = await session.scalars(
        select(Order)
        .where(Order.id.in_(paid) | Order.supplements_id.in_(paid), Order.cancelled_at.is_(None))
        .order_by(Order.id)
        .execution_options(populate_existing=True)
    )
    return list(found)


async def _refund(
    session: AsyncSession, orders: Sequence[Order], sku: str, quantity: int, why: Staff, now: datetime
) -> UUID:
    """From the last order that has any left, and on to those before it."""
    if sum(still_out(order).get(sku, 0) for order in orders) < quantity:
        raise NothingToReturn("Fewer of these goods were paid for in this visit.", sku=sku)
    left, first = quantity, None
    for order in reversed(orders):
        pieces = min(left, still_out(order).get(sku, 0))
        if pieces:
            await take_back(
                session, order_id=order.id, quantities={sku: pieces}, reason=why.note, actor=why.actor, now=now
            )
            first, left = first or order.id, left - pieces
    assert first is not None
    return first


async def payer_after(session: AsyncSession, *, visit: Visit, settings: Settings) -> UUID:
    """The member who pays for a visit: the group's host, where they stayed until it ended, or nearly."""
    if visit.group_id is None or visit.left_at is None:
        return await payer_of(session, visit=visit)
    nearly = visit.left_at - timedelta(minutes=settings.unpaid_visit_minutes)
    host = await session.scalar(
        select(Visit.member_id).where(
            Visit.group_id == visit.group_id, Visit.is_host, Visit.left_at.is_(None) | (Visit.left_at >= nearly)
        )
    )
    return host or visit.member_id


async def charge_afterwards(
    session: AsyncSession,
    visit: Visit,
    member: Member,
    quantities: Mapping[str, int],
    reason: str,
    now: datetime,
    settings: Settings,
) -> Order | None:
    """Goods that are out of the store already, with a notice; None where the payer can't be charged. What a family or
    an age limit would have refused is charged all the same, and staff and the payer are told.
    """
    store = await get_store(session, visit.store_id)
    purse = await purse_of(session, member=member)
    products = await find_products(session, skus=quantities.keys())
    basket = price_basket(quantities, products, currency=store.currency)
    if not isinstance(basket, PricedBasket) or await current_freeze(session, member_id=purse.payer.id) is not None:
        return None
    offered = await offer(
        session,
        member_id=purse.payer.id,
        buyer_id=member.id,
        store_id=store.id,
        basket=basket,
        wish=Wish(),
        now=now,
        settings=settings,
    )
    if not isinstance(offered, Offer):
        return None
    taken = Purchase(purse, basket.lines, offered.amount, basket.currency, store.id, visit.left_at or now)
    faults, _ = await faults_of(session, taken, settings=settings)
    outcome = await sell(
        session,
        offered=offered,
        member=member,
        store_id=store.id,
        device_id=visit.exit_gate_id or visit.entry_gate_id,
        now=now,
        settings=settings,
        advance_max=None,
        in_hand=True,
        served=True,
    )
    if not isinstance(outcome, Sold):
        return None
    order = outcome.order
    await notify_member(
        session,
        member_id=order.member_id,
        kind=NoticeKind.CHARGED_LATER,
        order_id=order.id,
        amount=order.total,
        currency=order.currency,
        goods=dict(quantities),
        reason=reason,
        now=now,
    )
    await tell_unfit(session, order, purse, faults, now)
    return order
