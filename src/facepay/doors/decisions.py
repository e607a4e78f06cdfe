"""A door's decision: what was given so far, under the policy in force now, and everything that follows from it.

One transaction holds the decision, the presence that it changes, its line in the access log and the alerts that it
raises. Locks are taken in the order: attempt, door, member, holders (by id), credential, zone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.kinds import AlertKind
from facepay.channel import interlocks
from facepay.channel.doors import door_of
from facepay.doors import attempts
from facepay.doors.attempts import FACTORS_MAX, AccessAttempt, AttemptFactor, Given, Proof, Stopped
from facepay.doors.barriers import against
from facepay.doors.kinds import DURESS, PIN_LOCKED
from facepay.doors.logged import write_left
from facepay.doors.places import Case, hold_holders, lock_holders, named_holders, place_of
from facepay.doors.recording import alert_at_once, conclude
from facepay.doors.rulings import OTHER_HOLDER, Denied, Granted, More, Ruling
from facepay.doors.words import told
from facepay.identity.sighting import Advice
from facepay.kernel.auth import PresentationCheck, Principal

ON_ITS_WAY = timedelta(seconds=3)  # from a door that somebody opened until its sensor has said so
# What comes of a factor that is given now, in the case as it stands.
Prove = Callable[[AsyncSession, Case], Awaitable[Given]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the door does now, and the reason that it is told: the log has the true one."""

    attempt: AccessAttempt
    ruling: Ruling
    code: str
    command_number: int
    open_seconds: int | None = None
    liveness: frozenset[PresentationCheck] = frozenset()
    advice: tuple[Advice, ...] = ()

    @property
    def decision(self) -> Literal["granted", "denied", "more"]:
        match self.ruling:
            case Granted():
                return "granted"
            case Denied():
                return "denied"
            case More():
                return "more"


async def open_attempt(session: AsyncSession, *, device: Principal, access_point_id: UUID, now: datetime) -> Outcome:
    """Begin: what has to be given, or why nothing helps here and now. Raises WrongStore and PointBusy."""
    place = await place_of(session, device=device, access_point_id=access_point_id, now=now)
    attempt, left = await attempts.start(
        session, access_point_id=place.point.id, opened_under=place.policy.reference, lasts=place.window, now=now
    )
    case = Case(place, attempt, await door_of(session, device_id=device.id))
    if left is not None:
        await write_left(session, left, place.point, now=now)
    return await _outcome(session, case, _at_once(case) or case.ruling())


async def give(
    session: AsyncSession, *, device: Principal, access_point_id: UUID, attempt_id: UUID, prove: Prove, now: datetime
) -> Outcome:
    """One more factor, and what comes of it. Raises WrongStore and AttemptNotFound."""
    attempt = await attempts.attempt_of(session, attempt_id=attempt_id, access_point_id=access_point_id)
    place = await place_of(session, device=device, access_point_id=access_point_id, now=now)
    door = await door_of(session, device_id=device.id)
    given = await attempts.factors_of(session, attempt_id=attempt.id)
    case = Case(place, attempt, door, given, await named_holders(session, given))
    if attempt.ended_at is not None:
        return Outcome(attempt, Denied("attempt_over"), told("attempt_over"), door.command_number)
    if now >= case.deadline:
        return await _cut_short(session, case, Denied("attempt_over"))
    if ruling := _at_once(case):
        return await _cut_short(session, case, ruling)
    came = await prove(session, case)
    match came:
        case Stopped(_, code, advice):
            return await _cut_short(session, case, Denied(code), advice=advice, stopped=came)
        case Proof():
            return await _rule(session, await _with(session, case, came), alarms=_alarms(came))
        case attempts.Again(code, advice):
            return Outcome(attempt, case.ruling(), code, door.command_number, liveness=case.liveness, advice=advice)


def _alarms(proof: Proof) -> list[AlertKind]:
    """What the guard hears of a factor at once, whatever else is to come."""
    return [DURESS] * proof.duress + [PIN_LOCKED] * (proof.fault == "pin_locked")


def _at_once(case: Case) -> Ruling | None:
    """What is so for everybody, whoever they are: nobody is looked up for it."""
    if case.door.released:
        return Granted()
    if case.door.is_shut_to("exit" if case.place.leads_out else "entry"):
        return Denied("lockdown" if case.door.emergency else "door_locked")
    if not case.place.point.enabled:
        return Denied("access_point_off")
    return None if case.place.policy.rules else Denied("outside_hours")


async def _with(session: AsyncSession, case: Case, proof: Proof) -> Case:
    """One factor more, and everybody who is named under lock: their rights, and where they are, are what they are now.

    Whoever was named stays so: what names somebody else comes out of another person's pocket. Of somebody who was
    erased meanwhile, nothing was given.
    """
    case = case.of(await lock_holders(session, [*(each.holder_id for each in case.given), proof.holder_id]))
    if proof.holder_id not in (None, *case.holders):
        proof = Proof(proof.factor, fault="holder_erased")
    giving, last = case.giving, case.given[-1] if case.given else None
    named = giving.holder_id if giving else None
    other = proof.fault is None and named is not None and proof.holder_id != named
    factor = AttemptFactor(
        attempt_id=case.attempt.id,
        place=last.place + 1 if last else 0,
        person=last.person + (giving is None) if last else 0,
        factor=proof.factor,
        fault=OTHER_HOLDER if other else proof.fault,
        holder_id=proof.holder_id,
        measured=dict(proof.measured),
        checks=sorted(proof.checks),
        reader_id=proof.reader_id,
        duress=proof.duress,
        given_at=case.place.now,
    )
    session.add(factor)
    await session.flush()
    return replace(case, given=[*case.given, factor])


async def _cut_short(
    session: AsyncSession,
    case: Case,
    ruling: Ruling,
    *,
    advice: tuple[Advice, ...] = (),
    stopped: Stopped | None = None,
) -> Outcome:
    """What is decided without a factor more: nobody who was named has been locked for it."""
    case = case.of(await hold_holders(session, case.given))
    return await _outcome(session, case, ruling, advice=advice, stopped=stopped)


async def _rule(session: AsyncSession, case: Case, *, alarms: Sequence[AlertKind]) -> Outcome:
    ruling, noted = case.ruling(), tuple[str, ...]()
    if isinstance(ruling, More) and len(case.given) >= FACTORS_MAX:
        ruling = Denied("too_many_factors")
    if isinstance(ruling, Granted):
        found = await against(session, case)
        ruling, noted = case.ruling(*found.barriers), found.noted
    if isinstance(ruling, Granted) and await _another_is_open(session, case):
        ruling = Denied("door_interlocked")
    return await _outcome(session, case, ruling, noted=noted, alarms=alarms)


async def _another_is_open(session: AsyncSession, case: Case) -> bool:
    """Of the doors of its interlocks; where none is, no other may open while this one is released."""
    if not case.door.interlocked:
        return False
    place, lasts = case.place, timedelta(seconds=case.open_seconds) + ON_ITS_WAY
    claimed = interlocks.claim(session, device_id=place.device.id, now=place.now, lasts=lasts, leaving=place.leads_out)
    return await claimed is not None


async def _outcome(
    session: AsyncSession,
    case: Case,
    ruling: Ruling,
    *,
    advice: tuple[Advice, ...] = (),
    noted: tuple[str, ...] = (),
    stopped: Stopped | None = None,
    alarms: Sequence[AlertKind] = (),
) -> Outcome:
    open_seconds = None
    match ruling:
        case More():
            await alert_at_once(session, case, alarms)
            code = "next_person" if case.claimants and case.giving is None else "give_more"
        case Granted():
            code = case.door.release_code if case.door.released else "granted"
            open_seconds = case.open_seconds
            await conclude(session, case, decision="granted", code=code, noted=noted, alarms=alarms)
        case Denied(code):
            await conclude(session, case, decision="denied", code=code, stopped=stopped, alarms=alarms)
    shown = told(code, stopped=stopped is not None)
    return Outcome(case.attempt, ruling, shown, case.door.command_number, open_seconds, case.liveness, advice)
