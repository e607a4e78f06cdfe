"""What a kiosk or a member of staff can tell a person whose picture is refused, what helps most first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from facepay.vision.quality import QualityRefusal, Reason

FeedbackCode = Literal[
    "come_closer",
    "more_light",
    "less_light",
    "face_the_light",
    "hold_still",
    "face_the_camera",
    "uncover_your_eyes",
    "take_the_mask_off",
    "open_your_eyes",
    "close_your_mouth",
    "relax_your_face",
    "try_again",
]

# What disturbs the other measures comes first: a picture too small, dark, bright or blurred shows no lips, whether
# they are covered or not, and little light blurs. Then what hides most of a face; expressions hide least.
SENTENCES: dict[FeedbackCode, str] = {
    "come_closer": "Please come closer.",
    "more_light": "It is too dark here. Please step into the light.",
    "less_light": "The light is too bright. Please turn away from it.",
    "face_the_light": "Please turn your face towards the light.",
    "hold_still": "Please hold still.",
    "face_the_camera": "Please look straight into the camera.",
    "uncover_your_eyes": "Please uncover your eyes.",
    "take_the_mask_off": "Please uncover your mouth and nose.",
    "open_your_eyes": "Please open your eyes.",
    "close_your_mouth": "Please close your mouth.",
    "relax_your_face": "Please relax your face.",
    "try_again": "Your face can't be seen well. Please look into the camera with nothing before your face.",
}
_ORDER = list(SENTENCES)

_ADVICE: dict[Reason, FeedbackCode] = {
    "mouth_covered": "take_the_mask_off",
    "eyes_covered": "uncover_your_eyes",
    "face_too_small": "come_closer",
    "face_turned": "face_the_camera",
    "too_dark": "more_light",
    "too_bright": "less_light",
    "uneven_light": "face_the_light",
    "low_contrast": "face_the_light",
    "blurred": "hold_still",
    "eyes_closed": "open_your_eyes",
    "mouth_open": "close_your_mouth",
    "smiling": "relax_your_face",
    "low_detection_score": "try_again",
    "low_embedding_norm": "try_again",
}


@dataclass(frozen=True, slots=True)
class Feedback:
    """A stable code, for a device that speaks its own language, and an English sentence."""

    code: FeedbackCode
    message: str


def feedback(refusals: Sequence[QualityRefusal]) -> list[Feedback]:
    """What to do about these refusals, each advice once. "try_again" only where nothing better is known."""
    codes = {_ADVICE[refusal.reason] for refusal in refusals}
    if len(codes) > 1:
        codes.discard("try_again")
    return [Feedback(code, SENTENCES[code]) for code in sorted(codes, key=_ORDER.index)]
