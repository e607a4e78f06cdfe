"""Doing afterwards what a device did without network: doors that opened, goods that left.

It has happened, so money that is short becomes a debt, and goods that the count doesn't know of were there. Disputed is
what the device should not have done by its policy, and what the shop would have refused with network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import find_products
from facepay.checkout.benefits import offer_as_shown
from facepay.checkout.buyers import Purchase, faults_of, tell_unfit
from facepay.checkout.orders import OrderLine
from facepay.checkout.pricing import PricedBasket, PricedLine
from facepay.checkout.selling import NotSold, sell
from facepay.entrance.visits import Visit, current_visit
from facepay.families.purses import purse_of
from facepay.members.freezes import WalletFreeze
from facepay.members.members import Member
from facepay.offline import visits
from facepay.offline.clocks import TOLERANCE
from facepay.offline.documents import Pass, Policy
from facepay.offline.passes import OfflinePass, revoke_passes
from facepay.offline.posts import OfflinePost, paid_at_device
from facepay.settings import Settings
from facepay.shelves.baskets import BasketClosing


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose pass was shown. Both rows are locked."""

    member: Member
    held: OfflinePass


async def holder_of(session: AsyncSession, shown: Pass) -> Holder | None:
    """None where the pass, or its member, was forgotten since. Whoever pays for them is locked with them."""
    member = await session.get(Member, shown.member_id, with_for_update={"key_share": True})
    if member is not None:
        await purse_of(session, member=member)
    held = await session.get(OfflinePass, shown.id, with_for_update=True)
    return None if member is None or held is None else Holder(member, held)


async def replay(
    session: AsyncSession, *, post: OfflinePost, policy: Policy, holder: Holder, now: datetime, settings: Settings
) -> str | None:
    """Do what the post tells, at the time it happened; or answer why that is disputed, with nothing done."""
    if post.kind == "exit":
        await visits.leave(session, post, now=now)
        return None
    if holder.held.revoked_at is not None and holder.held.revoked_at <= post.happened_at:
        return "pass_revoked"
    if fault := await _standing_fault(session, holder.member, post.happened_at):
        return fault
    if post.kind == "entry":
        return await visits.enter(session, post)
    return await _buy(session, post, policy, holder, now, settings)


async def _standing_fault(session: AsyncSession, member: Member, at: datetime) -> str | None:
    """What the shop knew by then, and the device may not have heard yet."""
    if not member.is_active:
        return "member_blocked"
    frozen = exists().where(
        WalletFreeze.member_id == member.id,
        WalletFreeze.frozen_at <= at,
        or_(WalletFreeze.thawed_at.is_(None), WalletFreeze.thawed_at > at),
    )
    return "wallet_frozen" if await session.scalar(select(frozen)) else None


async def _buy(
    session: AsyncSession, post: OfflinePost, policy: Policy, holder: Holder, now: datetime, settings: Settings
) -> str | None:
    """At the prices that the device had, within what the pass promised: a sale that exceeds it is disputed whole."""
    if post.listed_total is None:
        return "not_listed"
    if post.listed_total != post.total:
        return "price_differs"
    if post.total > policy.payment_max:
        return "over_payment_max"
    if holder.held.currency != policy.currency:
        return "currency_mismatch"
    if post.total > holder.held.left:
        return "pass_overdrawn"
    if post.total + await paid_at_device(session, post) > policy.pass_max:
        return "over_pass_max"
    if await _was_charged_since(session, post):
        return "charged_meanwhile"
    purse = await purse_of(session, member=holder.member)
    if purse.is_shared and (fault := await _standing_fault(session, purse.payer, post.happened_at)):
        return "payer_blocked" if fault == "member_blocked" else fault
    if fault := await charge(session, post=post, member=holder.member, at=post.happened_at, now=now, settings=settings):
        return fault
    holder.held.spent += post.total
    return None


async def _was_charged_since(session: AsyncSession, post: OfflinePost) -> bool:
    """Whether the visit that the sale was made in was charged later for goods of it, which its shelves had told of."""
    assert post.goods is not None
    charged = (
        select(OrderLine.sku)
        .join(BasketClosing, BasketClosing.order_id == OrderLine.order_id)
        .join(Visit, Visit.id == BasketClosing.visit_id)
        .where(
            Visit.store_id == post.store_id,
            Visit.member_id == post.member_id,
            Visit.entered_at <= post.happened_at,
            BasketClosing.closed_at > post.happened_at,
            Visit.left_at.is_(None) | (Visit.left_at >= post.happened_at - TOLERANCE),
            OrderLine.sku.in_([line["sku"] for line in post.goods]),
        )
    )
    return bool(await session.scalar(select(charged.exists())))


async def charge(
    session: AsyncSession, *, post: OfflinePost, member: Member, at: datetime, now: datetime, settings: Settings
) -> str | None:
    """Sell what left the shop to the member, whose row is locked; or answer why not, with nothing done.

    What the wallet falls short of is owed from now on, and no device takes their passes before that is paid. What a
    family or an age limit would have refused has left all the same: staff and the payer are told.
    """
    basket = await _basket(session, post)
    if isinstance(basket, str):
        return basket
    purse = await purse_of(session, member=member)
    offered = await offer_as_shown(session, member_id=purse.payer.id, basket=basket, now=now, settings=settings)
    purchase = Purchase(purse, basket.lines, offered.amount, basket.currency, post.store_id, at)
    faults, _ = await faults_of(session, purchase, settings=settings)
    visit = await current_visit(session, store_id=post.store_id, member_id=member.id)
    sold = await sell(
        session,
        offered=replace(offered, purse=purse),
        member=member,
        store_id=post.store_id,
        device_id=post.device_id,
        now=at,
        settings=settings,
        advance_max=None,
        in_hand=True,
        served=True,
    )
    if isinstance(sold, NotSold):
        return sold.code
    post.order_id, post.owed = sold.order.id, sold.order.advance
    if post.owed:
        await revoke_passes(session, member_id=member.id, now=now)
    if visit is not None:
        visit.basket_unpaid = False
    await tell_unfit(session, sold.order, purse, faults, now)
    return None


async def _basket(session: AsyncSession, post: OfflinePost) -> PricedBasket | str:
    """The goods of a post whose prices are known."""
    assert post.goods is not None
    assert post.currency is not None
    products = await find_products(session, skus=[line["sku"] for line in post.goods])
    if any(line["sku"] not in products for line in post.goods):
        return "unknown_sku"
    return PricedBasket(
        lines=tuple(
            PricedLine(
                product_id=products[line["sku"]].id,
                sku=line["sku"],
                name=products[line["sku"]].name,
                quantity=line["quantity"],
                unit_price=line["price"],
                tax_rate_basis_points=line["tax_rate_basis_points"],
                category=products[line["sku"]].category,
                age_min=products[line["sku"]].age_min,
            )
            for line in post.goods
        ),
        currency=post.currency,
    )
