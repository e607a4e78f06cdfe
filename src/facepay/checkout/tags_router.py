"""What a tag is, and whether it was sold, for whoever holds it in their hands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path, Security
from pydantic import Field

from facepay.catalog.epc import EpcUnreadable, decode_sgtin96, encode_sgtin96
from facepay.catalog.products import products_of
from facepay.checkout.sold_tags import sales_of_tag
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer

router = Router(prefix="/v1/tags", tags=["orders"])
Reader = Annotated[Principal, Security(current_staff, scopes=["orders:read"])]
Epc = Annotated[str, Path(max_length=124, description="In hex.", examples=["3074257BF7194E4000001A85"])]
SALES_SHOWN_MAX = 20


class TagSale(Answer):
    order_id: UUID
    sold_at: datetime
    returned_at: datetime | None


class TagAnswer(Answer):
    epc: str
    uri: Annotated[str, Field(examples=["urn:epc:id:sgtin:0614141.812345.6789"])]
    gtin: str
    serial: int
    sku: Annotated[str | None, Field(description="None where no product has the GTIN.")]
    name: str | None
    sold: Annotated[bool, Field(description="Whether it is sold, and hasn't come back.")]
    sales: Annotated[list[TagSale], Field(description=f"The newest {SALES_SHOWN_MAX}.")]


@router.get(
    "/{epc}",
    summary="Look a tag up",
    responses=problems(Unauthenticated, InsufficientScope, EpcUnreadable),
)
async def see_tag(epc: Epc, session: Session, _: Reader) -> TagAnswer:
    """What it says, and the orders that it was sold in."""
    sgtin = decode_sgtin96(epc)
    canonical = encode_sgtin96(sgtin)
    product = (await products_of(session, gtins=[sgtin.gtin])).get(sgtin.gtin)
    sales = await sales_of_tag(session, epc=canonical, limit=SALES_SHOWN_MAX)
    return TagAnswer(
        epc=canonical,
        uri=sgtin.epc_uri,
        gtin=sgtin.gtin,
        serial=sgtin.serial,
        sku=product.sku if product else None,
        name=product.name if product else None,
        sold=any(sale.returned_at is None for sale in sales),
        sales=[TagSale.model_validate(sale) for sale in sales],
    )
