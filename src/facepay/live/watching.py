"""Watching a store live: whoever is signed in, by a token or in the browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import alerts_of
from facepay.alerts.kinds import AlertKinds
from facepay.kernel.auth import Principal
from facepay.kernel.clock import Clock
from facepay.kernel.watching import Watch
from facepay.live.schemas import LiveAnswer
from facepay.live.view import Reader, view_of
from facepay.stores.stores import get_store

# Entries and sales wake nobody: Postgres lets only one transaction that notifies commit at a time, and all tills would
# wait for each other's disks. Whoever watches looks again instead; it costs a few milliseconds (docs/live.md).
EVERY_SECONDS = 1.0
SCOPE = "stores:read"


async def watch_store(
    request: Request, *, store_id: UUID, staff: Principal, authenticate: Callable[[], Awaitable[object]]
) -> Watch[LiveAnswer]:
    """As `staff` may see it. Raises StoreNotFound."""
    state = request.app.state
    async with state.database.read() as session:
        await get_store(session, store_id)
    look = partial(_look, store_id=store_id, reader=Reader.of(staff), clock=state.clock, kinds=state.alert_kinds)
    return Watch(
        state.database,
        state.hub,
        (alerts_of(store_id),),
        look,
        authenticate,
        pause_seconds=EVERY_SECONDS / 2,
        every_seconds=EVERY_SECONDS / 2,
        looks=LiveAnswer.but_for_the_time,
    )


async def _look(
    session: AsyncSession, *, store_id: UUID, reader: Reader, clock: Clock, kinds: AlertKinds
) -> LiveAnswer:
    return LiveAnswer.of(await view_of(session, store_id=store_id, reader=reader, now=clock()), kinds)
