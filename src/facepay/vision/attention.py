"""Where people look: their faces linked over the frames of a burst, and their heads' direction against what there is.

A head is measured, not the eyes in it: whoever glances sideways with a still head looks straight ahead here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

from facepay.vision.evidence import FaceEvidence, Floats, FrameEvidence
from facepay.vision.quality import RECOGNITION, assess

# Smaller or vaguer ones are too far away to stand before anything; so is whoever has a fraction of the nearest's area.
HEIGHT_PX_MIN, DETECTION_SCORE_MIN, AREA_SHARE_MIN = 48.0, 0.6, 0.1
# Two boxes that share as much of what both cover are of one who stands there, where no face says otherwise.
OVERLAP_MIN = 0.3


@dataclass(frozen=True, slots=True)
class Direction:
    """How a head is turned that looks at something, as `pose_degrees` measures it: 0, 0 is the camera itself, a
    positive yaw is to the image's right, a positive pitch down. `tolerance_degrees` is the radius around it.
    """

    yaw_degrees: float
    pitch_degrees: float
    tolerance_degrees: float


@dataclass(frozen=True, slots=True)
class Track:
    """One person over a burst: the numbers of the frames that show them, in order, and their face in each."""

    views: tuple[tuple[int, FaceEvidence], ...]

    @property
    def last(self) -> FaceEvidence:
        return self.views[-1][1]

    @property
    def recognisable(self) -> FaceEvidence | None:
        """The last view whose embedding can be trusted."""
        return next((face for _, face in reversed(self.views) if is_recognisable(face)), None)


def looked_at(face: FaceEvidence, directions: Sequence[Direction]) -> int | None:
    """The index of the direction that the head points in: of several within tolerance the nearest."""
    apart = [
        hypot(face.quality.yaw_degrees - each.yaw_degrees, face.quality.pitch_degrees - each.pitch_degrees)
        for each in directions
    ]
    within = [index for index, each in enumerate(directions) if apart[index] <= each.tolerance_degrees]
    return min(within, key=lambda index: apart[index], default=None)


def follow(evidences: Sequence[FrameEvidence], *, same_person_cosine_min: float) -> list[Track]:
    """The people of a burst. Faces must be embedded; those that aren't are left out, and so are the far and the vague.

    Two views that can be recognised are one person's where they are alike; else those are that overlap.
    """
    tracks: list[Track] = []
    for number, evidence in enumerate(evidences):
        faces = [face for face in evidence.faces if _is_near(face)]
        pairs = [
            (score, index, position)
            for index, track in enumerate(tracks)
            for position, face in enumerate(faces)
            if (score := _sameness(track, face, same_person_cosine_min)) > 0
        ]
        given = dict(best_pairs(pairs))
        taken = {position: index for index, position in given.items()}
        for position, face in enumerate(faces):
            if position in taken:
                track = tracks[taken[position]]
                tracks[taken[position]] = Track((*track.views, (number, face)))
            else:
                tracks.append(Track(((number, face),)))
    return tracks


def best_pairs(scored: Sequence[tuple[float, int, int]]) -> list[tuple[int, int]]:
    """Of (score, one, other) the pairs to keep, the highest first, each one and each other at most once."""
    ones, others, kept = set[int](), set[int](), list[tuple[int, int]]()
    for _, one, other in sorted(scored, key=lambda each: -each[0]):
        if one not in ones and other not in others:
            ones.add(one)
            others.add(other)
            kept.append((one, other))
    return kept


def overlap(one: Sequence[float] | Floats, other: Sequence[float] | Floats) -> float:
    """What two boxes (left, top, right, bottom) share, over what they cover together."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    shared = float(max(across, 0) * max(down, 0))
    areas = sum(float((box[2] - box[0]) * (box[3] - box[1])) for box in (one, other))
    return shared / (areas - shared) if areas > shared else 0.0


def is_recognisable(face: FaceEvidence) -> bool:
    """Whether its embedding says who it is."""
    return face.embedding is not None and not assess(face, policy=RECOGNITION)


def _is_near(face: FaceEvidence) -> bool:
    tall = float(face.box[3] - face.box[1]) >= HEIGHT_PX_MIN
    return face.embedding is not None and tall and face.quality.detection_score >= DETECTION_SCORE_MIN


def _sameness(track: Track, face: FaceEvidence, cosine_min: float) -> float:
    """Above 0 where both are one person; a face says more than a place."""
    known = track.recognisable
    if known is not None and is_recognisable(face):
        assert known.embedding is not None
        assert face.embedding is not None
        cosine = float(known.embedding @ face.embedding)
        return 1 + cosine if cosine >= cosine_min else 0.0
    shared = overlap(track.last.box, face.box)
    return shared if shared >= OVERLAP_MIN else 0.0
