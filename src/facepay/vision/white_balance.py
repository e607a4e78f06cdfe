"""What light a picture was taken in, and how its colours would look in daylight.

Light is (3,) linear BGR of something white, of luminance 1; correcting divides by it channel by channel (von Kries). It
is guessed by shades of grey (Finlayson & Trezzi, "Shades of gray and colour constancy", 2004): a Minkowski mean of all
that is seen is taken for grey. Which one, and against what, is measured in docs/fitting.md.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from facepay.vision.colours import Lab
from facepay.vision.evidence import Floats
from facepay.vision.frames import Image

MINKOWSKI = 20  # nearly the brightest: a room shows something white more often than it is grey on average
_SIDE_PX = 160
_CLIPPED, _BLACK = 250, 8  # grey levels that say nothing of the light's colour
# Cameras correct most casts themselves, and guesses err: a cast up to the first chroma is left alone, one from the
# second on is taken away whole. CIE's F2, a plain tube, has 28, and a bulb 55 where no camera corrects it.
_TRUSTED, _DOUBTED = 12.0, 20.0

_BYTES = np.arange(256, dtype=np.float64) / 255
_LINEAR: Floats = np.where(_BYTES <= 0.04045, _BYTES / 12.92, ((_BYTES + 0.055) / 1.055) ** 2.4).astype(np.float32)
_LUMINANCE: Floats = np.array([0.0722, 0.7152, 0.2126], dtype=np.float32)
DAYLIGHT: Floats = np.ones(3, dtype=np.float32)


def linear(image: Image) -> Floats:
    """The pixels' light, 0 to 1, of sRGB values."""
    return cast(Floats, cv2.LUT(image, _LINEAR))


def guess_light(image: Image, *, minkowski: float = MINKOWSKI) -> Floats:
    """By shades of grey, over a small copy of the whole picture. Grey world is `minkowski` 1."""
    small = shrunk(image, _SIDE_PX / max(image.shape[:2]))
    brightest = brightest_channel(small)
    pixels = linear(small)[(brightest < _CLIPPED) & (brightest > _BLACK)]
    if not len(pixels):
        return DAYLIGHT
    light = np.mean(np.power(pixels.astype(np.float64), minkowski), axis=0) ** (1 / minkowski)
    return of_luminance_one(np.maximum(light, 1e-3))


def as_far_as_trusted(light: Floats) -> Floats:
    """What to correct of a guess: nothing where it is close to daylight."""
    share = (colour_of_light(light).chroma - _TRUSTED) / (_DOUBTED - _TRUSTED)
    return of_luminance_one(light ** min(1.0, max(0.0, share)))


def shrunk(image: Image, scale: float) -> Image:
    """Scaled by means of areas; from very large pictures only every other pixel, third and so on counts."""
    step = max(1, int(0.25 / scale))
    return cast(
        Image, cv2.resize(image[::step, ::step], None, fx=scale * step, fy=scale * step, interpolation=cv2.INTER_AREA)
    )


def brightest_channel(image: Image) -> npt.NDArray[np.uint8]:
    """(height, width) of the largest of blue, green and red."""
    blue, green, red = cv2.split(image)
    return cast(npt.NDArray[np.uint8], cv2.max(cv2.max(blue, green), red))


def of_luminance_one(light: npt.NDArray[np.floating]) -> Floats:
    """So that correcting changes colours, and makes a picture neither brighter nor darker."""
    return cast(Floats, (light / (light @ _LUMINANCE)).astype(np.float32))


def in_daylight(image: Image, light: Floats) -> Floats:
    """(height, width, 3) CIELAB, float32, of a picture that was taken in this light."""
    return cast(Floats, cv2.cvtColor(np.clip(linear(image) / light, 0, 1), cv2.COLOR_LBGR2LAB))


def colour_of_light(light: Floats) -> Lab:
    """How something white looked in it, uncorrected."""
    pixel = np.asarray(light / light.max(), np.float32)[None, None]
    return Lab(*(float(value) for value in cv2.cvtColor(pixel, cv2.COLOR_LBGR2LAB)[0, 0]))
