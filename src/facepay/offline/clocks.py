"""When something happened that a device tells of later, and how sure that is.

A device's wall clock may be wrong, or be set while it has no network. The time since it started can't be: where an
event and the batch that tells of it are of one start (`boot`), the difference of the two uptimes dates the event by
our own clock. Otherwise its wall clock has to do, corrected by how wrong it is now, unless it was set in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

# The way a batch takes, and a clock's drift over a policy's lifetime (1e-4 is poor, and makes 4 s in 12 hours).
TOLERANCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class DeviceTime:
    """A moment as a device sees it: by its wall clock, and in milliseconds since the start that `boot` names."""

    at: datetime
    boot: str
    uptime_ms: int


@dataclass(frozen=True, slots=True)
class Dated:
    """When it happened, by our clock; `doubt` says why that isn't sure."""

    at: datetime
    doubt: str | None = None


def date_event(event: DeviceTime, sent: DeviceTime, *, skew_before: timedelta, now: datetime) -> Dated:
    """Date an event of a batch that was sent at `sent` and arrived now.

    `skew_before` is how far the device's wall clock was ahead of ours when it last had network.
    """
    if event.boot == sent.boot:
        ago = timedelta(milliseconds=sent.uptime_ms - event.uptime_ms)
        return Dated(now - ago, "in_the_future" if ago < timedelta(0) else None)
    skew = sent.at - now
    corrected = event.at - skew
    if abs(skew - skew_before) > TOLERANCE:
        return Dated(corrected, "clock_changed")
    return Dated(corrected, "in_the_future" if corrected > now + TOLERANCE else None)
