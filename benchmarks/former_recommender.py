"""What `facepay.recommender` is held against: how it suggested before, in two statements over the whole catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product
from facepay.catalog.stock import Stock
from facepay.checkout.orders import Order, OrderLine
from facepay.recommender.preferences import Preference, faded_in_sql, instant
from facepay.settings import Settings
from facepay.stores.stores import Store, get_open_store

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
    own = _own_scores(member_id, timedelta(days=settings.taste_half_life_days), now)
    kinds = (
        select(Product.category, func.sum(own.c.score).label("score"))
        .join(own, own.c.product_id == Product.id)
        .group_by(Product.category)
        .subquery()
    )
    looked, liked = func.coalesce(own.c.score, 0.0), func.coalesce(kinds.c.score, 0.0)
    rank = looked + CATEGORY_SHARE * liked
    sold = _sold_here(store, member_id)
    rows = await session.execute(
        sold.add_columns(looked)
        .outerjoin(own, own.c.product_id == Product.id)
        .outerjoin(kinds, kinds.c.category == Product.category)
        .where(rank > 0)
        .order_by(rank.desc(), Product.sku)
        .limit(limit)
    )
    found = {
        product.id: _recommendation(product, Reason.LOOKED_AT if seconds else Reason.CATEGORY)
        for product, seconds in rows
    }
    if len(found) < limit:  # what others buy takes several times as long to find
        bought = _bought_here(store_id, since=now - BOUGHT_WITHIN, buyers_min=settings.taste_group_min)
        buyers: ColumnElement[int] = func.coalesce(bought.c.buyers, 0)
        rest = await session.execute(
            sold.add_columns(buyers)
            .outerjoin(bought, bought.c.product_id == Product.id)
            .where(Product.id.not_in(found))
            .order_by(buyers.desc(), Product.sku)
            .limit(limit - len(found))
        )
        for product, count in rest:
            found[product.id] = _recommendation(product, Reason.BOUGHT_HERE if count else Reason.SOLD_HERE)
    return list(found.values())


def _sold_here(store: Store, member_id: UUID) -> Select[Product]:
    """What the store has, sells, and may suggest to the member."""
    return (
        select(Product)
        .outerjoin(Stock, and_(Stock.product_id == Product.id, Stock.store_id == store.id))
        .where(
            Product.active,
            Product.currency == store.currency,
            or_(Stock.quantity.is_(None), Stock.quantity > 0),
            ~_is_excluded(member_id),
        )
    )


def _own_scores(member_id: UUID, half_life: timedelta, now: datetime) -> Subquery:
    own: Any = Preference.__table__.c
    score = faded_in_sql(own.score, since=own.scored_at, at=instant(now), half_life=half_life)
    query = select(own.product_id, score.label("score"))
    return query.where(own.member_id == member_id, ~own.excluded, score >= SCORE_MIN).subquery()


def _bought_here(store_id: UUID, *, since: datetime, buyers_min: int) -> Subquery:
    """By product, how many members bought it: where they are few, it would say what one of them bought."""
    each = (
        select(OrderLine.product_id, Order.member_id)
        .join(Order, Order.id == OrderLine.order_id)
        .where(Order.store_id == store_id, Order.created_at >= since, Order.cancelled_at.is_(None))
        .distinct()
        .subquery()
    )
    buyers = func.count()
    query = select(each.c.product_id, buyers.label("buyers")).group_by(each.c.product_id)
    return query.having(buyers >= buyers_min).subquery()


def _is_excluded(member_id: UUID) -> ColumnElement[bool]:
    excluded = select(Preference.id).where(
        Preference.member_id == member_id, Preference.product_id == Product.id, Preference.excluded
    )
    return excluded.exists()


def _recommendation(product: Product, reason: Reason) -> Recommendation:
    return Recommendation(product.sku, product.name, product.category, product.price, product.currency, reason)
