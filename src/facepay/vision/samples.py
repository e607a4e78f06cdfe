"""Real photographs that come with the installed packages, for the demo, the tests and the benchmarks.

The six people are InsightFace's own sample picture, the stranger is scikit-image's (Eileen Collins, NASA).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from facepay.vision.evidence import Floats
from facepay.vision.frames import FrameLimits, Image, decode_frame

# One portrait each in t1.jpg (1280x886): left, top, right, bottom.
_PORTRAITS = (
    (0, 190, 260, 510),
    (190, 80, 455, 380),
    (375, 190, 660, 530),
    (660, 270, 930, 590),
    (820, 0, 1095, 310),
    (1050, 205, 1280, 510),
)

SURGICAL = (205, 185, 140)
# Of the 106 landmarks, from ear to ear over the nose and back along the chin.
_MASK_EDGE = (74, 82, 27, 29, 31, 18, 20, 22, 24, 0, 7, 5, 3, 16, 14, 12, 10, 76)


@cache
def people() -> tuple[bytes, ...]:
    """Six people, one JPEG portrait each, some turned by up to 45 degrees."""
    table = _decode(package_file("insightface", "data/images/t1.jpg"))
    return tuple(_encode(table[top:bottom, left:right], quality=95) for left, top, right, bottom in _PORTRAITS)


@cache
def stranger() -> bytes:
    """A JPEG portrait of somebody who is none of the six."""
    return _encode(_decode(package_file("skimage", "data/astronaut.png"))[:330, 60:400], quality=95)


def variant(jpeg: bytes, *, quality: int = 90, scale: float = 1.0, brightness: float = 1.0) -> bytes:
    """The same photograph in another JPEG quality, size and light (a factor on every pixel)."""
    image = cv2.resize(_decode(jpeg), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return _encode(cv2.convertScaleAbs(image, alpha=brightness), quality=quality)


def masked(jpeg: bytes, points: Floats, *, colour: tuple[int, int, int] = SURGICAL) -> bytes:
    """With a mask over mouth and nose, as light and shaded as the face beneath, whose 106 `points` say where it is.

    `colour` is BGR.
    """
    image = _decode(jpeg)
    cloth = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(cloth, [points[list(_MASK_EDGE)].astype(np.int32)], 255)
    light = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (0, 0), 6).astype(np.float32)
    shaded = np.clip(np.array(colour) * (light / light[cloth > 0].mean())[..., None], 0, 255).astype(np.uint8)
    return _encode(np.where(cv2.GaussianBlur(cloth, (0, 0), 1)[..., None] > 127, shaded, image), quality=95)


def camera_frame(
    portraits: Sequence[bytes], *, width: int = 1280, height: int = 720, fill: float = 0.8, quality: int = 85
) -> bytes:
    """People side by side before a camera, as a JPEG frame; each portrait takes `fill` of the height."""
    frame = np.full((height, width, 3), 96, dtype=np.uint8)
    slot = width // max(1, len(portraits))
    for index, portrait in enumerate(portraits):
        image = _decode(portrait)
        scale = min(fill * height / image.shape[0], slot / image.shape[1])
        resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:height, :slot]
        left = index * slot + (slot - resized.shape[1]) // 2
        top = (height - resized.shape[0]) // 2
        frame[top : top + resized.shape[0], left : left + resized.shape[1]] = resized
    return _encode(frame, quality=quality)


def package_file(package: str, path: str) -> bytes:
    """A file that comes with an installed package."""
    spec = find_spec(package)  # without importing it
    assert spec, f"{package} is not installed"
    assert spec.origin
    return (Path(spec.origin).parent / path).read_bytes()


def _decode(data: bytes) -> Image:
    return decode_frame(data, limits=FrameLimits())


def _encode(image: np.ndarray, *, quality: int) -> bytes:
    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(image), quality=quality, colorspace="BGR", colorsubsampling="420"
    )
    return encoded
