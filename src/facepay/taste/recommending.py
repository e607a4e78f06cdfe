"""What to suggest to a member in a store: what they like, then more of its kind, then what others buy there.

One statement over the catalogue, and the place where a better recommender goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Subquery, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product
from facepay.catalog.stock import Stock
from facepay.checkout.orders import Order, OrderLine
from facepay.settings import Settings
from facepay.stores.stores import get_open_store
from facepay.taste.preferences import Preference, faded_in_sql, instant

# What a kind of goods says of one of it, as a share of what a look at that one would. An estimate.
CATEGORY_SHARE = 0.25
# Scores below a second say nothing worth a sentence.
SCORE_MIN = 1.0
BOUGHT_WITHIN = timedelta(days=30)


class Reason(StrEnum):
    LOOKED_AT = "looked_at"
    CATEGORY = "category"
    BOUGHT_HERE = "bought_here"
    SOLD_HERE = "sold_here"


@dataclass(frozen=True, slots=True)
class Recommendation:
    sku: str
    name: str
    category: str | None
    price: int
    currency: str
    reason: Reason

    @property
    def words(self) -> str:
        """The reason, to the member."""
        return {
            Reason.LOOKED_AT: "You have looked at this.",
            Reason.CATEGORY: f"You like to look at {self.category}.",
            Reason.BOUGHT_HERE: "Others often buy this here.",
            Reason.SOLD_HERE: "You may not know this yet.",
        }[self.reason]


async def recommend(
    session: AsyncSession, *, member_id: UUID, store_id: UUID, limit: int, settings: Settings, now: datetime
) -> list[Recommendation]:
    """What the store has and sells, the best first, without what the member excluded. Of a member who didn't agree to
    profiling nothing is known, so they get what others buy. Raises StoreNotFound and StoreClosed.
    """
    store = await get_open_store(session, store_id)
    half_life = timedelta(days=settings.taste_half_life_days)
    own = _own_scores(member_id, half_life, now)
    kinds = (
        select(Product.category, func.sum(own.c.score).label("score"))
        .join(own, own.c.product_id == Product.id)
        .group_by(Product.category)
        .subquery()
    )
    bought = _bought_here(store_id, since=now - BOUGHT_WITHIN, buyers_min=settings.taste_group_min)
    looked, liked = func.coalesce(own.c.score, 0.0), func.coalesce(kinds.c.score, 0.0)
    rank = looked + CATEGORY_SHARE * liked
    buyers: ColumnElement[int] = func.coalesce(bought.c.buyers, 0)
    rows = await session.execute(
        select(Product, looked, liked, buyers)
        .outerjoin(own, own.c.product_id == Product.id)
        .outerjoin(kinds, kinds.c.category == Product.category)
        .outerjoin(bought, bought.c.product_id == Product.id)
        .outerjoin(Stock, and_(Stock.product_id == Product.id, Stock.store_id == store_id))
        .where(
            Product.active,
            Product.currency == store.currency,
            or_(Stock.quantity.is_(None), Stock.quantity > 0),
            ~_is_excluded(member_id),
        )
        .order_by(rank.desc(), buyers.desc(), Product.sku)
        .limit(limit)
    )
    return [_recommendation(*row) for row in rows]


def _own_scores(member_id: UUID, half_life: timedelta, now: datetime) -> Subquery:
    own: Any = Preference.__table__.c
    score = faded_in_sql(own.score, since=own.scored_at, at=instant(now), half_life=half_life)
    query = select(own.product_id, score.label("score"))
    return query.where(own.member_id == member_id, ~own.excluded, score >= SCORE_MIN).subquery()


def _bought_here(store_id: UUID, *, since: datetime, buyers_min: int) -> Subquery:
    """By product, how many members bought it: where they are few, it would say what one of them bought."""
    buyers = func.count(Order.member_id.distinct())
    return (
        select(OrderLine.product_id, buyers.label("buyers"))
        .join(Order, Order.id == OrderLine.order_id)
        .where(Order.store_id == store_id, Order.created_at >= since, Order.cancelled_at.is_(None))
        .group_by(OrderLine.product_id)
        .having(buyers >= buyers_min)
        .subquery()
    )


def _is_excluded(member_id: UUID) -> ColumnElement[bool]:
    excluded = select(Preference.id).where(
        Preference.member_id == member_id, Preference.product_id == Product.id, Preference.excluded
    )
    return excluded.exists()


def _recommendation(product: Product, looked: float, liked: float, buyers: int) -> Recommendation:
    if looked:
        reason = Reason.LOOKED_AT
    elif liked:
        reason = Reason.CATEGORY
    else:
        reason = Reason.BOUGHT_HERE if buyers else Reason.SOLD_HERE
    return Recommendation(product.sku, product.name, product.category, product.price, product.currency, reason)
