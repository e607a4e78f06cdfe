"""What a member's basket costs them: tier and coupons taken off, points and gift balance laid beside the wallet.

Coupons whose codes were said come first, and where one of them doesn't hold, the basket isn't sold. A member's own are
taken off by themselves, as far as they make it cheaper, and no basket fails for them: the rest is kept for later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.orders import spent_since
from facepay.checkout.pricing import PricedBasket, Tender, discounted, split_tender
from facepay.families.approvals import FamilyApproval
from facepay.families.purses import Purse
from facepay.rewards.discounts import share_out
from facepay.rewards.lots import ValueLot, in_account, live_lots, member_gift, member_points, worth
from facepay.rewards.picking import CouponRefused, Picked, pick_coupons, rules_and_own
from facepay.rewards.rules import SPEND_COUNTS_FOR, Rules, Tier, read_rules, tier_discount
from facepay.settings import Settings


@dataclass(frozen=True, slots=True)
class Wish:
    """What a basket asks for beside its goods: coupons by their codes, how many points to pay with, and a tip."""

    coupons: tuple[str, ...] = ()
    redeem_points: int = 0
    tip: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """A basket as its payer pays for it, whoever buys it. `gift_lots` and `points_lots` hold at least what the tender
    takes; the tip comes from the wallet, beside the tender. `purse` is a dependant's, whose payer hears of it;
    `approval` is what let it pass, and is used up by it.
    """

    payer_id: UUID
    basket: PricedBasket
    tender: Tender
    points_earned: int
    gift_lots: tuple[ValueLot, ...]
    points_lots: tuple[ValueLot, ...]
    tip: int = 0
    purse: Purse | None = None
    approval: FamilyApproval | None = None

    @property
    def amount(self) -> int:
        """All that is paid."""
        return self.basket.total + self.tip


@dataclass(frozen=True, slots=True)
class Refused:
    code: str
    coupon: str | None = None


async def offer(
    session: AsyncSession,
    *,
    member_id: UUID,
    store_id: UUID,
    basket: PricedBasket,
    wish: Wish,
    now: datetime,
    settings: Settings,
    buyer_id: UUID | None = None,
) -> Offer | Refused:
    """As this member pays for it. Of whoever buys it with them, their own coupons count too.

    Holds until the transaction ends, provided that the caller has locked the members' rows.
    """
    rules, own = await rules_and_own(
        session,
        owners={member_id, buyer_id or member_id},
        store_id=store_id,
        basket_total=basket.total,
        currency=basket.currency,
        now=now,
    )
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
    reduced = take_off(basket, tier, coupons)
    if idle := next((discount.label for discount, amount in reduced.discounts if amount == 0), None):
        return Refused("coupon_not_applicable", idle)
    reduced = with_own(basket, tier, coupons, own)
    laid_out = await _laid_out(session, member_id, reduced, rules, tier, wish.redeem_points, now=now, settings=settings)
    return replace(laid_out, tip=wish.tip) if isinstance(laid_out, Offer) else laid_out


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
    return Offer(member_id, basket, tender, rules.points_for(paid, tier), tuple(gift_lots), tuple(points_lots))


async def member_tier(
    session: AsyncSession, rules: Rules, *, member_id: UUID, currency: str, now: datetime
) -> Tier | None:
    """By what they spent in the last twelve months."""
    if not rules.tiers:
        return None
    since = now - SPEND_COUNTS_FOR
    return rules.tier_at(await spent_since(session, member_id=member_id, currency=currency, since=since))


def take_off(basket: PricedBasket, tier: Tier | None, picked: Sequence[Picked]) -> PricedBasket:
    """The tier first, unless a coupon doesn't stack with it: then the coupons alone."""
    if tier is not None and all(each.coupon.stacks_with_tier for each in picked):
        reduced = discounted(basket, [tier_discount(tier)])
        if reduced.total < basket.total:
            basket = reduced
    return discounted(basket, [each.discount for each in picked])


def with_own(basket: PricedBasket, tier: Tier | None, picked: Sequence[Picked], own: Sequence[Picked]) -> PricedBasket:
    """And one after another of the member's own coupons, where it stacks with those before it and makes the basket
    cheaper than it is without.
    """
    taken, best = list(picked), take_off(basket, tier, picked)
    for each in own:
        if taken and not all(one.coupon.stacks_with_coupons for one in (*taken, each)):
            continue
        tried = take_off(basket, tier, [*taken, each])
        if tried.total < best.total and all(amount for _, amount in tried.discounts):
            taken, best = [*taken, each], tried
    return best
