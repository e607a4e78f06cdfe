"""What is kept of a picture: the face with a margin, small, without metadata and without bystanders."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facepay.vision.evidence import FaceEvidence
from facepay.vision.frames import FrameLimits, Image, decode_frame

# Of the box's longer side, on every side: detectors have to see that it is a head.
MARGIN = 0.75
SIDE_PX_MAX = 640
GREY = 128
JPEG_QUALITY = 95  # what templates are made from again loses nothing; for people's eyes less is enough


def portrait(
    frame: bytes,
    faces: Sequence[FaceEvidence],
    *,
    limits: FrameLimits,
    side_px_max: int = SIDE_PX_MAX,
    jpeg_quality: int = JPEG_QUALITY,
) -> bytes:
    """The part of the frame round the first of its faces, as JPEG of some 60 kB, with the others painted over.

    Raises as `decode_frame` does.
    """
    image = _alone(decode_frame(frame, limits=limits), faces)
    left, top, right, bottom = (float(edge) for edge in faces[0].box)
    margin = MARGIN * max(right - left, bottom - top)
    rows = slice(max(0, int(top - margin)), int(np.ceil(bottom + margin)))
    columns = slice(max(0, int(left - margin)), int(np.ceil(right + margin)))
    part: Image = image[rows, columns]
    scale = side_px_max / max(part.shape[:2])
    if scale < 1:
        part = np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    done, jpeg = cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    assert done, "pixels can always be encoded"
    return jpeg.tobytes()


def _alone(image: Image, faces: Sequence[FaceEvidence]) -> Image:
    """A copy that shows the first of these faces whole, and nothing of the others'."""
    shown = image.copy()
    for other in faces[1:]:
        shown[_inside(other)] = GREY
    shown[_inside(faces[0])] = image[_inside(faces[0])]
    return shown


def _inside(face: FaceEvidence) -> tuple[slice, slice]:
    left, top, right, bottom = (max(0, round(float(edge))) for edge in face.box)
    return slice(top, bottom), slice(left, right)
