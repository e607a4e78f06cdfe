"""How good a view of a face is: measured on every embedded face, judged when a face is enrolled.

Pose comes from the five landmarks: the weak-perspective camera that projects a mean head onto them, solved
linearly (Dementhon and Davis, POSIT, 1995, first step). Sharpness is the second derivative's standard deviation
over that of the grey values, along the direction where it is least (motion blurs one only), on the aligned
112x112 crop, so that neither size nor contrast of the face counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from facepay.vision.alignment import TEMPLATE
from facepay.vision.evidence import FaceEvidence, FaceQuality, Floats
from facepay.vision.frames import Image

# ArcFace's frontal mean face, with depth away from the camera as a share of the distance between the eyes:
# the nose's tip stands out by 0.6 of it, the mouth's corners lie about in the plane of the eyes.
_EYE_DISTANCE = float(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]))
_DEPTH = np.array([0.0, 0.0, -0.6, -0.05, -0.05]) * _EYE_DISTANCE
_HEAD = np.column_stack([TEMPLATE, _DEPTH])
_HEAD_INVERSE = np.linalg.pinv(_HEAD - _HEAD.mean(axis=0))

# The face without hair and background: rows and columns of the aligned crop.
_FACE_ROWS, _FACE_COLUMNS = slice(24, 104), slice(20, 92)

# Along a row, a column, and both diagonals (whose steps are longer by the root of two).
_SECOND_DERIVATIVES: list[Floats] = [
    np.array([[0, 0, 0], [1, -2, 1], [0, 0, 0]], dtype=np.float32),
    np.array([[0, 1, 0], [0, -2, 0], [0, 1, 0]], dtype=np.float32),
    np.array([[0.5, 0, 0], [0, -1, 0], [0, 0, 0.5]], dtype=np.float32),
    np.array([[0, 0, 0.5], [0, -1, 0], [0.5, 0, 0]], dtype=np.float32),
]

Reason = Literal[
    "face_too_small",
    "face_turned",
    "blurred",
    "too_dark",
    "too_bright",
    "low_contrast",
    "low_detection_score",
    "low_embedding_norm",
]


@dataclass(frozen=True, slots=True)
class QualityPolicy:
    """What a photo must reach to be enrolled.

    The defaults were set on 2,761 photos of Labeled Faces in the Wild with buffalo_sc: they refuse 1 % of
    these, and each lies where degrading a photo has cost its embedding about a tenth (cosine to its former
    self about 0.9): eyes 16 px apart, a Gaussian blur of 2 px, a fifth of the light, nearly twice the light, a
    fifth of the contrast. Turned heads lose less (at a yaw of 54 to 62 degrees the cosine to other photos of
    the same person is 0.52 in the median instead of 0.62), and the embedding's norm tells most of all: below
    18.4 that cosine is 0.41, above 25 it is 0.67.
    """

    eye_distance_px_min: float = 16.0
    yaw_degrees_max: float = 60.0
    pitch_degrees_max: float = 45.0
    roll_degrees_max: float = 45.0
    sharpness_min: float = 0.07
    brightness_min: float = 25.0
    brightness_max: float = 215.0
    contrast_min: float = 8.0
    detection_score_min: float = 0.6
    embedding_norm_min: float = 18.0


@dataclass(frozen=True, slots=True)
class QualityRefusal:
    """One reason not to enrol a photo, with what was measured and the limit it missed."""

    reason: Reason
    measure: str
    measured: float
    limit: float


def assess(face: FaceEvidence, *, policy: QualityPolicy) -> list[QualityRefusal]:
    """Every reason why this face can't be enrolled; none means that it can. The face must be embedded."""
    quality = face.quality
    assert quality.embedding_norm is not None, "only embedded faces can be enrolled"
    least: list[tuple[Reason, str, float]] = [
        ("face_too_small", "eye_distance_px", policy.eye_distance_px_min),
        ("blurred", "sharpness", policy.sharpness_min),
        ("too_dark", "brightness", policy.brightness_min),
        ("low_contrast", "contrast", policy.contrast_min),
        ("low_detection_score", "detection_score", policy.detection_score_min),
        ("low_embedding_norm", "embedding_norm", policy.embedding_norm_min),
    ]
    most: list[tuple[Reason, str, float]] = [
        ("face_turned", "yaw_degrees", policy.yaw_degrees_max),
        ("face_turned", "pitch_degrees", policy.pitch_degrees_max),
        ("face_turned", "roll_degrees", policy.roll_degrees_max),
        ("too_bright", "brightness", policy.brightness_max),
    ]
    return [
        QualityRefusal(reason, measure, round(getattr(quality, measure), 3), limit)
        for reason, measure, limit in least
        if getattr(quality, measure) < limit
    ] + [
        QualityRefusal(reason, measure, round(getattr(quality, measure), 3), limit)
        for reason, measure, limit in most
        if abs(getattr(quality, measure)) > limit
    ]


def measure(
    landmarks: Floats, detection_score: float, crop: Image | None = None, embedding_norm: float | None = None
) -> FaceQuality:
    """Measure one face by its (5, 2) landmarks in the frame, and its aligned crop where it has one."""
    yaw, pitch, roll = pose_degrees(landmarks)
    sharpness, brightness, contrast = (None, None, None) if crop is None else _light_and_sharpness(crop)
    return FaceQuality(
        eye_distance_px=float(np.linalg.norm(landmarks[1] - landmarks[0])),
        yaw_degrees=yaw,
        pitch_degrees=pitch,
        roll_degrees=roll,
        detection_score=detection_score,
        sharpness=sharpness,
        brightness=brightness,
        contrast=contrast,
        embedding_norm=embedding_norm,
    )


def pose_degrees(landmarks: Floats) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a head by its (5, 2) landmarks.

    Yaw is positive when the nose points to the image's right, pitch when it points down, roll when the head
    is tilted clockwise as the image shows it. Zero is ArcFace's frontal mean face.
    """
    camera = (_HEAD_INVERSE @ (landmarks - landmarks.mean(axis=0))).T  # (2, 3): head axes to image axes
    left, _, right = np.linalg.svd(camera, full_matrices=False)
    across, down = left @ right  # the nearest orthonormal rows
    away = np.cross(across, down)
    yaw = np.arctan2(away[0], np.hypot(across[0], down[0]))
    pitch = np.arctan2(away[1], away[2])
    roll = np.arctan2(down[0], across[0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def _light_and_sharpness(crop: Image) -> tuple[float, float, float]:
    """Sharpness (a ratio), brightness (mean grey, 0 to 255) and contrast (its standard deviation)."""
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)[_FACE_ROWS, _FACE_COLUMNS]
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    edges = min(
        float(cv2.meanStdDev(cv2.filter2D(grey, cv2.CV_32F, kernel))[1][0, 0]) for kernel in _SECOND_DERIVATIVES
    )
    return edges / max(deviation, 1.0), mean, deviation
