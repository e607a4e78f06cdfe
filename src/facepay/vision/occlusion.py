"""Whether something hides the mouth or the eyes, by comparing parts of one face with each other.

A part is judged against the same person's skin in the same light, never against a colour that skin should have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, cast

import cv2
import numpy as np

from facepay.vision.evidence import Floats
from facepay.vision.frames import Image
from facepay.vision.smiles import MOUTH_CORNERS

Pixels = TypeVar("Pixels", Image, Floats)

# Rows and columns of the aligned crop. Above a mask's edge: between the eyes, forehead, below either eye.
_SKIN = ((44, 58, 51, 62), (26, 38, 40, 72), (58, 64, 30, 46), (58, 64, 66, 82))
# What a mask hides: both cheeks, between nose and lips, the lips, the chin. A beard leaves some of them bare.
_LOWER = ((74, 86, 26, 40), (74, 86, 72, 86), (80, 86, 46, 67), (89, 97, 46, 67), (104, 111, 46, 67))
_EYES = ((46, 58, 30, 47), (46, 58, 65, 82))
_CHEEKS = (62, 80, 28, 84)
_FACE, _LOWER_FACE, _UPPER_FACE = (24, 104, 20, 92), (74, 108, 36, 77), (40, 64, 30, 82)
_LIPS, _NOSTRILS = (82, 106, 46, 67), (70, 82, 46, 67)


@dataclass(frozen=True, slots=True)
class Occlusion:
    """`mouth_colour_shift` is a distance in CIELAB's a*b* plane, `mouth_detail` and `eyes_light` are ratios."""

    mouth_colour_shift: float
    mouth_detail: float
    eyes_light: float


def measure_occlusion(crop: Image) -> Occlusion:
    """Measure an aligned crop.

    `mouth_colour_shift`: how far the lower face is from the upper in colour, by the second nearest of its parts.
    Masks of another colour than the skin shift all parts, beards, lipstick and teeth only some. `mouth_detail`:
    the relief of lips and nostrils and the texture there, as a share of the face's own; it vanishes under smooth
    cloth of any colour. `eyes_light`: how bright the eyes' surroundings are beside the cheeks.
    """
    grey = cast(Image, cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY))
    return Occlusion(_colour_shift(crop), _mouth_detail(grey), _eyes_light(grey))


def mouth_points_shift(landmarks: Floats, points: Floats) -> float:
    """How far the detector and 2d106det disagree about the mouth's corners, in distances of the eyes.

    Each guesses where it can't see, and they guess differently. Takes (5, 2) and (106, 2) points.
    """
    apart = np.linalg.norm(points[MOUTH_CORNERS] - landmarks[3:], axis=1).max()
    return float(apart / max(float(np.linalg.norm(landmarks[1] - landmarks[0])), 1e-6))


def _colour_shift(crop: Image) -> float:
    means = np.array([cv2.mean(_cut(crop, patch))[:3] for patch in (*_SKIN, *_LOWER)], dtype=np.float32)
    colours = cv2.cvtColor(means[None] / 255, cv2.COLOR_BGR2LAB)[0, :, 1:]
    skin, lower = colours[: len(_SKIN)], colours[len(_SKIN) :]
    shifts = np.linalg.norm(lower[:, None] - skin[None], axis=2).min(axis=1)
    return float(np.sort(shifts)[1])


def _mouth_detail(grey: Image) -> float:
    deviation = max(_deviation(_cut(grey, _FACE)), 4.0)
    lips = _cut(grey, _LIPS).mean(axis=1)
    relief = float(np.std(lips - np.linspace(lips[0], lips[-1], len(lips)))) / deviation
    nostrils = np.sort(_cut(grey, _NOSTRILS), axis=None).astype(np.float32)
    depth = float(nostrils[nostrils.size // 2] - nostrils[nostrils.size // 20]) / deviation
    share = _texture(_cut(grey, _LOWER_FACE)) / max(_texture(_cut(grey, _UPPER_FACE)), 1e-3)
    return float(np.cbrt(relief * depth * share))


def _eyes_light(grey: Image) -> float:
    eyes = sum(cv2.mean(_cut(grey, eye))[0] for eye in _EYES) / 2
    return float(eyes / max(cv2.mean(_cut(grey, _CHEEKS))[0], 1.0))


def _texture(grey: Image) -> float:
    return _deviation(cast(Floats, cv2.Laplacian(cv2.GaussianBlur(grey, (5, 5), 1), cv2.CV_32F)))


def _deviation(pixels: Image | Floats) -> float:
    return float(cv2.meanStdDev(pixels)[1][0, 0])


def _cut(image: Pixels, patch: tuple[int, int, int, int]) -> Pixels:
    top, bottom, left, right = patch
    return image[top:bottom, left:right]
