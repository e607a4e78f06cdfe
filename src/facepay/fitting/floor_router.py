"""What fitting rooms ask for, over HTTP: the list as it changes, what staff answer, and the page that shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import select

from facepay.fitting import requests
from facepay.fitting.requests import (
    OPEN,
    FittingRequest,
    RequestElsewhere,
    RequestNotFound,
    RequestState,
    RequestTaken,
    topic_of,
)
from facepay.fitting.session_schemas import FloorAnswer, RequestAnswer
from facepay.fitting.views import RequestView, views_of, waiting_in
from facepay.kernel.auth import InsufficientScope, Principal, current_staff, staff_still_current
from facepay.kernel.clock import Clock, Now, get_clock
from facepay.kernel.database import Db, Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.hub import HubOf
from facepay.kernel.pages import page_router
from facepay.kernel.paging import Page, Paging, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.watching import Watch
from facepay.stores.stores import StoreNotFound, get_store

SCOPE = "fitting:read"
PAGE = Path(__file__).parent / "pages" / "fitting"
Reader = Annotated[Principal, Security(current_staff, scopes=[SCOPE])]
Writer = Annotated[Principal, Security(current_staff, scopes=["fitting:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)
router = Router()
floor = Router(prefix="/v1/stores/{store_id}/fitting-requests", tags=["fitting"])
Step = Literal["accept", "bring", "brought", "not-found"]
LEADS_TO: dict[Step, RequestState] = {
    "accept": RequestState.ACCEPTED,
    "bring": RequestState.BRINGING,
    "brought": RequestState.BROUGHT,
    "not-found": RequestState.NOT_FOUND,
}


@floor.get("", summary="List what fitting rooms asked for", responses=problems(*REFUSALS, StoreNotFound))
async def list_requests(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    waiting: Annotated[bool | None, Query(description="Only what is still to be brought, or only the rest.")] = None,
) -> Page[RequestAnswer]:
    """Newest first. They don't say for whom."""
    await get_store(session, store_id)
    query = select(FittingRequest).where(FittingRequest.store_id == store_id)
    if waiting is not None:
        query = query.where(FittingRequest.state.in_(OPEN) if waiting else FittingRequest.state.not_in(OPEN))
    found = await rows_of_page(session, query, by=FittingRequest.id, paging=paging)
    shown = [RequestAnswer.of(view) for view in await views_of(session, found.rows)]
    return found.shown(shown)


async def _watch(store_id: UUID, request: Request, _: Reader, database: Db, hub: HubOf) -> Watch[list[RequestView]]:
    async with database.read() as session:
        await get_store(session, store_id)
    authenticate = partial(staff_still_current, request, SCOPE)
    return Watch(database, hub, (topic_of(store_id),), partial(waiting_in, store_id=store_id), authenticate)


@floor.get(
    "/events",
    summary="Follow what fitting rooms ask for",
    response_class=EventSourceResponse,
    responses=problems(*REFUSALS, StoreNotFound),
)
async def follow_requests(
    watch: Annotated[Watch[list[RequestView]], Depends(_watch)], clock: Annotated[Clock, Depends(get_clock)]
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events named `requests`: all that is to be brought, at each change, and every ten seconds in any
    case. The stream ends when the token does.
    """
    async for views in watch.follow():
        yield ServerSentEvent(event="requests", data=_floor(views, clock()))


@floor.post(
    "/{request_id}/{step}",
    summary="Answer what a fitting room asked for",
    responses=problems(*REFUSALS, StoreNotFound, RequestNotFound, RequestTaken, RequestElsewhere),
)
async def answer(
    store_id: UUID, request_id: UUID, step: Step, session: Session, staff: Writer, now: Now
) -> RequestAnswer:
    """`accept` it, which one person can; then `bring` it, and at last it is `brought` or `not-found`. The mirror shows
    each step. Repeating one changes nothing.
    """
    request = await requests.answer(
        session, store_id=store_id, request_id=request_id, to=LEADS_TO[step], staff_id=staff.id, now=now
    )
    [view] = await views_of(session, [request])
    return RequestAnswer.of(view)


def _floor(views: list[RequestView], now: datetime) -> FloorAnswer:
    return FloorAnswer(requests=[RequestAnswer.of(view) for view in views], at=now)


router.include_router(floor)
router.include_router(page_router("/fitting", PAGE))
