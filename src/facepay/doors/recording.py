"""What follows from a door's decision: a line in the access log, where people are now, and who has to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access import presence
from facepay.access.holders import Holder
from facepay.access.presence import Presence
from facepay.access_log.log import Decision, write
from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind
from facepay.doors.attempts import Stopped, refusals_since
from facepay.doors.kinds import (
    FINGERPRINT_UNTRUSTED,
    PASSBACK_NOTED,
    REFUSED_REPEATEDLY,
    SEEN_IN_TWO_STORES,
    VISITOR_LEFT_ALONE,
)
from facepay.doors.logged import as_event
from facepay.doors.places import Case, Place

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
    alarms: Sequence[AlertKind] = (),
) -> None:
    """End the attempt as decided, in the log and everywhere else. `alarms` are of what was given just now."""
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
    kinds = set(alarms)
    if decision == "granted":
        kinds |= {SEEN_IN_TWO_STORES if each == SEEN_IN_TWO_STORES.name else PASSBACK_NOTED for each in noted}
        if await _leaves_a_visitor_alone(session, case):
            kinds.add(VISITOR_LEFT_ALONE)
    elif await _refused_again_and_again(session, place):
        kinds.add(REFUSED_REPEATEDLY)
    if code in FORGED:
        kinds.add(FINGERPRINT_UNTRUSTED)
    for kind in sorted(kinds, key=lambda each: each.name):
        await _alert(session, place, kind, Evidence("access_event", event_id), stopped, code=code)


async def alert_at_once(session: AsyncSession, case: Case, kinds: Sequence[AlertKind]) -> None:
    """Before all is given, and where nobody at the door can see it."""
    for kind in kinds:
        await _alert(session, case.place, kind, Evidence("access_attempt", case.attempt.id))


async def _leaves_a_visitor_alone(session: AsyncSession, case: Case) -> bool:
    """Somebody who may escort is gone, and nobody else who may is where somebody needs it."""
    zone_id = case.place.point.from_zone_id
    if zone_id is None or not any(case.holders[each].may_escort for each in case.named):
        return False
    there = select(Holder.id).join(Presence, Presence.holder_id == Holder.id).where(Presence.zone_id == zone_id)
    needs, may = there.where(Holder.escort_required).exists(), there.where(Holder.may_escort).exists()
    return bool(await session.scalar(select(needs & ~may)))


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
