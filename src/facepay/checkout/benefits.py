"""What a member's basket costs them: tier and coupons taken off, points and gift balance laid beside the wallet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.orders import spent_since
from facepay.checkout.pricing import PricedBasket, Tender, discounted, split_tender
from facepay.rewards.coupons import Coupon, CouponRefused, pick_coupons
from facepay.rewards.discounts import share_out
from facepay.rewards.lots import ValueLot, in_account, live_lots, member_gift, member_points, worth
from facepay.rewards.rules import SPEND_COUNTS_FOR, Rules, Tier, read_rules, tier_discount
from facepay.settings import Settings


@dataclass(frozen=True, slots=True)
class Wish:
    """What a basket asks for beside its goods: coupons by their codes, and how many points to pay with."""

    coupons: tuple[str, ...] = ()
    redeem_points: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """A basket as this member pays for it. `gift_lots` and `points_lots` hold at least what the tender takes."""

    basket: PricedBasket
    tender: Tender
    points_earned: int
    gift_lots: tuple[ValueLot, ...]
    points_lots: tuple[ValueLot, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    code: str
    coupon: str | None = None


async def offer(
    session: AsyncSession, *, member_id: UUID, basket: PricedBasket, wish: Wish, now: datetime, settings: Settings
) -> Offer | Refused:
    """Holds until the transaction ends, provided that the caller has locked the member's row."""
    rules = await read_rules(session)
    tier = await member_tier(session, rules, member_id=member_id, currency=basket.currency, now=now)
    coupons = await pick_coupons(
        session,
        codes=wish.coupons,
        member_id=member_id,
        basket_total=basket.total,
        currency=basket.currency,
        now=now,
    )
    if isinstance(coupons, CouponRefused):
        return Refused(coupons.code, coupons.coupon)
    basket = _take_off(basket, tier, coupons)
    if idle := next((discount.label for discount, amount in basket.discounts if amount == 0), None):
        return Refused("coupon_not_applicable", idle)
    return await _laid_out(session, member_id, basket, rules, tier, wish.redeem_points, now=now, settings=settings)


async def offer_as_shown(
    session: AsyncSession, *, member_id: UUID, basket: PricedBasket, now: datetime, settings: Settings
) -> Offer:
    """The basket at the total that the member was shown already: gift balance pays first, and nothing is taken off."""
    rules = await read_rules(session)
    tier = await member_tier(session, rules, member_id=member_id, currency=basket.currency, now=now)
    laid_out = await _laid_out(session, member_id, basket, rules, tier, redeem_points=0, now=now, settings=settings)
    assert isinstance(laid_out, Offer)  # only points can be too few
    return laid_out


async def _laid_out(
    session: AsyncSession,
    member_id: UUID,
    basket: PricedBasket,
    rules: Rules,
    tier: Tier | None,
    redeem_points: int,
    *,
    now: datetime,
    settings: Settings,
) -> Offer | Refused:
    """What the basket is paid with, and what it earns."""
    points_account, gift_account = member_points(member_id), member_gift(member_id, basket.currency)
    lots = await live_lots(session, (points_account, gift_account), now=now)
    points_lots, gift_lots = in_account(lots, points_account), in_account(lots, gift_account)
    if redeem_points > worth(points_lots):
        return Refused("insufficient_points")
    tender = split_tender(basket.total, points=redeem_points, point_value=settings.point_value, gift=worth(gift_lots))
    money = share_out(tender.wallet, [line.total for line in basket.lines])
    paid = zip((line.category for line in basket.lines), money, strict=True)
    return Offer(basket, tender, rules.points_for(paid, tier), tuple(gift_lots), tuple(points_lots))


async def member_tier(
    session: AsyncSession, rules: Rules, *, member_id: UUID, currency: str, now: datetime
) -> Tier | None:
    """By what they spent in the last twelve months."""
    if not rules.tiers:
        return None
    since = now - SPEND_COUNTS_FOR
    return rules.tier_at(await spent_since(session, member_id=member_id, currency=currency, since=since))


def _take_off(basket: PricedBasket, tier: Tier | None, coupons: list[Coupon]) -> PricedBasket:
    """The tier first, unless a coupon doesn't stack with it: then the coupons alone."""
    if tier is not None and all(coupon.stacks_with_tier for coupon in coupons):
        reduced = discounted(basket, [tier_discount(tier)])
        if reduced.total < basket.total:
            basket = reduced
    return discounted(basket, [coupon.discount() for coupon in coupons])
