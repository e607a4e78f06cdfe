"""Narrowing: a request that says who it may be is searched among few, so that a lower threshold is as sure.

The gallery is still searched as a whole. Whoever a request narrows to must be the most alike of all, ahead by the
margin; only the number that the threshold follows from is that of the few. Else somebody's likeness outside would
pay from the wallet of whoever is inside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.enrolment import FRAMES_MAX
from facepay.identity.policy import Use
from facepay.identity.sighting import NarrowedBy
from facepay.kernel.clock import Clock
from facepay.members.members import Member, phone_ending_is

Inside = Callable[[AsyncSession], Awaitable[Collection[UUID]]]
COUNTED_FOR = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Some members, and how sure has to be who is one of them."""

    name: NarrowedBy
    use: Use
    members: frozenset[UUID]
    templates_max: int

    @classmethod
    def to(cls, name: NarrowedBy, use: Use, members: Collection[UUID]) -> Narrowing:
        return cls(name, use, frozenset(members), FRAMES_MAX * len(members))


async def with_phone_ending(session: AsyncSession, *, digits: str, use: Use) -> Narrowing:
    """To the members whose phone number ends in these four digits: one in ten thousand."""
    found = await session.scalars(select(Member.id).where(phone_ending_is(digits)))
    return Narrowing.to("phone_last_four", use, found.all())


@dataclass(slots=True)
class HomeRegions:
    """Who is at home where. How many are is counted once a minute, since a count reads them all."""

    clock: Clock
    _counted: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    async def around(self, session: AsyncSession, *, member_id: UUID, region: str, use: Use) -> Narrowing | None:
        """To all who are at home in this region, where the member is one of them."""
        if await session.scalar(select(Member.home_region).where(Member.id == member_id)) != region:
            return None
        return Narrowing("home_region", use, frozenset({member_id}), FRAMES_MAX * await self._count(session, region))

    async def _count(self, session: AsyncSession, region: str) -> int:
        now = self.clock()
        if region in self._counted:
            count, counted_at = self._counted[region]
            if now - counted_at <= COUNTED_FOR:
                return count
        count = await session.scalar(select(func.count()).where(Member.home_region == region)) or 0
        self._counted[region] = count, now
        return count
