"""The guard's view over HTTP, as it is and as it changes, and the page that shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import alerts_of
from facepay.alerts.kinds import AlertKindsOf
from facepay.channel.door_states import doors_of
from facepay.kernel.auth import InsufficientScope, Principal, current_staff, staff_still_current
from facepay.kernel.clock import Clock, get_clock
from facepay.kernel.database import Db
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.hub import HubOf
from facepay.kernel.pages import page_router
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.watching import Watch
from facepay.nightwatch.guard import GuardView, view_of
from facepay.nightwatch.guard_schemas import GuardAnswer
from facepay.stores.stores import StoreNotFound, get_store

PAGE = Path(__file__).parent / "pages" / "guard"
PAUSE_SECONDS = 0.5  # in a storm, a guard reads no faster
GUARDS = ["alerts:read", "security:read"]
REFUSALS = (Unauthenticated, InsufficientScope, StoreNotFound)
Guard = Annotated[Principal, Security(current_staff, scopes=GUARDS)]
router = Router()
watch = Router(prefix="/v1/stores/{store_id}/guard", tags=["night watch"])


async def _watch(
    store_id: UUID, request: Request, _: Guard, database: Db, hub: HubOf, clock: Annotated[Clock, Depends(get_clock)]
) -> Watch[GuardView]:
    async with database.read() as session:
        await get_store(session, store_id)

    async def look(session: AsyncSession) -> GuardView:
        return await view_of(session, store_id=store_id, now=clock())

    topics = alerts_of(store_id), doors_of(store_id)
    authenticate = partial(staff_still_current, request, *GUARDS)
    return Watch(database, hub, topics, look, authenticate, writes=True, pause_seconds=PAUSE_SECONDS)


GuardWatchOf = Annotated[Watch[GuardView], Depends(_watch)]


@watch.get("", summary="See what a guard sees", responses=problems(*REFUSALS))
async def see_guard(watch: GuardWatchOf, kinds: AlertKindsOf) -> GuardAnswer:
    return GuardAnswer.of(await watch.see(), kinds)


@watch.get(
    "/events",
    summary="Follow what a guard sees",
    response_class=EventSourceResponse,
    responses=problems(*REFUSALS),
)
async def follow_guard(watch: GuardWatchOf, kinds: AlertKindsOf) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events named `guard`: the whole of it at first, whenever an alert or a door changes (twice a second
    at the most), and every ten seconds in any case. The stream ends when the token does.
    """
    async for view in watch.follow():
        yield ServerSentEvent(event="guard", data=GuardAnswer.of(view, kinds))


router.include_router(watch)
router.include_router(page_router("/guard", PAGE))
