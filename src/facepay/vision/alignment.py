"""Where a face lies in ArcFace's 112x112 picture: the geometry of InsightFace's `norm_crop`, in closed form."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from facepay.vision.evidence import Floats
from facepay.vision.frames import Image

CROP_PX = 112

# Eyes, nose and mouth corners in the 112x112 picture (insightface.utils.face_align.arcface_dst).
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    dtype=np.float32,
)
_TEMPLATE_MEAN = TEMPLATE.mean(axis=0)
_TEMPLATE_COMPLEX = (TEMPLATE - _TEMPLATE_MEAN) @ np.array([1, 1j])


def similarity(landmarks: Floats) -> Floats:
    """The (2, 3) similarity transform that brings (5, 2) landmarks nearest to the template (least squares).

    In the plane a rotation with scale is one complex factor, so Umeyama's solution (1991) is a quotient.
    """
    mean = landmarks.mean(axis=0)
    points = (landmarks - mean) @ np.array([1, 1j])
    factor = np.vdot(points, _TEMPLATE_COMPLEX) / max(np.vdot(points, points).real, 1e-12)
    a, b = factor.real, factor.imag
    rotation = np.array([[a, -b], [b, a]])
    return np.column_stack([rotation, _TEMPLATE_MEAN - rotation @ mean]).astype(np.float32)


def align(image: Image, landmarks: Floats) -> Image:
    """Cut the (112, 112, 3) picture of one face out of a frame; what lies outside the frame is black."""
    crop = cv2.warpAffine(image, similarity(landmarks), (CROP_PX, CROP_PX), borderValue=0.0)
    return cast(Image, crop)
