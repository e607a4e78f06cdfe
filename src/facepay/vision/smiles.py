"""How much a face smiles, by a few lengths between the 106 points of 2d106det and a logistic model of them.

Lengths are in distances between the eyes, so that neither the head's size nor its roll counts. A turn to the side
shortens the distance between the eyes and not the face's height, so heights are taken times the cosine of the yaw;
what else a turn or a nod does to the mouth (a nod makes its corners seem to rise) is told by yaw and pitch themselves,
which the model was fitted with: on each photo as it is, and turned on a mean head. `python -m benchmarks.smiles` fits
and measures it; `smile.json` holds the result, and what it was fitted on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facepay.vision.evidence import FaceEvidence, Floats

SHIPPED = resources.files("facepay.vision") / "smile.json"
MEASURES = ("width", "corners", "lift", "opening", "upper_lip", "nose_width", "face_width", "pitch", "yaw")

# Points of 2d106det, left and right as the image shows them.
_EYES = ([35, 39], [89, 93])
MOUTH_CORNERS = [52, 61]
INNER_LIPS = ([66, 62, 70], [54, 60, 57])  # upper, lower
OUTER_LIPS = [71, 53]  # the middle of the upper and of the lower lip's edge
_NOSTRILS, _CHEEKS = [77, 83], [14, 30]


@dataclass(frozen=True, slots=True)
class SmileModel:
    """A logistic model, and how its log-odds are read as a strength.

    `weights` are of MEASURES. `at_rest` is the log-odds of the median face at rest; a person's own rest replaces
    `rest_share` of it. The log-odds are divided by `spread`, since labelled photos show either a smile or none, and a
    model that tells them apart calls every one in between certain: half of the smiles reach 0.9, and 0.5 stays where
    as many smiles are missed as faces at rest are taken for one. `fitted` says on what, and what came out.
    """

    weights: Mapping[str, float]
    intercept: float
    at_rest: float
    rest_share: float
    spread: float
    fitted: Mapping[str, Any]

    def log_odds(self, face: FaceEvidence) -> float | None:
        if face.points is None:
            return None
        measures = measure_smile(face.points, face.quality.yaw_degrees, face.quality.pitch_degrees)
        return self.intercept + float(measures @ [self.weights[name] for name in MEASURES])

    def strength(self, face: FaceEvidence, neutral: FaceEvidence | None = None) -> float | None:
        """From 0 to 1; None where one of them has no points."""
        shown = self.log_odds(face)
        rest = self.at_rest if neutral is None else self.log_odds(neutral)
        if shown is None or rest is None:
            return None
        own = self.rest_share * (rest - self.at_rest)
        return float(1 / (1 + np.exp(-(shown - own) / self.spread)))


def measure_smile(points: Floats, yaw_degrees: float, pitch_degrees: float) -> npt.NDArray[np.float64]:
    """(9,) MEASURES of a face's (106, 2) points."""
    left, right = (points[eye].mean(axis=0) for eye in _EYES)
    across = (right - left) / max(float((right - left) @ (right - left)), 1e-6)
    yaw, pitch = np.radians([yaw_degrees, pitch_degrees])
    from_eyes = points - (left + right) / 2
    x = from_eyes @ across
    y = from_eyes @ np.array([-across[1], across[0]]) * np.cos(yaw)
    corners = float(y[MOUTH_CORNERS].mean())
    upper, lower = (float(y[lip].mean()) for lip in INNER_LIPS)
    upper_edge, lower_edge = y[OUTER_LIPS]
    return np.array(
        [
            x[MOUTH_CORNERS[1]] - x[MOUTH_CORNERS[0]],
            corners,
            (upper_edge + lower_edge) / 2 - corners,
            lower - upper,
            upper - upper_edge,
            x[_NOSTRILS[1]] - x[_NOSTRILS[0]],
            x[_CHEEKS[1]] - x[_CHEEKS[0]],
            np.sin(pitch),
            1 - np.cos(yaw),
        ]
    )


@cache
def shipped_model() -> SmileModel:
    return read_model(SHIPPED)


def read_model(file: Traversable) -> SmileModel:
    return SmileModel(**json.loads(file.read_text()))


def save_model(model: SmileModel, file: Path) -> None:
    file.write_text(json.dumps(asdict(model), indent=2) + "\n")
