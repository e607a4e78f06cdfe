"""Is there a face's surface where the picture shows a face? By a depth map from a 3D camera beside the frame.

The map is a 16-bit grey PNG in millimetres (0: not measured), registered to the frame, at any scale of it.

The rule: around the face, depth is sampled in units of the distance between the eyes (taken as 63 mm). A plane is
fitted to all of it: a print or a screen, however tilted, leaves no more than the sensor's noise. A quadric is
fitted to all but the nose, which is what a bent print can be (a cylinder of any axis and radius is one, where it's
seen), and what cheeks and forehead are, nearly; then the nose must stand out of it. The eyes' distance in the frame
and the measured one give the camera's focal length: where no camera has that, the face is a small print or a screen.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Literal, cast

import cv2
import numpy as np
import numpy.typing as npt

from facepay.kernel.errors import Problem
from facepay.vision.alignment import TEMPLATE, similarity
from facepay.vision.evidence import FaceRelief, Floats, FrameEvidence
from facepay.vision.frames import FrameLimits, sniff

DepthMap = npt.NDArray[np.uint16]
"""(height, width) in millimetres; 0 where nothing was measured."""

ReliefFault = Literal["depth_missing", "depth_out_of_range", "depth_size_implausible", "depth_flat", "depth_bent"]

EYE_DISTANCE_MM = 63.0  # adults' mean interpupillary distance (Dodgson, 2004); 52 to 78 at the extremes
ASPECT_TOLERANCE = 0.02
_GREY, _COLOUR_TYPE_AT = 0, 25


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


@dataclass(frozen=True, slots=True)
class ReliefPolicy:
    """What a face's surface must show. `python -m benchmarks.presentation` measures both errors at these limits."""

    measured_share_min: float = 0.6
    distance_mm_min: float = 150.0
    distance_mm_max: float = 3000.0
    focal_share_min: float = 0.3
    focal_share_max: float = 2.5
    plane_residual_min: float = 0.08
    nose_protrusion_min: float = 0.1
    nose_protrusion_max: float = 1.0


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


def with_relief(evidence: FrameEvidence, png: bytes, *, limits: FrameLimits) -> FrameEvidence:
    """The same evidence, with the relief of its nearest face. Some 5 ms of a core.

    Raises DepthUnreadable and DepthMismatch.
    """
    depth = decode_depth(png, limits=limits)
    height, width = depth.shape
    if abs(width * evidence.height / (height * evidence.width) - 1) > ASPECT_TOLERANCE:
        raise DepthMismatch(
            "The depth map has another aspect ratio than the frame.",
            depth=[width, height],
            frame=[evidence.width, evidence.height],
        )
    if not evidence.faces:
        return evidence
    scale = width / evidence.width
    nearest, *others = evidence.faces
    relief = measure_relief(depth, nearest.landmarks * np.float32(scale))
    return replace(evidence, faces=(replace(nearest, relief=relief), *others))


# Where depth is sampled and where the nose lies, in eye distances from the middle between the eyes.
_STEP = 0.06
_ACROSS, _DOWN = np.meshgrid(np.arange(-0.78, 0.79, _STEP), np.arange(-0.42, 1.57, _STEP))
_INSIDE = (_ACROSS / 0.8) ** 2 + ((_DOWN - 0.57) / 1.0) ** 2 <= 1
_GRID = np.stack([_ACROSS[_INSIDE], _DOWN[_INSIDE]], axis=1).astype(np.float32)
_LOWER = (-0.2, -0.1, 0.0, 0.1)  # a nose's tip lies so far from where the detector sees it
_TEMPLATE_EYES = TEMPLATE[:2].mean(axis=0)
_TEMPLATE_EYE_DISTANCE = float(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]))


def measure_relief(depth: DepthMap, landmarks: Floats) -> FaceRelief:
    """The surface around a face whose (5, 2) landmarks are given in the map's pixels."""
    to_template = similarity(landmarks)
    to_map = cv2.invertAffineTransform(to_template)
    at = (_GRID * _TEMPLATE_EYE_DISTANCE + _TEMPLATE_EYES) @ to_map[:, :2].T + to_map[:, 2]
    columns, rows = np.rint(at).astype(int).T
    height, width = depth.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    millimetres = np.zeros(len(at))
    millimetres[inside] = depth[rows[inside], columns[inside]]
    measured = millimetres > 0
    if measured.sum() < len(at) // 4:
        return FaceRelief(float(measured.mean()), 0.0, 0.0, 0.0, 0.0)
    distance = float(np.median(millimetres[measured]))
    # The background behind a thin face, and flying pixels at its edge, are no part of it.
    measured &= np.abs(millimetres - distance) < 2 * EYE_DISTANCE_MM
    surface = ((millimetres - distance) / EYE_DISTANCE_MM).astype(np.float32)
    nose = (landmarks[2] @ to_template[:, :2].T + to_template[:, 2] - _TEMPLATE_EYES) / _TEMPLATE_EYE_DISTANCE
    eye_distance_px = _TEMPLATE_EYE_DISTANCE * float(np.hypot(*to_map[:, 0]))
    return FaceRelief(
        measured_share=float(measured.mean()),
        distance_mm=distance,
        plane_residual=_plane_residual(_GRID[measured], surface[measured]),
        nose_protrusion=max(
            _nose_protrusion(_GRID[measured], surface[measured], np.add(nose, (0, lower))) for lower in _LOWER
        ),
        focal_share=distance * eye_distance_px / EYE_DISTANCE_MM / width,
    )


def _plane_residual(at: Floats, surface: Floats) -> float:
    """Root mean square distance from the best plane."""
    terms = np.column_stack([np.ones(len(at)), at])
    return float(np.sqrt(np.mean((surface - terms @ np.linalg.lstsq(terms, surface)[0]) ** 2)))


def _nose_protrusion(at: Floats, surface: Floats, nose: Floats) -> float:
    """How far the nose's tip stands out of the best quadric through everything around the nose."""
    across, down = at.T
    terms = np.column_stack([np.ones(len(at)), across, down, across**2, across * down, down**2])
    beside = np.abs(across - nose[0] * np.clip((down + 0.1) / max(nose[1], 0.1), 0, 1)) > 0.3
    around = beside | (down < -0.1) | (down > nose[1] + 0.3)
    tip = np.hypot(across - nose[0], down - nose[1]) < 0.15
    if around.sum() < 50 or not tip.any():
        return 0.0
    quadric = np.linalg.lstsq(terms[around], surface[around])[0]
    return float(np.mean(terms[tip] @ quadric - surface[tip]))


def fault_of(relief: FaceRelief, *, policy: ReliefPolicy) -> ReliefFault | None:
    """Why this is no face's surface; None where it is one."""
    if relief.measured_share < policy.measured_share_min:
        return "depth_missing"
    if not policy.distance_mm_min <= relief.distance_mm <= policy.distance_mm_max:
        return "depth_out_of_range"
    if not policy.focal_share_min <= relief.focal_share <= policy.focal_share_max:
        return "depth_size_implausible"
    if relief.plane_residual < policy.plane_residual_min:
        return "depth_flat"
    if not policy.nose_protrusion_min <= relief.nose_protrusion <= policy.nose_protrusion_max:
        return "depth_bent"
    return None
