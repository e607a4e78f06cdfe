"""What one frame shows: plain values that other rooms may keep after the pixels are gone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """How well a face can be recognised. See `facepay.vision.quality` for how each value is measured.

    `sharpness`, `brightness`, `contrast` and `embedding_norm` are known for embedded faces only.
    """

    eye_distance_px: float
    yaw_degrees: float
    pitch_degrees: float
    roll_degrees: float
    detection_score: float
    sharpness: float | None = None
    brightness: float | None = None
    contrast: float | None = None
    embedding_norm: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FaceEvidence:
    """One face of a frame.

    `box` is (4,) as left, top, right, bottom and `landmarks` (5, 2) as left eye, right eye, nose, left and
    right mouth corner as the image shows them, both float32 in pixels of the upright frame. `embedding` is
    (dim,) float32 of norm 1, or None where none was asked for. So are `points`, (106, 2) in pixels as 2d106det
    orders them, where the pack has that model.
    """

    box: Floats
    landmarks: Floats
    quality: FaceQuality
    embedding: Floats | None = None
    points: Floats | None = None

    def __repr__(self) -> str:
        # Whoever logs this must not log a biometric.
        return f"FaceEvidence(quality={self.quality}, embedded={self.embedding is not None})"


@dataclass(frozen=True, slots=True, eq=False)
class FrameEvidence:
    """All faces of one frame, nearest (largest) first.

    `pack` names the models ("buffalo_sc@9cc6e4a7"): embeddings of different packs don't compare.
    `timings_ms` holds decode, detect, align, embed and total.
    """

    width: int
    height: int
    faces: tuple[FaceEvidence, ...]
    pack: str
    timings_ms: dict[str, float]
