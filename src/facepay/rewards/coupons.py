"""Coupons: what each takes off, for whom, when, and how much all of its uses together may cost.

The budget is an account that can't go below zero, so however many kiosks take from it at once, its last cent is
given once. What was given stands in an account of the coupon's own, under promotions.

A coupon may be one member's own: it is taken off by itself wherever they pay, and its code serves nobody. One that was
won in a campaign has no budget account: what it may cost is on hold in the campaign's (`rewards.reserves`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.kernel.ids import new_id
from facepay.members.members import get_member
from facepay.rewards.budgets import fund, open_budget
from facepay.rewards.discounts import Discount, Reserve
from facepay.wallet.accounts import PROMOTIONS, Account, AccountKind, balances
from facepay.wallet.ledger import Cause

BUDGET = AccountKind("coupon_budget", "credit", hot=False, floor=0)


class Coupon(Identified, Base):
    __tablename__ = "coupon"
    __table_args__ = (
        CheckConstraint("num_nonnulls(basis_points, amount) = 1", name="percent_or_amount"),
        CheckConstraint("basis_points between 1 and 10000 and amount is null or amount > 0", name="takes_off"),
        CheckConstraint("ends_at > starts_at", name="period"),
        CheckConstraint("budget >= 0 and per_member_max > 0 and min_basket >= 0", name="bounds"),
        CheckConstraint("num_nulls(campaign_id, hold_id) in (0, 2)", name="won_is_on_hold"),
        CheckConstraint("campaign_id is null or member_id is not null", name="won_by_a_member"),
        Index("ix_coupon_member_id", "member_id", "ends_at", postgresql_where=text("member_id is not null")),
        Index("ix_coupon_campaign_id", "campaign_id", "id", postgresql_where=text("campaign_id is not null")),
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
    # The stores where it is good: all, where it names none.
    store_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), default=list, server_default="{}")
    label: Mapped[str | None] = mapped_column(String(200))  # what receipts call it, where that isn't its code
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))  # whose own it is
    campaign_id: Mapped[UUID | None] = mapped_column(ForeignKey("campaign.id"))
    hold_id: Mapped[UUID | None]  # of the campaign's budget

    @property
    def budget_account(self) -> Account:
        return coupon_budget(self.id, self.currency)

    @property
    def is_own(self) -> bool:
        return self.member_id is not None

    @property
    def reserve(self) -> Reserve | None:
        return Reserve(self.campaign_id, self.hold_id) if self.campaign_id and self.hold_id else None

    def discount(self, *, amount_max: int | None = None) -> Discount:
        return Discount(
            "coupon" if self.campaign_id is None else "smile",
            self.label or self.code,
            basis_points=self.basis_points or 0,
            amount=self.amount or 0,
            amount_max=amount_max,
            skus=frozenset(self.skus),
            categories=frozenset(self.categories),
            coupon_id=self.id,
            reserve=self.reserve,
        )


class CouponUse(Base):
    """An order's use of a coupon; once the whole order was refunded, it counts no longer. Of one that was won it still
    does: its part of the campaign's budget has gone back there.
    """

    __tablename__ = "coupon_use"
    __table_args__ = (Index("ix_coupon_use_member_id", "member_id", "coupon_id"),)

    coupon_id: Mapped[UUID] = mapped_column(ForeignKey("coupon.id"), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("shop_order.id"), primary_key=True, index=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    amount: Mapped[int]
    used_at: Mapped[datetime]
    returned_at: Mapped[datetime | None]
    transfer_id: Mapped[UUID | None]  # that captured the hold of one that was won


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


class CouponWon(Conflict):
    """A coupon that was won stays as it is."""

    code = "coupon_won"
    title = "Won already"


def coupon_budget(coupon_id: UUID, currency: str) -> Account:
    """What the coupon may still give."""
    return Account(BUDGET, coupon_id, currency)


def coupon_cost(coupon_id: UUID, currency: str) -> Account:
    """What it has given."""
    return Account(PROMOTIONS, coupon_id, currency)


async def add_coupon(
    session: AsyncSession, *, actor: str, now: datetime, coupon_id: UUID | None = None, **values: Any
) -> Coupon:
    """Raises CouponCodeTaken, CouponPeriod and MemberNotFound."""
    coupon = Coupon(id=coupon_id or new_id(), created_at=now, **values)
    _check_period(coupon)
    if coupon.member_id is not None:
        await get_member(session, coupon.member_id)
    try:
        async with session.begin_nested():
            session.add(coupon)
            await session.flush()
    except IntegrityError as error:
        if "uq_coupon_code" in str(error.orig):
            raise CouponCodeTaken("Another coupon has this code.") from error
        raise
    cost = coupon_cost(coupon.id, coupon.currency)
    await open_budget(session, budget=coupon.budget_account, cost=cost, now=now)
    await _fund(session, coupon, coupon.budget, actor, now)
    return coupon


async def change_coupon(
    session: AsyncSession, *, coupon_id: UUID, changes: dict[str, Any], actor: str, now: datetime
) -> Coupon:
    """Set active, ends_at, per_member_max or budget. Raises CouponNotFound, CouponWon, CouponPeriod and BudgetGiven."""
    coupon = await get_coupon(session, coupon_id, lock=True)
    if coupon.campaign_id is not None:
        raise CouponWon("What a member has won stays as it is.", campaign_id=str(coupon.campaign_id))
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
    """What each may still give. Of one that was won that is all that it was to cost, until it is used."""
    found = await balances(session, [coupon.budget_account.id for coupon in coupons])
    return [coupon.budget if coupon.campaign_id else found[coupon.budget_account.id].available for coupon in coupons]


async def _fund(session: AsyncSession, coupon: Coupon, amount: int, actor: str, now: datetime) -> None:
    cause = Cause("coupon", coupon.id)
    if not await fund(session, budget=coupon.budget_account, amount=amount, cause=cause, actor=actor, now=now):
        (left,) = await budgets_left(session, [coupon])
        raise BudgetGiven("The coupon has given more than that.", left=left)
