"""Is this a frame that was seen before, perhaps saved again, resized, cropped a little, or made brighter?

What is kept of a frame is no biometric: its SHA-256; where the five key points lie to each other, to a tenth of a
pixel, which changes with every small movement of a head; and a coarse look of the whole scene, in cells more than
a third of the eyes' distance wide, of which the face fills one in seven. They can't tell who it is: on 439 photos
of Labeled Faces in the Wild, two of one person are nearer than two of two people in 63 of 100 cases by look (they are
often of one event) and in 57 by shape, where 50 is chance and a face's embedding has more than 99.
"""

from __future__ import annotations

import hashlib
from typing import cast

import cv2
import numpy as np

from facepay.vision.alignment import CROP_PX, TEMPLATE, similarity
from facepay.vision.evidence import Floats, FrameFingerprint
from facepay.vision.frames import Image

LOOK_ROWS, LOOK_COLUMNS = 16, 17
LOOK_BITS = LOOK_ROWS * (LOOK_COLUMNS - 1)  # one for each step from a cell to its right neighbour
LOOK_EYE_DISTANCES = 6.0  # the window's side
CELL_PX = 8
EYE_DISTANCE = float(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]))

LOOK_BITS_MAX = 36
SHAPE_PX_MAX = 1.2
"""How far a copy may be from its frame: bits of its look, and a key point in the aligned 112x112 picture."""

BANDS = 16


def fingerprint(frame: bytes, image: Image, landmarks: Floats | None) -> FrameFingerprint:
    """What a frame's copies are known by. `landmarks` are the nearest face's (5, 2), where there is one."""
    digest = hashlib.sha256(frame).digest()
    if landmarks is None:
        return FrameFingerprint(digest)
    to_template = similarity(landmarks)
    shape = landmarks @ to_template[:, :2].T + to_template[:, 2]
    return FrameFingerprint(digest, _look(image, to_template), shape.astype(np.float32))


def _look(image: Image, to_template: Floats) -> bytes:
    """Signs of the brightness steps in a window around the face, upright and in its scale (32 bytes)."""
    height, width = LOOK_ROWS * CELL_PX, LOOK_COLUMNS * CELL_PX
    scale = width / (LOOK_EYE_DISTANCES * EYE_DISTANCE)
    shift = np.array([width, height]) / 2 - scale * CROP_PX / 2
    matrix = np.column_stack([scale * to_template[:, :2], scale * to_template[:, 2] + shift])
    grey = cast(Image, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    merged = int(1 / np.hypot(*matrix[:, 0]))  # averaged first, or the warp would pick single noisy pixels
    if merged > 1:  # by a whole number, which OpenCV does five times as fast
        rows, columns = grey.shape[0] // merged, grey.shape[1] // merged
        whole = grey[: rows * merged, : columns * merged]
        grey = cast(Image, cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA))
        matrix[:, :2] *= merged
    window = cv2.warpAffine(grey, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    cells = window.reshape(LOOK_ROWS, CELL_PX, LOOK_COLUMNS, CELL_PX).mean(axis=(1, 3))
    return np.packbits(np.diff(cells, axis=1) > 0).tobytes()


def is_copy(one: FrameFingerprint, other: FrameFingerprint, *, shape_px_max: float = SHAPE_PX_MAX) -> bool:
    """Whether these are one frame, or one is made from the other."""
    if one.digest == other.digest:
        return True
    if one.look is None or other.look is None or one.shape is None or other.shape is None:
        return False
    return (
        look_distance(one.look, other.look) <= LOOK_BITS_MAX and shape_distance(one.shape, other.shape) <= shape_px_max
    )


def look_distance(one: bytes, other: bytes) -> int:
    """In how many of 256 bits two looks differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def shape_distance(one: Floats, other: Floats) -> float:
    """How far the key point that moved most has moved, in pixels of the aligned 112x112 picture."""
    return float(np.linalg.norm(one - other, axis=1).max())


def bands_of(look: bytes) -> list[int]:
    """Sixteen numbers, each of 16 of the look's bits from all over it: a copy shares one of them, and few others do."""
    bits = np.unpackbits(np.frombuffer(look, np.uint8)).reshape(16, BANDS).T  # every sixteenth bit
    numbers = bits.astype(np.int64) @ (1 << np.arange(16))
    return [BANDS * int(number) + band for band, number in enumerate(numbers)]
