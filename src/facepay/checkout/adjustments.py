"""Adjustments after the sale: an order is cancelled, goods come back, or something is charged that was left out.

Each has a reason and whose word it was, can't go beyond what was sold, and tells the member.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import find_products
from facepay.checkout.benefits import Refused, Wish, offer
from facepay.checkout.orders import Order, Supplement, hold_order
from facepay.checkout.pricing import Unpriceable, price_basket
from facepay.checkout.refunds import Refund, Undoing, pieces_of, still_out, undo
from facepay.checkout.selling import NotSold, Sold, sell
from facepay.kernel.errors import Conflict
from facepay.members.freezes import current_freeze
from facepay.members.members import Member, MemberStatus, get_member
from facepay.notices.notices import NoticeKind, notify_member
from facepay.rewards.discounts import portion
from facepay.settings import Settings


class OrderCancelled(Conflict):
    """The order was cancelled already."""

    code = "order_cancelled"
    title = "Order cancelled"


class ReturnExceedsOrder(Conflict):
    """More goods can't come back than were bought, and have not come back yet."""

    code = "return_exceeds_order"
    title = "Return too large"


class ChargeRefused(Conflict):
    """What an order left out can't be charged: `reason` says why."""

    code = "charge_refused"
    title = "Not charged"


async def cancel_order(
    session: AsyncSession,
    *,
    order_id: UUID,
    reason: str,
    actor: str,
    now: datetime,
    goods_kept: bool = False,
    tip: bool = False,
) -> Refund:
    """Undo what is left of an order: money, gift balance, points, coupons; goods and tags unless they are kept, and
    its tip where asked.

    Raises OrderNotFound, OrderCancelled and RefundRefused.
    """
    order = await hold_order(session, order_id)
    if order.cancelled_at is not None:
        raise OrderCancelled("This order was cancelled already.", cancelled_at=order.cancelled_at.isoformat())
    order.cancelled_at = now
    undoing = Undoing(
        "cancellation",
        amount=order.total - order.refunded,
        tax=order.tax - order.tax_refunded,
        goods={} if goods_kept else still_out(order),
        tip=tip,
    )
    made = await undo(session, order, undoing, reason=reason, actor=actor, now=now)
    await _tell(session, order, NoticeKind.ORDER_CANCELLED, made, now)
    return made


async def take_back(
    session: AsyncSession,
    *,
    order_id: UUID,
    quantities: Mapping[str, int],
    reason: str,
    actor: str,
    now: datetime,
    epcs: Collection[str] = (),
) -> Refund:
    """Take goods back, by sku, at what was paid for them, unless that was refunded before.

    The parts of any sequence of returns add up to the lines, to the fen. Raises OrderNotFound, ReturnExceedsOrder,
    TagsNotOfOrder and RefundRefused.
    """
    order = await hold_order(session, order_id)
    out = still_out(order)
    if over := sorted(sku for sku, quantity in quantities.items() if not 0 < quantity <= out.get(sku, 0)):
        raise ReturnExceedsOrder("There are fewer of these left to return.", skus=over, returnable=out)
    worth, tax = _worth(order, quantities)
    amount = min(worth, order.total - order.refunded)
    undoing = Undoing("return", amount, tax * amount // worth if worth else 0, quantities, epcs)
    made = await undo(session, order, undoing, reason=reason, actor=actor, now=now)
    await _tell(session, order, NoticeKind.GOODS_RETURNED, made, now)
    return made


async def charge_more(
    session: AsyncSession,
    *,
    order_id: UUID,
    quantities: Mapping[str, int],
    reason: str,
    actor: str,
    now: datetime,
    settings: Settings,
    advance_max: int | None = None,
) -> Sold | NotSold:
    """Charge goods, by sku, that an order left out: an order of its own, at today's prices, that supplements it.

    Staff vouch for the net grams of goods by weight. The member has the goods already, so the limits on what a face may
    spend don't count, and what the wallet is short of becomes a debt, up to `advance_max` (None: any amount). Only a
    frozen wallet isn't charged. Whoever paid for the order pays for this too, and whoever bought it has bought it.
    Raises OrderNotFound, OrderCancelled and MemberNotFound.
    """
    first = await hold_order(session, order_id)
    if first.cancelled_at is not None:
        raise OrderCancelled("A cancelled order can't be supplemented.", cancelled_at=first.cancelled_at.isoformat())
    payer = await get_member(session, first.member_id)
    buyer = payer if first.buyer_id is None else await session.get_one(Member, first.buyer_id)
    if await current_freeze(session, member_id=payer.id) is not None:
        return NotSold("wallet_frozen")
    products = await find_products(session, skus=list(quantities))
    basket = price_basket(quantities, products, currency=first.currency, vouched=True)
    if isinstance(basket, Unpriceable):
        return NotSold(basket.code, skus=basket.skus)
    offered = await offer(
        session, member_id=payer.id, store_id=first.store_id, basket=basket, wish=Wish(), now=now, settings=settings
    )
    if isinstance(offered, Refused):
        return NotSold(offered.code, coupon=offered.coupon)
    outcome = await sell(
        session,
        offered=offered,
        member=buyer,
        store_id=first.store_id,
        device_id=first.device_id,
        now=now,
        settings=settings,
        advance_max=advance_max,
        in_hand=True,
        served=True,
        supplement=Supplement(first.supplements_id or first.id, charged_by=actor, reason=reason),
    )
    if isinstance(outcome, Sold):
        await notify_member(
            session,
            member_id=payer.id,
            kind=NoticeKind.CHARGED_LATER,
            order_id=outcome.order.id,
            amount=outcome.order.total,
            currency=outcome.order.currency,
            supplements_id=str(outcome.order.supplements_id),
            goods=dict(quantities),
            reason=reason,
            now=now,
        )
    return outcome


def _worth(order: Order, quantities: Mapping[str, int]) -> tuple[int, int]:
    """What was paid for these goods of the order, and the tax in it."""
    worth = tax = 0
    for line, quantity in pieces_of(order, quantities):
        worth += portion(line.total, of=line.quantity, done=line.returned, amount=quantity)
        tax += portion(line.tax, of=line.quantity, done=line.returned, amount=quantity)
    return worth, tax


async def _tell(session: AsyncSession, order: Order, kind: NoticeKind, made: Refund, now: datetime) -> None:
    """Whoever is erased is told nothing: no new row names them."""
    if await session.scalar(
        select(Member.id).where(Member.id == order.member_id, Member.status == MemberStatus.ERASED)
    ):
        return
    await notify_member(
        session,
        member_id=order.member_id,
        kind=kind,
        order_id=order.id,
        amount=made.amount,
        currency=made.currency,
        goods=made.goods,
        reason=made.reason,
        now=now,
    )
