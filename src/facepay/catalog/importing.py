"""Products from a CSV file: every fault is named by its line, and nothing is half imported."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import GtinTaken, Product
from facepay.catalog.schemas import ImportReport, ProductLine
from facepay.catalog.sheets import Form, Sheet
from facepay.catalog.stock import upsert_stock
from facepay.kernel.ids import new_id
from facepay.stores.stores import Store

REQUIRED = ("sku", "name", "price", "tax_rate_basis_points")
OPTIONAL = (
    "gtin",
    "category",
    "prepared",
    "sold_by",
    "allergens",
    "ingredients",
    "colour",
    "age_min",
    "store_code",
    "stock",
)
OF_STORE = {"store_code", "stock"}
Products = Sheet[ProductLine]
FORM = Form(ProductLine, REQUIRED, OPTIONAL, beside={"stock": "store_code"})


def read_sheet(data: bytes) -> Products:
    """Check a CSV file as far as that goes without the database: CPU work for a thread. Raises UnreadableCsv."""
    sheet = FORM.read(data)
    _reject_repeated(sheet)
    return sheet


def _products_of(sheet: Products) -> dict[str, dict[str, Any]]:
    """What each sku is, in the order in which they are locked."""
    by_sku = {line.sku: line.model_dump(include=sheet.columns - OF_STORE) for line in sheet.good.values()}
    return dict(sorted(by_sku.items()))


def _reject_repeated(sheet: Products) -> None:
    """A sku may come again with another store's stock, but not as another product."""
    first: dict[str, tuple[int, dict[str, Any]]] = {}
    seen: set[tuple[str, str | None]] = set()
    for line, values in list(sheet.good.items()):
        product = values.model_dump(exclude=OF_STORE)
        earlier, same = first.setdefault(values.sku, (line, product))
        if product != same:
            sheet.reject(line, "sku", "sku_conflict", f"Line {earlier} has other values for this sku.")
        elif (values.sku, values.store_code) in seen:
            sheet.reject(line, "sku", "sku_repeated", f"The sku stands in line {earlier} already.")
        seen.add((values.sku, values.store_code))


async def import_products(
    session: AsyncSession, *, sheet: Products, currency: str, skip_bad: bool, dry_run: bool, now: datetime
) -> ImportReport:
    """Add or change the products by their skus, and set the stock where a line has some.

    Columns that the file doesn't have keep their values; a new product gets `currency`. Raises BadLines, and
    GtinTaken where somebody else has just taken one of the GTINs.
    """
    lines = sheet.lines
    store_ids = await _reject_unknown_stores(session, sheet)
    await _reject_taken_gtins(session, sheet)
    await _reject_other_measures(session, sheet)
    if not (skip_bad or dry_run):
        sheet.refuse_bad()
    products = _products_of(sheet)
    known = set(await session.scalars(select(Product.sku).where(Product.sku.in_(products))))
    stocked = [line for line in sheet.good.values() if line.stock is not None]
    if not dry_run:
        ids = await _upsert(session, products, currency, now)
        await upsert_stock(
            session,
            quantities={
                (store_ids[line.store_code], ids[line.sku]): line.stock
                for line in stocked
                if line.store_code is not None and line.stock is not None
            },
            now=now,
        )
    return ImportReport(
        imported=not dry_run and bool(products),
        lines=lines,
        created=len(products) - len(known),
        updated=len(known),
        stock_set=len(stocked),
        bad_lines=sheet.bad_lines,
        bad=sheet.bad_shown,
    )


async def _reject_unknown_stores(session: AsyncSession, sheet: Products) -> dict[str, UUID]:
    codes = {line.store_code for line in sheet.good.values() if line.store_code}
    rows = await session.execute(select(Store.code, Store.id).where(Store.code.in_(codes), Store.closed_at.is_(None)))
    known = dict(rows.all())
    for number, line in list(sheet.good.items()):
        if line.store_code and line.store_code not in known:
            sheet.reject(number, "store_code", "store_not_found", "No open store has this code.")
    return known


async def _reject_taken_gtins(session: AsyncSession, sheet: Products) -> None:
    """A GTIN that one sku gives up can go to another with the next import, so that the order of lines is no matter."""
    gtins = {line.gtin for line in sheet.good.values() if line.gtin}
    rows = await session.execute(select(Product.gtin, Product.sku).where(Product.gtin.in_(gtins)))
    owner = {gtin: sku for gtin, sku in rows.all() if gtin}
    for number, line in list(sheet.good.items()):
        if line.gtin and owner.setdefault(line.gtin, line.sku) != line.sku:
            sheet.reject(number, "gtin", "gtin_taken", "Another product has this GTIN.")


async def _reject_other_measures(session: AsyncSession, sheet: Products) -> None:
    """A product's stock and its open baskets are counted in what it is sold by."""
    if "sold_by" not in sheet.columns:
        return
    skus = {line.sku for line in sheet.good.values()}
    rows = await session.execute(select(Product.sku, Product.sold_by).where(Product.sku.in_(skus)))
    known = dict(rows.all())
    for number, line in list(sheet.good.items()):
        if known.get(line.sku, line.sold_by) != line.sold_by:
            sheet.reject(
                number, "sold_by", "sold_by_fixed", f"This product is sold by {known[line.sku]}, and stays so."
            )


async def _upsert(
    session: AsyncSession, products: dict[str, dict[str, Any]], currency: str, now: datetime
) -> dict[str, UUID]:
    """The ids by sku."""
    if not products:
        return {}
    row = insert(Product)
    changed = [name for name in next(iter(products.values())) if name not in {"sku", "sold_by"}]
    try:
        rows = await session.execute(
            row.on_conflict_do_update(
                index_elements=["sku"],
                set_={name: row.excluded[name] for name in (*changed, "updated_at")},
            ).returning(Product.id, Product.sku),
            [
                {"id": new_id(), "currency": currency, "active": True, "created_at": now, "updated_at": now, **values}
                for values in products.values()
            ],
        )
    except IntegrityError as error:
        raise GtinTaken("Another product has just taken one of these GTINs.") from error
    return {sku: product_id for product_id, sku in rows.all()}
