"""What screens follow as it changes: the whole of it each time, for as long as their token counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.hub import Hub

AGAIN_SECONDS = 10.0  # a screen shows that it is alive, and looks whether its token still counts
View = TypeVar("View")


@dataclass(frozen=True, slots=True)
class Watch(Generic[View]):
    """What somebody looks at. `authenticate` raises Unauthenticated once their token no longer counts.

    `writes`: looking writes something down too, in one transaction. `pause_seconds` are between two looks at least,
    `every_seconds` at most, or ten. Where a view `looks` as the one before did, it is kept back for ten seconds.
    """

    database: Database
    hub: Hub
    topics: tuple[str, ...]
    look: Callable[[AsyncSession], Awaitable[View]]
    authenticate: Callable[[], Awaitable[object]]
    writes: bool = False
    pause_seconds: float = 0.0
    every_seconds: float | None = None
    looks: Callable[[View], object] | None = None

    async def see(self) -> View:
        async with self.database.begin() if self.writes else self.database.read() as session:
            return await self.look(session)

    async def follow(self) -> AsyncIterator[View]:
        """The whole of it each time that it changes, and every ten seconds, for as long as the token counts."""
        shown, due_at = None, 0.0
        async with self.hub.subscribe(*self.topics) as told:
            while not self.hub.closing:
                view = await self.see()
                looks = self.looks(view) if self.looks else None
                if looks is None or looks != shown or monotonic() >= due_at:
                    shown, due_at = looks, monotonic() + AGAIN_SECONDS
                    yield view
                await asyncio.sleep(self.pause_seconds)
                await told.wait(self.every_seconds or AGAIN_SECONDS)
                try:
                    await self.authenticate()
                except Unauthenticated:
                    return
