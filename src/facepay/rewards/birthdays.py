"""The birthday offer: one rule of the shop's, and one coupon of their own for each member's birthday.

What all of them may cost is an account that can't go below zero: each coupon takes its budget out of it when it is
made, and what nobody has used by its end goes back. Whoever gives one has locked the member's row, so two devices and
housekeeping give one between them; a unique key says the same of a member and the birthday's year.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Database
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.ids import new_id
from facepay.members.members import Member
from facepay.notices.notices import NoticeKind, notify_member
from facepay.rewards.budgets import fund
from facepay.rewards.coupons import Coupon, add_coupon, budgets_left, change_coupon, get_coupon
from facepay.wallet.accounts import PROMOTIONS, Account, AccountKind, balance, house, open_account
from facepay.wallet.ledger import Cause

BIRTHDAY_BUDGET = AccountKind("birthday_budget", "credit", hot=False, floor=0, locked_last=True)
# Between two of a member's coupons at least, whatever birthday they say that they have. Windows are shorter than that.
APART = timedelta(days=300)
DAYS_MAX = 31
# For the payment that began before the coupon ended.
CLOSED_AFTER = timedelta(minutes=10)
CLOSED_MAX = 500


class BirthdayOffer(Base):
    """The rule, of which there is one: what each coupon takes off, and within which days around the birthday.

    Of a percentage `amount_max` is the most that it takes off. `tiers` are the names of those who get it: all, and
    whoever is in none, where it names none. `budget` is what all coupons may cost together, in minor units.
    """

    __tablename__ = "birthday_offer"
    __table_args__ = (
        CheckConstraint("id = 1", name="one"),
        CheckConstraint("num_nonnulls(basis_points, amount) = 1", name="percent_or_amount"),
        CheckConstraint("(amount_max is null) = (basis_points is null)", name="percent_is_bounded"),
        CheckConstraint("basis_points between 1 and 10000 and amount_max > 0 or amount > 0", name="takes_off"),
        CheckConstraint(
            f"days_before between 0 and {DAYS_MAX} and days_after between 0 and {DAYS_MAX}", name="days_in_bounds"
        ),
        CheckConstraint("budget >= 0 and min_basket >= 0", name="amounts_in_bounds"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    currency: Mapped[str] = mapped_column(String(3))
    basis_points: Mapped[int | None]
    amount: Mapped[int | None]
    amount_max: Mapped[int | None]
    min_basket: Mapped[int]
    days_before: Mapped[int]
    days_after: Mapped[int]
    tiers: Mapped[list[str]] = mapped_column(ARRAY(String(200)))
    budget: Mapped[int]
    active: Mapped[bool]
    changed_by: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime]

    @property
    def cost_max(self) -> int:
        """Of one coupon."""
        cost = self.amount_max if self.amount is None else self.amount
        assert cost is not None
        return cost

    def is_for(self, tier: str | None) -> bool:
        return not self.tiers or tier in self.tiers


class BirthdayCoupon(Base):
    """That a member was given the coupon of the birthday in this year; an erased member's says no longer whose."""

    __tablename__ = "birthday_coupon"
    __table_args__ = (
        UniqueConstraint("member_id", "year"),
        Index("ix_birthday_coupon_open", "coupon_id", postgresql_where=text("closed_at is null")),
    )

    coupon_id: Mapped[UUID] = mapped_column(ForeignKey("coupon.id"), primary_key=True)
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))
    year: Mapped[int]
    given_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]  # since when the budget has back what it wasn't used for


class BirthdayOfferNotSet(NotFound):
    """The shop has set no birthday offer."""

    code = "birthday_offer_not_set"
    title = "No birthday offer"


class BirthdayBudgetGiven(Conflict):
    """The budget can't be less than what its coupons were given already."""

    code = "birthday_budget_given"
    title = "Budget given already"


def birthday_in(year: int, born_on: date) -> date:
    """Of somebody born on 29 February it is 1 March in other years, as `Member.age_at` counts."""
    try:
        return born_on.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def birthday_near(born_on: date, day: date, *, before: int, after: int) -> date | None:
    """The birthday, and not the day of birth, from which a day is at most `before` days before or `after` after."""
    for year in (day.year - 1, day.year, day.year + 1):
        birthday = birthday_in(year, born_on)
        if year > born_on.year and -before <= (day - birthday).days <= after:
            return birthday
    return None


def day_of(now: datetime, time_zone: str) -> date:
    return now.astimezone(ZoneInfo(time_zone)).date()


async def read_offer(session: AsyncSession) -> BirthdayOffer:
    """Raises BirthdayOfferNotSet."""
    offer = await session.get(BirthdayOffer, 1, populate_existing=True)
    if offer is None:
        raise BirthdayOfferNotSet("This shop has set no birthday offer.")
    return offer


async def budget_left(session: AsyncSession, offer: BirthdayOffer) -> int:
    return (await balance(session, _budget(offer).id)).available


async def set_offer(
    session: AsyncSession, *, values: Mapping[str, Any], currency: str, actor: str, now: datetime
) -> BirthdayOffer:
    """From the next coupon on; those that were given stay. The currency is that of the first time.

    Raises BirthdayBudgetGiven.
    """
    row = {**values, "changed_by": actor, "changed_at": now}
    first = insert(BirthdayOffer).values(row | {"id": 1, "currency": currency, "budget": 0})
    await session.execute(first.on_conflict_do_nothing())
    offer = await session.get_one(BirthdayOffer, 1, with_for_update=True, populate_existing=True)
    more = values["budget"] - offer.budget
    for field, value in row.items():
        setattr(offer, field, value)
    await session.flush()
    for account in (house(PROMOTIONS, offer.currency), _budget(offer)):
        await open_account(session, account, now=now)
    if not await _move(session, offer, more, Cause("birthday_budget", new_id()), actor, now):
        raise BirthdayBudgetGiven("Coupons were given more than that.", left=await budget_left(session, offer))
    return offer


async def coupon_given(session: AsyncSession, *, member_id: UUID, birthday: date, now: datetime) -> Coupon | None:
    """What the member was given for this birthday, or for another one too lately to be given anything more."""
    given = select(BirthdayCoupon.coupon_id).where(
        BirthdayCoupon.member_id == member_id,
        (BirthdayCoupon.year == birthday.year) | (BirthdayCoupon.given_at > now - APART),
    )
    query = select(Coupon).where(Coupon.id.in_(given)).order_by(Coupon.ends_at.desc()).limit(1)
    return await session.scalar(query)


async def give(
    session: AsyncSession, *, member: Member, offer: BirthdayOffer, birthday: date, time_zone: str, now: datetime
) -> Coupon | None:
    """The coupon of this birthday: the one that there is, or a new one; None where the budget is spent. Who may have
    it is the caller's to say, and the member's row is locked.
    """
    if before := await coupon_given(session, member_id=member.id, birthday=birthday, now=now):
        return before
    coupon_id, worth, actor = new_id(), offer.cost_max, "system:birthdays"
    if not await _move(session, offer, -worth, Cause("coupon", coupon_id), actor, now):
        return None
    last = birthday + timedelta(days=offer.days_after)
    coupon = await add_coupon(
        session,
        coupon_id=coupon_id,
        actor=actor,
        now=now,
        code=f"BIRTHDAY-{coupon_id.hex.upper()}",
        label="Birthday",
        currency=offer.currency,
        basis_points=offer.basis_points,
        amount=offer.amount,
        budget=worth,
        starts_at=now,
        ends_at=datetime.combine(last + timedelta(days=1), datetime.min.time(), ZoneInfo(time_zone)),
        per_member_max=1,
        min_basket=offer.min_basket,
        skus=[],
        categories=[],
        stacks_with_tier=True,
        stacks_with_coupons=False,
        active=True,
        member_id=member.id,
    )
    session.add(BirthdayCoupon(member_id=member.id, year=birthday.year, coupon_id=coupon.id, given_at=now))
    await notify_member(
        session,
        member_id=member.id,
        kind=NoticeKind.BIRTHDAY_OFFER,
        amount=coupon.amount,
        currency=coupon.currency,
        now=now,
        basis_points=coupon.basis_points,
        ends_at=coupon.ends_at.isoformat(),
    )
    await session.flush()
    return coupon


async def close_ended(database: Database, *, now: datetime) -> int:
    """What ended coupons weren't used for goes back to the budget; answers how many were closed."""
    query = (
        select(BirthdayCoupon.coupon_id)
        .join(Coupon, Coupon.id == BirthdayCoupon.coupon_id)
        .where(BirthdayCoupon.closed_at.is_(None), Coupon.ends_at <= now - CLOSED_AFTER)
        .order_by(BirthdayCoupon.coupon_id)
        .limit(CLOSED_MAX)
    )
    async with database.read() as session:
        ended = list(await session.scalars(query))
    for coupon_id in ended:
        async with database.begin() as session:
            await _close(session, coupon_id, now)
    return len(ended)


async def _close(session: AsyncSession, coupon_id: UUID, now: datetime) -> None:
    given = await session.get_one(BirthdayCoupon, coupon_id, with_for_update=True)
    if given.closed_at is not None:  # another replica was faster
        return
    coupon, actor = await get_coupon(session, coupon_id, lock=True), "system:birthdays"
    (left,) = await budgets_left(session, [coupon])
    await change_coupon(session, coupon_id=coupon_id, changes={"budget": coupon.budget - left}, actor=actor, now=now)
    offer = await read_offer(session)
    assert await _move(session, offer, left, Cause("coupon", coupon_id), actor, now)
    given.closed_at = now
    await session.flush()


async def _move(
    session: AsyncSession, offer: BirthdayOffer, amount: int, cause: Cause, actor: str, now: datetime
) -> bool:
    return await fund(session, budget=_budget(offer), amount=amount, cause=cause, actor=actor, now=now)


def _budget(offer: BirthdayOffer) -> Account:
    return house(BIRTHDAY_BUDGET, offer.currency)
