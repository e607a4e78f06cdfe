"""Products from a CSV file: every fault is named by its line, and nothing is half imported."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import GtinTaken, Product
from facepay.catalog.schemas import BadLine, ImportReport, ProductLine
from facepay.catalog.stock import upsert_stock
from facepay.kernel.errors import Problem
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
LINES_MAX = 20_000
BAD_SHOWN_MAX = 200


class UnreadableCsv(Problem):
    """The file as a whole is no CSV with the columns that are needed."""

    status = 422
    code = "unreadable_csv"
    title = "Unreadable CSV"


class BadLines(Problem):
    """Some lines are bad, so nothing was imported: `bad` names them. `skip_bad` imports the others."""

    status = 422
    code = "bad_lines"
    title = "Bad lines"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file's good lines by their number, and what is wrong with the others."""

    columns: set[str]
    good: dict[int, ProductLine] = field(default_factory=dict)
    bad: list[BadLine] = field(default_factory=list)

    def reject(self, line: int, column: str | None, code: str, detail: str) -> None:
        self.good.pop(line, None)
        self.bad.append(BadLine(line=line, field=column, code=code, detail=detail))

    def products(self) -> dict[str, dict[str, Any]]:
        """What each sku is, in the order in which they are locked."""
        by_sku = {line.sku: line.model_dump(include=self.columns - OF_STORE) for line in self.good.values()}
        return dict(sorted(by_sku.items()))


def read_sheet(data: bytes) -> Sheet:
    """Check a CSV file as far as that goes without the database: CPU work for a thread. Raises UnreadableCsv."""
    # A byte that isn't UTF-8 spoils its own cell only, and the report can name the line.
    text = data.decode("utf-8-sig", errors="surrogateescape")
    rows = _rows(text)
    header = [cell.strip() for cell in next(rows, (0, []))[1]]
    _check_header(header)
    sheet = Sheet(set(header))
    for count, (line, cells) in enumerate(rows, start=1):
        if count > LINES_MAX:
            raise UnreadableCsv(f"The file has more than {LINES_MAX} lines.", lines_max=LINES_MAX)
        _read_line(sheet, line, header, cells)
    _reject_repeated(sheet)
    return sheet


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that isn't blank, with the number of the line it starts on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableCsv(f"Line {start} can't be split into cells: a quote or a delimiter is wrong.") from error


def _check_header(header: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in header]
    unknown = [position for position, name in enumerate(header, start=1) if name not in REQUIRED + OPTIONAL]
    if missing or unknown or len(set(header)) < len(header):
        raise UnreadableCsv(
            f"The first line has to name the columns, by commas: {','.join(REQUIRED)}"
            f" and, where wanted, {','.join(OPTIONAL)}; each once.",
            missing_columns=missing,
            unknown_column_positions=unknown[:20],
        )
    if "stock" in header and "store_code" not in header:
        raise UnreadableCsv("A column `stock` needs a column `store_code` beside it.", missing_columns=["store_code"])


def _read_line(sheet: Sheet, line: int, header: list[str], cells: list[str]) -> None:
    if len(cells) != len(header):
        sheet.reject(line, None, "cell_count", f"The line has {len(cells)} cells and the header {len(header)}.")
        return
    values = {name: cell.strip() or None for name, cell in zip(header, cells, strict=True)}
    for name, cell in values.items():
        if cell and not _is_utf8(cell):
            sheet.reject(line, name, "not_utf8", "The cell is not UTF-8: save the file as `CSV UTF-8`.")
            return
    if values.get("stock") is not None and values["store_code"] is None:
        sheet.reject(line, "store_code", "missing", "A stock needs the code of its store.")
        return
    try:
        sheet.good[line] = ProductLine.model_validate(values)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False, include_context=False):
            name = str(fault["loc"][0])
            absent = values.get(name) is None
            sheet.reject(
                line, name, "missing" if absent else fault["type"], "The cell is empty." if absent else fault["msg"]
            )


def _is_utf8(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _reject_repeated(sheet: Sheet) -> None:
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
    session: AsyncSession, *, sheet: Sheet, currency: str, skip_bad: bool, dry_run: bool, now: datetime
) -> ImportReport:
    """Add or change the products by their skus, and set the stock where a line has some.

    Columns that the file doesn't have keep their values; a new product gets `currency`. Raises BadLines, and
    GtinTaken where somebody else has just taken one of the GTINs.
    """
    lines = len(sheet.good) + len({bad.line for bad in sheet.bad})
    store_ids = await _reject_unknown_stores(session, sheet)
    await _reject_taken_gtins(session, sheet)
    await _reject_other_measures(session, sheet)
    bad, bad_lines = sorted(sheet.bad, key=lambda bad: bad.line)[:BAD_SHOWN_MAX], len({bad.line for bad in sheet.bad})
    if bad and not (skip_bad or dry_run):
        shown = [each.stored() for each in bad]
        raise BadLines(f"{bad_lines} of {lines} lines are bad: nothing was imported.", bad=shown, bad_lines=bad_lines)
    products = sheet.products()
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
        bad_lines=bad_lines,
        bad=bad,
    )


async def _reject_unknown_stores(session: AsyncSession, sheet: Sheet) -> dict[str, UUID]:
    codes = {line.store_code for line in sheet.good.values() if line.store_code}
    rows = await session.execute(select(Store.code, Store.id).where(Store.code.in_(codes), Store.closed_at.is_(None)))
    known = dict(rows.all())
    for number, line in list(sheet.good.items()):
        if line.store_code and line.store_code not in known:
            sheet.reject(number, "store_code", "store_not_found", "No open store has this code.")
    return known


async def _reject_taken_gtins(session: AsyncSession, sheet: Sheet) -> None:
    """A GTIN that one sku gives up can go to another with the next import, so that the order of lines is no matter."""
    gtins = {line.gtin for line in sheet.good.values() if line.gtin}
    rows = await session.execute(select(Product.gtin, Product.sku).where(Product.gtin.in_(gtins)))
    owner = {gtin: sku for gtin, sku in rows.all() if gtin}
    for number, line in list(sheet.good.items()):
        if line.gtin and owner.setdefault(line.gtin, line.sku) != line.sku:
            sheet.reject(number, "gtin", "gtin_taken", "Another product has this GTIN.")


async def _reject_other_measures(session: AsyncSession, sheet: Sheet) -> None:
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
