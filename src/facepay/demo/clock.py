"""The clock of a demo's store, which a scenario can put forward."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from facepay.kernel.clock import utc_now


@dataclass(slots=True)
class StoreClock:
    """The time of day, and whatever a scenario has let pass."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead

    def put_forward(self, wall: time, timezone: str) -> None:
        """To when clocks in this time zone show this hour next."""
        now = self().astimezone(ZoneInfo(timezone))
        then = datetime.combine(now, wall, now.tzinfo)
        self.ahead += (then - now) % timedelta(days=1)
