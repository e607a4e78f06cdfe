"""Which way a head is turned: the weak-perspective camera that projects a mean head onto five landmarks.

Solved linearly (Dementhon and Davis, POSIT, 1995, first step).
"""

from __future__ import annotations

import numpy as np

from facepay.vision.alignment import TEMPLATE
from facepay.vision.evidence import Floats

# ArcFace's frontal mean face, with depth away from the camera as a share of the distance between the eyes:
# the nose's tip stands out by 0.6 of it, the mouth's corners lie about in the plane of the eyes.
_EYE_DISTANCE = float(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]))
_DEPTH = np.array([0.0, 0.0, -0.6, -0.05, -0.05]) * _EYE_DISTANCE
_HEAD = np.column_stack([TEMPLATE, _DEPTH])
_HEAD_INVERSE = np.linalg.pinv(_HEAD - _HEAD.mean(axis=0))


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
