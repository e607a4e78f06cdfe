"""What follows from a door's decision: a line in the access log, where people are now, and who has to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access import presence
from facepay.access.attempts import Stopped, refusals_since
from facepay.access.kinds import DURESS, FINGERPRINT_UNTRUSTED, PASSBACK_NOTED, REFUSED_REPEATEDLY
from facepay.access.log import Decision, write
from facepay.access.logged import as_event
from facepay.access.places import Case, Place
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
    event = as_event(
        case.attempt,
        place.point,
        policy=place.policy.reference,
        given=case.given,
        holders=case.holders,
        noted=noted,
        stopped=stopped,
    )
    event_id = await write(session, event, now=now)
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
