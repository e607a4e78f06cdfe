"""Selling a basket to a member, wherever they stand: what it costs them, whether they may, and the sale itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.catalog.stock import return_stock, take_in_hand, take_stock
from facepay.checkout import tenders
from facepay.checkout.benefits import Offer, Refused, Wish, offer
from facepay.checkout.buyers import Purchase, Unfit, may_buy, tell_family
from facepay.checkout.limits import Declined, NeedsStepUp, judge
from facepay.checkout.orders import Order, Supplement, place
from facepay.checkout.pricing import PricedBasket
from facepay.families.purses import purse_of
from facepay.kernel.ids import new_id
from facepay.kitchen.numbers import draw_number
from facepay.kitchen.tickets import Dish, open_ticket
from facepay.members.members import Member
from facepay.notices.notices import NoticeKind, notify_member
from facepay.settings import Settings
from facepay.wallet.accounts import wallet_balance

STOCK_MISCOUNTED = AlertKind("stock_miscounted", Severity.WARNING, "More was sold than the store is said to have.")


@dataclass(frozen=True, slots=True)
class Sold:
    """`balance` is what the wallet may spend then."""

    order: Order
    balance: int


@dataclass(frozen=True, slots=True)
class NotSold:
    """Why not; the skus, the coupon or the limit at fault, where there is one. Nothing has changed."""

    code: str
    skus: tuple[str, ...] = ()
    coupon: str | None = None
    over: Declined | None = None


async def buy(
    session: AsyncSession,
    *,
    member: Member,
    basket: PricedBasket,
    wish: Wish,
    store_id: UUID,
    device_id: UUID,
    now: datetime,
    settings: Settings,
    proven: bool = False,
) -> Sold | NotSold | NeedsStepUp:
    """Quote and sell in one go."""
    offered = await quote(
        session,
        member=member,
        basket=basket,
        wish=wish,
        store_id=store_id,
        now=now,
        settings=settings,
        proven=proven,
    )
    if not isinstance(offered, Offer):
        return offered
    return await sell(
        session, offered=offered, member=member, store_id=store_id, device_id=device_id, now=now, settings=settings
    )


async def quote(
    session: AsyncSession,
    *,
    member: Member,
    basket: PricedBasket,
    wish: Wish,
    store_id: UUID,
    now: datetime,
    settings: Settings,
    proven: bool = False,
) -> Offer | NotSold | NeedsStepUp:
    """What the basket costs this member, unless they may not buy it; `proven` is whoever gave a second factor.

    Their row is locked against other payments, and so will that of whoever pays for them be: these go one by one, or
    two devices at once would both find room under one limit.
    """
    if not member.is_active:
        return NotSold("member_blocked")
    purse = await purse_of(session, member=member)
    if not purse.payer.is_active:
        return NotSold("payer_blocked")
    offered = await offer(
        session,
        member_id=purse.payer.id,
        buyer_id=member.id,
        store_id=store_id,
        basket=basket,
        wish=wish,
        now=now,
        settings=settings,
    )
    if isinstance(offered, Refused):
        return NotSold(offered.code, coupon=offered.coupon)
    purchase = Purchase(purse, basket.lines, offered.amount, basket.currency, store_id, now)
    fit = await may_buy(session, purchase, settings=settings)
    if isinstance(fit, Unfit):
        return NotSold(fit.code, skus=fit.skus, over=fit.over)
    verdict = await judge(
        session, member=purse.payer, store_id=store_id, amount=offered.amount, now=now, settings=settings
    )
    if isinstance(verdict, Declined):
        return NotSold(verdict.code, over=verdict)
    if (step_up := verdict or fit.step_up) and not proven:
        return step_up
    return replace(offered, purse=purse, approval=fit.approval) if purse.is_shared else offered


async def sell(
    session: AsyncSession,
    *,
    offered: Offer,
    member: Member,
    store_id: UUID,
    device_id: UUID,
    now: datetime,
    settings: Settings,
    hold_id: UUID | None = None,
    advance_max: int | None = 0,
    in_hand: bool = False,
    supplement: Supplement | None = None,
    order_id: UUID | None = None,
    served: bool = False,
    counted_out: bool = False,
) -> Sold | NotSold:
    """Stock, order and payment together, or none of them, in the transaction that the offer was made in.

    `hold_id` is a hold of the member's wallet for this sale: the payment captures it, and what isn't needed of it is
    free again. What the wallet is short of becomes the member's debt, up to `advance_max` (None: any amount). Goods
    `in_hand` are sold even where the count says that there are none. `order_id` is the order's, where it was given out
    before. The kitchen hears of dishes, unless they were `served` before the sale is told here. Goods that were
    `counted_out` of the stock before are not taken from it again, and none that are given back return to it.
    """
    basket = offered.basket
    goods = {} if counted_out else {line.product_id: line.quantity for line in basket.lines}
    short: dict[UUID, int] = {}
    if in_hand:
        short = await take_in_hand(session, store_id=store_id, quantities=goods)
    elif sold_out := await take_stock(session, store_id=store_id, quantities=goods):
        return NotSold("sold_out", skus=tuple(line.sku for line in basket.lines if line.product_id in sold_out))
    dishes = [] if served else [Dish(e.product_id, e.name, e.quantity, e.sold_by) for e in basket.lines if e.prepared]
    number = await draw_number(session, store_id=store_id, now=now) if dishes else None
    order = place(
        order_id=order_id or new_id(),
        basket=basket,
        tender=offered.tender,
        points_earned=offered.points_earned,
        store_id=store_id,
        device_id=device_id,
        member_id=offered.payer_id,
        buyer_id=member.id,
        now=now,
        supplement=supplement,
        pickup_number=number.text if number else None,
        tip=offered.tip,
        stocked=not counted_out,
    )
    paid = await tenders.pay(
        session,
        order=order,
        offer=offered,
        actor=supplement.charged_by if supplement else f"device:{device_id}",
        points_last=timedelta(days=settings.points_expire_days),
        now=now,
        hold_id=hold_id,
        advance_max=advance_max,
    )
    if not paid.ok:
        # Rather than a savepoint, which would cost every payment that goes through two round trips more.
        taken = {product_id: quantity - short.get(product_id, 0) for product_id, quantity in goods.items()}
        await return_stock(session, store_id=store_id, quantities=taken)
        return NotSold(paid.code, coupon=paid.coupon)
    if offered.approval is not None:
        offered.approval.order_id = order.id
    if offered.purse is not None:
        await tell_family(session, order, offered.purse, now=now)
    if number:
        await open_ticket(session, store_id=store_id, order_id=order.id, number=number, dishes=dishes, now=now)
    await _report(session, order, short, now)
    available = paid.available
    if available is None:
        available = (await wallet_balance(session, member_id=order.member_id, unit=order.currency)).available
    return Sold(order, available)


async def _report(session: AsyncSession, order: Order, short: Mapping[UUID, int], now: datetime) -> None:
    """Staff hear where the count was wrong, and the member of what they owe."""
    for line in order.lines:
        if missing := short.get(line.product_id):
            await raise_alert(
                session,
                STOCK_MISCOUNTED,
                store_id=order.store_id,
                device_id=order.device_id,
                subject=line.sku,
                now=now,
                evidence=Evidence("order", order.id),
                sold=line.quantity,
                missing=missing,
            )
    if order.advance:
        await notify_member(
            session,
            member_id=order.member_id,
            kind=NoticeKind.DEBT_INCURRED,
            order_id=order.id,
            amount=order.advance,
            currency=order.currency,
            now=now,
        )
