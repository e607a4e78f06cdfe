"""How good a view of a face is, in the terms of ISO/IEC 29794-5: measured on every embedded face, judged by use.

`facepay.vision.feedback` says what a person can do about a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from facepay.vision.evidence import FaceEvidence, FaceQuality, Floats
from facepay.vision.expression import measure_expression
from facepay.vision.frames import Image
from facepay.vision.light import measure_light
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


@dataclass(frozen=True, slots=True)
class QualityPolicy:
    """What a face must reach for one use; a limit that is None isn't judged, nor is a value that wasn't measured.

    The defaults are for enrolment. They were set on 2,761 photos of Labeled Faces in the Wild with buffalo_sc:
    they refuse 1 % of these, and each lies where degrading a photo has cost its embedding about a tenth (cosine
    to its former self about 0.9): eyes 16 px apart, a Gaussian blur of 2 px, a fifth of the light, nearly twice
    the light, a fifth of the contrast. Turned heads lose less (at a yaw of 54 to 62 degrees the cosine to other photos of
    the same person is 0.52 in the median instead of 0.62), and the embedding's norm tells most of all: below
    18.4 that cosine is 0.41, above 25 it is 0.67.
    """

    eye_distance_px_min: float | None = 16.0
    yaw_degrees_max: float | None = 60.0
    pitch_degrees_max: float | None = 45.0
    roll_degrees_max: float | None = 45.0
    sharpness_min: float | None = 0.07
    brightness_min: float | None = 25.0
    brightness_max: float | None = 215.0
    contrast_min: float | None = 8.0
    light_uniformity_min: float | None = 0.2
    eyes_open_min: float | None = 0.08
    mouth_open_max: float | None = 0.6
    smile_max: float | None = None
    detection_score_min: float | None = 0.6
    embedding_norm_min: float | None = 18.0


ENROLMENT = QualityPolicy()
RECOGNITION = QualityPolicy(
    yaw_degrees_max=None,
    pitch_degrees_max=None,
    roll_degrees_max=None,
    sharpness_min=0.04,
    light_uniformity_min=None,
    eyes_open_min=None,
    mouth_open_max=None,
    detection_score_min=None,
    embedding_norm_min=14.0,
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
        ("eyes_closed", "eyes_open", policy.eyes_open_min),
        ("low_detection_score", "detection_score", policy.detection_score_min),
        ("low_embedding_norm", "embedding_norm", policy.embedding_norm_min),
    ]
    most: list[tuple[Reason, str, float | None]] = [
        ("face_turned", "yaw_degrees", policy.yaw_degrees_max),
        ("face_turned", "pitch_degrees", policy.pitch_degrees_max),
        ("face_turned", "roll_degrees", policy.roll_degrees_max),
        ("too_bright", "brightness", policy.brightness_max),
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
        light = measure_light(crop)
        quality = replace(
            quality,
            sharpness=light.sharpness,
            brightness=light.brightness,
            contrast=light.contrast,
            light_uniformity=light.uniformity,
            under_exposed=light.under_exposed,
            over_exposed=light.over_exposed,
        )
    if points is not None:
        expression = measure_expression(points)
        quality = replace(
            quality,
            eyes_open=min(expression.left_eye_open, expression.right_eye_open),
            mouth_open=expression.mouth_open,
            smile=expression.smile,
        )
    return quality
