"""Windows and late hours: arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from facepay.test_drives.windows import HOUR, fits_window, hours_late

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAYS = st.integers(0, 200)


@given(st.lists(DAYS, max_size=12), DAYS, st.integers(1, 60), st.integers(1, 5))
def test_a_drive_fits_where_no_time_of_that_length_around_it_holds_too_many(
    days: list[int], new: int, length: int, drives_max: int
) -> None:
    starts, window = [NOON + timedelta(days=each) for each in days], timedelta(days=length)
    every = [*days, new]
    crowded = any(
        sum(begin <= each < begin + length for each in every) > drives_max
        for begin in range(-60, 201)
        if begin <= new < begin + length
    )
    fits = fits_window(starts, NOON + timedelta(days=new), window=window, drives_max=drives_max)
    assert fits == (not crowded)


@given(st.integers(0, 400), st.integers(0, 200), st.integers(0, 60))
def test_every_hour_that_has_started_counts_up_to_a_bound(minutes: int, hours_max: int, tolerance: int) -> None:
    late = hours_late(
        NOON, NOON + timedelta(minutes=minutes), tolerance=timedelta(minutes=tolerance), hours_max=hours_max
    )
    if minutes <= tolerance:
        assert late == 0
    else:
        assert late == hours_max or (late - 1) * HOUR < timedelta(minutes=minutes) <= late * HOUR
        assert late <= hours_max


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=8), st.integers(0, 60), st.integers(0, 72))
def test_charged_in_steps_or_at_once_the_hours_are_the_same(steps: list[int], tolerance: int, hours_max: int) -> None:
    rule = {"tolerance": timedelta(minutes=tolerance), "hours_max": hours_max}
    charged, at = 0, NOON
    for minutes in steps:
        at += timedelta(minutes=minutes)
        charged += max(0, hours_late(NOON, at, **rule) - charged)  # type: ignore[arg-type]
    assert charged == hours_late(NOON, at, **rule)  # type: ignore[arg-type]
