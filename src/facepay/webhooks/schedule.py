"""When a delivery that failed is tried again: Standard Webhooks' schedule, and what the receiver asks for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
ATTEMPTS_MAX = len(DELAYS) + 1
RETRY_AFTER_MAX = timedelta(hours=24)
JITTER = 0.2  # of the delay, at most, is added to it
# Draws evenly from between two numbers, as `random.Random().uniform` does.
Uniform = Callable[[float, float], float]


def delay_after(attempts: int, *, retry_after: timedelta | None, uniform: Uniform) -> timedelta | None:
    """How long to wait after so many attempts, all of which failed; None when that was the last.

    A receiver may ask for more time than the schedule gives it, up to a day, and never for less.
    """
    if attempts >= ATTEMPTS_MAX:
        return None
    scheduled = DELAYS[attempts - 1] * (1 + uniform(0, JITTER))
    return max(scheduled, min(retry_after or timedelta(), RETRY_AFTER_MAX))


def read_retry_after(value: str, *, now: datetime) -> timedelta | None:
    """A Retry-After header (RFC 9110, 10.2.3): seconds, or a date. None where it is neither."""
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:12]), RETRY_AFTER_MAX.total_seconds()))
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(until.replace(tzinfo=until.tzinfo or UTC) - now, timedelta())
