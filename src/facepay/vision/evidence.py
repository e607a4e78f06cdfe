"""What one frame shows: plain values that other rooms may keep after the pixels are gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from facepay.vision.colours import Appearance, NoAppearance

Floats = npt.NDArray[np.float32]


class Wanted(TypedDict, total=False):
    """What `Engine.analyse` may be asked for, by name.

    The `embed` nearest faces are embedded (default: 1), but none whose box has less than `area_share_min` of the
    nearest one's area (0). `points` asks for the 106 points of each embedded face too, and for its happiness where a
    model is set, `with_fingerprint` for what the frame's copies are known by, `with_appearance` for the colours of the
    nearest embedded face's person.
    """

    embed: int
    area_share_min: float
    points: bool
    with_fingerprint: bool
    with_appearance: bool


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """How well a face can be recognised. See `facepay.vision.quality` for how each value is measured.

    Light, occlusion and `embedding_norm` are known for embedded faces only, the expression (`eyes_open`,
    `mouth_open`, `smile`) and `mouth_points_shift` only where the 106 points were asked for.
    """

    eye_distance_px: float
    yaw_degrees: float
    pitch_degrees: float
    roll_degrees: float
    detection_score: float
    sharpness: float | None = None
    brightness: float | None = None
    contrast: float | None = None
    light_uniformity: float | None = None
    under_exposed: float | None = None
    over_exposed: float | None = None
    mouth_colour_shift: float | None = None
    mouth_detail: float | None = None
    mouth_points_shift: float | None = None
    eyes_light: float | None = None
    eyes_open: float | None = None
    mouth_open: float | None = None
    smile: float | None = None
    embedding_norm: float | None = None


@dataclass(frozen=True, slots=True)
class FaceRelief:
    """The surface that a depth map shows at a face; see `facepay.vision.liveness.depth`.

    `plane_residual` and `nose_protrusion` are shares of the distance between the eyes, `focal_share` is the
    camera's focal length over the frame's width if that distance is a person's.
    """

    measured_share: float
    distance_mm: float
    plane_residual: float
    nose_protrusion: float
    focal_share: float


@dataclass(frozen=True, slots=True)
class FaceSurface:
    """The same in millimetres, by a camera whose intrinsics are known; see `facepay.vision.liveness.surface`.

    `nose_protrusion_mm` is how far the nose's tip stands out of the straightest line through it along the surface.
    """

    measured_share: float
    distance_mm: float
    eye_distance_mm: float
    plane_residual_mm: float
    nose_protrusion_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class FrameFingerprint:
    """By what a copy of this frame is known again; see `facepay.vision.liveness.replay`.

    `digest` is the SHA-256 of its pixels; `look` (32 bytes) and `shape`, (5, 2) float32, survive re-encoding,
    and are None where the frame shows no face.
    """

    digest: bytes
    look: bytes | None = None
    shape: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FaceEvidence:
    """One face of a frame.

    `box` is (4,) as left, top, right, bottom and `landmarks` (5, 2) as left eye, right eye, nose, left and
    right mouth corner as the image shows them, both float32 in pixels of the upright frame. `embedding` is
    (dim,) float32 of norm 1, or None where none was asked for. So are `points`, (106, 2) in pixels as 2d106det
    orders them, where the pack has that model, and `happiness`, an expression model's probability where one is set.
    `live_score` is a passive model's probability that this is no picture of a face, where one is set, and `relief`
    what a depth map showed, where one came with the frame. `appearance` is the colours of the nearest face's person,
    or why they can't be told, where they were asked for.
    """

    box: Floats
    landmarks: Floats
    quality: FaceQuality
    embedding: Floats | None = None
    points: Floats | None = None
    live_score: float | None = None
    happiness: float | None = None
    relief: FaceRelief | FaceSurface | None = None
    appearance: Appearance | NoAppearance | None = None

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        left, top, right, bottom = self.box
        return float((right - left) * (bottom - top))

    def __repr__(self) -> str:
        # Whoever logs this must not log a biometric.
        return f"FaceEvidence(quality={self.quality}, embedded={self.embedding is not None})"


@dataclass(frozen=True, slots=True, eq=False)
class FrameEvidence:
    """All faces of one frame, nearest (largest) first.

    `pack` names the models ("buffalo_sc@9cc6e4a7"): embeddings of different packs don't compare.
    `timings_ms` holds decode, detect, align, embed and total. `fingerprint` is None where none was asked for.
    `ended_ns` is the Unix time when the last of these was done; 0 where a device did them itself.
    """

    width: int
    height: int
    faces: tuple[FaceEvidence, ...]
    pack: str
    timings_ms: dict[str, float]
    fingerprint: FrameFingerprint | None = field(default=None, repr=False)
    ended_ns: int = 0
