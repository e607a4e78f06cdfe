"""Coupons: what each takes off, for whom, when, and how much all of its uses together may cost.

The budget is an account that can't go below zero, so however many kiosks take from it at once, its last cent is
given once. What was given stands in an account of the campaign's own, under promotions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.kernel.ids import new_id
from facepay.rewards.discounts import Discount
from facepay.wallet.accounts import PROMOTIONS, Account, AccountKind, balances, house, open_account
from facepay.wallet.ledger import Cause, Entry, Posting, post

BUDGET = AccountKind("coupon_budget", "credit", hot=False, floor=0)


class Coupon(Identified, Base):
    __tablename__ = "coupon"
    __table_args__ = (
        CheckConstraint("num_nonnulls(basis_points, amount) = 1", name="percent_or_amount"),
        CheckConstraint("basis_points between 1 and 10000 and amount is null or amount > 0", name="takes_off"),
        CheckConstraint("ends_at > starts_at", name="period"),
        CheckConstraint("budget >= 0 and per_member_max > 0 and min_basket >= 0", name="bounds"),
    )

    code: Mapped[str] = mapped_column(String(64), unique=True)
    currency: Mapped[str] = mapped_column(String(3))
    basis_points: Mapped[int | None]
    amount: Mapped[int | None]
    budget: Mapped[int]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    per_member_max: Mapped[int]
    min_basket: Mapped[int]
    skus: Mapped[list[str]] = mapped_column(JSONB)
    categories: Mapped[list[str]] = mapped_column(JSONB)
    stacks_with_tier: Mapped[bool]
    stacks_with_coupons: Mapped[bool]
    active: Mapped[bool]
    created_at: Mapped[datetime]

    @property
    def budget_account(self) -> Account:
        return coupon_budget(self.id, self.currency)

    def discount(self) -> Discount:
        return Discount(
            "coupon",
            self.code,
            basis_points=self.basis_points or 0,
            amount=self.amount or 0,
            skus=frozenset(self.skus),
            categories=frozenset(self.categories),
            coupon_id=self.id,
        )


class CouponUse(Base):
    """An order's use of a coupon; once the whole order was refunded, it counts no longer."""

    __tablename__ = "coupon_use"
    __table_args__ = (Index("ix_coupon_use_member_id", "member_id", "coupon_id"),)

    coupon_id: Mapped[UUID] = mapped_column(ForeignKey("coupon.id"), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("shop_order.id"), primary_key=True, index=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    amount: Mapped[int]
    used_at: Mapped[datetime]
    returned_at: Mapped[datetime | None]


class CouponNotFound(NotFound):
    """There is no coupon with this id."""

    code = "coupon_not_found"
    title = "No such coupon"


class CouponCodeTaken(Conflict):
    """Another coupon has this code."""

    code = "coupon_code_taken"
    title = "Coupon code taken"


class CouponPeriod(Problem):
    """A coupon ends after it starts."""

    status = 422
    code = "coupon_period"
    title = "Ends before it starts"


class BudgetGiven(Conflict):
    """The budget can't be less than what the coupon has given already."""

    code = "coupon_budget_given"
    title = "Budget given already"


@dataclass(frozen=True, slots=True)
class CouponRefused:
    """Why a basket isn't sold: the code of the rule, and of the coupon."""

    code: str
    coupon: str


def coupon_budget(coupon_id: UUID, currency: str) -> Account:
    """What the coupon may still give."""
    return Account(BUDGET, coupon_id, currency)


def coupon_cost(coupon_id: UUID, currency: str) -> Account:
    """What it has given."""
    return Account(PROMOTIONS, coupon_id, currency)


async def add_coupon(session: AsyncSession, *, actor: str, now: datetime, **values: Any) -> Coupon:
    """Raises CouponCodeTaken and CouponPeriod."""
    coupon = Coupon(id=new_id(), created_at=now, **values)
    _check_period(coupon)
    try:
        async with session.begin_nested():
            session.add(coupon)
            await session.flush()
    except IntegrityError as error:
        if "uq_coupon_code" in str(error.orig):
            raise CouponCodeTaken("Another coupon has this code.") from error
        raise
    for account in (
        house(PROMOTIONS, coupon.currency),
        coupon.budget_account,
        coupon_cost(coupon.id, coupon.currency),
    ):
        await open_account(session, account, now=now)
    await _fund(session, coupon, coupon.budget, actor, now)
    return coupon


async def change_coupon(
    session: AsyncSession, *, coupon_id: UUID, changes: dict[str, Any], actor: str, now: datetime
) -> Coupon:
    """Set active, ends_at, per_member_max or budget. Raises CouponNotFound, CouponPeriod and BudgetGiven."""
    coupon = await get_coupon(session, coupon_id, lock=True)
    more = changes.get("budget", coupon.budget) - coupon.budget
    for field, value in changes.items():
        setattr(coupon, field, value)
    _check_period(coupon)
    await session.flush()
    await _fund(session, coupon, more, actor, now)
    return coupon


async def get_coupon(session: AsyncSession, coupon_id: UUID, *, lock: bool = False) -> Coupon:
    """Raises CouponNotFound."""
    # Not against those who refer to it: a payment does, while it holds the budget that a change waits for.
    coupon = await session.get(Coupon, coupon_id, with_for_update={"key_share": True} if lock else None)
    if coupon is None:
        raise CouponNotFound("There is no coupon with this id.")
    return coupon


def _check_period(coupon: Coupon) -> None:
    if coupon.ends_at <= coupon.starts_at:
        raise CouponPeriod("A coupon ends after it starts.", starts_at=coupon.starts_at.isoformat())


async def budgets_left(session: AsyncSession, coupons: Sequence[Coupon]) -> list[int]:
    """What each may still give."""
    found = await balances(session, [coupon.budget_account.id for coupon in coupons])
    return [found[coupon.budget_account.id].available for coupon in coupons]


async def _fund(session: AsyncSession, coupon: Coupon, amount: int, actor: str, now: datetime) -> None:
    if amount == 0:
        return
    unit = coupon.currency
    entries = (
        Entry(coupon.budget_account.id, amount, unit),
        Entry(house(PROMOTIONS, unit).id, -amount, unit),
    )
    posting = Posting(f"coupon:{coupon.id}:{new_id()}", "transfer", Cause("coupon", coupon.id), actor, now, entries)
    (outcome,) = await post(session, [posting])
    if outcome.code == "insufficient_funds":
        (left,) = await budgets_left(session, [coupon])
        raise BudgetGiven("The coupon has given more than that.", left=left)
    assert outcome.ok, outcome.code


async def pick_coupons(
    session: AsyncSession,
    *,
    codes: Sequence[str],
    member_id: UUID,
    basket_total: int,
    currency: str,
    now: datetime,
) -> list[Coupon] | CouponRefused:
    """The coupons of these codes, in their order, where the member may use them all for such a basket now."""
    if not codes:
        return []
    found = {coupon.code: coupon for coupon in await session.scalars(select(Coupon).where(Coupon.code.in_(codes)))}
    used = await uses_of(session, member_id=member_id, coupon_ids=[coupon.id for coupon in found.values()])
    for code in codes:
        coupon = found.get(code)
        if coupon is None or not coupon.active or coupon.currency != currency:
            return CouponRefused("coupon_invalid", code)
        for refused, why in (
            (now < coupon.starts_at, "coupon_not_yet"),
            (now >= coupon.ends_at, "coupon_expired"),
            (used.get(coupon.id, 0) >= coupon.per_member_max, "coupon_used"),
            (basket_total < coupon.min_basket, "coupon_min_basket"),
            (len(codes) > 1 and not coupon.stacks_with_coupons, "coupon_not_stackable"),
        ):
            if refused:
                return CouponRefused(why, code)
    return [found[code] for code in codes]


async def uses_of(session: AsyncSession, *, member_id: UUID, coupon_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How often the member has used each. Holds for whoever has locked the member's row."""
    rows = await session.execute(
        select(CouponUse.coupon_id, func.count().label("uses"))
        .where(CouponUse.member_id == member_id, CouponUse.coupon_id.in_(coupon_ids), CouponUse.returned_at.is_(None))
        .group_by(CouponUse.coupon_id)
    )
    return {row.coupon_id: row.uses for row in rows}


async def coupons_for(session: AsyncSession, *, member_id: UUID, now: datetime, limit: int = 50) -> list[Coupon]:
    """Those that the member can still use, the first to end first."""
    used = (
        select(func.count())
        .where(CouponUse.coupon_id == Coupon.id, CouponUse.member_id == member_id, CouponUse.returned_at.is_(None))
        .scalar_subquery()
    )
    usable = await session.scalars(
        select(Coupon)
        .where(Coupon.active, Coupon.starts_at <= now, Coupon.ends_at > now, used < Coupon.per_member_max)
        .order_by(Coupon.ends_at, Coupon.id)
        .limit(limit)
    )
    found = usable.all()
    return [coupon for coupon, left in zip(found, await budgets_left(session, found), strict=True) if left]
