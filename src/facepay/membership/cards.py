"""A member's card at a place: who they are to the shop, in as many parts as that place may show.

About a dozen statements, however long somebody has been a member; recommendations and what is usual cost most of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import find_products
from facepay.checkout.orders import spent_since
from facepay.checkout.pricing import PricedBasket, Unpriceable, discounted, price_basket
from facepay.kernel.errors import Problem
from facepay.members.members import Member, get_member
from facepay.membership.celebrating import Celebration, celebrate
from facepay.membership.showing import SHOWN, Onlooker, Part, first_name
from facepay.membership.usual import UsualOrder, usual_order
from facepay.recommender.recommending import Recommendation, recommend
from facepay.rewards.coupons import Coupon
from facepay.rewards.lots import in_account, live_lots, member_gift, member_points, worth
from facepay.rewards.picking import coupons_for
from facepay.rewards.rules import SPEND_COUNTS_FOR, Tier, read_rules
from facepay.settings import Settings
from facepay.stores.stores import Store, get_open_store

EXPIRES_SOON = timedelta(days=30)
COUPONS_MAX = 10
RECOMMENDED_MAX = 3
# Where a family pays, these are the payer's, and not for the others to see.
OF_THE_PAYER = frozenset({Part.TIER, Part.POINTS, Part.GIFT})


@dataclass(frozen=True, slots=True)
class Standing:
    """`tier` is None below the lowest; to the `next_tier` it takes `to_spend` more, in minor units."""

    tier: Tier | None
    next_tier: Tier | None
    to_spend: int | None


@dataclass(frozen=True, slots=True)
class Points:
    available: int
    worth: int  # in minor units
    expiring_soon: int  # of them
    expiring_at: datetime | None  # the first


@dataclass(frozen=True, slots=True)
class Birthday:
    is_today: bool
    greeting: str


@dataclass(frozen=True, slots=True)
class UsableCoupon:
    """`takes_off` is what it takes off the basket by itself, where one was given."""

    code: str
    label: str | None
    is_own: bool
    is_birthday: bool
    basis_points: int | None
    amount: int | None
    min_basket: int
    ends_at: datetime
    takes_off: int | None


@dataclass(frozen=True, slots=True)
class Card:
    """What isn't shown there, or isn't there, is None. Amounts are in minor units of the store's currency."""

    member_id: UUID
    name: str
    currency: str
    birthday: Birthday | None = None
    standing: Standing | None = None
    points: Points | None = None
    gift: int | None = None
    paid_by_family: bool | None = None
    coupons: tuple[UsableCoupon, ...] | None = None
    usual_order: UsualOrder | None = None
    recommended: tuple[Recommendation, ...] | None = None


class BasketUnpriceable(Problem):
    """The basket can't be sold here, so no coupon applies to it."""

    status = 422
    code = "basket_unpriceable"
    title = "Basket can't be priced"


async def card_of(
    session: AsyncSession,
    *,
    member_id: UUID,
    store_id: UUID,
    role: Onlooker,
    settings: Settings,
    now: datetime,
    basket: Mapping[str, int] | None = None,
) -> Card:
    """At a device that recognised them, a birthday coupon that is due is made. `basket` is sku -> pieces: of coupons
    only those count then that make it cheaper.

    Raises MemberNotFound, StoreNotFound, StoreClosed and BasketUnpriceable.
    """
    member, store = await get_member(session, member_id), await get_open_store(session, store_id)
    by_family = member.payer_id is not None
    shown = SHOWN[role].parts - (OF_THE_PAYER if by_family else frozenset())
    near = await _birthday(session, member, store, role, now) if Part.BIRTHDAY in shown else None
    gift, points = await _value(session, member, store, settings, now) if Part.POINTS in shown else (None, None)
    return Card(
        member_id=member.id,
        name=member.display_name if Part.NAME in shown else first_name(member.display_name),
        currency=store.currency,
        birthday=_greeting(near, member) if near else None,
        standing=await _standing(session, member, store, now) if Part.TIER in shown else None,
        points=points,
        gift=gift if Part.GIFT in shown else None,
        paid_by_family=by_family if Part.FAMILY in shown else None,
        coupons=await _coupons(session, member, store, near, basket, now) if Part.COUPONS in shown else None,
        usual_order=await usual_order(session, member=member, store=store, now=now) if Part.USUAL in shown else None,
        recommended=await _recommended(session, member, store, settings, now) if Part.RECOMMENDED in shown else None,
    )


async def _birthday(
    session: AsyncSession, member: Member, store: Store, role: Onlooker, now: datetime
) -> Celebration | None:
    giving = role != "staff" and member.is_active
    return await celebrate(session, member=member, time_zone=store.timezone, now=now, giving=giving)


def _greeting(near: Celebration, member: Member) -> Birthday:
    name = first_name(member.display_name)
    return Birthday(near.is_today, f"Happy birthday, {name}!" if near.is_today else f"It's birthday time, {name}!")


async def _standing(session: AsyncSession, member: Member, store: Store, now: datetime) -> Standing:
    since = now - SPEND_COUNTS_FOR
    spend = await spent_since(session, member_id=member.id, currency=store.currency, since=since)
    rules = await read_rules(session)
    above = [tier for tier in rules.tiers if tier.min_spend > spend]
    following = above[-1] if above else None
    return Standing(rules.tier_at(spend), following, following.min_spend - spend if following else None)


async def _value(
    session: AsyncSession, member: Member, store: Store, settings: Settings, now: datetime
) -> tuple[int, Points]:
    """Gift balance, and points."""
    points, gift = member_points(member.id), member_gift(member.id, store.currency)
    lots = await live_lots(session, (points, gift), now=now)
    of_points = in_account(lots, points)
    soon = [lot for lot in of_points if lot.expires_at <= now + EXPIRES_SOON]
    available = worth(of_points)
    first = soon[0].expires_at if soon else None
    return worth(in_account(lots, gift)), Points(available, available * settings.point_value, worth(soon), first)


async def _coupons(
    session: AsyncSession,
    member: Member,
    store: Store,
    near: Celebration | None,
    basket: Mapping[str, int] | None,
    now: datetime,
) -> tuple[UsableCoupon, ...]:
    """Their own first, as these need no code."""
    priced = await _priced(session, basket, store) if basket else None
    birthday = near.coupon.id if near and near.coupon else None
    found = [
        _usable(coupon, birthday, priced)
        for coupon in await coupons_for(session, member_id=member.id, now=now)
        if coupon.currency == store.currency and (not coupon.store_ids or store.id in coupon.store_ids)
    ]
    applying = [each for each in found if each.takes_off != 0]
    return tuple(sorted(applying, key=lambda each: not each.is_own)[:COUPONS_MAX])


async def _priced(session: AsyncSession, basket: Mapping[str, int], store: Store) -> PricedBasket:
    """Raises BasketUnpriceable."""
    priced = price_basket(basket, await find_products(session, skus=basket.keys()), currency=store.currency)
    if isinstance(priced, Unpriceable):
        raise BasketUnpriceable("This can't be sold here.", why=priced.code, skus=list(priced.skus))
    return priced


def _usable(coupon: Coupon, birthday: UUID | None, priced: PricedBasket | None) -> UsableCoupon:
    return UsableCoupon(
        code=coupon.code,
        label=coupon.label,
        is_own=coupon.is_own,
        is_birthday=coupon.id == birthday,
        basis_points=coupon.basis_points,
        amount=coupon.amount,
        min_basket=coupon.min_basket,
        ends_at=coupon.ends_at,
        takes_off=_taken_off(coupon, priced) if priced else None,
    )


def _taken_off(coupon: Coupon, priced: PricedBasket) -> int:
    if priced.total < coupon.min_basket:
        return 0
    return priced.total - discounted(priced, [coupon.discount(amount_max=coupon.budget)]).total


async def _recommended(
    session: AsyncSession, member: Member, store: Store, settings: Settings, now: datetime
) -> tuple[Recommendation, ...]:
    found = await recommend(
        session, member_id=member.id, store_id=store.id, limit=RECOMMENDED_MAX, settings=settings, now=now
    )
    return tuple(found)
