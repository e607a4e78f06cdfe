"""The live view over HTTP, as it is and as it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import select

from facepay.kernel.auth import InsufficientScope, Principal, current_staff, staff_still_current
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.watching import Watch
from facepay.live.figures import figures_of
from facepay.live.schemas import LiveAnswer, StoreFiguresAnswer
from facepay.live.view import Reader
from facepay.live.watching import SCOPE, watch_store
from facepay.stores.stores import Store, StoreNotFound

REFUSALS = (Unauthenticated, InsufficientScope)
Watcher = Annotated[Principal, Security(current_staff, scopes=[SCOPE])]
router = Router(prefix="/v1", tags=["live"])


async def _watch(store_id: UUID, request: Request, staff: Watcher) -> Watch[LiveAnswer]:
    authenticate = partial(staff_still_current, request, SCOPE)
    return await watch_store(request, store_id=store_id, staff=staff, authenticate=authenticate)


LiveWatch = Annotated[Watch[LiveAnswer], Depends(_watch)]


@router.get("/live", summary="See what the stores are like now", responses=problems(*REFUSALS))
async def see_stores(session: Session, staff: Watcher, paging: Paging, now: Now) -> Page[StoreFiguresAnswer]:
    """Of the stores that are open, as they are listed: newest first."""
    opened = select(Store).where(Store.closed_at.is_(None))
    stores = await rows_of_page(session, opened, by=Store.id, paging=paging)
    ids = [store.id for store in stores.rows]
    figures = await figures_of(session, store_ids=ids, alerts=Reader.of(staff).alerts, now=now)
    return stores.shown([StoreFiguresAnswer.model_validate(figures[each]) for each in ids])


@router.get(
    "/stores/{store_id}/live", summary="See what a store is like now", responses=problems(*REFUSALS, StoreNotFound)
)
async def see_store(watch: LiveWatch) -> LiveAnswer:
    """Who is inside, how its devices are and what they last decided, what is open, and the day in figures."""
    return await watch.see()


@router.get(
    "/stores/{store_id}/live/events",
    summary="Follow what a store is like",
    response_class=EventSourceResponse,
    responses=problems(*REFUSALS, StoreNotFound),
)
async def follow_store(watch: LiveWatch) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events named `live`: the whole of it at first, within a second of a change, and every ten seconds in
    any case. The stream ends when the token does.
    """
    async for view in watch.follow():
        yield ServerSentEvent(event="live", data=view)
