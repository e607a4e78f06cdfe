"""What the kiosks decided, refusals among them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Security
from pydantic import Field
from sqlalchemy import select

from facepay.checkout.kiosk import Checkout
from facepay.identity.schemas import Cosine, Narrowed, Rate
from facepay.identity.verdicts import Means
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer
from facepay.stores.stores import StoreNotFound, get_store

router = Router(prefix="/v1/stores/{store_id}/checkouts", tags=["orders"])
Reader = Annotated[Principal, Security(current_staff, scopes=["orders:read"])]


class CheckoutRecord(Answer):
    """A stranger's says when, what for and why not, and nothing about the face."""

    id: UUID
    kiosk_id: UUID
    decision: Literal["paid", "declined", "step_up"]
    code: str
    basket: Annotated[dict[str, int], Field(description="Quantities by sku.")]
    total: int | None
    currency: str
    identified_by: Means
    member_id: UUID | None
    order_id: UUID | None
    similarity: Cosine | None
    threshold: Cosine | None
    false_positive_rate: Rate | None
    narrowed_by: Narrowed
    basis: Annotated[str | None, Field(description="Policy and calibration that it was decided under.")]
    created_at: datetime
    decided_at: datetime


@router.get(
    "",
    summary="List what the kiosks decided",
    responses=problems(Unauthenticated, InsufficientScope, StoreNotFound),
)
async def list_checkouts(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    decision: Annotated[Literal["paid", "declined", "step_up"] | None, Query()] = None,
    code: Annotated[str | None, Query(max_length=40, description="Why, in one word.")] = None,
    member_id: Annotated[UUID | None, Query()] = None,
) -> Page[CheckoutRecord]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(Checkout).where(Checkout.store_id == store_id)
    if decision:
        query = query.where(Checkout.decision == decision)
    if code:
        query = query.where(Checkout.code == code)
    if member_id:
        query = query.where(Checkout.member_id == member_id)
    return await page(session, query, by=Checkout.id, paging=paging, show=CheckoutRecord.model_validate)
