"""Eyes, mouth and smile by the 106 points of 2d106det, free of the head's size and roll; and how much it smiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facepay.vision.evidence import FaceEvidence, Floats
from facepay.vision.smiles import INNER_LIPS, MOUTH_CORNERS, OUTER_LIPS, shipped_model

SMILE_THRESHOLD = 0.5
"""From this `smile_strength` on a face is said to smile: where both errors were alike when the model was fitted."""

# Points of 2d106det, left and right as the image shows them: corners, upper lid, lower lid.
_LEFT_EYE = ([35, 39], [41, 40, 42], [36, 33, 37])
_RIGHT_EYE = ([89, 93], [95, 94, 96], [90, 87, 91])


@dataclass(frozen=True, slots=True)
class Expression:
    """Ratios of lengths in a face.

    `left_eye_open` and `right_eye_open` are the lids' distance over the eye's width, `mouth_open` the lips'
    distance and `smile` the mouth's width with twice its corners' lift, both over the distance of the eyes.
    """

    left_eye_open: float
    right_eye_open: float
    mouth_open: float
    smile: float


def smile_strength(face: FaceEvidence, neutral: FaceEvidence | None = None) -> float | None:
    """How much a face smiles, from 0 (at rest) to 1 (laughing); None where its points weren't asked for.

    `neutral` is the same person at rest: then it is measured against that face, not against everybody's. Where a model
    of the shop's own told how likely each of them is happy, that counts, and the share of it that wasn't there at rest.
    """
    if face.happiness is None:
        return shipped_model().strength(face, neutral)
    rest = 0.0 if neutral is None or neutral.happiness is None else neutral.happiness
    return max(0.0, (face.happiness - rest) / max(1.0 - rest, 1e-6))


def measure_expression(points: Floats) -> Expression:
    """The expression of a face by its (106, 2) points."""
    left, right = points[_LEFT_EYE[0]].mean(axis=0), points[_RIGHT_EYE[0]].mean(axis=0)
    across = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
    down = np.array([-across[1], across[0]], dtype=np.float32)
    eye_distance = max(float((right - left) @ across), 1e-6)
    corners = points[MOUTH_CORNERS]
    width = float((corners[1] - corners[0]) @ across)
    lift = float((points[OUTER_LIPS].mean(axis=0) - corners.mean(axis=0)) @ down)
    return Expression(
        left_eye_open=_eye_open(points, *_LEFT_EYE),
        right_eye_open=_eye_open(points, *_RIGHT_EYE),
        mouth_open=_gap(points, *INNER_LIPS, down) / eye_distance,
        smile=(width + 2 * lift) / eye_distance,
    )


def _eye_open(points: Floats, corners: list[int], upper: list[int], lower: list[int]) -> float:
    along = points[corners[1]] - points[corners[0]]
    width = max(float(np.linalg.norm(along)), 1e-6)
    return _gap(points, upper, lower, np.array([-along[1], along[0]], dtype=np.float32) / width) / width


def _gap(points: Floats, upper: list[int], lower: list[int], down: Floats) -> float:
    return float((points[lower].mean(axis=0) - points[upper].mean(axis=0)) @ down)
