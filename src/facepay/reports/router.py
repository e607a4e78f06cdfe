"""Reports over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Security

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.reports.recognition import recognition_at
from facepay.reports.recognition_schemas import RecognitionReport
from facepay.reports.sales import sales_of
from facepay.reports.sales_schemas import SalesAnswer
from facepay.reports.spans import DAYS_MAX, AskedSpan, By, SpanInvalid
from facepay.stores.stores import StoreNotFound, get_store

RECOGNITION_DAYS_MAX = 92
REFUSALS = (Unauthenticated, InsufficientScope)
router = APIRouter(prefix="/v1", tags=["reports"])


@router.get(
    "/stores/{store_id}/sales",
    summary="See what a store sold",
    responses=problems(*REFUSALS, StoreNotFound, SpanInvalid),
)
async def see_sales(
    store_id: UUID,
    session: Session,
    _: Annotated[Principal, Security(current_staff, scopes=["orders:read"])],
    asked: AskedSpan,
    now: Now,
    by: Annotated[By, Query(description="31 days of hours at most, or 366 days.")] = "day",
) -> SalesAnswer:
    """By the store's clock, in minor units, each currency by itself: what the ledger has, to the last unit."""
    store = await get_store(session, store_id)
    span = asked.there(store.timezone, now=now, days_max=DAYS_MAX[by])
    return SalesAnswer.of(store, span, by, await sales_of(session, store=store, span=span, by=by))


@router.get(
    "/stores/{store_id}/recognition",
    summary="See how sure a store's devices were of whom they saw",
    responses=problems(*REFUSALS, StoreNotFound, SpanInvalid),
)
async def see_recognition(
    store_id: UUID,
    session: Session,
    _: Annotated[Principal, Security(current_staff, scopes=["stores:read"])],
    asked: AskedSpan,
    now: Now,
) -> RecognitionReport:
    """Of gates, kiosks, doors, lanes, tables and mirrors, each by itself: no person is in it. 92 days at most."""
    store = await get_store(session, store_id)
    span = asked.there(store.timezone, now=now, days_max=RECOGNITION_DAYS_MAX)
    uses = await recognition_at(session, store_id=store.id, span=span)
    return RecognitionReport.of_store(store, span, uses)
