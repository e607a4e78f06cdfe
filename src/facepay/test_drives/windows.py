"""How many drives fit into a time, and how late somebody is: arithmetic, without a database and a clock."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)


def fits_window(starts: Collection[datetime], new: datetime, *, window: timedelta, drives_max: int) -> bool:
    """Whether a drive that starts at `new` leaves at most `drives_max` starts in every time of this length, wherever it
    is laid: before the new one as well as after it, or booking backwards would get around it.

    A time holds its beginning and not its end.
    """
    ordered = sorted([*starts, new])
    runs = zip(ordered, ordered[drives_max:], strict=False)
    return all(last - first >= window for first, last in runs if first <= new <= last)


def hours_late(due: datetime, at: datetime, *, tolerance: timedelta, hours_max: int) -> int:
    """Hours started since `due`, up to a bound; none within the tolerance, and all of them after it."""
    late = at - due
    if late <= tolerance or late <= timedelta():
        return 0
    return min(-(-late // HOUR), hours_max)
