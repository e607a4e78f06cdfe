"""A depth map beside a frame, from a 3D camera: how it is read, and where it is looked at around a face.

It is a 16-bit grey PNG (0: not measured), registered to the frame, at any scale of it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from facepay.kernel.errors import Problem
from facepay.vision.alignment import TEMPLATE, similarity
from facepay.vision.evidence import Floats
from facepay.vision.frames import FrameLimits, sniff

DepthMap = npt.NDArray[np.uint16]
"""(height, width) in the camera's unit of depth, millimetres where nothing else is said; 0: nothing was measured."""

NOSE_TIP_LOWER = (-0.2, -0.1, 0.0, 0.1)
"""By so many eye distances a nose's tip lies lower than where the detector sees it."""
EYE_DISTANCE_MM = 63.0  # adults' mean interpupillary distance (Dodgson, 2004); 52 to 78 at the extremes
_GREY = 0
_EYES = TEMPLATE[:2].mean(axis=0)
_EYE_DISTANCE = float(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]))


class DepthUnreadable(Problem):
    """The depth map is not a 16-bit grey PNG."""

    status = 422
    code = "depth_unreadable"
    title = "Depth map can't be read"


class DepthMismatch(Problem):
    """The depth map has another shape than the frame, so it can't be registered to it."""

    status = 422
    code = "depth_mismatch"
    title = "Depth map doesn't fit its frame"


def decode_depth(data: bytes, *, limits: FrameLimits) -> DepthMap:
    """Raises DepthUnreadable, before any pixel is decoded where its header says so."""
    if sniff(data) != "png" or data[12:16] != b"IHDR" or len(data) < 33:
        raise DepthUnreadable("A depth map is a 16-bit grey PNG; this is no PNG.")
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    if bits != 16 or colour != _GREY:
        raise DepthUnreadable("A depth map is grey with 16 bits a pixel.", bits=bits)
    if not 0 < width * height <= limits.megapixels_max * 1e6 or len(data) > limits.bytes_max:
        raise DepthUnreadable("The depth map is empty or too large.", width=width, height=height)
    depth = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if depth is None or depth.dtype != np.uint16 or depth.ndim != 2:
        raise DepthUnreadable("The depth map is damaged or cut short.")
    return cast(DepthMap, depth)


@dataclass(frozen=True, slots=True)
class Samples:
    """A depth map where it shows a face, at n places of an upright oval from above the brows to the chin.

    `places` (n, 2) are in eye distances from the middle between the eyes, as is the `nose`'s tip, (2,), and
    `pixels` (n, 2), as column and row, in the map. `depth` (n,) is the map's value there, 0 where it has none.
    """

    places: Floats
    pixels: Floats
    depth: Floats
    nose: Floats
    eye_distance_px: float


def sample(depth: DepthMap, landmarks: Floats, *, step: float) -> Samples:
    """Every `step` of the distance between the eyes; the (5, 2) landmarks are in the map's pixels."""
    across, down = np.meshgrid(np.arange(-0.78, 0.79, step), np.arange(-0.42, 1.57, step))
    oval = (across / 0.8) ** 2 + ((down - 0.57) / 1.0) ** 2 <= 1
    places = np.stack([across[oval], down[oval]], axis=1).astype(np.float32)
    to_template = similarity(landmarks)
    to_map = cv2.invertAffineTransform(to_template)
    pixels = np.rint((places * _EYE_DISTANCE + _EYES) @ to_map[:, :2].T + to_map[:, 2])
    columns, rows = pixels.astype(int).T
    height, width = depth.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    values = np.zeros(len(places), np.float32)
    values[inside] = depth[rows[inside], columns[inside]]
    nose = (landmarks[2] @ to_template[:, :2].T + to_template[:, 2] - _EYES) / _EYE_DISTANCE
    return Samples(places, pixels, values, nose, _EYE_DISTANCE * float(np.hypot(*to_map[:, 0])))
