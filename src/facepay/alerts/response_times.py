"""How long alerts waited for somebody, and how long they lasted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, extract, func, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.records import Alert
from facepay.kernel.errors import Problem

HALF, MOST = 0.5, 0.95
# Whatever else resolved it, such as a camera that sees again, says nothing of how fast people are.
BY_STAFF = "staff:%"


class PeriodEmpty(Problem):
    """The period ends before it begins."""

    status = 422
    code = "period_empty"
    title = "Empty period"


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds since an alert was raised: in half of the cases, and in 95 of 100, no more. None where there are none."""

    half: float | None
    most: float | None


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """Of alerts of one kind and severity. `ended_by_itself` is of those that no staff resolved."""

    kind: str
    severity: int
    raised: int
    acknowledged: int
    resolved: int
    ended_by_itself: int
    escalated: int
    to_acknowledge: Times
    to_resolve: Times


async def response_times(
    session: AsyncSession, *, store_id: UUID, since: datetime, until: datetime
) -> Sequence[ResponseTimes]:
    """Of the alerts that were raised from `since` until before `until`, by kind and severity. Raises PeriodEmpty."""
    if until <= since:
        raise PeriodEmpty("The period ends before it begins.", since=since.isoformat(), until=until.isoformat())
    by_staff = Alert.resolved_by.like(BY_STAFF)
    found = await session.execute(
        select(
            Alert.kind,
            Alert.severity,
            func.count().label("raised"),
            func.count(Alert.acknowledged_at).label("acknowledged"),
            func.count().filter(by_staff).label("resolved"),
            func.count().filter(~by_staff).label("ended_by_itself"),
            func.count(Alert.escalated_at).label("escalated"),
            _seconds_to(Alert.acknowledged_at, Alert.acknowledged_at.is_not(None)).label("to_acknowledge"),
            _seconds_to(Alert.resolved_at, by_staff).label("to_resolve"),
        )
        .where(Alert.store_id == store_id, Alert.raised_at >= since, Alert.raised_at < until)
        .group_by(Alert.kind, Alert.severity)
        .order_by(Alert.severity.desc(), Alert.kind)
    )
    return [_shown(**row._mapping) for row in found]


def _seconds_to(at: Any, which: ColumnElement[bool]) -> ColumnElement[Any]:
    seconds = extract("epoch", at - Alert.raised_at)
    return func.percentile_cont(array([HALF, MOST])).within_group(seconds).filter(which)


def _shown(*, to_acknowledge: list[float] | None, to_resolve: list[float] | None, **counts: Any) -> ResponseTimes:
    waited, lasted = (Times(*(seconds or (None, None))) for seconds in (to_acknowledge, to_resolve))
    return ResponseTimes(**counts, to_acknowledge=waited, to_resolve=lasted)
