"""What every device does with a sighting: examine, look the member up, ask for more where it is unsure, or refuse.

A device's room keeps its own record (`DeviceDecision`), calls `identify` and later `answer`, and does with a
`Recognised` member whatever the device is for: the same for a face and for a one-time pass.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity import edge, passes
from facepay.identity import step_up as stepping
from facepay.identity.lookalikes import lookalikes_of
from facepay.identity.passes import ShownPass
from facepay.identity.policy import Ambiguous, Match, Uncertain
from facepay.identity.sighting import Advice, Sighting, Unusable, WrongDigits, candidates_of, code_of
from facepay.identity.standing import standing_member
from facepay.identity.step_up import Proven
from facepay.identity.verdicts import Asked, DeviceDecision, Recognised, Shown, TurnedAway, Verdict
from facepay.kernel.auth import Principal
from facepay.kernel.passwords import PasswordHasher
from facepay.members.biometric_uses import Use, record_use
from facepay.members.members import Member, get_member
from facepay.members.pins import count_wrong_answer, is_locked
from facepay.presentation.examination import examine
from facepay.settings import Settings


async def identify(
    session: AsyncSession,
    *,
    record: DeviceDecision,
    device: Principal,
    shown: Shown,
    now: datetime,
    settings: Settings,
    alone: bool = False,
) -> Verdict:
    """Whom the device may serve. The record is filled in but for what the device decides; `alone` as below."""
    if isinstance(shown, ShownPass):
        return await _admit(session, record, device, shown, now)
    return await _recognise(session, record, device, shown, now, settings, alone)


async def _admit(
    session: AsyncSession, record: DeviceDecision, device: Principal, shown: ShownPass, now: datetime
) -> Verdict:
    """A pass comes from the app that the member is signed in to on their own phone, and is what a step-up takes, so
    there is nothing left to ask for. Eight typed digits may have been guessed: they count as much as a face.
    """
    member = await passes.spend(session, shown=shown, device_id=device.id, now=now)
    if not isinstance(member, Member):
        return TurnedAway(member, (Advice(member, passes.HINTS[member]),))
    record.member_id = member.id
    return Recognised(member, proven=not shown.typed)


async def _recognise(
    session: AsyncSession,
    record: DeviceDecision,
    device: Principal,
    sighting: Sighting,
    now: datetime,
    settings: Settings,
    alone: bool,
) -> Verdict:
    record.work_ms = round(sum(sighting.timings_ms.values())) or None
    if sighting.signed and (code := await edge.spend(session, signed=sighting.signed, device_id=device.id, now=now)):
        return TurnedAway(code)
    attack = await examine(
        session,
        device=device,
        evidences=sighting.evidences,
        challenge_id=sighting.challenge_id,
        now=now,
        settings=settings,
        calibration=sighting.calibration,
    )
    if attack is not None:
        return TurnedAway(attack.code, (Advice(attack.code, attack.hint),))
    outcome = sighting.outcome
    match outcome:
        case Match():
            return await _matched(session, record, device, outcome, sighting, now, settings, alone)
        case Ambiguous() | Uncertain():
            candidates = candidates_of(outcome)
            return await ask(session, record, device, code_of(outcome), candidates, now=now, settings=settings)
        case WrongDigits(member_id):
            return await _count_wrong_digits(session, member_id, now)
        case Unusable(code, advice):
            return TurnedAway(code, advice)
        case _:
            return TurnedAway(code_of(outcome))


async def _matched(
    session: AsyncSession,
    record: DeviceDecision,
    device: Principal,
    match: Match,
    sighting: Sighting,
    now: datetime,
    settings: Settings,
    alone: bool,
) -> Verdict:
    by_digits = sighting.narrowed_by == "phone_last_four"
    found = await standing_member(session, member_id=match.member_id, now=now, alone=alone or by_digits)
    if found is None:
        # Withdrawn between the match and this transaction: from here on they are a stranger.
        return TurnedAway("unknown_face")
    member = found.member
    if found.has_lookalikes:
        pair = (member.id, *await lookalikes_of(session, member_id=member.id))
        return await ask(session, record, device, "lookalike", pair, now=now, settings=settings)
    if found.is_watched:
        return await ask(session, record, device, "watched_member", (member.id,), now=now, settings=settings)
    if by_digits and is_locked(member, now=now):
        return TurnedAway("step_up_impossible")
    if by_digits and member.pin_hash is None:
        member.pin_failures = 0  # right digits end a run of wrong ones, as after a step-up; they forgive no wrong PIN
    record.member_id = member.id
    record.measured(match, sighting)
    if sighting.exhibit:
        sighting.exhibit.keep(session, key=found.key, decision_id=record.id, now=now)
    _note(session, record, device, member, Use.RECOGNISED, now)
    return Recognised(member)


async def _count_wrong_digits(session: AsyncSession, member_id: UUID, now: datetime) -> TurnedAway:
    """They are guessed as easily as digits given after the face, so they count as wrong answers; once these are locked,
    right digits and wrong ones get the same answer, or guessing would go on by it.
    """
    member = await session.get(Member, member_id, with_for_update=True)
    if member is not None and is_locked(member, now=now):
        return TurnedAway("step_up_impossible")
    if member is not None and member.is_active:
        count_wrong_answer(member, now=now)
    return TurnedAway("wrong_digits")


async def ask(
    session: AsyncSession,
    record: DeviceDecision,
    device: Principal,
    code: str,
    candidate_ids: Collection[UUID],
    *,
    now: datetime,
    settings: Settings,
) -> Asked | TurnedAway:
    """Ask for a second factor that these members have in common, where they have one."""
    step_up = await stepping.ask(
        session,
        attempt_id=record.id,
        device_id=device.id,
        candidate_ids=candidate_ids,
        now=now,
        lasts=timedelta(seconds=settings.step_up_seconds),
    )
    return TurnedAway("step_up_impossible") if step_up is None else Asked(code, step_up)


async def answer(
    session: AsyncSession,
    *,
    record: DeviceDecision,
    device: Principal,
    given: str | ShownPass,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
    alone: bool = False,
) -> Verdict:
    """Check digits or a pass, given as the answer to what the record's decision asked for.

    Raises AttemptNotFound and AttemptClosed.
    """
    result = await stepping.answer(
        session,
        attempt_id=record.id,
        device_id=device.id,
        given=given,
        now=now,
        answers_max=settings.step_up_answers_max,
        hasher=hasher,
    )
    record.decided_at = now
    if not isinstance(result, Proven):
        left = result.answers_left
        return Asked("wrong_answer", answers_left=left) if left else TurnedAway("wrong_answer", answers_left=left)
    if record.identified_by == "pass":
        return Recognised(await get_member(session, result.member_id), proven=True)
    found = await standing_member(session, member_id=result.member_id, now=now, alone=alone)
    if found is None:
        return TurnedAway("unknown_face")
    member = found.member
    record.member_id = member.id
    _note(session, record, device, member, Use.STEPPED_UP, now)
    return Recognised(member, proven=True)


def _note(
    session: AsyncSession, record: DeviceDecision, device: Principal, member: Member, use: Use, now: datetime
) -> None:
    record_use(
        session,
        member_id=member.id,
        use=use,
        actor=f"device:{device.id}",
        reference_id=record.id,
        similarity=record.similarity,
        now=now,
    )
