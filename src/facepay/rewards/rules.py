"""What loyalty brings: tiers by what was spent in a year, and points by category. Without rules it brings nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import CheckConstraint, String, UniqueConstraint, delete, false, join, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.rewards.discounts import BASIS_POINTS, Discount

SPEND_COUNTS_FOR = timedelta(days=365)


class Tier(Identified, Base):
    __tablename__ = "tier"
    __table_args__ = (
        CheckConstraint("min_spend >= 0 and points_multiplier_basis_points >= 0", name="not_negative"),
        CheckConstraint("discount_basis_points between 0 and 10000", name="discount_in_bounds"),
    )

    name: Mapped[str] = mapped_column(String(200), unique=True)
    min_spend: Mapped[int] = mapped_column(unique=True)  # minor units in the last year, less what was refunded
    discount_basis_points: Mapped[int]
    points_multiplier_basis_points: Mapped[int]


class EarningRule(Identified, Base):
    """Of the category that it names; the one without a category is for all that have no rule of their own."""

    __tablename__ = "earning_rule"
    __table_args__ = (
        CheckConstraint("points_per_100 >= 0", name="not_negative"),
        UniqueConstraint("category", postgresql_nulls_not_distinct=True),
    )

    category: Mapped[str | None] = mapped_column(String(200))
    points_per_100: Mapped[int]  # points for each 100 minor units


@dataclass(frozen=True, slots=True)
class Rules:
    tiers: tuple[Tier, ...]  # the highest first
    points_per_100: Mapping[str | None, int]

    def tier_at(self, spend: int) -> Tier | None:
        return next((tier for tier in self.tiers if spend >= tier.min_spend), None)

    def points_for(self, paid: Iterable[tuple[str | None, int]], tier: Tier | None) -> int:
        """Points for what was paid in each category, rounded down once, at the end."""
        otherwise = self.points_per_100.get(None, 0)
        multiplier = tier.points_multiplier_basis_points if tier else BASIS_POINTS
        earned = sum(amount * self.points_per_100.get(category, otherwise) for category, amount in paid)
        return earned * multiplier // (100 * BASIS_POINTS)


def tier_discount(tier: Tier) -> Discount:
    return Discount("tier", tier.name, basis_points=tier.discount_basis_points)


# As they stand at one moment.
RULES = join(Tier, EarningRule, false(), full=True)
_RULES = select(Tier, EarningRule).select_from(RULES).order_by(Tier.min_spend.desc())


async def read_rules(session: AsyncSession) -> Rules:
    return rules_of([(tier, rule) for tier, rule in await session.execute(_RULES)])


def rules_of(rows: Sequence[tuple[Tier | None, EarningRule | None]]) -> Rules:
    """Of rows of RULES, the highest tier first."""
    tiers = tuple(tier for tier, _ in rows if tier is not None)
    return Rules(tiers, {rule.category: rule.points_per_100 for _, rule in rows if rule is not None})


async def replace_rules(session: AsyncSession, *, tiers: Sequence[Tier], earning: Sequence[EarningRule]) -> Rules:
    """All at once, from the next payment on; names, spends and categories are each there once."""
    await session.execute(text("lock table tier, earning_rule in share row exclusive mode"))
    await session.execute(delete(Tier))
    await session.execute(delete(EarningRule))
    session.add_all([*tiers, *earning])
    await session.flush()
    return await read_rules(session)
