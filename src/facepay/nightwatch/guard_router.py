"""The guard's view over HTTP, as it is and as it changes, and the page that shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent

from facepay.alerts.kinds import AlertKindsOf
from facepay.kernel.auth import InsufficientScope, Principal, current_staff, staff_still_current
from facepay.kernel.clock import Clock, get_clock
from facepay.kernel.database import Db
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.hub import HubOf
from facepay.kernel.pages import page_router
from facepay.kernel.problems import problems
from facepay.nightwatch.guard import GuardWatch
from facepay.nightwatch.guard_schemas import GuardAnswer
from facepay.stores.stores import StoreNotFound, get_store

PAGE = Path(__file__).parent / "pages" / "guard"
GUARDS = ["alerts:read", "security:read"]
REFUSALS = (Unauthenticated, InsufficientScope, StoreNotFound)
Guard = Annotated[Principal, Security(current_staff, scopes=GUARDS)]
router = APIRouter()
watch = APIRouter(prefix="/v1/stores/{store_id}/guard", tags=["night watch"])


@dataclass(frozen=True, slots=True)
class GuardConnection:
    store_id: UUID
    guard: Guard
    request: Request
    database: Db
    hub: HubOf
    clock: Annotated[Clock, Depends(get_clock)]

    async def open(self) -> GuardWatch:
        """Raises StoreNotFound."""
        async with self.database.read() as session:
            await get_store(session, self.store_id)
        return GuardWatch(self.database, self.hub, self.clock, self.store_id, self._authenticate)

    async def _authenticate(self) -> Principal:
        return await staff_still_current(self.request, *GUARDS)


GuardConnectionOf = Annotated[GuardConnection, Depends(made(GuardConnection))]


async def _watch(connection: GuardConnectionOf) -> GuardWatch:
    return await connection.open()


GuardWatchOf = Annotated[GuardWatch, Depends(_watch)]


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
