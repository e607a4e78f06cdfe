"""What a member mustn't or won't eat: data on health (GDPR art. 9), kept only as long as they agree to that.

The row is the consent: with the one the other goes, at once, and nothing says that it was there.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, String, delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.products import Allergen
from facepay.kernel.database import Base
from facepay.kernel.errors import NotFound
from facepay.members.consents import PolicyOutdated
from facepay.settings import Settings


class MemberDiet(Base):
    """`policy_version` is what they agreed to, and when: the only ground on which it may be kept."""

    __tablename__ = "member_diet"
    __table_args__ = (CheckConstraint("cardinality(allergens) + cardinality(ingredients) > 0", name="says_something"),)

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    allergens: Mapped[list[Allergen]] = mapped_column(ARRAY(String(16)))
    ingredients: Mapped[list[str]] = mapped_column(ARRAY(String(80)))
    policy_version: Mapped[str] = mapped_column(String(40))
    accepted_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    def __repr__(self) -> str:
        return "MemberDiet(…)"


@dataclass(frozen=True, slots=True, repr=False)
class Diet:
    """Allergens that would harm, and ingredients that somebody doesn't eat, in small letters."""

    allergens: frozenset[Allergen] = frozenset()
    ingredients: frozenset[str] = frozenset()


class Declared(Protocol):
    """Something that is eaten: a product, or a row of its columns."""

    @property
    def allergens(self) -> Collection[Allergen] | None: ...

    @property
    def ingredients(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True, repr=False)
class Conflict:
    """Why somebody shouldn't have a dish. False where nothing speaks against it.

    `undeclared`: they have an allergy and nobody has said which allergens are in it, so nobody may say that it is safe.
    """

    allergens: frozenset[Allergen] = frozenset()
    ingredients: frozenset[str] = frozenset()
    undeclared: bool = False

    def __bool__(self) -> bool:
        return bool(self.allergens or self.ingredients or self.undeclared)


class DietNotKept(NotFound):
    """Nothing is kept of what the member doesn't eat."""

    code = "diet_not_kept"
    title = "No diet kept"


def conflicts(diet: Diet | None, product: Declared) -> Conflict:
    """What of a product somebody mustn't or won't eat. An ingredient is found by its words, one or several of it: "egg"
    is in "duck eggs", and not in "eggplant"; in a script without spaces, wherever it stands.
    """
    if diet is None:
        return Conflict()
    declared = product.allergens
    avoided = (ingredient for ingredient in diet.ingredients if _is_in(ingredient, product.ingredients))
    return Conflict(
        allergens=diet.allergens.intersection(declared or ()),
        ingredients=frozenset(avoided),
        undeclared=bool(diet.allergens) and declared is None,
    )


async def diet_of(session: AsyncSession, *, member_id: UUID) -> Diet | None:
    """Of a member who agreed that it is kept; None of any other."""
    row = await session.get(MemberDiet, member_id, populate_existing=True)
    return Diet(frozenset(map(Allergen, row.allergens)), frozenset(row.ingredients)) if row else None


async def see_diet(session: AsyncSession, *, member_id: UUID) -> MemberDiet:
    """Raises DietNotKept."""
    row = await session.get(MemberDiet, member_id, populate_existing=True)
    if row is None:
        raise DietNotKept("Nothing is kept of what this member doesn't eat.")
    return row


async def keep_diet(
    session: AsyncSession,
    *,
    member_id: UUID,
    diet: Diet,
    policy_version: str,
    settings: Settings,
    now: datetime,
) -> MemberDiet:
    """In the place of what was kept before. The caller holds the member's row. Raises PolicyOutdated."""
    current = settings.diet_policy_version
    if policy_version != current:
        raise PolicyOutdated("Consent has to be to the policy in force.", current_version=current)
    row = await session.get(MemberDiet, member_id, populate_existing=True)
    if row is None:
        row = MemberDiet(member_id=member_id)
        session.add(row)
    if row.policy_version != policy_version:
        row.policy_version, row.accepted_at = policy_version, now
    row.allergens, row.ingredients, row.changed_at = sorted(diet.allergens), sorted(diet.ingredients), now
    await session.flush()
    return row


async def forget_diet(session: AsyncSession, *, member_id: UUID) -> None:
    """Consent withdrawn: it is gone at once. The caller holds the member's row."""
    await session.execute(delete(MemberDiet).where(MemberDiet.member_id == member_id))


def _is_in(avoided: str, ingredients: Collection[str]) -> bool:
    words = re.compile(rf"(?<!\w){re.escape(avoided.casefold().removesuffix('s'))}s?(?!\w)", re.ASCII)
    return any(words.search(ingredient.casefold()) for ingredient in ingredients)
