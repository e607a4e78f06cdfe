"""Reports over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Security
from sqlalchemy import select

from facepay.identity.recognition import RecogniserOf
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.reports.calibration_schemas import CalibrationAnswer, CalibrationsAnswer
from facepay.reports.calibrations import calibrations_of
from facepay.reports.overview import turnover_of
from facepay.reports.overview_schemas import StoreTurnoverAnswer
from facepay.reports.recognition import recognition_at
from facepay.reports.recognition_schemas import RecognitionReport
from facepay.reports.sales import sales_of
from facepay.reports.sales_schemas import SalesAnswer
from facepay.reports.spans import DAYS_MAX, AskedSpan, By, SpanInvalid
from facepay.settings import SettingsOf
from facepay.stores.stores import Store, StoreNotFound, get_store

RECOGNITION_DAYS_MAX, CHAIN_DAYS_MAX = 92, 31
REFUSALS = (Unauthenticated, InsufficientScope)
router = Router(prefix="/v1", tags=["reports"])


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


@router.get("/sales", summary="See what each store sold", responses=problems(*REFUSALS, SpanInvalid))
async def see_stores_sales(
    session: Session,
    _: Annotated[Principal, Security(current_staff, scopes=["stores:read", "orders:read"])],
    asked: AskedSpan,
    paging: Paging,
    now: Now,
) -> Page[StoreTurnoverAnswer]:
    """And how many came, by the clock of each: 31 days at most. Of stores that are open, as they are listed."""
    opened = select(Store).where(Store.closed_at.is_(None))
    stores = await rows_of_page(session, opened, by=Store.id, paging=paging)
    spans = [(each, asked.there(each.timezone, now=now, days_max=CHAIN_DAYS_MAX)) for each in stores.rows]
    figures = await turnover_of(session, spans=spans)
    shown = [StoreTurnoverAnswer.of(each, span) for each, (_, span) in zip(figures, spans, strict=True)]
    return stores.shown(shown)


@router.get("/calibrations", summary="See what the calibrations promise", responses=problems(*REFUSALS))
async def see_calibrations(
    session: Session,
    _: Annotated[Principal, Security(current_staff, scopes=["stores:read"])],
    recogniser: RecogniserOf,
    settings: SettingsOf,
) -> CalibrationsAnswer:
    """Of the model pack in use: how often two people are taken for one at any cosine, and each threshold."""
    shown = await calibrations_of(session, pack=recogniser.calibration.pack)
    return CalibrationsAnswer(items=[CalibrationAnswer.of(each, settings) for each in shown])


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
