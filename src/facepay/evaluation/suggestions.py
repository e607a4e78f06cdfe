"""How well the recommender knows what members buy next, on a shop's own history: learnt until a day, tried on the days
after it.

All of it happens in a transaction that is never committed, so what the shop has learnt stays as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log2
from types import MappingProxyType
from uuid import UUID

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.evaluation.metrics import NOTHING_TRIED, Estimate, Scores, bootstrap
from facepay.evaluation.tables import Table, percent
from facepay.kernel.database import Database
from facepay.recommender.learning import read_history, work_out
from facepay.recommender.learnt import replace_learnt
from facepay.recommender.ranking import Weights
from facepay.recommender.recommending import recommend
from facepay.recommender.wanted import Wanted
from facepay.settings import Settings

AT = 10
POPULARITY = "popularity"
ALL = "all of it"
VARIANTS: Mapping[str, Weights] = MappingProxyType(
    {
        POPULARITY: Weights(again=0, together=0, alike=0, context=False),
        "popularity by hour and weather": Weights(again=0, together=0, alike=0),
        ALL: Weights(),
        "without what they bought before": Weights(again=0),
        "without what goes together": Weights(together=0),
        "without what is alike": Weights(alike=0),
        "without hour and weather": Weights(context=False),
        "without popularity": Weights(popular=0),
    }
)
# Each member's first order since then, and all that they had bought by then.
_NEXT = text("""
with bought as (
    select consent.member_id, o.id, o.store_id, o.created_at as at
    from profiling_consent consent join shop_order o on coalesce(o.buyer_id, o.member_id) = consent.member_id
    where consent.withdrawn_at is null and consent.evidence_since < :since
        and o.cancelled_at is null and o.created_at < :now
), next as (
    select distinct on (member_id) * from bought where at >= :since order by member_id, at
)
select next.member_id, next.store_id, next.at,
    array_agg(distinct line.product_id) filter (where bought.id = next.id) as products,
    array_agg(distinct line.product_id) filter (where bought.at < next.at) as before
from next join bought on bought.member_id = next.member_id join order_line line on line.order_id = bought.id
group by next.member_id, next.store_id, next.at
""")


@dataclass(frozen=True, slots=True)
class Trial:
    """An order to come: what was in it, and what the member had bought before."""

    member_id: UUID
    store_id: UUID
    at: datetime
    products: frozenset[UUID]
    before: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Findings:
    """Of the first ten: how often one of them was bought (hit rate), and how far up (NDCG, Järvelin & Kekäläinen 2002).
    `new` is the same of what the member had never bought, with nothing suggested that they had.
    """

    hits: Estimate
    ndcg: Estimate
    new_hits: Estimate
    new_ndcg: Estimate


async def evaluate_suggestions(
    database: Database,
    *,
    settings: Settings,
    since: datetime,
    now: datetime,
    members_max: int,
    variants: Mapping[str, Weights] = VARIANTS,
    progress: Callable[[], object] = lambda: None,
) -> dict[str, Findings]:
    """By variant. Learns from what was before `since`, and tries it on each member's first order after."""
    async with database.begin() as session:
        history = await read_history(session, settings=settings, now=since)
        trials = await _trials(session, since=since, now=now, members_max=members_max)
    neighbours = await asyncio.to_thread(work_out, history, group_min=settings.taste_group_min)
    async with database.engine.connect() as connection, AsyncSession(connection, autoflush=False) as session:
        await replace_learnt(session, neighbours=neighbours, popularity=history.popularity)
        found = {
            name: await _findings(session, trials, weights, settings, progress) for name, weights in variants.items()
        }
        await session.rollback()
    return found


def words_of(findings: Mapping[str, Findings]) -> Table:
    columns = ("", "hit rate", "NDCG", "hit rate, new to them", "NDCG, new to them")
    rows = [
        (name, *(percent(each) for each in (found.hits, found.ndcg, found.new_hits, found.new_ndcg)))
        for name, found in findings.items()
    ]
    return Table(f"The first {AT} suggestions", "With 95 % intervals over members.", columns, rows)


async def _trials(session: AsyncSession, *, since: datetime, now: datetime, members_max: int) -> list[Trial]:
    """Of so many members, drawn by their ids, which say nothing of them."""
    rows = await session.execute(_NEXT, {"since": since, "now": now})
    trials = [
        Trial(row.member_id, row.store_id, row.at, frozenset(row.products), frozenset(row.before or ())) for row in rows
    ]
    return sorted(trials, key=lambda trial: trial.member_id.bytes[::-1])[:members_max]


async def _findings(
    session: AsyncSession, trials: Sequence[Trial], weights: Weights, settings: Settings, progress: Callable[[], object]
) -> Findings:
    gains, new_gains = [], []
    for trial in trials:
        gains.append(_gain(await _suggested(session, trial, frozenset(), weights, settings), trial.products))
        if new := trial.products - trial.before:
            suggested = await _suggested(session, trial, trial.before, weights, settings)
            new_gains.append(_gain(suggested, new))
        progress()
    return Findings(*_estimates(gains), *_estimates(new_gains))


async def _suggested(
    session: AsyncSession, trial: Trial, without: frozenset[UUID], weights: Weights, settings: Settings
) -> list[UUID]:
    found = await recommend(
        session,
        member_id=trial.member_id,
        store_id=trial.store_id,
        limit=AT,
        settings=settings,
        now=trial.at,
        wanted=Wanted(without=without),
        weights=weights,
    )
    return [each.product_id for each in found]


def _gain(suggested: Sequence[UUID], bought: frozenset[UUID]) -> tuple[float, float]:
    """Hit (0 or 1) and NDCG of one list: the gain of what was bought, discounted by its place, over the best list's."""
    places = [place for place, product_id in enumerate(suggested) if product_id in bought]
    best = sum(1 / log2(place + 2) for place in range(min(AT, len(bought))))
    return float(bool(places)), sum(1 / log2(place + 2) for place in places) / best


def _estimates(gains: Sequence[tuple[float, float]]) -> tuple[Estimate, Estimate]:
    if not gains:
        return NOTHING_TRIED, NOTHING_TRIED
    hits, ndcgs = (np.array(values) for values in zip(*gains, strict=True))

    def mean_of(values: Scores) -> Estimate:
        return bootstrap(lambda drawn: float(np.average(values, weights=drawn)), people=len(values), trials=len(values))

    return mean_of(hits), mean_of(ndcgs)
