"""When something holds: hours of the week, and days that are unlike the others.

A timetable is read off the wall clock of the place it is for, so it means the same on the days that a clock changes:
"02:00 to 03:00" covers what that clock shows as two o'clock. An hour that is repeated in autumn counts both times, and
one that is skipped in spring doesn't exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints

from facepay.kernel.schemas import CLOCK_FROM, CLOCK_TO, Request

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
INTERVALS_MAX, SPECIAL_DAYS_MAX = 12, 400
DAY_MINUTES = 24 * 60
DAY = timedelta(days=1)
# Two weeks, since the hour that a weekday is about may be skipped once, and one day more on either side.
LOOK_AHEAD_DAYS = 16

Start = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
End = Annotated[str, StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]


def _lasting(interval: tuple[str, str]) -> tuple[str, str]:
    """Raises ValueError."""
    if interval[0] == interval[1]:
        raise ValueError("an interval ends at another time than it begins; a whole day is 00:00 to 24:00")
    return interval


Interval = Annotated[tuple[Start, End], AfterValidator(_lasting)]
Intervals = Annotated[list[Interval], Field(max_length=INTERVALS_MAX)]
Day = Annotated[date, Field(ge=CLOCK_FROM.date(), lt=CLOCK_TO.date())]


class Timetable(Request):
    """Intervals belong to the day on which they begin, and end after midnight where the end isn't later than the start.

    A special day's intervals replace those that its weekday has; none at all is a day off. What began the evening
    before still runs into it.
    """

    weekly: dict[Weekday, Intervals] = Field(
        default={},
        description="From (included) and to (excluded). A weekday that isn't named has none.",
        examples=[{"monday": [["08:00", "12:00"], ["13:00", "17:00"]], "friday": [["22:00", "02:00"]]}],
    )
    special_days: dict[Day, Intervals] = Field(default={}, max_length=SPECIAL_DAYS_MAX, examples=[{"2026-12-25": []}])

    def on(self, day: date) -> Iterator[tuple[int, int]]:
        """What begins on this day, in minutes from its midnight on; an end may be on the next day."""
        weekday = WEEKDAYS[day.weekday()]
        for start, end in self.special_days.get(day, self.weekly.get(weekday, [])):
            first, last = _minutes(start), _minutes(end)
            yield first, last if last > first else last + DAY_MINUTES

    def during(self, day: date) -> Iterator[tuple[int, int]]:
        """The same, and what began on the day before, in minutes from this day's midnight on."""
        yield from self.on(day)
        for first, last in self.on(day - DAY):
            yield first - DAY_MINUTES, last - DAY_MINUTES


def covers(timetable: Timetable, at: datetime, tz: str) -> bool:
    """Whether the timetable holds at this moment, where clocks show the time of the zone `tz` (IANA)."""
    wall = at.astimezone(ZoneInfo(tz))
    minute = wall.hour * 60 + wall.minute
    return any(first <= minute < last for first, last in timetable.during(wall.date()))


def next_change(timetable: Timetable, at: datetime, tz: str) -> datetime | None:
    """The first moment after `at` (UTC) from which on it is otherwise; None where that never comes."""
    zone, state = ZoneInfo(tz), covers(timetable, at, tz)
    today = at.astimezone(zone).date()
    soon = [today + each * DAY for each in range(-1, LOOK_AHEAD_DAYS + 2)]
    later = {
        day + each * DAY for day in timetable.special_days if day > today for each in range(-1, LOOK_AHEAD_DAYS + 2)
    }
    for days, until in ((soon, at + LOOK_AHEAD_DAYS * DAY), (sorted(later), None)):
        for moment in sorted(_moments(timetable, days, zone)):
            if moment > at and covers(timetable, moment, tz) != state and (until is None or moment < until):
                return moment
    return None


def _moments(timetable: Timetable, days: Iterable[date], zone: ZoneInfo) -> Iterator[datetime]:
    """All at which it may change during these days: where an interval begins or ends, and where the clock jumps."""
    for day in days:
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        edges = {0} | {edge for interval in timetable.during(day) for edge in interval if 0 <= edge < DAY_MINUTES}
        for edge in edges:
            wall = midnight + timedelta(minutes=edge)  # arithmetic on the clock's face
            yield from {wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)}
        start = midnight.astimezone(UTC)
        if jump := _jump(start, start + DAY, zone):
            yield jump


def _jump(start: datetime, end: datetime, zone: ZoneInfo) -> datetime | None:
    """The moment between these two at which the zone's offset changes, to the second."""
    before = start.astimezone(zone).utcoffset()
    if end.astimezone(zone).utcoffset() == before:
        return None
    while end - start > timedelta(seconds=1):
        middle = start + timedelta(seconds=(end - start) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == before:
            start = middle
        else:
            end = middle
    return end


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
