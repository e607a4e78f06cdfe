"""An attempt as a line of the access log, also of those who went away in the middle of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access.holders import Holder
from facepay.access.points import AccessPoint
from facepay.access_log.log import NewEvent, Person, write
from facepay.doors.attempts import AccessAttempt, AttemptFactor, Stopped, factors_of
from facepay.doors.places import hold_holders
from facepay.doors.words import told
from facepay.kernel.database import Database

LAPSED_AT_ONCE_MAX = 200


def as_event(
    attempt: AccessAttempt,
    point: AccessPoint,
    *,
    policy: str,
    given: Sequence[AttemptFactor],
    holders: Mapping[UUID, Holder],
    noted: Sequence[str] = (),
    stopped: Stopped | None = None,
) -> NewEvent:
    """Of an attempt that has ended. `policy` is the version that decided."""
    assert attempt.code is not None, "it has ended"
    return NewEvent(
        kind="attempt",
        store_id=point.store_id,
        code=attempt.code,
        actor=f"device:{point.device_id}",
        decision="granted" if attempt.decision == "granted" else "denied",
        access_point_id=point.id,
        device_id=point.device_id,
        zone_id=point.to_zone_id,
        policy=policy,
        factors=[*map(_as_logged, given), *([_as_logged(_stopping(attempt, given, stopped))] if stopped else [])],
        persons=_persons(given, holders),
        details={
            "attempt_id": str(attempt.id),
            "told": told(attempt.code, stopped=stopped is not None),
            "opened_under": attempt.opened_under,
            "noted": list(noted),
        },
    )


async def write_left(session: AsyncSession, attempt: AccessAttempt, point: AccessPoint, *, now: datetime) -> None:
    """Whoever gave something and went away is in the log, too."""
    given = await factors_of(session, attempt_id=attempt.id)
    if given:
        holders = await hold_holders(session, given)
        event = as_event(attempt, point, policy=attempt.opened_under, given=given, holders=holders)
        await write(session, event, now=now)


async def lapse_attempts(database: Database, *, now: datetime) -> None:
    """End those whose time is over, where nobody has come to the door since."""
    lapsed = (
        select(AccessAttempt, AccessPoint)
        .join(AccessPoint, AccessPoint.id == AccessAttempt.access_point_id)
        .where(AccessAttempt.ended_at.is_(None), AccessAttempt.expires_at <= now)
        .order_by(AccessAttempt.id)
        .limit(LAPSED_AT_ONCE_MAX)
        .with_for_update(of=AccessAttempt, skip_locked=True)
    )
    async with database.begin() as session:
        for attempt, point in (await session.execute(lapsed)).all():
            attempt.end("expired", now=now)
            await session.flush()
            await write_left(session, attempt, point, now=now)


def _stopping(attempt: AccessAttempt, given: Sequence[AttemptFactor], stopped: Stopped) -> AttemptFactor:
    """What ended the attempt as it was shown: it is of nobody, and is nowhere else."""
    return AttemptFactor(
        person=given[-1].person if given else 0,
        factor=stopped.factor,
        fault=attempt.code,
        checks=[],
        reader_id=stopped.suspect,
        duress=False,
        given_at=attempt.ended_at,
    )


def _as_logged(factor: AttemptFactor) -> dict[str, Any]:
    """Without whose it is, and how sure."""
    return {
        "factor": factor.factor,
        "person": factor.person,
        "fault": factor.fault,
        "checks": factor.checks,
        "reader_id": str(factor.reader_id) if factor.reader_id else None,
        "duress": factor.duress,
        "given_at": factor.given_at.isoformat(),
    }


def _persons(given: Sequence[AttemptFactor], holders: Mapping[UUID, Holder]) -> list[Person]:
    """Everybody whom a factor was of, whether it proved that or not, and what was measured of them; of those who were
    erased meanwhile, nothing.
    """
    persons = []
    for person, theirs in groupby(given, key=lambda each: each.person):
        measured: dict[UUID, dict[str, Any]] = {}
        for factor in theirs:
            if factor.holder_id is not None and factor.holder_id in holders:
                measured.setdefault(factor.holder_id, {})[factor.factor] = factor.measured
        for holder_id, factors in measured.items():
            details = {"person": person, "factors": factors}
            persons.append(Person(holders[holder_id].member_id, holder_id, details))
    return persons
