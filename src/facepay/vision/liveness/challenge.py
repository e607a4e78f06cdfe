"""Did the person do what they were asked, in this order? By head pose and expression over the frames of a burst.

The first frame shows the face straight and at rest; all others are measured against it. A head's turn is the nose's
parallax against eyes and mouth, so a flat picture that is turned, tilted or bent before the camera has next to none.
A print that is bent around an upright axis and tilted back has some: but it has to be tilted so far that the face
grows short, and who looks up doesn't. A tilted print also closes its eyes: expressions count on a still head only.
Left and right are the person's own, and frames are not mirrored: who turns left points to the image's right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Literal

import numpy as np

from facepay.vision.evidence import FaceEvidence, Floats


class Action(StrEnum):
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    LOOK_UP = "look_up"
    SMILE = "smile"
    OPEN_MOUTH = "open_mouth"
    BLINK = "blink"


POSES = (Action.TURN_LEFT, Action.TURN_RIGHT, Action.LOOK_UP)
EXPRESSIONS = (Action.SMILE, Action.OPEN_MOUTH, Action.BLINK)
STEPS_MIN, STEPS_MAX = 2, 3
FRAMES_MAX = 10

WORDS = {
    Action.TURN_LEFT: "Turn your head to your left.",
    Action.TURN_RIGHT: "Turn your head to your right.",
    Action.LOOK_UP: "Raise your chin and look up.",
    Action.SMILE: "Look straight ahead and smile.",
    Action.OPEN_MOUTH: "Look straight ahead and open your mouth.",
    Action.BLINK: "Look straight ahead and close your eyes for a moment.",
}

ChallengeFault = Literal[
    "challenge_frames_missing",
    "challenge_face_lost",
    "challenge_face_swapped",
    "challenge_not_straight",
    "challenge_wrong_action",
    "challenge_incomplete",
]


@dataclass(frozen=True, slots=True)
class ChallengePolicy:
    """How far each action must go, against the first frame. `benchmarks.presentation` measures both errors."""

    yaw_degrees_min: float = 18.0
    pitch_degrees_min: float = 16.0
    height_share_min: float = 0.95
    straight_yaw_degrees_max: float = 15.0
    still_share_max: float = 0.15
    smile_min: float = 0.18
    mouth_open_min: float = 0.15
    eyes_closed_share_max: float = 0.55


@dataclass(frozen=True, slots=True)
class ChallengeFailure:
    """Why a burst doesn't answer its challenge; `frame` is the first that doesn't fit, `done` the steps until then."""

    code: ChallengeFault
    frame: int
    done: int
    measured: dict[str, float] = field(default_factory=dict)


Choose = Callable[[Sequence[Action]], Action]


def draw(actions: Sequence[Action], *, steps: int, choose: Choose) -> tuple[Action, ...]:
    """A random sequence in which no action follows itself. `choose` is `secrets.choice`, where it counts."""
    drawn: list[Action] = []
    for _ in range(steps):
        drawn.append(choose([action for action in actions if action not in drawn[-1:]]))
    return tuple(drawn)


def verify(
    steps: Sequence[Action],
    faces: Sequence[FaceEvidence | None],
    *,
    policy: ChallengePolicy,
    same_person_cosine_min: float,
    old: Collection[int] = (),
) -> ChallengeFailure | None:
    """None where the burst answers the challenge. `faces` are the nearest of each frame in order, None where none is.

    The first frame is the face at rest; then each frame shows the step that is due, or none, or still the one before.
    A closed eye is never wrong, since everybody blinks. Frames numbered in `old` were sent before and do no step.
    """
    found = [face for face in faces if face is not None]
    if len(faces) < len(steps) + 1:
        return ChallengeFailure("challenge_frames_missing", len(faces), 0)
    if len(found) < len(faces):
        return ChallengeFailure("challenge_face_lost", faces.index(None), 0)
    swapped = find_swap(found, same_person_cosine_min)
    if swapped is not None:
        return swapped
    neutral = found[0]
    yaw = neutral.quality.yaw_degrees
    if abs(yaw) > policy.straight_yaw_degrees_max:
        return ChallengeFailure("challenge_not_straight", 0, 0, {"yaw_degrees": yaw})
    done = 0
    for number, face in enumerate(found[1:], start=1):
        shown = shown_by(face, neutral, policy=policy)
        if done < len(steps) and shown == steps[done]:
            done += number not in old
        elif shown not in (None, Action.BLINK, *steps[max(0, done - 1) : done]):
            return ChallengeFailure("challenge_wrong_action", number, done)
    return None if done == len(steps) else ChallengeFailure("challenge_incomplete", len(found), done)


def shown_by(face: FaceEvidence, neutral: FaceEvidence, *, policy: ChallengePolicy) -> Action | None:
    """The one action that a face shows, against the face at rest; None at rest."""
    now, rest = face.quality, neutral.quality
    _, mouth = _heights(face) / _heights(neutral)
    yaw, pitch = now.yaw_degrees - rest.yaw_degrees, now.pitch_degrees - rest.pitch_degrees
    if abs(yaw) >= policy.yaw_degrees_min:
        return Action.TURN_LEFT if yaw > 0 else Action.TURN_RIGHT
    if -pitch >= policy.pitch_degrees_min and mouth >= policy.height_share_min:
        return Action.LOOK_UP
    if not is_still(face, neutral, policy=policy):
        return None
    if _risen(now.mouth_open, rest.mouth_open) >= policy.mouth_open_min:
        return Action.OPEN_MOUTH
    if _closed(now.eyes_open, rest.eyes_open, share_max=policy.eyes_closed_share_max):
        return Action.BLINK
    if _risen(now.smile, rest.smile) >= policy.smile_min:
        return Action.SMILE
    return None


def is_still(face: FaceEvidence, neutral: FaceEvidence, *, policy: ChallengePolicy) -> bool:
    """Whether the head is held as it was at rest: else its mouth may look different for how it is turned or tilted."""
    nose, _ = _heights(face) / _heights(neutral)
    yaw = face.quality.yaw_degrees - neutral.quality.yaw_degrees
    return bool(abs(yaw) < policy.yaw_degrees_min and abs(nose - 1) <= policy.still_share_max)


def _heights(face: FaceEvidence) -> Floats:
    """How far nose and mouth are from the middle between the eyes, (2,), over the distance of the eyes."""
    eyes, mouth = face.landmarks[:2], face.landmarks[3:]
    apart = np.stack([face.landmarks[2], mouth.mean(axis=0)]) - eyes.mean(axis=0)
    return np.asarray(np.linalg.norm(apart, axis=1) / np.linalg.norm(eyes[1] - eyes[0]), np.float32)


def _risen(value: float | None, rest: float | None) -> float:
    return 0.0 if value is None or rest is None else value - rest


def _closed(value: float | None, rest: float | None, *, share_max: float) -> bool:
    return value is not None and rest is not None and value <= share_max * rest


def find_swap(faces: Sequence[FaceEvidence], cosine_min: float) -> ChallengeFailure | None:
    """The first frame whose face is not the one of the first and of the frame before."""
    embeddings = [face.embedding for face in faces]
    for number, (before, after) in enumerate(pairwise(embeddings), start=1):
        assert before is not None
        assert after is not None
        assert embeddings[0] is not None
        cosine = min(float(before @ after), float(embeddings[0] @ after))
        if cosine < cosine_min:
            return ChallengeFailure("challenge_face_swapped", number, 0, {"similarity": cosine})
    return None
