"""Stock: how many pieces a store has, or grams of what is sold by weight.

A product without a row isn't counted there, and never sold out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Uuid, any_, bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from facepay.catalog.products import Product, SoldBy, get_product_by_sku
from facepay.kernel.database import Base, Prepared
from facepay.stores.stores import get_open_store


class Stock(Base):
    __tablename__ = "stock"
    __table_args__ = (CheckConstraint("quantity >= 0", name="not_negative"),)

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True, index=True)
    quantity: Mapped[int]
    updated_at: Mapped[datetime]  # when it was last counted, not when it was last sold from
    product: Mapped[Product] = relationship(lazy="joined", innerjoin=True)

    @property
    def sku(self) -> str:
        return self.product.sku

    @property
    def name(self) -> str:
        return self.product.name

    @property
    def sold_by(self) -> SoldBy:
        return self.product.sold_by


async def set_stock(session: AsyncSession, *, store_id: UUID, sku: str, quantity: int, now: datetime) -> Stock:
    """Count a product in a store from now on. Raises StoreNotFound, StoreClosed and ProductNotFound."""
    await get_open_store(session, store_id)
    product = await get_product_by_sku(session, sku)
    await upsert_stock(session, quantities={(store_id, product.id): quantity}, now=now)
    return await session.get_one(Stock, (store_id, product.id), populate_existing=True)


async def stop_counting(session: AsyncSession, *, store_id: UUID, sku: str) -> None:
    """Forget what a store has of a product: it's never sold out there. Raises StoreNotFound and ProductNotFound."""
    await get_open_store(session, store_id)
    product = await get_product_by_sku(session, sku)
    await session.execute(delete(Stock).where(Stock.store_id == store_id, Stock.product_id == product.id))


async def upsert_stock(session: AsyncSession, *, quantities: Mapping[tuple[UUID, UUID], int], now: datetime) -> None:
    """Set the quantities of (store id, product id), whether they were counted before or not."""
    if not quantities:
        return
    row = insert(Stock)
    await session.execute(
        row.on_conflict_do_update(
            index_elements=["store_id", "product_id"],
            set_={"quantity": row.excluded.quantity, "updated_at": row.excluded.updated_at},
        ),
        [
            {"store_id": store_id, "product_id": product_id, "quantity": quantity, "updated_at": now}
            for (store_id, product_id), quantity in sorted(quantities.items())
        ],
    )


_COUNTED = Prepared(
    select(Stock.product_id, Stock.quantity)
    .where(
        Stock.store_id == bindparam("store_id", type_=Uuid()),
        Stock.product_id == any_(bindparam("product_ids", type_=ARRAY(Uuid()))),
    )
    .order_by(Stock.product_id)
    .with_for_update()
)
_SET = Prepared(
    text(
        "update stock set quantity = given.quantity"
        " from unnest(cast(:product_ids as uuid[]), cast(:quantities as bigint[])) as given (product_id, quantity)"
        " where stock.store_id = :store_id and stock.product_id = given.product_id"
    )
)


async def take_stock(session: AsyncSession, *, store_id: UUID, quantities: Mapping[UUID, int]) -> list[UUID]:
    """Take pieces of each product; or, where some are sold out, take nothing and return those products."""
    counted = await _locked(session, store_id, quantities)
    if sold_out := [product_id for product_id, left in counted.items() if left < quantities[product_id]]:
        return sold_out
    await _set(session, store_id, {each: left - quantities[each] for each, left in counted.items()})
    return []


async def take_in_hand(session: AsyncSession, *, store_id: UUID, quantities: Mapping[UUID, int]) -> dict[UUID, int]:
    """Take pieces that somebody has in hand, whatever was counted; answers of which products the count was short.

    And by how many pieces: there the count was wrong, and none are left.
    """
    counted = await _locked(session, store_id, quantities)
    await _set(session, store_id, {each: max(0, left - quantities[each]) for each, left in counted.items()})
    return {each: quantities[each] - left for each, left in counted.items() if left < quantities[each]}


async def return_stock(session: AsyncSession, *, store_id: UUID, quantities: Mapping[UUID, int]) -> None:
    """Put pieces back where they are counted."""
    counted = await _locked(session, store_id, quantities)
    await _set(session, store_id, {each: left + quantities[each] for each, left in counted.items()})


async def hold_stock(session: AsyncSession, *, store_id: UUID, product_ids: Iterable[UUID]) -> None:
    """For whoever moves some of these after others: all are locked now, in the order in which baskets lock them."""
    await _locked(session, store_id, dict.fromkeys(product_ids, 0))


async def _locked(session: AsyncSession, store_id: UUID, quantities: Mapping[UUID, int]) -> dict[UUID, int]:
    """What is left of each counted product; locked in one order, so that baskets never wait in a circle."""
    return dict(await _COUNTED.rows(session, store_id=store_id, product_ids=list(quantities)))


async def _set(session: AsyncSession, store_id: UUID, quantities: Mapping[UUID, int]) -> None:
    if quantities:
        await _SET.rows(session, store_id=store_id, product_ids=list(quantities), quantities=list(quantities.values()))
