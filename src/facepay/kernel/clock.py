"""The time, passed in from outside so that tests can hold it still."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)


def day_start(instant: datetime, *, time_zone: str) -> datetime:
    """When the day of this instant began there."""
    local = instant.astimezone(ZoneInfo(time_zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


async def get_clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


async def _now(clock: Annotated[Clock, Depends(get_clock)]) -> datetime:
    return clock()


# The instant at which a request came in.
Now = Annotated[datetime, Depends(_now)]
