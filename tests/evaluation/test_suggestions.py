"""Suggestions are judged by what members bought next, and judging changes nothing of what was learnt."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from facepay.evaluation.suggestions import ALL, POPULARITY, evaluate_suggestions, words_of
from facepay.recommender.learnt import ProductNeighbours
from tests.conftest import Clock
from tests.recommender.history import add_product, agree, bought, learn_now, members_of
from tests.shop import Shop

pytestmark = pytest.mark.anyio
CROWD = 3


async def test_two_crowds_of_different_taste_are_told_what_suits_them(open_shop: Any, clock: Clock) -> None:
    shop: Shop = await open_shop(taste_group_min=2, admin_token_minutes=24 * 60)
    goods = [f"GOODS-{number}" for number in range(12)]
    for sku in goods:
        await add_product(shop, sku)
    members = await members_of(shop, 2 * CROWD)
    await agree(shop, *members)
    await learn_now(shop)
    for index, member in enumerate(members):  # each crowd buys of its own half, and leaves out one of it
        half = goods[6 * (index // CROWD) :][:6]
        clock.ahead += timedelta(seconds=1)
        await bought(shop, member, skus=[sku for sku in half if sku != half[index % CROWD]])
    clock.ahead += timedelta(minutes=1)
    since = clock()
    clock.ahead += timedelta(minutes=1)
    for index, member in enumerate(members):
        await bought(shop, member, skus=[goods[6 * (index // CROWD) + index % CROWD]])
    clock.ahead += timedelta(minutes=1)
    state = shop.app.state
    found = await evaluate_suggestions(
        state.database, settings=state.settings, since=since, now=clock(), members_max=100
    )
    assert found[ALL].new_hits.value == 1.0
    assert found[ALL].new_hits.trials == 2 * CROWD
    assert found[POPULARITY].new_ndcg.value < found[ALL].new_ndcg.value
    assert len(words_of(found).rows) == len(found)
    async with state.database.read() as session:
        assert not any(await session.scalars(select(ProductNeighbours.together))), "as it was learnt before"
