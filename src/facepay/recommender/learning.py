"""Learning from all members together: now and then, in the background, in one replica at a time.

Read in one transaction, worked out in a thread, written in another: an end in between loses a round and nothing else.
Whoever withdrew or was erased is in no round that begins later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product
from facepay.kernel.database import Database
from facepay.recommender.alike import Described, being_alike
from facepay.recommender.evidence import known_of_all
from facepay.recommender.learnt import Rows, replace_learnt
from facepay.recommender.popularity import popularity_in_stores
from facepay.recommender.together import Likes, Neighbours, bought_again, going_together
from facepay.settings import Settings

log = structlog.get_logger()
EVERY_SECONDS = 3600.0
# Less than six seconds' look says nothing that others could be told by.
WEIGHT_MIN = 0.1


@dataclass(slots=True)
class History:
    """Who likes what, as it was read. Members are numbers in it from here on."""

    products: list[Described]
    popularity: Rows
    members: dict[UUID, int] = field(default_factory=dict, repr=False)
    cells: list[tuple[int, int, float]] = field(default_factory=list, repr=False)

    def add(self, rows: Sequence[Row[Any]], places: dict[UUID, int]) -> None:
        for row in rows:
            if row.bought + row.interest >= WEIGHT_MIN:
                number = self.members.setdefault(row.member_id, len(self.members))
                self.cells.append((number, places[row.product_id], row.bought))

    def likes(self) -> Likes:
        from scipy import sparse  # slow to import, and learning waits

        members, places, bought = zip(*self.cells, strict=True) if self.cells else ((), (), ())
        shape = (len(self.members), len(self.products))
        liked = sparse.csr_array(([1.0] * len(members), (members, places)), shape=shape)
        return Likes(liked, sparse.csr_array((bought, (members, places)), shape=shape, dtype=float))


async def learn(database: Database, *, settings: Settings, now: datetime) -> None:
    """Replace all that was learnt by what can be learnt now."""
    async with database.begin() as session:
        history = await read_history(session, settings=settings, now=now)
    neighbours = await asyncio.to_thread(work_out, history, group_min=settings.taste_group_min)
    async with database.begin() as session:
        await replace_learnt(session, neighbours=neighbours, popularity=history.popularity)
    log.info("recommender_learnt", members=len(history.members), products=len(neighbours))


async def read_history(session: AsyncSession, *, settings: Settings, now: datetime) -> History:
    """Until `now`, of those who agreed to profiling; popularity of all."""
    rows = await session.execute(
        select(Product.id, Product.category, Product.ingredients, Product.colour).order_by(Product.id)
    )
    popularity = await popularity_in_stores(session, group_min=settings.taste_group_min, now=now)
    history = History([Described(*row) for row in rows], popularity)
    places = {product.product_id: place for place, product in enumerate(history.products)}
    if settings.profiling:
        async for part in known_of_all(session, now=now):
            await asyncio.to_thread(history.add, part, places)
    return history


def work_out(history: History, *, group_min: int) -> Rows:
    """The rows of `ProductNeighbours`. For a thread: it takes seconds."""
    likes = history.likes()
    ids = [product.product_id for product in history.products]
    people = np.where(likes.people >= group_min, likes.people, 0.0)
    again = bought_again(likes, group_min=group_min)

    def named(neighbours: Neighbours) -> list[UUID]:
        return [ids[place] for place in neighbours.places]

    return [
        {
            "product_id": product_id,
            "together": named(together),
            "together_shares": together.shares.tolist(),
            "alike": named(alike),
            "alike_shares": alike.shares.tolist(),
            "bought_again": float(share),
        }
        for product_id, together, alike, share in zip(
            ids,
            going_together(likes, group_min=group_min),
            being_alike(history.products, people=people),
            again,
            strict=True,
        )
    ]
