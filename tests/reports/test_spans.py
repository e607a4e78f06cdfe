"""Days and hours, by clocks that are put forward and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.reports.spans import Asked, Span, SpanInvalid

NOW = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
ZONES = ("Asia/Shanghai", "Asia/Seoul", "America/New_York", "Asia/Kolkata", "Europe/Berlin", "Pacific/Apia")


def test_a_week_that_ends_today_is_shown_unasked() -> None:
    span = Asked(None, None).there("Asia/Shanghai", now=NOW)
    assert (span.first, span.last) == (date(2026, 3, 5), date(2026, 3, 11))
    assert (span.start.isoformat(), span.end.isoformat()) == ("2026-03-04T16:00:00+00:00", "2026-03-11T16:00:00+00:00")


@pytest.mark.parametrize(
    ("first", "last", "days_max"),
    [
        (date(2026, 3, 2), date(2026, 3, 1), 366),
        (date(2026, 1, 1), date(2026, 2, 1), 31),
        (date(1, 1, 1), date(1, 1, 2), 366),
        (date(9999, 12, 30), date(9999, 12, 31), 366),
    ],
)
def test_days_that_are_no_span_or_too_many_are_refused(first: date, last: date, days_max: int) -> None:
    with pytest.raises(SpanInvalid):
        Asked(first, last).there("Asia/Seoul", now=NOW, days_max=days_max)


@given(st.dates(date(1990, 1, 1), date(2040, 1, 1)), st.integers(0, 10), st.sampled_from(ZONES))
def test_the_hours_of_any_days_leave_no_gap_and_are_those_of_the_days(first: date, more: int, zone: str) -> None:
    span = Span(first, first + timedelta(days=more), zone)
    hours, days = list(span.periods("hour")), list(span.periods("day"))
    assert hours[0] == days[0] == span.start
    assert set(days) <= set(hours)
    steps = [later - earlier for earlier, later in zip(hours, [*hours[1:], span.end], strict=True)]
    assert set(steps) <= {timedelta(hours=1)}
    assert len(days) == more + 1
    assert all(day.astimezone(ZoneInfo(zone)).time().minute == 0 for day in days)
