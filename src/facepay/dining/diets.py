"""What somebody at a table mustn't or won't eat: what is kept of a member, and what was said for this visit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Allergen, Product
from facepay.dining.options import Chosen
from facepay.dining.parties import Cover
from facepay.recommender.diets import Diet, conflicts, diet_of


@dataclass(frozen=True, slots=True)
class Plate:
    """A dish as it was chosen. Its allergens are None where nobody has declared the dish's."""

    allergens: Collection[Allergen] | None
    ingredients: Collection[str]


def plate_of(product: Product, chosen: Chosen) -> Plate:
    declared = None if product.allergens is None else {*product.allergens, *chosen.allergens}
    return Plate(declared, [*product.ingredients, *chosen.ingredients])


async def diet_at(session: AsyncSession, cover: Cover) -> Diet:
    kept = await diet_of(session, member_id=cover.member_id) if cover.member_id else None
    said = frozenset(map(Allergen, cover.allergens or ()))
    return Diet(said | kept.allergens, kept.ingredients) if kept else Diet(said)


def fits(plate: Plate, diets: Sequence[Diet]) -> bool:
    """Whether everybody may have it, as far as anybody has declared."""
    return not any(conflicts(diet, plate) for diet in diets)


def harms(plate: Plate, diets: Sequence[Diet]) -> bool:
    """Whether it may harm somebody, which is more than that they wouldn't like it."""
    found = [conflicts(diet, plate) for diet in diets]
    return any(each.allergens or each.undeclared for each in found)
