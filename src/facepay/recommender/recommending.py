"""What to suggest in a store: to a member by what they like, to anybody by what is bought there at this time of day.

Filters come first: whatever the history, what a person may not or will not have is never suggested.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, TextClause, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.families.families import FamilyMember
from facepay.families.purses import ChildRules, rules_of
from facepay.members.members import Member
from facepay.recommender.diets import Diet, conflicts, diet_of
from facepay.recommender.evidence import Known, Sign, known_of
from facepay.recommender.popularity import PARTS, WEATHERS
from facepay.recommender.ranking import RANKED, REST, Weights
from facepay.recommender.reasons import Reason, words_of
from facepay.recommender.wanted import Context, PartOfDay, Wanted, Weather
from facepay.recommender.weather import weather_at
from facepay.settings import Settings
from facepay.stores.stores import Store, get_open_store

# Ingredients and parents' rules are looked through by page. Who would have to look through more gets fewer.
PAGE = 100
PAGES_MAX = 10
# What goes with what is at hand counts for so much more than what goes with all that a member ever liked.
AT_HAND = 2.0
# How much a member has to have shown for it to count as much as what is known of nobody: one purchase.
UNKNOWN = 1.0


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`score` tells the order, from 0 to 1, within one answer. `because` names the product that speaks for it."""

    product_id: UUID
    sku: str
    name: str
    category: str | None
    price: int
    currency: str
    score: float
    reason: Reason
    because: str | None
    words: str  # the reason, to whom it is suggested


@dataclass(frozen=True, slots=True)
class _Person:
    """Whom it is suggested to. Of a guest nothing is known but what was said of them."""

    known: Sequence[Known]
    diets: Sequence[Diet]
    age: int
    rules: ChildRules | None

    @property
    def allergens(self) -> list[str] | None:
        return sorted({allergen for diet in self.diets for allergen in diet.allergens}) or None

    @property
    def looks_through(self) -> bool:
        return self.rules is not None or any(diet.ingredients for diet in self.diets)

    def may_have(self, row: Row[Any]) -> bool:
        if self.rules and self.rules.blocks(sku=row.sku, category=row.category, age_min=row.age_min):
            return False
        return not any(conflicts(diet, row) for diet in self.diets)


@dataclass(frozen=True, slots=True)
class _Time:
    part: PartOfDay
    weather: Weather | None


async def recommend(
    session: AsyncSession,
    *,
    member_id: UUID | None,
    store_id: UUID,
    limit: int,
    settings: Settings,
    now: datetime,
    wanted: Wanted = Wanted(),
    context: Context | None = None,
    weights: Weights = Weights(),
) -> list[Recommendation]:
    """What the store has and sells, the best first. Of a guest, and of a member who didn't agree to profiling, nothing
    is known, so they get what others buy there. Raises StoreNotFound and StoreClosed.
    """
    store = await get_open_store(session, store_id)
    time = await _time(session, store, context or Context(), now)
    person = await _person(session, member_id, wanted, settings, now.astimezone(ZoneInfo(store.timezone)))
    values = _values(store, member_id, person, wanted, time, weights)
    found = await _pages(session, RANKED, values, person, limit)
    if len(found) < limit:
        values["found"] = [row.id for row in found]
        found += await _pages(session, REST, values, person, limit - len(found))
    signs = dict.fromkeys(wanted.beside) | {known.product_id: known.sign for known in person.known}
    return [_recommendation(row, signs, time) for row in found]


async def scores(
    session: AsyncSession,
    *,
    member_id: UUID | None,
    product_ids: Collection[UUID],
    store_id: UUID,
    settings: Settings,
    now: datetime,
    wanted: Wanted = Wanted(),
    context: Context | None = None,
) -> dict[UUID, float]:
    """How well each of these fits the member, from 0 to 1. What may not be suggested to them isn't in it: sold out, too
    young for it, disliked. Raises StoreNotFound and StoreClosed.
    """
    found = await recommend(
        session,
        member_id=member_id,
        store_id=store_id,
        limit=len(product_ids),
        settings=settings,
        now=now,
        wanted=replace(wanted, among=product_ids),
        context=context,
    )
    return {each.product_id: each.score for each in found}


async def _time(session: AsyncSession, store: Store, context: Context, now: datetime) -> _Time:
    hour = now.astimezone(ZoneInfo(store.timezone)).hour if context.hour is None else context.hour
    weather = context.weather or await weather_at(session, store_id=store.id, now=now)
    return _Time(PartOfDay.of(hour), weather)


async def _person(
    session: AsyncSession, member_id: UUID | None, wanted: Wanted, settings: Settings, there: datetime
) -> _Person:
    said = [wanted.avoid] if wanted.avoid else []
    if member_id is None:
        return _Person((), said, wanted.age or 0, None)
    row = await session.execute(
        select(Member, FamilyMember)
        .outerjoin(FamilyMember, FamilyMember.member_id == Member.id)
        .where(Member.id == member_id)
    )
    member, dependant = row.one()
    age = member.age_at(there.date()) if member.age_checked_at else wanted.age
    kept = await diet_of(session, member_id=member_id)
    known: Sequence[Known] = ()
    if settings.profiling:
        half_life = timedelta(days=settings.taste_half_life_days)
        known = await known_of(session, member_id=member_id, half_life=half_life, now=there)
    return _Person(known, [*said, *([kept] if kept else [])], age or 0, rules_of(dependant) if dependant else None)


def _values(
    store: Store, member_id: UUID | None, person: _Person, wanted: Wanted, time: _Time, weights: Weights
) -> dict[str, Any]:
    """Of both statements."""
    shown = 1 / (UNKNOWN + sum(known.weight for known in person.known))
    at_hand = sorted(set(wanted.beside))
    known = [each for each in person.known if each.product_id not in wanted.beside]
    return {
        "store_id": store.id,
        "currency": store.currency,
        "member_id": member_id,
        "without": [*wanted.without, *at_hand],
        "among": list(wanted.among) if wanted.among is not None else None,
        "categories": list(wanted.categories) if wanted.categories is not None else None,
        "age": person.age,
        "allergens": person.allergens,
        "products": [each.product_id for each in known] + at_hand,
        "weights": [each.weight * shown for each in known] + [AT_HAND / max(1, len(at_hand))] * len(at_hand),
        "bought": [each.bought * shown for each in known] + [0.0] * len(at_hand),
        # A wish for what has been bought since is one that has been met.
        "interests": [0.0 if each.bought else each.interest * shown for each in known] + [0.0] * len(at_hand),
        "part": PARTS.index(time.part) + 1 if weights.context else None,
        "weather": WEATHERS.index(time.weather) + 1 if weights.context and time.weather else None,
        "again": weights.again,
        "together": weights.together,
        "alike": weights.alike,
        "popular": weights.popular,
    }


async def _pages(
    session: AsyncSession, statement: TextClause, values: dict[str, Any], person: _Person, limit: int
) -> list[Row[Any]]:
    found: list[Row[Any]] = []
    page = PAGE if person.looks_through else limit
    for number in range(PAGES_MAX):
        rows = (await session.execute(statement, values | {"page": page, "after": number * page})).all()
        found += [row for row in rows if person.may_have(row)]
        if len(found) >= limit or len(rows) < page:
            break
    return found[:limit]


def _recommendation(row: Row[Any], signs: Mapping[UUID, Sign | None], time: _Time) -> Recommendation:
    sign = signs.get(row.source_id or row.id)
    reason = _reason(row.part, sign)
    return Recommendation(
        product_id=row.id,
        sku=row.sku,
        name=row.name,
        category=row.category,
        price=row.price,
        currency=row.currency,
        score=row.score / (1 + row.score),
        reason=reason,
        because=row.because,
        words=words_of(reason, because=row.because, sign=sign, part=time.part, weather=time.weather),
    )


def _reason(part: str, sign: Sign | None) -> Reason:
    """By the part that speaks loudest. What is at hand has no sign: nobody has shown anything by it."""
    match part:
        case "own":
            return Reason(sign or Sign.BOUGHT)
        case "together":
            return Reason.BECAUSE if sign else Reason.GOES_WITH
        case _:
            return _REASONS[part]


_REASONS = {
    "alike": Reason.ALIKE,
    "now": Reason.BOUGHT_NOW,
    "weather": Reason.BOUGHT_IN_WEATHER,
    "here": Reason.BOUGHT_HERE,
    "rest": Reason.SOLD_HERE,
}
