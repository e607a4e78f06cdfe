"""The floor over HTTP, as it is and as it changes, and the page that shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.dining.floor import Floor, floor_of
from facepay.dining.parties import topic_of_floor
from facepay.dining.party_schemas import FloorAnswer
from facepay.kernel.auth import InsufficientScope, Principal, current_staff, staff_still_current
from facepay.kernel.clock import Clock, get_clock
from facepay.kernel.database import Db
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Problem, Unauthenticated
from facepay.kernel.hub import HubOf
from facepay.kernel.pages import page_router
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.watching import Watch
from facepay.kitchen.tickets import topic_of as topic_of_kitchen
from facepay.stores.stores import StoreNotFound, get_store

PAGE = Path(__file__).parent / "pages" / "floor"
READ = "dining:read"
Reader = Annotated[Principal, Security(current_staff, scopes=[READ])]
REFUSALS: tuple[type[Problem], ...] = (Unauthenticated, InsufficientScope, StoreNotFound)
router = Router()
watch = Router(prefix="/v1/stores/{store_id}/floor", tags=["dining"])


@dataclass(frozen=True, slots=True)
class FloorConnection:
    store_id: UUID
    staff: Reader
    request: Request
    database: Db
    hub: HubOf
    clock: Annotated[Clock, Depends(get_clock)]

    def watch(self) -> Watch[Floor]:
        topics = topic_of_floor(self.store_id), topic_of_kitchen(self.store_id)
        return Watch(self.database, self.hub, topics, self._look, self._authenticate)

    async def _look(self, session: AsyncSession) -> Floor:
        return await floor_of(session, store_id=self.store_id, now=self.clock())

    async def _authenticate(self) -> Principal:
        return await staff_still_current(self.request, READ)


FloorConnectionOf = Annotated[FloorConnection, Depends(made(FloorConnection))]


@watch.get("", summary="See all tables", responses=problems(*REFUSALS))
async def see_floor(connection: FloorConnectionOf) -> FloorAnswer:
    return FloorAnswer.of(await connection.watch().see())


async def _floor_watch(connection: FloorConnectionOf) -> Watch[Floor]:
    """Raises StoreNotFound before a stream begins."""
    async with connection.database.read() as session:
        await get_store(session, connection.store_id)
    return connection.watch()


@watch.get(
    "/events",
    summary="Follow all tables",
    response_class=EventSourceResponse,
    responses=problems(*REFUSALS),
)
async def follow_floor(
    seen: Annotated[Watch[Floor], Depends(_floor_watch)],
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events named `floor`: the whole of it at first, at each change here or in the kitchen, and every
    ten seconds in any case. The stream ends when the token does.
    """
    async for floor in seen.follow():
        yield ServerSentEvent(event="floor", data=FloorAnswer.of(floor))


router.include_router(watch)
router.include_router(page_router("/floor", PAGE))
