"""A face's surface in millimetres, where the 3D camera's intrinsics are known.

Each sample of the depth map is projected back to the point in space that it shows. The distance between the eyes is a
person's or not, whatever size the face has in the frame: a small print that is held nearer gives itself away.

A sheet of paper and a screen can only be bent such that through each of their points runs a straight line that lies on
them (a developable surface: a plane, a cylinder of any axis, a cone, and folds of all these). Through the tip of a nose
runs none. So what is measured is how far the tip stands out of the chord between the surface on both its sides, in the
direction in which it does so least.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facepay.kernel.cameras import DepthCamera
from facepay.vision.depth_maps import NOSE_TIP_LOWER, DepthMap, sample
from facepay.vision.evidence import FaceSurface, Floats

Doubles = npt.NDArray[np.float64]

_STEP = 0.04  # between samples, in eye distances
_BACKGROUND_MM = 120.0  # what is further before or behind the face's middle is no part of it
_TIP_RADIUS = 0.1  # in eye distances
_EYE_RADII = (0.15, 0.35)  # through glasses many cameras measure nothing, but beside them
_PATCH_MM, _CHORD_MM = 8.0, 28.0
_PATCH_SAMPLES_MIN = 4
_DIRECTIONS = np.arange(12) * np.pi / 12
_DIRECTIONS_MIN = 10  # who hides the others hides the one in which a sheet is straight


def at_width(camera: DepthCamera, width: int) -> DepthCamera:
    """The same camera, whose map is scaled to this width. A pixel's centre is at whole numbers."""
    scale = width / camera.width
    return DepthCamera(
        fx=camera.fx * scale,
        fy=camera.fy * scale,
        cx=(camera.cx + 0.5) * scale - 0.5,
        cy=(camera.cy + 0.5) * scale - 0.5,
        width=width,
        height=round(camera.height * scale),
        depth_unit_mm=camera.depth_unit_mm,
    )


def measure_surface(depth: DepthMap, landmarks: Floats, camera: DepthCamera) -> FaceSurface:
    """The surface around a face whose (5, 2) landmarks are given in the map's pixels, by the camera of that size."""
    face = sample(depth, landmarks, step=_STEP)
    z = face.depth.astype(np.float64) * camera.depth_unit_mm
    measured = z > 0
    if measured.sum() < len(z) // 4:
        return FaceSurface(float(measured.mean()), 0.0, 0.0, 0.0, 0.0)
    distance = float(np.median(z[measured]))
    measured &= np.abs(z - distance) < _BACKGROUND_MM
    pixels, z = face.pixels[measured], z[measured]
    points = _back_projected(pixels, z, camera)
    eyes = [
        _back_projected(eye, eye_z, camera)
        for eye in landmarks[:2]
        if (eye_z := _depth_near(np.hypot(*(pixels - eye).T) / face.eye_distance_px, z)) is not None
    ]
    tips = [np.hypot(*(face.places[measured] - face.nose - (0, lower)).T) < _TIP_RADIUS for lower in NOSE_TIP_LOWER]
    return FaceSurface(
        measured_share=float(measured.mean()),
        distance_mm=distance,
        eye_distance_mm=float(np.linalg.norm(eyes[1] - eyes[0])) if len(eyes) == 2 else 0.0,
        plane_residual_mm=_plane_residual(points),
        nose_protrusion_mm=max((_protrusion(points, points[tip].mean(axis=0)) for tip in tips if tip.any()), default=0),
    )


def _depth_near(distances: Doubles, z: Doubles) -> float | None:
    """At an eye, or else around it; the samples' distances from it are in eye distances."""
    for radius in _EYE_RADII:
        if (near := distances < radius).sum() >= _PATCH_SAMPLES_MIN:
            return float(np.median(z[near]))
    return None


def _back_projected(pixels: Floats, z: Doubles | float, camera: DepthCamera) -> Doubles:
    """(…, 3) in millimetres: to the image's right, down, and away from the camera."""
    across, down = (pixels[..., 0] - camera.cx) / camera.fx, (pixels[..., 1] - camera.cy) / camera.fy
    return np.stack([across * z, down * z, np.broadcast_to(z, across.shape)], axis=-1)


def _plane_residual(points: Doubles) -> float:
    """Root mean square distance from the best plane."""
    smallest = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[-1]
    return float(smallest / np.sqrt(len(points)))


def _protrusion(points: Doubles, tip: Doubles) -> float:
    """How far, at least, the surface at this tip is nearer than the chord through it; 0 where too little is seen."""

    def depth_around(x: float, y: float) -> float | None:
        near = np.hypot(points[:, 0] - x, points[:, 1] - y) < _PATCH_MM
        return float(np.median(points[near, 2])) if near.sum() >= _PATCH_SAMPLES_MIN else None

    x, y = tip[:2]
    middle = depth_around(x, y)
    standing_out = []
    for across, down in np.column_stack([np.cos(_DIRECTIONS), np.sin(_DIRECTIONS)]) * _CHORD_MM:
        one, other = depth_around(x - across, y - down), depth_around(x + across, y + down)
        if middle is not None and one is not None and other is not None:
            standing_out.append((one + other) / 2 - middle)
    return max(0.0, min(standing_out)) if len(standing_out) >= _DIRECTIONS_MIN else 0.0
