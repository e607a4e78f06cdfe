"""How a score rises and fades: in Postgres, as it is reckoned there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, literal, select

from facepay.catalog.products import Product
from facepay.kernel.database import Database
from facepay.recommender.preferences import (
    SCORE_MAX,
    Evidence,
    Preference,
    exclude,
    faded,
    faded_in_sql,
    forget_faded,
    instant,
    learn,
)
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
HALF_LIFE = timedelta(days=30)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
Event = tuple[float, int, float]  # days after noon, milliseconds of attention, smile


def evidence(product_id: UUID, event: Event) -> Evidence:
    days, attention_ms, smile = event
    ended_at = NOON + timedelta(days=days)
    began_at = ended_at - timedelta(milliseconds=attention_ms)
    return Evidence(product_id, began_at, ended_at, attention_ms, int(smile * attention_ms), smile)


async def learnt(database: Database, member: UUID, orders: Sequence[Sequence[Event]]) -> list[Preference]:
    """What comes of events in each of these orders."""
    found = []
    for order in orders:
        async with database.begin() as session:
            product = (await session.scalars(select(Product.id).where(Product.sku == "TEA-001"))).one()
            await session.execute(delete(Preference))
            for event in order:
                await learn(session, member_id=member, evidence=[evidence(product, event)], half_life=HALF_LIFE)
            found.append((await session.scalars(select(Preference))).one())
    return found


def expected(events: Sequence[Event]) -> float:
    """At the last of them, without the bound."""
    last = max(days for days, _, _ in events)
    return sum(ms / 1000 * (1 + 2 * smile) * float(0.5 ** ((last - days) / 30)) for days, ms, smile in events)


events = st.tuples(st.sampled_from([0.0, 0.0, 1.0, 30.0, 400.0, 2000.0]), st.integers(50, 10_000), st.floats(0, 1))


@pytest.fixture
async def member(shop: Shop) -> UUID:
    return UUID(await shop.add_member_without_face())


async def test_looks_add_up_the_same_in_whatever_order_they_come_and_are_never_negative(
    app: FastAPI, member: UUID
) -> None:
    examples: list[list[Event]] = []

    @settings(max_examples=16)
    @given(st.lists(events, min_size=1, max_size=4))
    def collect(example: list[Event]) -> None:
        examples.append(example)

    await asyncio.to_thread(collect)
    for example in examples[::2]:
        orders = list(permutations(example))[:: max(1, len(example) // 2)][:5]
        scores = [each.score for each in await learnt(app.state.database, member, orders)]
        assert scores == pytest.approx([expected(example)] * len(orders), rel=1e-9)
        assert min(scores) >= 0


async def test_a_score_is_bounded_however_long_somebody_stares(app: FastAPI, member: UUID) -> None:
    stare = [(0.0, 10_000, 1.0)] * 21
    stared, later = await learnt(app.state.database, member, [stare, [*stare, (30.0, 1000, 0.0)]])
    assert stared.score == SCORE_MAX
    assert later.score == pytest.approx(SCORE_MAX / 2 + 1)


async def test_looks_within_seconds_of_each_other_are_one(app: FastAPI, member: UUID) -> None:
    second = 1 / 86_400
    for days, looks in ((second, 1), (6 * second, 1), (8 * second, 2), (-8 * second, 2), (-2 * second, 1)):
        (found,) = await learnt(app.state.database, member, [[(0.0, 2000, 0.0), (days, 2000, 0.0)]])
        assert (found.looks, found.attention_ms) == (looks, 4000), days


@given(st.floats(0, SCORE_MAX), st.floats(-10, 3000))
def test_a_score_halves_with_each_half_life_and_never_rises(score: float, days: float) -> None:
    at = NOON + timedelta(days=days)
    now, later = (faded(score, since=NOON, at=each, half_life=HALF_LIFE) for each in (at, at + HALF_LIFE))
    assert 0 <= later <= now <= score
    if days >= 0:
        assert later == pytest.approx(now / 2, abs=1e-9)


async def test_postgres_reckons_as_python_does(app: FastAPI) -> None:
    for days in (-1.0, 0.0, 1.0, 30.0, 1499.0, 1501.0, 100_000.0):
        await reckons_alike(app.state.database, NOON + timedelta(days=days))


async def reckons_alike(database: Database, at: datetime) -> None:
    async with database.begin() as session:
        score = literal(8.0)
        found = await session.scalar(
            select(faded_in_sql(score, since=instant(NOON), at=instant(at), half_life=HALF_LIFE))
        )
    assert found == pytest.approx(faded(8.0, since=NOON, at=at, half_life=HALF_LIFE), rel=1e-12)


async def test_what_has_faded_is_forgotten_and_a_wish_is_not(app: FastAPI, member: UUID) -> None:
    database = app.state.database
    await learnt(database, member, [[(0.0, 2000, 0.0)]])
    async with database.begin() as session:
        other = (await session.scalars(select(Product.id).where(Product.sku == "BAO-002"))).one()
        await exclude(session, member_id=member, product_id=other, now=NOON)
    for days, left in ((299, {False, True}), (301, {True})):
        await forget_faded(database, half_life=HALF_LIFE, now=NOON + timedelta(days=days))
        async with database.begin() as session:
            assert set(await session.scalars(select(Preference.excluded))) == left
