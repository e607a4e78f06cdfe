"""The board that customers look at: which numbers are being prepared, and which are ready. It says nothing of whose,
and nothing of what is brought to tables.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import extract, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.clock import Clock
from facepay.kernel.database import Database
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.hub import Hub
from facepay.kitchen.tickets import Ticket, TicketState, topic_of
from facepay.stores.devices import topic_of as topic_of_device

NUMBERS_MAX = 200
# How long is waited now is told by the last tickets, unless they are too few, or of another time of the day.
WAITS_MAX, WAITS_MIN, WAITS_SINCE = 20, 5, timedelta(hours=2)
AGAIN_SECONDS = 10.0  # a board shows that it is alive, and looks whether its token still counts


@dataclass(frozen=True, slots=True)
class Board:
    """`preparing` from the oldest on, `ready` from the newest; `wait_seconds` is None where nobody can tell."""

    preparing: list[str]
    ready: list[str]
    wait_seconds: int | None
    at: datetime


async def board_of(session: AsyncSession, *, store_id: UUID, now: datetime) -> Board:
    opened = (
        select(Ticket.number, Ticket.state)
        .where(Ticket.store_id == store_id, Ticket.ended_at.is_(None), Ticket.number.is_not(None))
        .order_by(Ticket.ready_at.desc(), Ticket.id)
        .limit(2 * NUMBERS_MAX)
    )
    tickets = (await session.execute(opened)).all()
    ready = [number for number, state in tickets if number and state == TicketState.READY]
    preparing = [number for number, state in tickets if number and state != TicketState.READY]
    wait = await wait_seconds(session, store_id=store_id, now=now)
    return Board(preparing[:NUMBERS_MAX], ready[:NUMBERS_MAX], wait, now)


async def wait_seconds(session: AsyncSession, *, store_id: UUID, now: datetime) -> int | None:
    """From order to ready: the median of the store's last tickets, or None where there are too few of late."""
    last = (
        select(extract("epoch", Ticket.ready_at - Ticket.received_at).label("seconds"))
        .where(Ticket.store_id == store_id, Ticket.ready_at > now - WAITS_SINCE, Ticket.number.is_not(None))
        .order_by(Ticket.ready_at.desc())
        .limit(WAITS_MAX)
        .subquery()
    )
    median = func.percentile_cont(0.5).within_group(last.c.seconds)
    count, seconds = (await session.execute(select(func.count(), median).select_from(last))).one()
    return round(seconds) if count >= WAITS_MIN else None


@dataclass(frozen=True, slots=True)
class BoardWatch:
    """One device's view of a store's board. `authenticate` raises Unauthenticated once its token no longer counts."""

    database: Database
    hub: Hub
    clock: Clock
    store_id: UUID
    device_id: UUID
    authenticate: Callable[[], Awaitable[object]]

    async def see(self) -> Board:
        async with self.database.read() as session:
            return await board_of(session, store_id=self.store_id, now=self.clock())

    async def follow(self) -> AsyncIterator[Board]:
        """The whole board each time that it changes, and every ten seconds, for as long as the token counts."""
        async with self.hub.subscribe(topic_of(self.store_id), topic_of_device(self.device_id)) as told:
            while not self.hub.closing:
                yield await self.see()
                await told.wait(AGAIN_SECONDS)
                try:
                    await self.authenticate()
                except Unauthenticated:
                    return
