"""Products: what is sold, and for how much."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ColumnElement, String, func, or_, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.schemas import AMOUNT_MAX

SoldBy = Literal["piece", "weight"]


class Allergen(StrEnum):
    """Those that have to be declared (Regulation (EU) No 1169/2011, annex II)."""

    CELERY = "celery"
    CRUSTACEANS = "crustaceans"
    EGGS = "eggs"
    FISH = "fish"
    GLUTEN = "gluten"
    LUPIN = "lupin"
    MILK = "milk"
    MOLLUSCS = "molluscs"
    MUSTARD = "mustard"
    NUTS = "nuts"
    PEANUTS = "peanuts"
    SESAME = "sesame"
    SOYBEANS = "soybeans"
    SULPHITES = "sulphites"


class Product(Identified, Base):
    """What is sold by weight is counted in grams wherever there is a quantity, and its price is that of 100 g."""

    __tablename__ = "product"
    __table_args__ = (
        CheckConstraint(f"price between 0 and {AMOUNT_MAX}", name="price_in_bounds"),
        CheckConstraint("tax_rate_basis_points between 0 and 10000", name="tax_rate_in_bounds"),
        CheckConstraint("age_min between 1 and 99", name="age_in_bounds"),
        CheckConstraint("colour ~ '^#[0-9a-f]{6}$'", name="colour_is_srgb"),
        CheckConstraint("sold_by in ('piece', 'weight')", name="sold_by_known"),
        CheckConstraint("tare_grams is null or (sold_by = 'weight' and tare_grams > 0)", name="tare_of_weighed_goods"),
    )

    sku: Mapped[str] = mapped_column(String(64), unique=True)
    # As a GTIN-14, so that one product has one number however long its barcode is.
    gtin: Mapped[str | None] = mapped_column(String(14), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    category: Mapped[str | None] = mapped_column(String(200))
    price: Mapped[int]  # tax included
    tax_rate_basis_points: Mapped[int]
    sold_by: Mapped[SoldBy] = mapped_column(String(8), default="piece", server_default="piece")  # stock counts in it
    # What its usual container weighs: a scale takes off as much at least, or the container would be paid for as goods.
    tare_grams: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3))
    active: Mapped[bool] = mapped_column(default=True)
    # A dish: who buys it waits for it, with a pick-up number.
    prepared: Mapped[bool] = mapped_column(default=False, server_default="false")
    # None where nobody has declared them: then nobody with an allergy can be told that it is safe.
    allergens: Mapped[list[Allergen] | None] = mapped_column(ARRAY(String(16)))
    ingredients: Mapped[list[str]] = mapped_column(ARRAY(String(80)), default=list, server_default="{}")
    colour: Mapped[str | None] = mapped_column(String(7))  # sRGB, as #rrggbb
    age_min: Mapped[int | None]  # in years: nobody younger may buy it
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ProductNotFound(NotFound):
    """There is no product with this id or sku."""

    code = "product_not_found"
    title = "No such product"


class NotSoldByWeight(Conflict):
    """What is sold by piece has no tare."""

    code = "not_sold_by_weight"
    title = "Not sold by weight"


class NotSoldByPiece(Conflict):
    """What is sold by weight can't be counted in pieces: not by a shelf, and not by a tag."""

    code = "not_sold_by_piece"
    title = "Not sold by piece"


class SkuTaken(Conflict):
    """Another product has this sku."""

    code = "sku_taken"
    title = "Sku taken"


class GtinTaken(Conflict):
    """Another product has this GTIN."""

    code = "gtin_taken"
    title = "GTIN taken"


async def add_product(session: AsyncSession, *, now: datetime, **values: Any) -> Product:
    """Raises SkuTaken and GtinTaken."""
    product = Product(created_at=now, updated_at=now, **values)
    session.add(product)
    await _flush(session)
    return product


async def get_product(session: AsyncSession, product_id: UUID, *, lock: bool = False) -> Product:
    """On sale or not. Raises ProductNotFound."""
    product = await session.get(Product, product_id, with_for_update=lock or None)
    if product is None:
        raise ProductNotFound("There is no product with this id.")
    return product


async def get_product_by_sku(session: AsyncSession, sku: str) -> Product:
    """On sale or not. Raises ProductNotFound."""
    product = await session.scalar(select(Product).where(Product.sku == sku))
    if product is None:
        raise ProductNotFound("There is no product with this sku.")
    return product


async def get_piece_by_sku(session: AsyncSession, sku: str) -> Product:
    """One that is sold by piece, on sale or not. Raises ProductNotFound and NotSoldByPiece."""
    product = await get_product_by_sku(session, sku)
    if product.sold_by != "piece":
        raise NotSoldByPiece("This product is sold by weight.", skus=[sku])
    return product


async def change_product(session: AsyncSession, *, product_id: UUID, changes: dict[str, Any], now: datetime) -> Product:
    """Set gtin, name, category, price, tax rate, tare, prepared, active,
    allergens, ingredients, colour or age_min.

    Raises ProductNotFound, NotSoldByWeight and GtinTaken.
    """
    product = await get_product(session, product_id, lock=True)
    if changes.get("tare_grams") is not None and product.sold_by != "weight":
        raise NotSoldByWeight("What is sold by piece has no tare.", sku=product.sku)
    for field, value in changes.items():
        setattr(product, field, value)
    product.updated_at = now
    await _flush(session)
    return product


async def find_products(session: AsyncSession, *, skus: Collection[str]) -> dict[str, Product]:
    """The products that there are, by sku."""
    if not skus:
        return {}
    found = await session.scalars(select(Product).where(Product.sku.in_(skus)))
    return {product.sku: product for product in found}


async def products_of(session: AsyncSession, *, gtins: Collection[str]) -> dict[str, Product]:
    """The products that there are, on sale or not, by GTIN-14."""
    if not gtins:
        return {}
    found = await session.scalars(select(Product).where(Product.gtin.in_(gtins)))
    return {product.gtin: product for product in found if product.gtin}


def matching(search: str) -> ColumnElement[bool]:
    """Products whose name contains, or whose sku or GTIN starts with, what was searched for."""
    if not search:
        return true()
    return or_(
        func.lower(Product.name).contains(search.lower(), autoescape=True),
        func.lower(Product.sku).startswith(search.lower(), autoescape=True),
        # Padded to 14 digits, and so without the zeros that only pad.
        func.ltrim(Product.gtin, "0").startswith(search.lstrip("0") or search, autoescape=True),
    )


async def _flush(session: AsyncSession) -> None:
    try:
        async with session.begin_nested():
            await session.flush()
    except IntegrityError as error:
        if "uq_product_gtin" in str(error.orig):
            raise GtinTaken("Another product has this GTIN.") from error
        if "uq_product_sku" in str(error.orig):
            raise SkuTaken("Another product has this sku.") from error
        raise
