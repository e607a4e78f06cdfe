"""Who stood before a camera in a burst, at what each looked, for how long, and whether they smiled at it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from uuid import UUID

from facepay.taste.views import Viewed
from facepay.vision.attention import Track, looked_at
from facepay.vision.evidence import FaceEvidence, FrameEvidence
from facepay.vision.expression import SMILE_THRESHOLD, smile_strength

# A head that passes a direction while it turns is within it for a frame.
FRAMES_MIN = 2
Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the frame."""


@dataclass(frozen=True, slots=True, repr=False)
class Burst:
    """2 to 10 frames at an interval, the first taken at `captured_at` by the device's clock."""

    frames: tuple[bytes, ...]
    run: str
    sequence: int
    captured_at: datetime
    interval_ms: int

    @property
    def duration_ms(self) -> int:
        """Each frame stands for the time until the next, so that bursts one after another leave nothing out."""
        return len(self.frames) * self.interval_ms


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody gave a product in a burst: `smile_ms` is how much of the attention was with a smile, `smile`
    its mean strength over all of it. They smiled if they did for half of it.
    """

    attention_ms: int
    smile_ms: int
    smile: float

    @property
    def smiled(self) -> bool:
        return 2 * self.smile_ms >= self.attention_ms


@dataclass(frozen=True, slots=True, eq=False)
class Looker:
    """One person of a burst. `first_box` and `last_box` are where they stood when it began and ended for them."""

    track: Track
    first_box: Box
    last_box: Box
    dwell_ms: int
    looks: dict[UUID, Look]

    @property
    def nearness(self) -> float:
        """The area of their face in the frame, as a share of it."""
        left, top, right, bottom = self.last_box
        return (right - left) * (bottom - top)


def lookers_of(
    tracks: Sequence[Track], evidences: Sequence[FrameEvidence], *, view: Sequence[Viewed], interval_ms: int
) -> list[Looker]:
    """The nearest first. Whoever is in a single frame only passed by."""
    lookers = [
        Looker(
            track=track,
            first_box=_box(track.views[0], evidences),
            last_box=_box(track.views[-1], evidences),
            dwell_ms=len(track.views) * interval_ms,
            looks=_looks(track, view, interval_ms),
        )
        for track in tracks
        if len(track.views) >= FRAMES_MIN
    ]
    return sorted(lookers, key=lambda looker: -looker.nearness)


def _looks(track: Track, view: Sequence[Viewed], interval_ms: int) -> dict[UUID, Look]:
    directions = [viewed.direction for viewed in view]
    smiles: dict[UUID, list[float]] = {}
    for _, face in track.views:
        index = looked_at(face, directions)
        if index is not None:
            smiles.setdefault(view[index].product_id, []).append(_smile(face))
    return {
        product_id: Look(
            attention_ms=len(strengths) * interval_ms,
            smile_ms=sum(strength > 0 for strength in strengths) * interval_ms,
            smile=fmean(strengths),
        )
        for product_id, strengths in smiles.items()
        if len(strengths) >= FRAMES_MIN
    }


def _smile(face: FaceEvidence) -> float:
    """Its strength; 0 of a face that isn't said to smile, so that nobody's mouth at rest speaks for a product."""
    strength = smile_strength(face) or 0.0
    return strength if strength >= SMILE_THRESHOLD else 0.0


def _box(view: tuple[int, FaceEvidence], evidences: Sequence[FrameEvidence]) -> Box:
    number, face = view
    left, top, right, bottom = map(float, face.box)
    width, height = evidences[number].width, evidences[number].height
    return left / width, top / height, right / width, bottom / height
