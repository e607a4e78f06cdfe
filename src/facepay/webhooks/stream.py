"""All events as they come, for whoever stays connected, and from where they were for whoever comes back.

Transactions commit in another order than they draw numbers, so an event may appear behind one that somebody has read
already. Here each gets its position once it can be seen, one reader at a time: whoever has read up to a position has
missed nothing before it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.hub import Hub
from facepay.webhooks.events import TOPIC, WebhookEvent

PLACING_LOCK = 7_016_996_768
PORTION = 200
EVERY_SECONDS = 1.0  # what no endpoint listens to wakes nobody
AUTHENTICATE_SECONDS = 10.0
_ALONE = text("select pg_advisory_xact_lock(:lock)")
_PLACE = text("""
update webhook_event as event set position = placed.position
from (
    select id, nextval('webhook_event_position') as position
    from (select id from webhook_event where position is null order by number limit :most) as seen
) as placed
where event.id = placed.id
""")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events somebody follows: of these types, all where there are none; of one device, or of the chain."""

    types: Sequence[str] = ()
    device_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """One reader's end. `authenticate` raises Unauthenticated once their token no longer counts."""

    database: Database
    hub: Hub
    wanted: Wanted
    authenticate: Callable[[], Awaitable[object]]

    async def follow(self, *, after: int) -> AsyncIterator[WebhookEvent]:
        """Every event behind that position, for as long as the token counts."""
        looked_at = monotonic()
        async with self.hub.subscribe(TOPIC) as told:
            while not self.hub.closing:
                after, events = await self._behind(after)
                for event in events:
                    yield event
                if len(events) < PORTION:
                    await told.wait(EVERY_SECONDS)
                if monotonic() - looked_at < AUTHENTICATE_SECONDS:
                    continue
                looked_at = monotonic()
                try:
                    await self.authenticate()
                except Unauthenticated:
                    return

    async def last(self) -> int:
        """The position behind which those come that can't be seen yet."""
        async with self.database.begin() as session:
            while await place(session) == PORTION:
                pass
            return await session.scalar(select(func.max(WebhookEvent.position))) or 0

    async def _behind(self, after: int) -> tuple[int, Sequence[WebhookEvent]]:
        """The next that are wanted, and how far that goes."""
        query = select(WebhookEvent).where(WebhookEvent.position > after)
        if self.wanted.types:
            query = query.where(WebhookEvent.type.in_(self.wanted.types))
        if self.wanted.device_id is not None:
            query = query.where(WebhookEvent.device_id == self.wanted.device_id)
        async with self.database.begin() as session:
            if await session.scalar(select(WebhookEvent.id).where(WebhookEvent.position.is_(None)).limit(1)):
                await place(session)
            # What is placed later comes behind it, so all up to here is read even where nothing of it is wanted.
            placed = await session.scalar(select(func.max(WebhookEvent.position))) or after
            query = query.where(WebhookEvent.position <= placed)
            found = (await session.scalars(query.order_by(WebhookEvent.position).limit(PORTION))).all()
        return (found[-1].position or after) if len(found) == PORTION else max(after, placed), found


async def place(session: AsyncSession) -> int:
    """Give positions to events that can be seen and have none, in the order of their numbers; answers how many.

    Events of one subject keep their order: the later one's transaction begins when the earlier one's is over.
    """
    await session.execute(_ALONE, {"lock": PLACING_LOCK})
    placed = await session.execute(_PLACE, {"most": PORTION})
    return int(placed.rowcount)  # type: ignore[attr-defined]
