from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facepay.offline.clocks import Dated, DeviceTime, date_event

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NONE, HOUR, DAY = timedelta(), timedelta(hours=1), timedelta(days=1)


def device_time(true: datetime, *, wrong: timedelta = NONE, boot: str = "a") -> DeviceTime:
    return DeviceTime(true + wrong, boot, (true - NOW + DAY) // timedelta(milliseconds=1))


@pytest.mark.parametrize("wrong", [-8 * HOUR, NONE, 8 * HOUR])
@pytest.mark.parametrize("wrong_when_sent", [-8 * HOUR, NONE, 8 * HOUR])
def test_a_device_that_kept_running_is_dated_by_how_long_ago_it_was(
    wrong: timedelta, wrong_when_sent: timedelta
) -> None:
    event, sent = device_time(NOW - HOUR, wrong=wrong), device_time(NOW, wrong=wrong_when_sent)
    assert date_event(event, sent, skew_before=NONE, now=NOW) == Dated(NOW - HOUR)


@pytest.mark.parametrize("wrong", [-8 * HOUR, NONE, 8 * HOUR])
def test_after_a_restart_a_clock_that_was_always_wrong_is_put_right(wrong: timedelta) -> None:
    event, sent = device_time(NOW - HOUR, wrong=wrong), device_time(NOW, wrong=wrong, boot="b")
    assert date_event(event, sent, skew_before=wrong, now=NOW) == Dated(NOW - HOUR)


@pytest.mark.parametrize("wrong", [-8 * HOUR, 8 * HOUR])
def test_after_a_restart_a_clock_that_was_set_is_doubted(wrong: timedelta) -> None:
    event, sent = device_time(NOW - HOUR, wrong=wrong), device_time(NOW, boot="b")
    assert date_event(event, sent, skew_before=wrong, now=NOW).doubt == "clock_changed"


def test_what_is_told_before_it_happened_is_doubted() -> None:
    later, sent = NOW + HOUR, device_time(NOW)
    assert date_event(device_time(later), sent, skew_before=NONE, now=NOW).doubt == "in_the_future"
    restarted = device_time(NOW, boot="b")
    assert date_event(device_time(later), restarted, skew_before=NONE, now=NOW).doubt == "in_the_future"
