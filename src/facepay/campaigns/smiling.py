"""Did a smile come over this face, in this burst? Pure: faces in, strength or the fault out.

The first frame shows the face at rest, and later ones are measured against it, so a picture of somebody who smiles has
no rest to begin from. One person is there throughout, and until the smile has come nothing jumps from one frame to the
next: pictures that take each other's place seldom lie so exactly. And the mouth has to change against the rest of the
face: points of a flat print that is moved, turned or tilted are an affine map of what they were, and once they are laid
over the first frame by eyes, brows and nose, its mouth lies where it lay, which tilting alone makes look like a smile.
Nor does a mouth smile that was drawn down before: measured against everybody's rest it has to smile, too.

None of that tells a person from a screen that plays one: for that a device has its presentation checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from facepay.vision.evidence import FaceEvidence
from facepay.vision.expression import SMILE_THRESHOLD, smile_strength
from facepay.vision.liveness.challenge import ChallengePolicy, find_swap, is_still

FRAMES_MIN = 3
# Of the 106 points those of eyes, brows and nose: a smile hardly moves them.
_STEADY = np.r_[33:52, 72:106]
Fault = Literal["face_lost", "face_swapped", "not_neutral", "head_moved", "no_smile"]

HINTS: dict[Fault, str] = {
    "face_lost": "Please stay before the camera until the end.",
    "face_swapped": "One person at a time, please: stay before the camera, and keep still.",
    "not_neutral": "Please begin with a straight face, and smile then.",
    "head_moved": "Please hold your head still while you smile.",
    "no_smile": "Now smile a little more.",
}


@dataclass(frozen=True, slots=True)
class SmilePolicy:
    """How near to rest a burst begins, how far the mouth must move against the face, and how much may change from one
    frame to the next.
    """

    neutral_max: float = SMILE_THRESHOLD
    rise_min: float = 0.2  # of the strength, with the face laid over its rest
    jump_degrees_max: float = 15.0
    jump_share_max: float = 0.6  # of the distance between the eyes
    jump_scale_max: float = 1.2
    jump_cosine_min: float = 0.65


@dataclass(frozen=True, slots=True)
class Smile:
    """`strength`, 0 to 1, is the most that the burst shows, against its first frame or against everybody's rest,
    whichever is less; `neutral` is what the first frame shows.
    """

    strength: float
    neutral: float


@dataclass(frozen=True, slots=True)
class SmileFault:
    """Why a burst shows no smile that counts; `frame` is the first that doesn't fit."""

    code: Fault
    frame: int
    measured: dict[str, float] = field(default_factory=dict)

    @property
    def hint(self) -> str:
        return HINTS[self.code]


def judge_smile(
    faces: Sequence[FaceEvidence | None],
    *,
    same_person_cosine_min: float,
    policy: SmilePolicy = SmilePolicy(),
    still: ChallengePolicy = ChallengePolicy(),
) -> Smile | SmileFault:
    """`faces` are the nearest of each frame in order, None where none is, embedded and with their 106 points."""
    found = [face for face in faces if face is not None]
    if len(found) < len(faces):
        return SmileFault("face_lost", faces.index(None))
    if swap := find_swap(found, same_person_cosine_min):
        return SmileFault("face_swapped", swap.frame, swap.measured)
    rest = found[0]
    neutral = _strength(rest)
    if neutral > policy.neutral_max:
        return SmileFault("not_neutral", 0, {"neutral": neutral})
    stills = {n: face for n, face in enumerate(found) if n and is_still(face, rest, policy=still)}
    if not stills:
        return SmileFault("head_moved", 1)
    at_rest = _strength(rest, rest)
    strengths = {n: _shown(face, rest) if _rises(face, rest, policy) else at_rest for n, face in stills.items()}
    peak = max(strengths, key=lambda n: strengths[n])
    for n, (before, after) in enumerate(pairwise(found[: peak + 1]), start=1):
        if _jumps(before, after, policy):
            return SmileFault("face_swapped", n)
    return Smile(round(strengths[peak], 4), round(neutral, 4))


def _shown(face: FaceEvidence, rest: FaceEvidence) -> float:
    """A rest that was put on makes no smile of letting it go."""
    return min(_strength(face, rest), _strength(face))


def _strength(face: FaceEvidence, rest: FaceEvidence | None = None) -> float:
    strength = smile_strength(face, rest)
    assert strength is not None, "its points were asked for"
    return strength


def _rises(face: FaceEvidence, rest: FaceEvidence, policy: SmilePolicy) -> bool:
    """Whether the mouth smiles more than at rest with the face laid over it, by the points alone."""
    assert face.points is not None, "its points were asked for"
    assert rest.points is not None
    plane = np.column_stack([face.points, np.ones(len(face.points))])
    onto_rest = np.linalg.lstsq(plane[_STEADY], rest.points[_STEADY], rcond=None)[0]
    pose = {"yaw_degrees": rest.quality.yaw_degrees, "pitch_degrees": rest.quality.pitch_degrees}
    laid = replace(
        face,
        points=(plane @ onto_rest).astype(np.float32),
        quality=replace(face.quality, **pose),
        happiness=None,
    )
    by_points = replace(rest, happiness=None)
    return _strength(laid, by_points) - _strength(by_points, by_points) >= policy.rise_min


def _jumps(before: FaceEvidence, after: FaceEvidence, policy: SmilePolicy) -> bool:
    """Whether it is in another pose, place or size all at once, or looks like another picture of the same person."""
    one, two = before.quality, after.quality
    degrees = max(
        abs(one.yaw_degrees - two.yaw_degrees),
        abs(one.pitch_degrees - two.pitch_degrees),
        abs(one.roll_degrees - two.roll_degrees),
    )
    shift = np.linalg.norm(after.landmarks[:2].mean(axis=0) - before.landmarks[:2].mean(axis=0))
    sizes = sorted((one.eye_distance_px, two.eye_distance_px))
    assert before.embedding is not None, "nearest faces are embedded"
    assert after.embedding is not None
    return bool(
        degrees > policy.jump_degrees_max
        or shift > policy.jump_share_max * sizes[0]
        or sizes[1] > policy.jump_scale_max * sizes[0]
        or before.embedding @ after.embedding < policy.jump_cosine_min
    )
