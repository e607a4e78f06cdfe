"""The menu as it is for somebody: what suits them first, what doesn't fit them marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.dining.diets import diet_at, fits, plate_of
from facepay.dining.menu import Offered, offered
from facepay.dining.options import Chosen
from facepay.dining.parties import Cover
from facepay.recommender.diets import Diet
from facepay.recommender.recommending import recommend
from facepay.recommender.wanted import Wanted
from facepay.settings import Settings

SUGGESTED_MAX = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """`fits` is about the dish as it comes, and `unfit` are choices that don't; `suggested` says why it is."""

    offered: Offered
    fits: bool
    unfit: frozenset[tuple[str, str]]
    suggested: str | None = None


async def menu_for(
    session: AsyncSession, *, store_id: UUID, cover: Cover | None, settings: Settings, now: datetime
) -> list[Entry]:
    """What there is at this hour: what is recommended to whoever sits there, and then the rest in the menu's order.

    Nothing that doesn't fit them is recommended, and all of it is shown. Raises StoreNotFound.
    """
    diet = Diet() if cover is None else await diet_at(session, cover)
    entries = {each.product.id: _entry(each, diet) for each in await offered(session, store_id=store_id, now=now)}
    if cover is None:
        return list(entries.values())
    found = await recommend(
        session,
        member_id=cover.member_id,
        store_id=store_id,
        limit=SUGGESTED_MAX,
        settings=settings,
        now=now,
        wanted=Wanted(among=_to_suggest(list(entries.values())), avoid=diet),
    )
    suggested = {each.product_id: each.words for each in found}
    first = [
        Entry(entries[each].offered, entries[each].fits, entries[each].unfit, words)
        for each, words in suggested.items()
    ]
    return [*first, *(entry for product_id, entry in entries.items() if product_id not in suggested)]


def _to_suggest(entries: Sequence[Entry]) -> list[UUID]:
    return [each.offered.product.id for each in entries if each.fits and not each.offered.sold_out]


def _entry(dish: Offered, diet: Diet) -> Entry:
    unfit = {
        (group.name, choice.name)
        for group in dish.item.groups
        for choice in group.choices
        if not fits(plate_of(dish.product, Chosen(((group.name, choice),))), [diet])
    }
    return Entry(dish, fits(plate_of(dish.product, Chosen()), [diet]), frozenset(unfit))
