"""Who gets the birthday offer: whoever is recognised near their birthday first, and housekeeping for the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, extract, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.orders import Order, spent_since
from facepay.kernel.database import Database
from facepay.members.members import Member, MemberStatus
from facepay.rewards.birthdays import (
    APART,
    BirthdayCoupon,
    BirthdayOffer,
    birthday_near,
    budget_left,
    close_ended,
    coupon_given,
    day_of,
    give,
)
from facepay.rewards.coupons import Coupon
from facepay.rewards.rules import SPEND_COUNTS_FOR, Rules, read_rules
from facepay.settings import Settings

# Without an offer a birthday is still one.
GREETED_DAYS = 3
PAGE = 500
# A round of housekeeping waits for them.
GIVEN_MAX = 200


@dataclass(frozen=True, slots=True)
class Celebration:
    """A birthday that is near. `coupon` is what they were given for it, while it is still good."""

    on: date
    is_today: bool
    coupon: Coupon | None = None


async def celebrate(
    session: AsyncSession, *, member: Member, time_zone: str, now: datetime, giving: bool
) -> Celebration | None:
    """With the coupon, made now where they have none yet and somebody recognised them (`giving`)."""
    if member.born_on is None:
        return None
    offer, today = await offer_in_force(session), day_of(now, time_zone)
    before, after = (offer.days_before, offer.days_after) if offer else (GREETED_DAYS, GREETED_DAYS)
    birthday = birthday_near(member.born_on, today, before=before, after=after)
    if birthday is None:
        return None
    coupon = await coupon_given(session, member_id=member.id, birthday=birthday, now=now)
    if coupon is None and offer and giving:
        coupon = await _give(session, member, offer, birthday, time_zone, now)
    good = coupon is not None and coupon.active and coupon.ends_at > now
    return Celebration(birthday, birthday == today, coupon if good else None)


async def _give(
    session: AsyncSession, member: Member, offer: BirthdayOffer, birthday: date, time_zone: str, now: datetime
) -> Coupon | None:
    if not offer.is_for(await _tier_name(session, member, offer, now)):
        return None
    await session.refresh(member, with_for_update={"key_share": True})
    if not member.is_active or member.born_on is None:  # since they were recognised
        return None
    return await give(session, member=member, offer=offer, birthday=birthday, time_zone=time_zone, now=now)


async def _tier_name(session: AsyncSession, member: Member, offer: BirthdayOffer, now: datetime) -> str | None:
    """By what they spent themselves: who has a family pay is in no tier."""
    if not offer.tiers:
        return None
    since = now - SPEND_COUNTS_FOR
    spend = await spent_since(session, member_id=member.id, currency=offer.currency, since=since)
    return _named(await read_rules(session), spend)


def _named(rules: Rules, spend: int) -> str | None:
    tier = rules.tier_at(spend)
    return tier.name if tier else None


async def offer_in_force(session: AsyncSession) -> BirthdayOffer | None:
    offer = await session.get(BirthdayOffer, 1, populate_existing=True)
    return offer if offer and offer.active else None


async def keep_birthdays(database: Database, *, settings: Settings, now: datetime) -> int:
    """What devices have left undone, in the chain's time zone, and what ended coupons give back; answers how many
    coupons were given. It ends with the budget, or after `GIVEN_MAX`: the next round goes on.
    """
    await close_ended(database, now=now)
    given = 0
    async with database.read() as session:
        offer = await offer_in_force(session)
    if offer is None:
        return 0
    async for member_id in _without_coupon(database, offer, settings.time_zone, now):
        async with database.begin() as session:
            member = await session.get_one(Member, member_id, with_for_update={"key_share": True})
            near = await celebrate(session, member=member, time_zone=settings.time_zone, now=now, giving=True)
            if near is not None and near.coupon is not None:
                given += 1
            elif await budget_left(session, offer) < offer.cost_max:
                break
        if given == GIVEN_MAX:
            break
    return given


async def _without_coupon(
    database: Database, offer: BirthdayOffer, time_zone: str, now: datetime
) -> AsyncIterator[UUID]:
    """Members in the offer's tiers who have a birthday now and no coupon for it, page by page."""
    today, after = day_of(now, time_zone), UUID(int=0)
    days = [today + timedelta(days=each) for each in range(-offer.days_after, offer.days_before + 1)]
    given = select(BirthdayCoupon.coupon_id).where(
        BirthdayCoupon.member_id == Member.id, BirthdayCoupon.given_at > now - APART
    )
    query = (
        select(Member.id)
        .where(Member.status == MemberStatus.ACTIVE, _born_on_one_of(days), ~given.exists())
        .order_by(Member.id)
        .limit(PAGE)
    )
    while True:
        async with database.read() as session:
            page = list(await session.scalars(query.where(Member.id > after)))
            named = await _tier_names(session, page, offer, now) if offer.tiers else {}
        for member_id in page:
            if offer.is_for(named.get(member_id)):
                yield member_id
        if len(page) < PAGE:
            return
        after = page[-1]


def _born_on_one_of(days: Sequence[date]) -> ColumnElement[bool]:
    """By month and day. Those born on 29 February may have their birthday on 1 March: that year decides later."""
    numbers = {each.month * 100 + each.day for each in days}
    leap = {229} if any((each.month, each.day) == (3, 1) for each in days) else set()
    born = extract("month", Member.born_on) * 100 + extract("day", Member.born_on)
    return born.in_(sorted(numbers | leap)) & Member.born_on.is_not(None)


async def _tier_names(
    session: AsyncSession, member_ids: Sequence[UUID], offer: BirthdayOffer, now: datetime
) -> dict[UUID, str | None]:
    rules = await read_rules(session)
    rows = await session.execute(
        select(Order.member_id, func.sum(Order.total - Order.refunded))
        .where(
            Order.member_id.in_(member_ids),
            Order.created_at > now - SPEND_COUNTS_FOR,
            Order.currency == offer.currency,
        )
        .group_by(Order.member_id)
    )
    spends = {member_id: int(spend) for member_id, spend in rows}
    return {member_id: _named(rules, spends.get(member_id, 0)) for member_id in member_ids}
