"""Hours by the wall clock, against a count of every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from facepay.schedules.timetables import WEEKDAYS, Timetable, covers, next_change

BERLIN, ST_JOHNS, LORD_HOWE, SHANGHAI = "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Shanghai"
# Clocks jump: Berlin on 29 March and 25 October 2026, St John's (3:30 behind UTC) on 8 March and 1 November, Lord Howe
# by half an hour on 5 April and 4 October, St John's in 2010 at a minute past midnight.
JUMPS = {
    BERLIN: (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ST_JOHNS: (
        datetime(2026, 3, 8, 5, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 4, 30, tzinfo=UTC),
        datetime(2010, 11, 7, 2, 31, tzinfo=UTC),
    ),
    LORD_HOWE: (datetime(2026, 4, 4, 15, tzinfo=UTC), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    SHANGHAI: (datetime(2026, 3, 29, 1, tzinfo=UTC),),
}
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def daily(*intervals: tuple[str, str]) -> Timetable:
    return Timetable(weekly={day: list(intervals) for day in WEEKDAYS})


def minutes_covered(timetable: Timetable, start: datetime, end: datetime, tz: str) -> int:
    count = (end - start) // MINUTE
    return sum(covers(timetable, start + each * MINUTE, tz) for each in range(count))


def local(text: str, tz: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("tz", "day", "hour", "minutes"),
    [
        (BERLIN, "2026-10-25", ("02:00", "03:00"), 120),  # it is two o'clock twice
        (BERLIN, "2026-03-29", ("02:00", "03:00"), 0),  # and never
        (BERLIN, "2026-03-29", ("01:30", "03:30"), 60),
        (BERLIN, "2026-10-25", ("01:00", "02:30"), 120),  # twice until half past two
        (ST_JOHNS, "2026-11-01", ("01:00", "02:00"), 120),
        (ST_JOHNS, "2026-03-08", ("02:00", "03:00"), 0),
        (LORD_HOWE, "2026-04-05", ("01:30", "02:00"), 60),
        (LORD_HOWE, "2026-10-04", ("02:00", "02:30"), 0),
        (SHANGHAI, "2026-03-29", ("02:00", "03:00"), 60),
        (BERLIN, "2026-10-25", ("00:00", "24:00"), 25 * 60),
        (BERLIN, "2026-03-29", ("00:00", "24:00"), 23 * 60),
    ],
)
def test_a_repeated_hour_counts_twice_and_a_skipped_one_never(
    tz: str, day: str, hour: tuple[str, str], minutes: int
) -> None:
    start = local(day, tz)
    timetable = Timetable(special_days={date.fromisoformat(day): [hour]})
    assert minutes_covered(timetable, start - DAY, start + 2 * DAY, tz) == minutes


def test_a_night_shift_is_an_hour_longer_or_shorter_when_the_clock_changes() -> None:
    night = Timetable(weekly={"saturday": [("22:00", "06:00")]})
    for day, hours in (("2026-03-28", 7), ("2026-10-24", 9), ("2026-06-06", 8)):
        noon = local(day, BERLIN) + DAY / 2
        assert minutes_covered(night, noon, noon + DAY, BERLIN) == hours * 60
        assert covers(night, noon, BERLIN) is False


def test_a_special_day_takes_the_place_of_its_weekday_and_the_night_before_still_runs_into_it() -> None:
    timetable = Timetable(
        weekly={day: [("20:00", "02:00")] for day in WEEKDAYS},
        special_days={date(2026, 12, 25): [], date(2026, 12, 31): [("10:00", "11:00")]},
    )
    christmas = local("2026-12-25", SHANGHAI)
    assert minutes_covered(timetable, christmas, christmas + DAY, SHANGHAI) == 120
    assert minutes_covered(timetable, christmas + DAY, christmas + 2 * DAY, SHANGHAI) == 240
    assert covers(timetable, local("2026-12-31T10:30", SHANGHAI), SHANGHAI)
    assert not covers(timetable, local("2026-12-31T20:30", SHANGHAI), SHANGHAI)


def test_the_end_of_an_interval_is_not_in_it() -> None:
    timetable = daily(("08:00", "12:00"))
    assert covers(timetable, local("2026-05-01T08:00", BERLIN), BERLIN)
    assert covers(timetable, local("2026-05-01T11:59:59.999999", BERLIN), BERLIN)
    assert not covers(timetable, local("2026-05-01T12:00", BERLIN), BERLIN)


def test_what_is_always_so_never_changes_and_a_holiday_in_years_is_found() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    assert next_change(Timetable(), now, BERLIN) is None
    assert next_change(daily(("00:00", "24:00")), now, BERLIN) is None
    closed = Timetable(weekly=daily(("00:00", "24:00")).weekly, special_days={date(2031, 1, 1): []})
    assert next_change(closed, now, BERLIN) == local("2031-01-01", BERLIN)
    assert next_change(closed, local("2031-01-01", BERLIN), BERLIN) == local("2031-01-02", BERLIN)


def test_the_next_sunday_on_which_the_hour_exists_is_found() -> None:
    timetable = Timetable(weekly={"sunday": [("02:15", "02:45")]})
    skipped = local("2026-03-22T03:00", BERLIN)
    assert next_change(timetable, skipped, BERLIN) == local("2026-04-05T02:15", BERLIN)


@pytest.mark.parametrize(
    "intervals", [[("08:00", "08:00")], [("24:00", "08:00")], [("08:00", "24:30")], [("8:00", "9:00")], [("08:00",)]]
)
def test_intervals_that_say_nothing_are_refused(intervals: list[tuple[str, str]]) -> None:
    with pytest.raises(ValidationError):
        Timetable(weekly={"monday": intervals})


clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]))
intervals = st.lists(st.tuples(clocks, clocks | st.just("24:00")).filter(lambda both: both[0] != both[1]), max_size=2)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Timetable, datetime, str]:
    """A timetable, and a moment near one at which its zone's clock jumps."""
    tz = draw(st.sampled_from(sorted(JUMPS)))
    jump = draw(st.sampled_from(JUMPS[tz]))
    weekly = draw(st.dictionaries(st.sampled_from(WEEKDAYS), intervals))
    days = st.integers(-2, 3).map(lambda each: (jump + each * DAY).astimezone(ZoneInfo(tz)).date())
    special = draw(st.dictionaries(days, intervals, max_size=2))
    seconds = draw(st.integers(-2 * 86_400, 86_400))
    return Timetable(weekly=weekly, special_days=special), jump + timedelta(seconds=seconds), tz


def wall_minutes(timetable: Timetable, around: date) -> set[datetime]:
    """Every minute on the clock's face that is covered within a few days, counted one by one."""
    covered: set[datetime] = set()
    for day in (around + each * DAY for each in range(-4, 7)):
        named = timetable.special_days.get(day, timetable.weekly.get(WEEKDAYS[day.weekday()], []))
        for start, end in named:
            minute = datetime.fromisoformat(f"{day}T{start}")
            midnights = 0
            while True:
                covered.add(minute)
                minute += MINUTE
                midnights += minute.strftime("%H:%M") == "00:00"
                if minute.strftime("%H:%M") == end or (end == "24:00" and midnights):
                    break
    return covered


@settings(max_examples=25, deadline=None)
@given(cases())
def test_each_minute_is_covered_as_the_clock_on_the_wall_shows_it(case: tuple[Timetable, datetime, str]) -> None:
    timetable, at, tz = case
    zone = ZoneInfo(tz)
    shown = wall_minutes(timetable, at.astimezone(zone).date())
    state = covers(timetable, at, tz)
    change: datetime | None = None
    for each in range(2 * 24 * 60):
        moment = (at + each * MINUTE).replace(second=0, microsecond=0) if each else at
        wall = moment.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
        assert covers(timetable, moment, tz) == (wall in shown)
        if change is None and covers(timetable, moment, tz) != state:
            change = moment
    found = next_change(timetable, at, tz)
    if change is not None:
        assert found == change
    else:
        assert found is None or found >= at + 2 * DAY - 2 * MINUTE
