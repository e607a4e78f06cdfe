"""Purses: who pays for what a member buys, and what the family has to say about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.families.families import FamilyMember, FamilyRole
from facepay.members.members import Member
from facepay.schedules.timetables import Timetable, covers


@dataclass(frozen=True, slots=True)
class ChildRules:
    """What a child may not buy, and when it may at all (None: at any hour)."""

    blocked_categories: frozenset[str] = frozenset()
    blocked_skus: frozenset[str] = frozenset()
    hours: Timetable | None = None
    age_limited_goods: bool = False
    web_shops: bool = False

    def blocks(self, *, sku: str, category: str | None, age_min: int | None) -> bool:
        """Whether it may not have this product, at whatever hour."""
        is_blocked = sku in self.blocked_skus or category in self.blocked_categories
        return is_blocked or (age_min is not None and not self.age_limited_goods)

    def lets(self, at: datetime, *, time_zone: str) -> bool:
        """Whether it may buy at this moment, where clocks show the time of this zone."""
        return self.hours is None or covers(self.hours, at, time_zone)


@dataclass(frozen=True, slots=True)
class Purse:
    """Who stands there, and whose wallet pays, with the tier, points and coupons that go with it. Both rows are locked.

    The limits are the buyer's own in the family, in minor units; `rules` are a child's.
    """

    payer: Member
    buyer: Member
    family_id: UUID | None = None
    payment_max: int | None = None
    daily_max: int | None = None
    rules: ChildRules | None = None

    @property
    def is_shared(self) -> bool:
        return self.payer is not self.buyer


async def purse_of(session: AsyncSession, *, member: Member) -> Purse:
    """The purse of a member whose row is locked. A dependant's payer is locked after them, as everywhere; to ask again
    changes nothing.
    """
    if member.payer_id is None:
        return Purse(member, member)
    row = await session.execute(
        select(Member, FamilyMember)
        .join(FamilyMember, FamilyMember.member_id == member.id)
        .where(Member.id == member.payer_id)
        .with_for_update(of=Member, key_share=True)
        .execution_options(populate_existing=True)
    )
    payer, dependant = row.one()
    return Purse(payer, member, dependant.family_id, dependant.payment_max, dependant.daily_max, rules_of(dependant))


def rules_of(dependant: FamilyMember) -> ChildRules | None:
    """None for an adult."""
    if dependant.role != FamilyRole.CHILD:
        return None
    return ChildRules(
        frozenset(dependant.blocked_categories),
        frozenset(dependant.blocked_skus),
        Timetable.model_validate(dependant.hours) if dependant.hours is not None else None,
        dependant.age_limited_goods,
        dependant.web_shops,
    )
