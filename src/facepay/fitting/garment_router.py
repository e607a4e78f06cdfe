"""Garments over HTTP: what staff say of products that are worn."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import Query, Request, Security
from pydantic import Field
from sqlalchemy import select

from facepay.catalog.products import ProductNotFound
from facepay.catalog.router import CSV_FILE, read_csv
from facepay.catalog.sheets import BadLines, Form, UnreadableCsv
from facepay.fitting import garments
from facepay.fitting.garment_schemas import GARMENTS_MAX, GarmentAnswer, GarmentLine, GarmentReport, NewGarment
from facepay.fitting.garments import Garment, GarmentNotFound, NoGarments
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Code
from facepay.kernel.uploads import BodyTooLarge, UnsupportedMediaType

router = Router(prefix="/v1/garments", tags=["fitting"])
Reader = Annotated[Principal, Security(current_staff, scopes=["fitting:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["fitting:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)
FORM = Form(GarmentLine, ("sku", "style", "kind"), ("size", "size_system", "occasions"))
CSV_EXAMPLE = """\
sku,style,kind,size,occasions
SHIRT-NAVY-M,SHIRT,top,M,work; party
"""
CSV_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": CSV_EXAMPLE},
            "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": CSV_FILE}},
        },
    }
}


@router.put("", status_code=204, summary="Say which products are garments", responses=problems(*REFUSALS, NoGarments))
async def set_garments(
    body: Annotated[list[NewGarment], Field(min_length=1, max_length=GARMENTS_MAX)],
    session: Session,
    _: Writer,
    now: Now,
) -> None:
    """Those in the list are set, the others stay. Of one sku that comes twice, the last counts."""
    await garments.set_garments(
        session, garments={each.sku: each.model_dump(exclude={"sku"}) for each in body}, now=now
    )


@router.post(
    "/import",
    summary="Import garments from CSV",
    responses=problems(*REFUSALS, UnreadableCsv, BadLines, UnsupportedMediaType, BodyTooLarge),
    openapi_extra=CSV_BODY,
)
async def import_garments(
    request: Request,
    session: Session,
    _: Writer,
    now: Now,
    skip_bad: Annotated[bool, Query(description="Import the good lines although others are bad.")] = False,
    dry_run: Annotated[bool, Query(description="Check the file and write nothing.")] = False,
) -> GarmentReport:
    """UTF-8, as the body or as the file `file` of a form; up to 20,000 lines and 10 MiB. The products are there before.

    The first line names the columns: `sku`, `style`, `kind` and, where wanted, `size`, `size_system`, and `occasions`
    with semicolons between them. Each fault is reported with its line.
    """
    sheet = await to_thread.run_sync(FORM.read, await read_csv(request))
    return await garments.import_garments(session, sheet=sheet, skip_bad=skip_bad, dry_run=dry_run, now=now)


@router.get("", summary="List garments", responses=problems(*REFUSALS))
async def list_garments(
    session: Session,
    _: Reader,
    paging: Paging,
    style: Annotated[Code | None, Query(description="Only this style's sizes and colours.")] = None,
) -> Page[GarmentAnswer]:
    """Newest products first."""
    query = select(Garment) if style is None else select(Garment).where(Garment.style == style)
    return await page(session, query, by=Garment.product_id, paging=paging, show=GarmentAnswer.model_validate)


@router.get("/{sku}", summary="See a garment", responses=problems(*REFUSALS, GarmentNotFound))
async def see_garment(sku: Code, session: Session, _: Reader) -> GarmentAnswer:
    return GarmentAnswer.model_validate(await garments.garment_of(session, sku))


@router.delete(
    "/{sku}",
    status_code=204,
    summary="Say that a product is no garment",
    responses=problems(*REFUSALS, ProductNotFound),
)
async def forget_garment(sku: Code, session: Session, _: Writer) -> None:
    """It stays on sale, and no mirror advises it any more."""
    await garments.forget_garment(session, sku=sku)
