"""The operator's board over HTTP, as it is and as it changes, and the page that shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.auth import InsufficientScope, Principal, current_staff, staff_still_current
from facepay.kernel.clock import Clock, get_clock
from facepay.kernel.database import Db
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.hub import HubOf
from facepay.kernel.pages import page_router
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.watching import Watch
from facepay.stores.stores import StoreNotFound, get_store
from facepay.test_drives.board import DrivesBoard, board_of
from facepay.test_drives.drives import topic_of
from facepay.test_drives.schemas import BoardAnswer

PAGE = Path(__file__).parent / "pages" / "drives"
SCOPE = "drives:read"
REFUSALS = (Unauthenticated, InsufficientScope, StoreNotFound)
Reader = Annotated[Principal, Security(current_staff, scopes=[SCOPE])]
router = Router()
watch = Router(prefix="/v1/stores/{store_id}/drives", tags=["test drives"])


async def _watch(
    store_id: UUID, request: Request, _: Reader, database: Db, hub: HubOf, clock: Annotated[Clock, Depends(get_clock)]
) -> Watch[DrivesBoard]:
    async with database.read() as session:
        await get_store(session, store_id)

    async def look(session: AsyncSession) -> DrivesBoard:
        return await board_of(session, store_id=store_id, now=clock())

    return Watch(database, hub, (topic_of(store_id),), look, partial(staff_still_current, request, SCOPE))


BoardWatch = Annotated[Watch[DrivesBoard], Depends(_watch)]


@watch.get("", summary="See a store's test drives", responses=problems(*REFUSALS))
async def see_board(watch: BoardWatch) -> BoardAnswer:
    """Cars by state, today's pick-ups and returns, what is late, and what waits for its inspection."""
    return BoardAnswer.of(await watch.see())


@watch.get(
    "/events",
    summary="Follow a store's test drives",
    response_class=EventSourceResponse,
    responses=problems(*REFUSALS),
)
async def follow_board(watch: BoardWatch) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events named `drives`: the whole of it at first, whenever it changes, and every ten seconds in any
    case. The stream ends when the token does.
    """
    async for board in watch.follow():
        yield ServerSentEvent(event="drives", data=BoardAnswer.of(board))


router.include_router(watch)
router.include_router(page_router("/drives", PAGE))
