"""Photographs for tests: the demo's own samples, and what only a test needs."""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

from facepay.vision.evidence import Floats
from facepay.vision.frames import FrameLimits, decode_frame
from facepay.vision.samples import camera_frame, people, stranger, variant

__all__ = ["camera_frame", "close_up", "montage", "people", "stranger", "variant"]


def montage(count: int = 10) -> bytes:
    """A wide frame with `count` faces side by side (the six people, again from the start)."""
    six = people()
    return camera_frame([six[index % len(six)] for index in range(count)], width=1920, height=1080)


def close_up(
    portrait: bytes, face: Floats, *, fill: float, size: tuple[int, int] = (960, 720), behind: bytes | None = None
) -> bytes:
    """Somebody so near that the face, (4,) in the portrait, fills a share of the frame's height (a JPEG).

    `behind` is the portrait of somebody further away, in the upper left corner.
    """
    width, height = size
    left, top, right, bottom = face
    scale = fill * height / (bottom - top)
    shift = [width / 2 - (left + right) / 2 * scale, height / 2 - (top + bottom) / 2 * scale]
    image = decode_frame(portrait, limits=FrameLimits())
    frame = cv2.warpAffine(
        image, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), size, borderValue=(96, 96, 96)
    )
    if behind is not None:
        small = cv2.resize(decode_frame(behind, limits=FrameLimits()), (width // 5, height // 4))
        frame[: small.shape[0], : small.shape[1]] = small
    encoded: bytes = simplejpeg.encode_jpeg(frame, quality=85, colorspace="BGR")
    return encoded
