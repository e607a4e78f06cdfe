"""Commands on their way: a device asks and waits, or holds a stream open. Meanwhile it holds no database connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from facepay.channel.commands import Command, deliver
from facepay.channel.doors import Door, door_of
from facepay.kernel.clock import Clock
from facepay.kernel.database import Database
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.hub import Hub
from facepay.stores.devices import topic_of

AGAIN_SECONDS = 30.0  # a stream repeats what isn't acknowledged, and looks whether its token still counts


@dataclass(frozen=True, slots=True)
class Delivered:
    """`door` is as of its command number, which none of these exceeds."""

    commands: list[Command]
    door: Door


@dataclass(frozen=True, slots=True)
class Delivery:
    """One device's end of the channel. `authenticate` raises Unauthenticated once its token no longer counts."""

    database: Database
    hub: Hub
    clock: Clock
    device_id: UUID
    authenticate: Callable[[], Awaitable[object]]

    async def poll(self, *, after: int, wait_seconds: float) -> Delivered:
        """What waits for the device; where nothing does, wait for the next that does. Raises Unauthenticated."""
        until = monotonic() + wait_seconds
        async with self.hub.subscribe(topic_of(self.device_id)) as told:
            while True:
                delivered = await self._deliver(after)
                left = until - monotonic()
                if delivered.commands or self.hub.closing or left <= 0 or not await told.wait(left):
                    return delivered
                await self.authenticate()

    async def stream(self, *, after: int) -> AsyncIterator[Delivered]:
        """The same for as long as the token counts: at first how the door stands, then whatever comes."""
        again_at, first = monotonic() + AGAIN_SECONDS, True
        async with self.hub.subscribe(topic_of(self.device_id)) as told:
            while not self.hub.closing:
                delivered = await self._deliver(after)
                if first or delivered.commands:
                    yield delivered
                first = False
                if delivered.commands:
                    after = delivered.commands[-1].number
                    continue
                await told.wait(max(0.0, again_at - monotonic()))
                if monotonic() >= again_at:
                    again_at, after = monotonic() + AGAIN_SECONDS, 0
                try:
                    await self.authenticate()
                except Unauthenticated:
                    return

    async def _deliver(self, after: int) -> Delivered:
        async with self.database.begin() as session:
            door = await door_of(session, device_id=self.device_id)
            return Delivered(await deliver(session, device_id=self.device_id, after=after, now=self.clock()), door)
