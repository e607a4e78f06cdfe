"""What follows from a door's decision: a line in the access log, where people are now, and who has to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access import presence
from facepay.access.attempts import AttemptFactor, Stopped, refusals_since
from facepay.access.kinds import DURESS, FINGERPRINT_UNTRUSTED, PASSBACK_NOTED, REFUSED_REPEATEDLY
from facepay.access.log import Decision, NewEvent, Person, write
from facepay.access.places import Case, Place
from facepay.access.words import told
from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind

REFUSALS_MAX = 5
REFUSALS_WITHIN = timedelta(minutes=5)
# What an honest reader signs only once, in order, for a door of its own.
FORGED = frozenset({"reader_unknown", "result_invalid", "result_replayed", "counter_went_back"})


async def conclude(
    session: AsyncSession,
    case: Case,
    *,
    decision: Decision,
    code: str,
    noted: Sequence[str] = (),
    stopped: Stopped | None = None,
    duress: bool = False,
) -> None:
    """End the attempt as decided, in the log and everywhere else. `duress` is of a PIN that was typed just now."""
    place, now = case.place, case.place.now
    case.attempt.end(code, now=now, decision=decision)
    await session.flush()
    event_id = await _write(session, case, decision, code, noted, stopped)
    if decision == "granted" and not case.door.released:
        for holder_id in case.named:
            await presence.move(
                session, holder_id=holder_id, to_zone=place.point.to_zone_id, event_id=event_id, now=now
            )
    kinds = [DURESS] if duress else []
    if decision == "granted" and noted:
        kinds.append(PASSBACK_NOTED)
    if code in FORGED:
        kinds.append(FINGERPRINT_UNTRUSTED)
    if decision == "denied" and await _refused_again_and_again(session, place):
        kinds.append(REFUSED_REPEATEDLY)
    for kind in sorted(kinds, key=lambda each: each.name):
        await _alert(session, place, kind, Evidence("access_event", event_id), stopped, code=code)


async def write_given_up(session: AsyncSession, case: Case) -> None:
    """Whoever gave something and went away is in the log, too."""
    if case.given:
        assert case.attempt.code
        await _write(session, case, "denied", case.attempt.code)


async def alert_of_duress(session: AsyncSession, case: Case) -> None:
    """At once, before all is given, and where nobody at the door can see it."""
    await _alert(session, case.place, DURESS, Evidence("access_attempt", case.attempt.id))


async def _refused_again_and_again(session: AsyncSession, place: Place) -> bool:
    since = place.now - REFUSALS_WITHIN
    return await refusals_since(session, access_point_id=place.point.id, since=since) >= REFUSALS_MAX


async def _alert(
    session: AsyncSession,
    place: Place,
    kind: AlertKind,
    evidence: Evidence,
    stopped: Stopped | None = None,
    **details: Any,
) -> None:
    await raise_alert(
        session,
        kind,
        store_id=place.device.store,
        subject=f"access_point:{place.point.id}",
        now=place.now,
        device_id=stopped.suspect if stopped and stopped.suspect else place.device.id,
        evidence=evidence,
        access_point_id=str(place.point.id),
        **details,
    )


async def _write(
    session: AsyncSession,
    case: Case,
    decision: Decision,
    code: str,
    noted: Sequence[str] = (),
    stopped: Stopped | None = None,
) -> UUID:
    place, attempt = case.place, case.attempt
    suspect = str(stopped.suspect) if stopped and stopped.suspect else None
    event = NewEvent(
        kind="attempt",
        store_id=place.device.store,
        code=code,
        actor=f"device:{place.device.id}",
        decision=decision,
        access_point_id=place.point.id,
        device_id=place.device.id,
        zone_id=place.point.to_zone_id,
        policy=place.policy.reference,
        factors=[_as_logged(each) for each in case.given],
        persons=_persons(case),
        details={
            "attempt_id": str(attempt.id),
            "told": told(code, stopped=stopped is not None),
            "opened_under": attempt.opened_under,
            "noted": list(noted),
            "reader_id": suspect,
        },
    )
    return await write(session, event, now=place.now)


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


def _persons(case: Case) -> list[Person]:
    """Everybody whom a factor was of, whether it proved that or not, and what was measured of them."""
    persons = []
    for person, theirs in groupby(case.given, key=lambda each: each.person):
        measured: dict[UUID, dict[str, Any]] = {}
        for factor in theirs:
            if factor.holder_id is not None:
                measured.setdefault(factor.holder_id, {})[factor.factor] = factor.measured
        for holder_id, factors in measured.items():
            details = {"person": person, "factors": factors}
            persons.append(Person(case.holders[holder_id].member_id, holder_id, details))
    return persons
