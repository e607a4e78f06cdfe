"""What people look at in a store, over HTTP, as counts."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response, Security

from facepay.checkout.statement_router import PRIVATE
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.settings import SettingsOf
from facepay.stores.stores import StoreNotFound, get_store
from facepay.taste.report import PeriodTooLong, attention_in
from facepay.taste.report_page import page_of
from facepay.taste.schemas import AttentionReport

router = Router(prefix="/v1/stores/{store_id}/attention", tags=["taste"])
Reader = Annotated[Principal, Security(current_staff, scopes=["insights:read"])]


@router.get(
    "",
    summary="See what people look at in a store",
    response_model=AttentionReport,
    responses={
        200: {"description": "The report.", "content": {"text/html": {"schema": {"type": "string"}}}},
        **problems(Unauthenticated, InsufficientScope, StoreNotFound, PeriodTooLong),
    },
)
async def see_attention(
    store_id: UUID,
    session: Session,
    _: Reader,
    settings: SettingsOf,
    first: Annotated[date, Query(description="A day by the store's clocks.")],
    last: Annotated[date, Query(description="As much; up to 92 days in all.")],
    form: Annotated[Literal["json", "html"], Query(alias="format")] = "json",
) -> Any:
    """Per product, of days that have closed: two hours after their end.

    Nothing is shown of fewer people than `FACEPAY_TASTE_GROUP_MIN` who didn't agree to profiling. They are added to
    the product's later days until they are enough, and what is shown once never changes: subtracting one report from
    another leaves such a group, or nothing.
    """
    store, group_min = await get_store(session, store_id), settings.taste_group_min
    rows = await attention_in(session, store=store, first=first, last=last, group_min=group_min)
    if form == "html":
        page = page_of(store.name, rows, first=first, last=last, group_min=group_min)
        return Response(page, media_type="text/html", headers=PRIVATE)
    return AttentionReport.of(store_id, rows, first=first, last=last, group_min=group_min)
