"""How good a view of a face is, in the terms of ISO/IEC 29794-5: measured on every embedded face, judged by use.

`facepay.vision.feedback` says what a person can do about a refusal.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Literal

import numpy as np

from facepay.vision.evidence import FaceEvidence, FaceQuality, Floats
from facepay.vision.expression import measure_expression
from facepay.vision.frames import Image
from facepay.vision.light import measure_light
from facepay.vision.occlusion import measure_occlusion, mouth_points_shift
from facepay.vision.pose import pose_degrees

Reason = Literal[
    "face_too_small",
    "face_turned",
    "blurred",
    "too_dark",
    "too_bright",
    "low_contrast",
    "uneven_light",
    "mouth_covered",
    "eyes_covered",
    "eyes_closed",
    "mouth_open",
    "smiling",
    "low_detection_score",
    "low_embedding_norm",
]


# Of a head turned further, the mouth's far corner is a guess for detector and 2d106det alike, and they disagree on it.
_FRONTAL_DEGREES = 35.0


@dataclass(frozen=True, slots=True)
class QualityPolicy:
    """What a face must reach for one use; a limit that is None isn't judged, nor is a value that wasn't measured.

    The defaults are for enrolment, set on 3,725 photos of Labeled Faces in the Wild with buffalo_sc, of which they
    refuse 3 %. Of all measures only the embedding's norm tells much of a fair photo: without the tenth of pairs where
    it is lowest, FNMR at FMR 1e-5 falls from 0.95 to 0.47 %, by any other measure hardly below 0.8 %. The others say
    what is wrong with a bad one. Drawn masks are found in 90 to 100 % by colour, detail, or key points, a hand in
    80 % (by key points only), dark sunglasses in 75 to 80 %; of bare faces 0.5 % are taken for covered (full beards,
    lipstick, coloured light). Tinted glasses that let light through aren't found.
    """

    eye_distance_px_min: float | None = 16.0
    yaw_degrees_max: float | None = 60.0
    pitch_degrees_max: float | None = 45.0
    roll_degrees_max: float | None = 45.0
    sharpness_min: float | None = 0.075
    brightness_min: float | None = 25.0
    brightness_max: float | None = 215.0
    contrast_min: float | None = 8.0
    light_uniformity_min: float | None = 0.35
    under_exposed_max: float | None = 0.6
    over_exposed_max: float | None = 0.2
    mouth_colour_shift_max: float | None = 10.0
    mouth_detail_min: float | None = 0.36
    mouth_points_shift_max: float | None = 0.15
    eyes_light_min: float | None = 0.24
    eyes_open_min: float | None = 0.06
    mouth_open_max: float | None = 0.55
    smile_max: float | None = 1.75
    detection_score_min: float | None = 0.6
    embedding_norm_min: float | None = 18.5


# Poor templates are what false matches come from: two strangers blurred, covered or lit from one side in the same way
# pass for each other up to 1,100 times as often as on good photos (at a threshold of FMR 1e-5), and a poor frame beside
# a good template no more often than a good frame. So enrolment is strict.
ENROLMENT = QualityPolicy()

# A frame is refused only where its embedding has lost who it is. It says nothing of masks and sunglasses, with which
# nearly nine in ten are still recognised; who isn't can be told more by what ENROLMENT finds in the frame. Eyes less
# than 16 px apart are still recognised, but belong to somebody who isn't about to enter or to pay.
RECOGNITION = QualityPolicy(
    yaw_degrees_max=None,
    pitch_degrees_max=None,
    roll_degrees_max=None,
    sharpness_min=0.045,
    brightness_min=8.0,
    brightness_max=None,
    contrast_min=3.0,
    light_uniformity_min=None,
    under_exposed_max=None,
    over_exposed_max=0.5,
    mouth_colour_shift_max=None,
    mouth_detail_min=None,
    mouth_points_shift_max=None,
    eyes_light_min=None,
    eyes_open_min=None,
    mouth_open_max=None,
    smile_max=None,
    detection_score_min=None,
    embedding_norm_min=17.5,
)


# What may be asked of a face apart from being recognised: that nothing hides it.
UNCOVERED = QualityPolicy(
    **dict.fromkeys((limit.name for limit in fields(QualityPolicy)), None)
    | {
        limit: getattr(ENROLMENT, limit)
        for limit in ("mouth_colour_shift_max", "mouth_detail_min", "mouth_points_shift_max", "eyes_light_min")
    }
)


@dataclass(frozen=True, slots=True)
class QualityRefusal:
    """One reason not to use a face, with what was measured and the limit it missed."""

    reason: Reason
    measure: str
    measured: float
    limit: float


def assess(face: FaceEvidence, *, policy: QualityPolicy) -> list[QualityRefusal]:
    """Every reason why this face can't be used; none means that it can. The face must be embedded."""
    quality = face.quality
    assert quality.embedding_norm is not None, "only embedded faces can be judged"
    least: list[tuple[Reason, str, float | None]] = [
        ("face_too_small", "eye_distance_px", policy.eye_distance_px_min),
        ("blurred", "sharpness", policy.sharpness_min),
        ("too_dark", "brightness", policy.brightness_min),
        ("low_contrast", "contrast", policy.contrast_min),
        ("uneven_light", "light_uniformity", policy.light_uniformity_min),
        ("mouth_covered", "mouth_detail", policy.mouth_detail_min),
        ("eyes_covered", "eyes_light", policy.eyes_light_min),
        ("eyes_closed", "eyes_open", policy.eyes_open_min),
        ("low_detection_score", "detection_score", policy.detection_score_min),
        ("low_embedding_norm", "embedding_norm", policy.embedding_norm_min),
    ]
    most: list[tuple[Reason, str, float | None]] = [
        ("face_turned", "yaw_degrees", policy.yaw_degrees_max),
        ("face_turned", "pitch_degrees", policy.pitch_degrees_max),
        ("face_turned", "roll_degrees", policy.roll_degrees_max),
        ("too_bright", "brightness", policy.brightness_max),
        ("too_bright", "over_exposed", policy.over_exposed_max),
        ("too_dark", "under_exposed", policy.under_exposed_max),
        ("mouth_covered", "mouth_colour_shift", policy.mouth_colour_shift_max),
        ("mouth_covered", "mouth_points_shift", policy.mouth_points_shift_max),
        ("mouth_open", "mouth_open", policy.mouth_open_max),
        ("smiling", "smile", policy.smile_max),
    ]
    return [
        QualityRefusal(reason, measure, round(value, 3), limit)
        for reason, measure, limit in least
        if limit is not None and (value := getattr(quality, measure)) is not None and value < limit
    ] + [
        QualityRefusal(reason, measure, round(value, 3), limit)
        for reason, measure, limit in most
        if limit is not None and (value := getattr(quality, measure)) is not None and abs(value) > limit
    ]


def measure(
    landmarks: Floats,
    detection_score: float,
    crop: Image | None = None,
    embedding_norm: float | None = None,
    points: Floats | None = None,
) -> FaceQuality:
    """Measure one face by its (5, 2) landmarks in the frame, its aligned crop and its 106 points, where it has them."""
    yaw, pitch, roll = pose_degrees(landmarks)
    quality = FaceQuality(
        eye_distance_px=float(np.linalg.norm(landmarks[1] - landmarks[0])),
        yaw_degrees=yaw,
        pitch_degrees=pitch,
        roll_degrees=roll,
        detection_score=detection_score,
        embedding_norm=embedding_norm,
    )
    if crop is not None:
        quality = replace(quality, **asdict(measure_light(crop)), **asdict(measure_occlusion(crop)))
    if points is not None:
        expression = measure_expression(points)
        quality = replace(
            quality,
            mouth_points_shift=mouth_points_shift(landmarks, points) if abs(yaw) <= _FRONTAL_DEGREES else None,
            eyes_open=min(expression.left_eye_open, expression.right_eye_open),
            mouth_open=expression.mouth_open,
            smile=expression.smile,
        )
    return quality
