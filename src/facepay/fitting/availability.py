"""What is there of a garment: its sizes and colours in a store, and the chain's other stores that have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product
from facepay.catalog.stock import Stock
from facepay.fitting.garments import Garment
from facepay.fitting.requests import OPEN, FittingRequest, RequestState
from facepay.fitting.sessions import FittingSession
from facepay.stores.stores import Store

ELSEWHERE_MAX = 10


@dataclass(frozen=True, slots=True)
class Variant:
    """A size and colour of a style. `left` is how many pieces nobody has asked for, None where they aren't counted."""

    garment: Garment
    left: int | None

    @property
    def is_here(self) -> bool:
        return self.left is None or self.left > 0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    store_id: UUID
    name: str
    address: str | None


async def variants(
    session: AsyncSession, *, store_id: UUID, style: str | None = None, sku: str | None = None
) -> list[Variant]:
    """Those on sale of a style, or the one of a sku."""
    query = (
        select(Garment, Stock.quantity, _promised(store_id))
        .select_from(Garment)
        .join(Product, Product.id == Garment.product_id)
        .outerjoin(Stock, (Stock.product_id == Garment.product_id) & (Stock.store_id == store_id))
        .where(Product.active, Garment.style == style if sku is None else Product.sku == sku)
        .order_by(Garment.product_id)
    )
    rows = await session.execute(query)
    return [Variant(garment, None if counted is None else counted - promised) for garment, counted, promised in rows]


async def elsewhere(session: AsyncSession, *, store_id: UUID, product_ids: Sequence[UUID]) -> list[Elsewhere]:
    """The chain's other stores that count some of these."""
    found = await session.execute(
        select(Store.id, Store.name, Store.address)
        .join(Stock, Stock.store_id == Store.id)
        .where(Stock.product_id.in_(product_ids), Stock.quantity > 0, Store.id != store_id, Store.closed_at.is_(None))
        .distinct()
        .order_by(Store.name, Store.id)
        .limit(ELSEWHERE_MAX)
    )
    return [Elsewhere(*row) for row in found]


def _promised(store_id: UUID) -> ColumnElement[int]:
    """How many pieces this store's mirrors wait for, or have before them: what was brought may still be bought, until
    the session ends. Tills sell all the same: a piece that is asked for is still on its rail.
    """
    counted = (
        select(func.count())
        .select_from(FittingRequest)
        .join(FittingSession, FittingSession.id == FittingRequest.session_id)
        .where(
            FittingRequest.store_id == store_id,
            FittingRequest.product_id == Garment.product_id,
            FittingRequest.state.in_((*OPEN, RequestState.BROUGHT)),
            FittingSession.ended_at.is_(None),
        )
    )
    return counted.correlate(Garment).scalar_subquery()
