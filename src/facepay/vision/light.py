"""Sharpness and light of a face, on the aligned 112x112 crop: neither the face's size nor the background counts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facepay.vision.evidence import Floats
from facepay.vision.frames import Image

# The face without hair and background: rows and columns of the aligned crop.
_FACE_ROWS, _FACE_COLUMNS = slice(24, 104), slice(20, 92)
_MIDDLE = 36
_UPPER = 40  # rows above the nose's tip: a white mask is no strong light
# ISO/IEC 29794-5 counts grey levels up to 25 as under-exposed and from 247 on as over-exposed.
_UNDER_EXPOSED, _OVER_EXPOSED = 25, 247

# Along a row, a column, and both diagonals (whose steps are longer by the root of two).
_SECOND_DERIVATIVES: list[Floats] = [
    np.array([[0, 0, 0], [1, -2, 1], [0, 0, 0]], dtype=np.float32),
    np.array([[0, 1, 0], [0, -2, 0], [0, 1, 0]], dtype=np.float32),
    np.array([[0.5, 0, 0], [0, -1, 0], [0, 0, 0.5]], dtype=np.float32),
    np.array([[0, 0, 0.5], [0, -1, 0], [0.5, 0, 0]], dtype=np.float32),
]


@dataclass(frozen=True, slots=True)
class Light:
    """What `measure_light` finds: `brightness` and `contrast` in grey levels (0 to 255), the others as ratios."""

    sharpness: float
    brightness: float
    contrast: float
    light_uniformity: float
    under_exposed: float
    over_exposed: float


def measure_light(crop: Image) -> Light:
    """Measure an aligned crop.

    Sharpness is the second derivative's standard deviation over that of the grey values, along the direction
    where it is least (motion blurs one only), so that contrast doesn't count. Brightness is the mean, contrast
    the standard deviation. Uniformity is the darker half's mean over the brighter one's.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)[_FACE_ROWS, _FACE_COLUMNS]
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    edges = min(
        float(cv2.meanStdDev(cv2.filter2D(grey, cv2.CV_32F, kernel))[1][0, 0]) for kernel in _SECOND_DERIVATIVES
    )
    halves = cv2.mean(grey[:, :_MIDDLE])[0], cv2.mean(grey[:, _MIDDLE:])[0]
    return Light(
        sharpness=edges / max(deviation, 1.0),
        brightness=mean,
        contrast=deviation,
        light_uniformity=(min(halves) + 1.0) / (max(halves) + 1.0),
        under_exposed=float(np.mean(grey <= _UNDER_EXPOSED)),
        over_exposed=float(np.mean(grey[:_UPPER] >= _OVER_EXPOSED)),
    )
