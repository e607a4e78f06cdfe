"""The floor over HTTP, as it is and as it changes, and the page that shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
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
from facepay.kernel.errors import Problem, Unauthenticated
from facepay.kernel.hub import HubOf
from facepay.kernel.pages import page_router
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.watching import Watch
from facepay.kitchen.tickets import topic_of as topic_of_kitchen
from facepay.stores.stores import StoreNotFound, get_store

PAGE = Path(__file__).parent / "pages" / "floor"
SCOPE = "dining:read"
Reader = Annotated[Principal, Security(current_staff, scopes=[SCOPE])]
REFUSALS: tuple[type[Problem], ...] = (Unauthenticated, InsufficientScope, StoreNotFound)
router = Router()
watch = Router(prefix="/v1/stores/{store_id}/floor", tags=["dining"])


async def _watch(
    store_id: UUID, request: Request, _: Reader, database: Db, hub: HubOf, clock: Annotated[Clock, Depends(get_clock)]
) -> Watch[Floor]:
    async with database.read() as session:
        await get_store(session, store_id)

    async def look(session: AsyncSession) -> Floor:
        return await floor_of(session, store_id=store_id, now=clock())

    topics = topic_of_floor(store_id), topic_of_kitchen(store_id)
    return Watch(database, hub, topics, look, partial(staff_still_current, request, SCOPE))


FloorWatch = Annotated[Watch[Floor], Depends(_watch)]


@watch.get("", summary="See all tables", responses=problems(*REFUSALS))
async def see_floor(watch: FloorWatch) -> FloorAnswer:
    return FloorAnswer.of(await watch.see())


@watch.get(
    "/events",
    summary="Follow all tables",
    response_class=EventSourceResponse,
    responses=problems(*REFUSALS),
)
async def follow_floor(watch: FloorWatch) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events named `floor`: the whole of it at first, at each change here or in the kitchen, and every
    ten seconds in any case. The stream ends when the token does.
    """
    async for floor in watch.follow():
        yield ServerSentEvent(event="floor", data=FloorAnswer.of(floor))


router.include_router(watch)
router.include_router(page_router("/floor", PAGE))
