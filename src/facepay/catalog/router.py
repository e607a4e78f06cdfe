"""Products and stock over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from anyio import to_thread
from fastapi import Query, Request, Response, Security
from sqlalchemy import select
from starlette.datastructures import UploadFile

from facepay.catalog import importing, products
from facepay.catalog import stock as stocks
from facepay.catalog.importing import read_sheet
from facepay.catalog.products import GtinTaken, NotSoldByWeight, Product, ProductNotFound, SkuTaken
from facepay.catalog.schemas import (
    QUANTITY_MAX,
    ImportReport,
    NewProduct,
    ProductAnswer,
    ProductChange,
    StockAnswer,
    StockLevel,
)
from facepay.catalog.sheets import BadLines, UnreadableCsv
from facepay.catalog.stock import Stock
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, SearchText, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Code
from facepay.kernel.uploads import BodyTooLarge, UnsupportedMediaType, expect_upload
from facepay.settings import SettingsOf
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1", tags=["catalog"])
Reader = Annotated[Principal, Security(current_staff, scopes=["catalog:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["catalog:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)
CSV_EXAMPLE = """\
sku,gtin,name,price,tax_rate_basis_points,category,store_code,stock
TEA-001,6901234567892,"Jasmine tea, 500 ml",450,1300,Drinks,XIXI,20
"""
CSV_FILE = {"file": {"type": "string", "format": "binary"}}
CSV_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": CSV_EXAMPLE},
            "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": CSV_FILE}},
        },
    }
}


@router.post("/products", status_code=201, summary="Add a product", responses=problems(*REFUSALS, SkuTaken, GtinTaken))
async def add_product(
    body: NewProduct, response: Response, session: Session, _: Writer, settings: SettingsOf, now: Now
) -> ProductAnswer:
    values = body.model_dump() | {"currency": body.currency or settings.currency}
    product = await products.add_product(session, now=now, **values)
    response.headers["Location"] = f"/v1/products/{product.id}"
    return ProductAnswer.model_validate(product)


@router.get("/products", summary="List products", responses=problems(*REFUSALS))
async def list_products(
    session: Session,
    _: Reader,
    paging: Paging,
    search: Annotated[SearchText, Query(description="Part of the name, or the start of sku or GTIN.")] = "",
    active: Annotated[bool | None, Query(description="Only those for sale, or only those that aren't.")] = None,
) -> Page[ProductAnswer]:
    """Newest first."""
    query = select(Product).where(products.matching(search))
    if active is not None:
        query = query.where(Product.active == active)
    return await page(session, query, by=Product.id, paging=paging, show=ProductAnswer.model_validate)


@router.post(
    "/products/import",
    summary="Import products from CSV",
    responses=problems(*REFUSALS, UnreadableCsv, BadLines, GtinTaken, UnsupportedMediaType, BodyTooLarge),
    openapi_extra=CSV_BODY,
)
async def import_products(
    request: Request,
    session: Session,
    _: Writer,
    settings: SettingsOf,
    now: Now,
    skip_bad: Annotated[bool, Query(description="Import the good lines although others are bad.")] = False,
    dry_run: Annotated[bool, Query(description="Check the file and write nothing.")] = False,
) -> ImportReport:
    """UTF-8, as the body or as the file `file` of a form; up to 20,000 lines and 10 MiB.

    The first line names the columns, in any order: `sku`, `name`, `price`, `tax_rate_basis_points` and, where
    wanted, `gtin`, `category`, `sold_by` (`piece` or `weight`: of a new product), `prepared` (`yes` or `no`),
    `store_code`, `stock`. A known sku is changed, a new one is added; to set the stock of several stores, repeat the
    line for each `store_code`. An empty cell clears, but leaves the stock as it is.
    Each fault is reported with its line; with one, nothing is imported unless `skip_bad` is set.
    """
    sheet = await to_thread.run_sync(read_sheet, await read_csv(request))
    return await importing.import_products(
        session, sheet=sheet, currency=settings.currency, skip_bad=skip_bad, dry_run=dry_run, now=now
    )


@router.get("/products/{product_id}", summary="See a product", responses=problems(*REFUSALS, ProductNotFound))
async def see_product(product_id: UUID, session: Session, _: Reader) -> ProductAnswer:
    return ProductAnswer.model_validate(await products.get_product(session, product_id))


@router.patch(
    "/products/{product_id}",
    summary="Change a product",
    responses=problems(*REFUSALS, ProductNotFound, NotSoldByWeight, GtinTaken),
)
async def change_product(product_id: UUID, body: ProductChange, session: Session, _: Writer, now: Now) -> ProductAnswer:
    """Only the fields that are sent change. Orders keep the price they were paid at."""
    product = await products.change_product(session, product_id=product_id, changes=body.sent(), now=now)
    return ProductAnswer.model_validate(product)


@router.delete(
    "/products/{product_id}",
    status_code=204,
    summary="Take a product off sale",
    responses=problems(*REFUSALS, ProductNotFound),
)
async def retire_product(product_id: UUID, session: Session, _: Writer, now: Now) -> None:
    """It stays on the orders that name it; `active: true` brings it back."""
    await products.change_product(session, product_id=product_id, changes={"active": False}, now=now)


@router.get(
    "/products/{product_id}/stock",
    summary="See where a product is in stock",
    responses=problems(*REFUSALS, ProductNotFound),
)
async def see_stock(product_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[StockAnswer]:
    """The stores that count it, the newest first."""
    await products.get_product(session, product_id)
    query = select(Stock).where(Stock.product_id == product_id)
    return await page(session, query, by=Stock.store_id, paging=paging, show=StockAnswer.model_validate)


@router.put(
    "/stores/{store_id}/stock/{sku}",
    summary="Set a product's stock",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, ProductNotFound),
)
async def set_stock(store_id: UUID, sku: Code, body: StockLevel, session: Session, _: Writer, now: Now) -> StockAnswer:
    """From now on it is counted in this store, and can sell out."""
    stock = await stocks.set_stock(session, store_id=store_id, sku=sku, quantity=body.quantity, now=now)
    return StockAnswer.model_validate(stock)


@router.delete(
    "/stores/{store_id}/stock/{sku}",
    status_code=204,
    summary="Stop counting a product",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, ProductNotFound),
)
async def stop_counting(store_id: UUID, sku: Code, session: Session, _: Writer) -> None:
    """It is never sold out in this store any more."""
    await stocks.stop_counting(session, store_id=store_id, sku=sku)


@router.get("/stores/{store_id}/stock", summary="List a store's stock", responses=problems(*REFUSALS, StoreNotFound))
async def list_stock(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    search: Annotated[SearchText, Query(description="As of products.")] = "",
    quantity_max: Annotated[int | None, Query(ge=0, le=QUANTITY_MAX, description="Only what is low.")] = None,
) -> Page[StockAnswer]:
    """The products that are counted in this store, the newest first."""
    await get_store(session, store_id)
    query = select(Stock).join(Stock.product).where(Stock.store_id == store_id, products.matching(search))
    if quantity_max is not None:
        # By no index of its own: each sale would have to write it, and a store has some thousand products.
        query = query.where(Stock.quantity <= quantity_max)
    return await page(session, query, by=Stock.product_id, paging=paging, show=StockAnswer.model_validate)


async def read_csv(request: Request) -> bytes:
    """The file, whichever way it was sent. Raises UnsupportedMediaType and UnreadableCsv."""
    expect_upload(request)
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "text/csv":
        return await request.body()
    if kind != "multipart/form-data":
        raise UnsupportedMediaType("Send text/csv or multipart/form-data.", content_type=kind[:100])
    async with request.form(max_files=1, max_fields=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise UnreadableCsv("The form has no file in `file`.")
        return await file.read()
