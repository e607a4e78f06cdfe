"""Which days a report is about, by the store's clock, and the hours or days that it is told in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from fastapi import Depends, Query

from facepay.kernel.errors import Problem
from facepay.kernel.schemas import CLOCK_FROM, CLOCK_TO

By = Literal["hour", "day"]
DAYS_MAX: dict[By, int] = {"hour": 31, "day": 366}
DAYS_UNASKED = 7


class SpanInvalid(Problem):
    """The last day is before the first, or the days are too many for one report."""

    status = 422
    code = "span_invalid"
    title = "No such span"


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days of a calendar, both ends included."""

    first: date
    last: date
    zone: str

    @property
    def start(self) -> datetime:
        return self._midnight(self.first)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return self._midnight(self.last + timedelta(days=1))

    def days(self) -> Iterator[date]:
        return (self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1))

    def periods(self, by: By) -> Iterator[datetime]:
        """When each of its hours or days begins, as Postgres's date_trunc has it: an hour that the clocks are put back
        over comes twice.
        """
        if by == "day":
            yield from map(self._midnight, self.days())
            return
        at, end = self.start, self.end
        while at < end:
            yield at
            local = (at + timedelta(hours=1)).astimezone(ZoneInfo(self.zone))
            at = local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """As it was asked for, before it is known whose calendar is meant."""

    first: date | None
    last: date | None

    def there(self, zone: str, *, now: datetime, days_max: int = DAYS_MAX["day"]) -> Span:
        """In a store's calendar; what wasn't said is today and the week that ends with it. Raises SpanInvalid."""
        last = self.last or max(now.astimezone(ZoneInfo(zone)).date(), self.first or date.min)
        first = self.first or max(last - timedelta(days=DAYS_UNASKED - 1), CLOCK_FROM.date())
        if not CLOCK_FROM.date() < first <= last < CLOCK_TO.date():
            raise SpanInvalid(
                "The last day is before the first, or no clock shows it.", first=str(first), last=str(last)
            )
        if (last - first).days >= days_max:
            raise SpanInvalid(f"A report is of {days_max} days at most.", days_max=days_max)
        return Span(first, last, zone)

    @classmethod
    async def read(
        cls,
        first: Annotated[
            date | None, Query(alias="from", description="The first day there; the week that ends.")
        ] = None,
        last: Annotated[date | None, Query(alias="to", description="The last day there; today.")] = None,
    ) -> Self:
        return cls(first, last)


AskedSpan = Annotated[Asked, Depends(Asked.read)]
