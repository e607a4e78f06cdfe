"""A basket before anybody stands behind it: what there is to buy, and what it costs whoever pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product, matching
from facepay.checkout.kiosk import currency_and_products
from facepay.checkout.pricing import PricedBasket, Unpriceable, price_basket
from facepay.checkout.weighing import Weighings
from facepay.kernel.errors import Conflict
from facepay.stores.stores import Store

SHOWN_MAX = 20


class BasketUnpriceable(Conflict):
    """The basket can't be sold as it is: `reason` says why, as a declined checkout's `code`, and `skus` which."""

    code = "basket_unpriceable"
    title = "Basket can't be priced"


async def for_sale(session: AsyncSession, *, store_id: UUID, gtin: str | None, search: str) -> Sequence[Product]:
    """What a store sells, by GTIN-14 or by what was searched for: at most SHOWN_MAX, the very sku first."""
    store_currency = select(Store.currency).where(Store.id == store_id).scalar_subquery()
    query = select(Product).where(Product.active, Product.currency == store_currency, matching(search))
    if gtin:
        query = query.where(Product.gtin == gtin)
    is_other = func.lower(Product.sku) != search.lower()
    found = await session.scalars(query.order_by(is_other, Product.name, Product.id).limit(SHOWN_MAX))
    return found.all()


async def price(
    session: AsyncSession, *, store_id: UUID, quantities: Mapping[str, int], weighings: Weighings
) -> PricedBasket:
    """At today's prices, without what only a member gets. Raises BasketUnpriceable."""
    currency, products = await currency_and_products(session, store_id=store_id, skus=list(quantities))
    basket = price_basket(quantities, products, currency=currency, weighings=weighings)
    if isinstance(basket, Unpriceable):
        raise BasketUnpriceable("This basket can't be sold as it is.", reason=basket.code, skus=list(basket.skus))
    return basket
