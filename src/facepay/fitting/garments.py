"""Garments: products that are worn. A style comes in sizes and colours, each of them a product of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, String, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from facepay.catalog.products import Product, find_products, get_product_by_sku
from facepay.catalog.sheets import Sheet
from facepay.fitting.garment_schemas import GarmentLine, GarmentReport
from facepay.fitting.outfits import Kind
from facepay.kernel.database import Base
from facepay.kernel.errors import NotFound, Problem


class Garment(Base):
    """`size` is None of what comes in one; its colour is the product's."""

    __tablename__ = "garment"
    __table_args__ = (
        CheckConstraint("kind in ('top', 'bottom', 'dress', 'outer', 'shoes', 'accessory')", name="kind_known"),
    )

    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True)
    style: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[Kind] = mapped_column(String(16))
    size: Mapped[str | None] = mapped_column(String(16))
    size_system: Mapped[str | None] = mapped_column(String(16))
    occasions: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    changed_at: Mapped[datetime]
    product: Mapped[Product] = relationship(lazy="joined", innerjoin=True)

    @property
    def sku(self) -> str:
        return self.product.sku

    @property
    def name(self) -> str:
        return self.product.name

    @property
    def colour(self) -> str | None:
        return self.product.colour


class GarmentNotFound(NotFound):
    """Staff have said of no such product that it is a garment."""

    code = "garment_not_found"
    title = "No such garment"


class NoGarments(Problem):
    """Some skus are no products, or are sold by weight: `skus` names them, and nothing was set."""

    status = 422
    code = "no_garments"
    title = "Not products that can be worn"


async def set_garments(session: AsyncSession, *, garments: Mapping[str, dict[str, Any]], now: datetime) -> None:
    """By sku; what is a garment already is one as told now. Raises NoGarments."""
    products = await find_products(session, skus=garments.keys())
    if unfit := sorted(sku for sku in garments if sku not in products or products[sku].sold_by != "piece"):
        raise NoGarments("Not all of these are products that are sold by piece.", skus=unfit[:100])
    row = insert(Garment)
    names = ("style", "kind", "size", "size_system", "occasions", "changed_at")
    rows = [
        {"size": None, "size_system": None, "occasions": []}
        | values
        | {"product_id": products[sku].id, "changed_at": now}
        for sku, values in garments.items()
    ]
    await session.execute(
        row.on_conflict_do_update(index_elements=["product_id"], set_={name: row.excluded[name] for name in names}),
        sorted(rows, key=lambda row: row["product_id"]),
    )


async def import_garments(
    session: AsyncSession, *, sheet: Sheet[GarmentLine], skip_bad: bool, dry_run: bool, now: datetime
) -> GarmentReport:
    """As products are imported: all lines, or none unless bad ones are skipped. Raises BadLines."""
    products = await find_products(session, skus={line.sku for line in sheet.good.values()})
    first: dict[str, int] = {}
    for number, line in list(sheet.good.items()):
        if line.sku not in products:
            sheet.reject(number, "sku", "product_not_found", "No product has this sku.")
        elif products[line.sku].sold_by != "piece":
            sheet.reject(number, "sku", "not_sold_by_piece", "Nobody wears what is sold by weight.")
        elif first.setdefault(line.sku, number) != number:
            sheet.reject(number, "sku", "sku_repeated", f"The sku stands in line {first[line.sku]} already.")
    if not (skip_bad or dry_run):
        sheet.refuse_bad()
    garments = {line.sku: line.model_dump(exclude={"sku"}) for line in sheet.good.values()}
    if garments and not dry_run:
        await set_garments(session, garments=garments, now=now)
    return GarmentReport(
        imported=bool(garments) and not dry_run,
        lines=sheet.lines,
        garments=len(garments),
        bad_lines=sheet.bad_lines,
        bad=sheet.bad_shown,
    )


async def garment_of(session: AsyncSession, sku: str) -> Garment:
    """Raises GarmentNotFound."""
    garment = await session.scalar(select(Garment).join(Product).where(Product.sku == sku))
    if garment is None:
        raise GarmentNotFound("There is no garment with this sku.")
    return garment


async def forget_garment(session: AsyncSession, *, sku: str) -> None:
    """The product stays, and no mirror advises it any more. Raises ProductNotFound."""
    product = await get_product_by_sku(session, sku)
    await session.execute(delete(Garment).where(Garment.product_id == product.id))
