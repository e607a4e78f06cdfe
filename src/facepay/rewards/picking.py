"""Which coupons a member may use, now and for this basket: those whose codes they say, and those that are their own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    String,
    Uuid,
    any_,
    bindparam,
    cast,
    false,
    func,
    join,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Prepared
from facepay.kernel.records import columns_of, loaded_if_any
from facepay.rewards.coupons import Coupon, CouponUse, budgets_left
from facepay.rewards.discounts import Discount
from facepay.rewards.rules import RULES, EarningRule, Rules, Tier, rules_of

# More of one member's own coupons at once than any basket could take.
OWN_MAX = 20


@dataclass(frozen=True, slots=True)
class CouponRefused:
    """Why a basket isn't sold: the code of the rule, and of the coupon."""

    code: str
    coupon: str


@dataclass(frozen=True, slots=True)
class Picked:
    """A coupon that a basket may be sold with, and what it may take off at most (None: whatever its budget has)."""

    coupon: Coupon
    amount_max: int | None = None

    @property
    def discount(self) -> Discount:
        return self.coupon.discount(amount_max=self.amount_max)


async def pick_coupons(
    session: AsyncSession,
    *,
    codes: Sequence[str],
    member_id: UUID,
    basket_total: int,
    currency: str,
    now: datetime,
) -> list[Picked] | CouponRefused:
    """The coupons of these codes, in their order, where the member may use them all for such a basket now."""
    if not codes:
        return []
    found = {coupon.code: coupon for coupon in await session.scalars(select(Coupon).where(Coupon.code.in_(codes)))}
    used = await uses_of(session, member_id=member_id, coupon_ids=[coupon.id for coupon in found.values()])
    for code in codes:
        coupon = found.get(code)
        if coupon is None or coupon.member_id or not coupon.active or coupon.currency != currency:
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
    return [Picked(found[code]) for code in codes]


def counts() -> ColumnElement[bool]:
    """Whether a use counts, of the coupon of the statement around it."""
    return CouponUse.returned_at.is_(None) | Coupon.campaign_id.is_not(None)


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
        .where(CouponUse.coupon_id == Coupon.id, CouponUse.member_id == member_id, counts())
        .scalar_subquery()
    )
    usable = await session.scalars(
        select(Coupon)
        .where(
            or_(Coupon.member_id.is_(None), Coupon.member_id == member_id),
            Coupon.active,
            Coupon.starts_at <= now,
            Coupon.ends_at > now,
            used < Coupon.per_member_max,
        )
        .order_by(Coupon.ends_at, Coupon.id)
        .limit(limit)
    )
    found = usable.all()
    return [coupon for coupon, left in zip(found, await budgets_left(session, found), strict=True) if left]


def _counted(what: ColumnElement[int]) -> ColumnElement[int]:
    """Of the uses that count of the coupon of the statement around it. A sum of bigints would be a numeric."""
    return cast(select(what).where(CouponUse.coupon_id == Coupon.id, counts()).scalar_subquery(), BigInteger)


# With the rules, which every basket asks for: no checkout waits once more for them.
_OWN = (
    select(Coupon, (Coupon.budget - _counted(func.coalesce(func.sum(CouponUse.amount), 0))).label("left"))
    .where(
        Coupon.member_id == any_(bindparam("owners", type_=ARRAY(Uuid()))),
        Coupon.currency == bindparam("currency", type_=String()),
        Coupon.starts_at <= bindparam("now", type_=DateTime(timezone=True)),
        Coupon.ends_at > bindparam("now", type_=DateTime(timezone=True)),
        or_(func.cardinality(Coupon.store_ids) == 0, bindparam("store_id", type_=Uuid()) == any_(Coupon.store_ids)),
        Coupon.active,
        _counted(func.count()) < Coupon.per_member_max,
    )
    .order_by(Coupon.ends_at, Coupon.id)
    .limit(OWN_MAX)
    .subquery()
)
_TIER, _RULE = columns_of(Tier), columns_of(EarningRule)
_RULES_AND_OWN = Prepared(
    select(*_TIER, *_RULE, *(_OWN.c[column.key] for column in columns_of(Coupon)), _OWN.c.left)
    .select_from(join(RULES, _OWN, false(), full=True))
    .order_by(Tier.min_spend.desc())
)


async def rules_and_own(
    session: AsyncSession,
    *,
    owners: Collection[UUID],
    store_id: UUID,
    basket_total: int,
    currency: str,
    now: datetime,
) -> tuple[Rules, list[Picked]]:
    """The rules, and these members' own coupons for such a basket in this store, the first to end first, each with what
    its budget has left. Holds for whoever has locked the members' rows.
    """
    rows = await _RULES_AND_OWN.rows(session, owners=list(owners), store_id=store_id, currency=currency, now=now)
    rules, own = list[tuple[Tier | None, EarningRule | None]](), list[Picked]()
    for *row, left in rows:
        tier, rule, coupon = row[: len(_TIER)], row[len(_TIER) :][: len(_RULE)], row[len(_TIER) + len(_RULE) :]
        rules.append((loaded_if_any(session, Tier, tier), loaded_if_any(session, EarningRule, rule)))
        of_member = loaded_if_any(session, Coupon, coupon)
        if of_member is not None and left > 0 and basket_total >= of_member.min_basket:
            own.append(Picked(of_member, amount_max=left))
    own.sort(key=lambda picked: (picked.coupon.ends_at, picked.coupon.id))
    return rules_of(rules), own
