"""Is there a face's surface where the picture shows a face? By a depth map from a 3D camera beside the frame.

Where the camera's intrinsics are known the surface is measured in millimetres: see `facepay.vision.liveness.surface`.

Where they aren't: around the face, depth is sampled in units of the distance between the eyes (taken as 63 mm). A plane
is fitted to all of it: a print or a screen, however tilted, leaves no more than the sensor's noise. A quadric is
fitted to all but the nose, which is what a bent print can be (a cylinder of any axis and radius is one, where it's
seen), and what cheeks and forehead are, nearly; then the nose must stand out of it. The eyes' distance in the frame
and the measured one give the camera's focal length: where no camera has that, the face is a small print or a screen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from facepay.kernel.cameras import DepthCamera
from facepay.vision.depth_maps import EYE_DISTANCE_MM, NOSE_TIP_LOWER, DepthMap, DepthMismatch, decode_depth, sample
from facepay.vision.evidence import FaceRelief, FaceSurface, Floats, FrameEvidence
from facepay.vision.frames import FrameLimits
from facepay.vision.liveness.surface import at_width, measure_surface

ReliefFault = Literal["depth_missing", "depth_out_of_range", "depth_size_implausible", "depth_flat", "depth_bent"]

ASPECT_TOLERANCE = 0.02
_STEP = 0.06  # between samples, in eye distances


@dataclass(frozen=True, slots=True)
class ReliefPolicy:
    """What a face's surface must show. `python -m benchmarks.presentation` measures both errors at these limits.

    Those in millimetres are for a camera whose intrinsics are known, the shares of the eyes' distance for all others.
    """

    measured_share_min: float = 0.6
    distance_mm_min: float = 150.0
    distance_mm_max: float = 3000.0
    focal_share_min: float = 0.3
    focal_share_max: float = 2.5
    plane_residual_min: float = 0.08
    nose_protrusion_min: float = 0.1
    nose_protrusion_max: float = 1.0
    eye_distance_mm_min: float = 50.0
    eye_distance_mm_max: float = 80.0
    plane_residual_mm_min: float = 3.0
    nose_protrusion_mm_min: float = 7.0
    nose_protrusion_mm_max: float = 45.0


def with_relief(
    evidence: FrameEvidence, png: bytes, *, limits: FrameLimits, camera: DepthCamera | None = None
) -> FrameEvidence:
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
    if camera is not None and abs(width * camera.height / camera.width - height) > 1:
        raise DepthMismatch(
            "The depth map has neither the size of the device's camera nor a scale of it.",
            depth=[width, height],
            camera=[camera.width, camera.height],
        )
    if not evidence.faces:
        return evidence
    nearest, *others = evidence.faces
    landmarks = nearest.landmarks * np.float32(width / evidence.width)
    relief = (
        measure_relief(depth, landmarks)
        if camera is None
        else measure_surface(depth, landmarks, at_width(camera, width))
    )
    return replace(evidence, faces=(replace(nearest, relief=relief), *others))


def measure_relief(depth: DepthMap, landmarks: Floats) -> FaceRelief:
    """The surface around a face whose (5, 2) landmarks are given in the map's pixels."""
    face = sample(depth, landmarks, step=_STEP)
    measured = face.depth > 0
    if measured.sum() < len(measured) // 4:
        return FaceRelief(float(measured.mean()), 0.0, 0.0, 0.0, 0.0)
    distance = float(np.median(face.depth[measured]))
    # The background behind a thin face, and flying pixels at its edge, are no part of it.
    measured &= np.abs(face.depth - distance) < 2 * EYE_DISTANCE_MM
    places, surface = face.places[measured], (face.depth[measured] - distance) / np.float32(EYE_DISTANCE_MM)
    return FaceRelief(
        measured_share=float(measured.mean()),
        distance_mm=distance,
        plane_residual=_plane_residual(places, surface),
        nose_protrusion=max(
            _nose_protrusion(places, surface, np.add(face.nose, (0, lower))) for lower in NOSE_TIP_LOWER
        ),
        focal_share=distance * face.eye_distance_px / EYE_DISTANCE_MM / depth.shape[1],
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


def fault_of(relief: FaceRelief | FaceSurface, *, policy: ReliefPolicy) -> ReliefFault | None:
    """Why this is no face's surface; None where it is one."""
    if relief.measured_share < policy.measured_share_min:
        return "depth_missing"
    if not policy.distance_mm_min <= relief.distance_mm <= policy.distance_mm_max:
        return "depth_out_of_range"
    if isinstance(relief, FaceSurface):
        return _fault_in_mm(relief, policy)
    if not policy.focal_share_min <= relief.focal_share <= policy.focal_share_max:
        return "depth_size_implausible"
    if relief.plane_residual < policy.plane_residual_min:
        return "depth_flat"
    if not policy.nose_protrusion_min <= relief.nose_protrusion <= policy.nose_protrusion_max:
        return "depth_bent"
    return None


def _fault_in_mm(surface: FaceSurface, policy: ReliefPolicy) -> ReliefFault | None:
    if not policy.eye_distance_mm_min <= surface.eye_distance_mm <= policy.eye_distance_mm_max:
        return "depth_size_implausible"
    if surface.plane_residual_mm < policy.plane_residual_mm_min:
        return "depth_flat"
    if not policy.nose_protrusion_mm_min <= surface.nose_protrusion_mm <= policy.nose_protrusion_mm_max:
        return "depth_bent"
    return None
