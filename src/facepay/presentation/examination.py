"""Is it the person, or a picture of them? What a device requires is examined here, before a face may do anything.

A check that is required and can't be done is refused: no challenge, no depth map, no passive model, no face to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.calibration.calibration import Calibration
from facepay.kernel.auth import PresentationCheck, Principal
from facepay.presentation.challenges import spend
from facepay.presentation.replays import seen_before
from facepay.settings import Settings
from facepay.vision.evidence import FaceEvidence, FrameEvidence
from facepay.vision.liveness.challenge import WORDS, ChallengePolicy, verify
from facepay.vision.liveness.depth import ReliefPolicy, fault_of

# Strangers who are swapped during a burst pass for one person so often. A head that turns is less like itself.
SWAP_FMR = 1e-4

HINTS = {
    PresentationCheck.CHALLENGE: "Please do again what the screen asks, slowly, and stay before the camera.",
    PresentationCheck.DEPTH: "Please face the camera from half a metre away, with nothing before your face.",
    PresentationCheck.PASSIVE: "Please come closer, into even light, with nothing before your face.",
    PresentationCheck.REPLAY: "Please look into the camera once more.",
}


@dataclass(frozen=True, slots=True)
class PresentationAttack:
    """Why a presentation is not taken for a person: a stable code, what was measured, and what the person can do."""

    check: PresentationCheck
    code: str
    hint: str
    measured: dict[str, float] = field(default_factory=dict)


async def examine(
    session: AsyncSession,
    *,
    device: Principal,
    evidences: Sequence[FrameEvidence],
    challenge_id: UUID | None,
    now: datetime,
    settings: Settings,
    calibration: Calibration,
    subject_id: UUID | None = None,
) -> PresentationAttack | None:
    """The first check that this device requires and that these frames (one, or a burst in order) don't pass.

    The nearest face of each frame counts. `points` must have been asked for where a challenge is required, and
    `with_relief` have been applied to at least one frame where depth is. The challenge is spent and the frames are
    remembered in the caller's transaction, which has to be committed after a refusal too. `subject_id` is what the
    challenge has to be about. Where a challenge is required, frames seen before show none of its steps, and are taken
    otherwise: who is back looks as they did.
    """
    required = device.presentation_checks
    attacks: list[PresentationAttack | None] = []
    seen: list[bool] = []
    if PresentationCheck.REPLAY in required:
        fingerprints = [evidence.fingerprint for evidence in evidences if evidence.fingerprint]
        if len(fingerprints) < len(evidences):
            attacks.append(_attack(PresentationCheck.REPLAY, "replay_unmeasured"))
        else:
            kept_for = timedelta(days=settings.replay_days)
            seen = await seen_before(
                session,
                fingerprints=fingerprints,
                device_id=device.id,
                subject_id=subject_id,
                now=now,
                kept_for=kept_for,
            )
    old = [number for number, before in enumerate(seen) if before]
    if PresentationCheck.CHALLENGE in required:
        attacks.append(await _challenge(session, device, evidences, old, challenge_id, subject_id, now, calibration))
    elif old:
        attacks.append(_seen_before(old))
    if PresentationCheck.DEPTH in required:
        attacks.append(_depth(evidences))
    if PresentationCheck.PASSIVE in required:
        attacks.append(_passive(evidences, live_score_min=settings.live_score_min))
    return next((attack for attack in attacks if attack is not None), None)


def _attack(check: PresentationCheck, code: str, **measured: float) -> PresentationAttack:
    return PresentationAttack(check, code, HINTS[check], measured)


def _seen_before(old: Sequence[int]) -> PresentationAttack:
    return _attack(PresentationCheck.REPLAY, "frame_seen_before", frame=old[0])


def _nearest(evidence: FrameEvidence) -> FaceEvidence | None:
    return evidence.faces[0] if evidence.faces else None


async def _challenge(
    session: AsyncSession,
    device: Principal,
    evidences: Sequence[FrameEvidence],
    old: Sequence[int],
    challenge_id: UUID | None,
    subject_id: UUID | None,
    now: datetime,
    calibration: Calibration,
) -> PresentationAttack | None:
    if challenge_id is None:
        return _attack(PresentationCheck.CHALLENGE, "challenge_required")
    steps = await spend(session, challenge_id=challenge_id, device_id=device.id, subject_id=subject_id, now=now)
    if isinstance(steps, str):
        return _attack(PresentationCheck.CHALLENGE, steps)
    check = partial(
        verify,
        steps,
        [_nearest(evidence) for evidence in evidences],
        policy=ChallengePolicy(),
        same_person_cosine_min=calibration.similarity_at(SWAP_FMR),
    )
    failure = check(old=old)
    if failure is None:
        return None
    if old and check() is None:
        return _seen_before(old)
    hint = WORDS[steps[failure.done]] if failure.code == "challenge_incomplete" else HINTS[PresentationCheck.CHALLENGE]
    measured = {"frame": failure.frame, "done": failure.done, "steps": len(steps), **failure.measured}
    return PresentationAttack(PresentationCheck.CHALLENGE, failure.code, hint, measured)


def _depth(evidences: Sequence[FrameEvidence]) -> PresentationAttack | None:
    """Every map that came must show a face: one print among good frames is one too many."""
    reliefs = [face.relief for face in map(_nearest, evidences) if face and face.relief]
    if not reliefs:
        return _attack(PresentationCheck.DEPTH, "depth_required")
    for relief in reliefs:
        fault = fault_of(relief, policy=ReliefPolicy())
        if fault:
            measured = {name: round(float(getattr(relief, name)), 3) for name in relief.__slots__}
            return _attack(PresentationCheck.DEPTH, fault, **measured)
    return None


def _passive(evidences: Sequence[FrameEvidence], *, live_score_min: float) -> PresentationAttack | None:
    """Each frame must look alive. Where no model is set, nothing is measured, and nobody is served."""
    scores = [face.live_score if face else None for face in map(_nearest, evidences)]
    if not scores or None in scores:
        return _attack(PresentationCheck.PASSIVE, "liveness_unmeasured")
    lowest = min(score for score in scores if score is not None)
    if lowest >= live_score_min:
        return None
    return _attack(PresentationCheck.PASSIVE, "not_live", live_score=round(lowest, 3), limit=live_score_min)
