"""A mean head, a sheet of paper and a camera: what a portrait looks like when it's turned, and its depth map.

Lengths are in distances between the eyes, from the middle between them: x to the image's right, y down, z away from
the camera. A surface is a height field; rays from the camera are followed until they meet it, so that a nose hides
the cheek behind it. A portrait is laid onto the surface as if it had been taken from straight ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from facepay.kernel.cameras import DepthCamera
from facepay.vision.alignment import TEMPLATE, similarity
from facepay.vision.depth_maps import EYE_DISTANCE_MM, DepthMap
from facepay.vision.evidence import Floats
from facepay.vision.frames import Image

Doubles = npt.NDArray[np.float64]

_EYES = TEMPLATE[:2].mean(axis=0)
_EYE_DISTANCE = float(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]))
_REACH = 1.7  # how far from the face's middle anything is drawn
_STEPS = 96
_NEAR, _FAR = -1.2, 1.8  # the heights between which a ray looks for a surface
# So that a smile of 1 moves the points of the mouth as far as the mean labelled smile of LFW differs from its rests.
_SMILE_ACROSS, _SMILE_UP = 0.2, 0.2


@dataclass(frozen=True, slots=True)
class Surface:
    """`height` gives z at (x, y); `texture` says which (x, y) of the portrait lies there; it turns around `pivot`."""

    height: Callable[[Doubles, Doubles], Doubles]
    texture: Callable[[Doubles, Doubles], tuple[Doubles, Doubles]]
    pivot: tuple[float, float, float]
    half_width: float
    half_height: float


def _skull(x: Doubles, y: Doubles) -> Doubles:
    round_ = 1 - (x / 1.2) ** 2 - ((y - 0.35) / 1.75) ** 2
    return 1.5 * (1 - np.sqrt(np.clip(round_, 0.0, None)))


def _head_height(x: Doubles, y: Doubles) -> Doubles:
    """An ellipsoid 150 mm wide with a nose that stands out by 0.6 from the eyes, as `vision.pose` has it."""
    bridge = np.where(y < 0.57, np.clip(y / 0.57, 0, 1), np.exp(-(((y - 0.57) / 0.12) ** 2)))
    nose = 0.45 * bridge * np.exp(-((x / (0.12 + 0.07 * bridge)) ** 2))
    mouth = 0.18 * np.exp(-((x / 0.5) ** 2) - ((y - 1.1) / 0.35) ** 2)
    return _skull(x, y) - nose - mouth


def _same(x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    return x, y


HEAD = Surface(_head_height, _same, (0.0, 0.5, 1.2), 1.15, 1.65)
SMOOTH_MASK = Surface(_skull, _same, (0.0, 0.5, 1.2), 1.15, 1.65)
"""Round as a head, without nose or mouth: a print on a balloon."""


def sheet(*, radius: float | None = None, axis: str = "vertical") -> Surface:
    """A print of the portrait, flat or bent around an axis to this radius (towards the camera at its middle)."""
    if radius is None:
        return Surface(lambda x, y: np.zeros_like(x), _same, (0.0, 0.5, 0.0), 1.3, 1.6)

    def sag(across: Doubles) -> Doubles:
        return radius - np.sqrt(np.clip(radius**2 - across**2, 0, None))

    def unrolled(across: Doubles) -> Doubles:
        return radius * np.arcsin(np.clip(across / radius, -1, 1))

    reach = 0.97 * radius
    if axis == "oblique":  # the portrait on it is not unrolled
        return Surface(
            lambda x, y: sag((x + y - 0.5) * np.sqrt(0.5)), _same, (0.0, 0.5, 0.0), min(1.3, reach), min(1.6, reach)
        )
    if axis == "vertical":
        return Surface(lambda x, y: sag(x), lambda x, y: (unrolled(x), y), (0.0, 0.5, 0.0), min(1.3, reach), 1.6)
    return Surface(
        lambda x, y: sag(y - 0.5),
        lambda x, y: (x, unrolled(y - 0.5) + 0.5),
        (0.0, 0.5, 0.0),
        1.3,
        min(1.6, reach),
    )


def creased(degrees: float, *, axis: str = "vertical") -> Surface:
    """A print that is folded along the nose's ridge, or across its tip, by so much on either side."""
    slope = float(np.tan(np.radians(degrees)))
    if axis == "vertical":
        return Surface(lambda x, y: np.abs(x) * slope, _same, (0.0, 0.5, 0.0), 1.3, 1.6)
    return Surface(lambda x, y: np.abs(y - 0.57) * slope, _same, (0.0, 0.5, 0.0), 1.3, 1.6)


@dataclass(frozen=True, slots=True)
class View:
    """How a surface is turned before the camera, in degrees, and how far away it is.

    Positive yaw turns the nose to the image's right, positive pitch down, positive roll clockwise.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    distance: float = 9.0
    shift: tuple[float, float] = (0.0, 0.0)


def _rotation(view: View) -> Doubles:
    yaw, pitch, roll = np.radians([-view.yaw, view.pitch, view.roll])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return cast(Doubles, about_z @ about_x @ about_y)


def _first_met(surface: Surface, origin: Doubles, ray: Doubles) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """At which z each ray first passes below the height field, and whether it does; `ray` is (..., 3), its z is 1."""
    step = (_FAR - _NEAR) / _STEPS
    across, down = ray[..., 0].ravel(), ray[..., 1].ravel()
    z, met = np.full(across.size, _FAR), np.zeros(across.size, bool)
    flying, above = np.arange(across.size), np.full(across.size, 1.0)
    for level in np.arange(_NEAR, _FAR, step):
        away = level - origin[2]
        gap = surface.height(origin[0] + across * away, origin[1] + down * away) - level
        hit = gap <= 0
        share = above[hit] / np.maximum(above[hit] - gap[hit], 1e-9)
        z[flying[hit]] = level - step * (1 - np.clip(share, 0, 1))
        met[flying[hit]] = True
        across, down, flying, above = across[~hit], down[~hit], flying[~hit], gap[~hit]
    return z.reshape(ray.shape[:-1]), met.reshape(ray.shape[:-1])


def _cast(
    surface: Surface, view: View, x: Doubles, y: Doubles
) -> tuple[Doubles, Doubles, Doubles, npt.NDArray[np.bool_]]:
    """Where the rays through (x, y, 0) meet the surface: its own x and y, z before the camera, and whether they do."""
    rotation, pivot = _rotation(view), np.array(surface.pivot)
    eye = np.array([0.0, 0.5, -view.distance])
    through = np.stack([x - view.shift[0], y - view.shift[1], np.zeros_like(x)], axis=-1)
    # Both in the surface's own coordinates, where it is a height field.
    origin = (eye - pivot) @ rotation + pivot
    ray = (through - eye) @ rotation
    ray /= ray[..., 2:]
    z, met = _first_met(surface, origin, ray)
    at = origin + ray * (z - origin[2])[..., None]
    met &= (np.abs(at[..., 0]) <= surface.half_width) & (np.abs(at[..., 1] - 0.5) <= surface.half_height)
    before = ((at - pivot) @ rotation.T + pivot)[..., 2]
    return at[..., 0], at[..., 1], before, met


def _to_face(landmarks: Floats) -> Doubles:
    """The (2, 3) transform from the frame's pixels to eye distances from the middle between the eyes."""
    matrix = similarity(landmarks).astype(np.float64)
    matrix[:, 2] -= _EYES
    return matrix / _EYE_DISTANCE


def _sampled(portrait: Image, source: npt.NDArray[Any]) -> Doubles:
    """The portrait's pixels at (height, width, 2) places."""
    across, down = np.ascontiguousarray(np.moveaxis(source.astype(np.float32), -1, 0))
    drawn = cv2.remap(portrait, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return drawn.astype(np.float64)


def turned(portrait: Image, landmarks: Floats, view: View, *, surface: Surface = HEAD, step: int = 2) -> Image:
    """The portrait laid onto a surface and turned, before the portrait's own background.

    `landmarks` are the portrait's (5, 2). A sheet is drawn with its white edge.
    """
    height, width = portrait.shape[:2]
    to_face = _to_face(landmarks)
    to_frame = cv2.invertAffineTransform(to_face)
    rows, columns = np.mgrid[0:height:step, 0:width:step].astype(np.float64)
    x, y = np.moveaxis(np.stack([columns, rows], -1) @ to_face[:, :2].T + to_face[:, 2], -1, 0)
    u, v, _, met = _cast(surface, view, x, y)
    u, v = surface.texture(u, v)
    source = (np.stack([u, v], -1) @ to_frame[:, :2].T + to_frame[:, 2]).astype(np.float32)
    drawn = _sampled(portrait, cv2.resize(source, (width, height), interpolation=cv2.INTER_LINEAR))
    mask = cv2.resize(met.astype(np.float32), (width, height))[..., None]
    return cast(Image, (drawn * mask + portrait * (1 - mask)).astype(np.uint8))


def turned_landmarks(landmarks: Floats, view: View, *, surface: Surface = HEAD) -> Floats:
    """Where the portrait's (5, 2) landmarks are in the turned picture."""
    to_face = _to_face(landmarks)
    to_frame = cv2.invertAffineTransform(to_face)
    x, y = (landmarks @ to_face[:, :2].T + to_face[:, 2]).T
    pivot = np.array(surface.pivot)
    at = (np.stack([x, y, surface.height(x, y)], axis=1) - pivot) @ _rotation(view).T + pivot
    eye = np.array([0.0, 0.5, -view.distance])
    through = eye + (at - eye) * (view.distance / (at[:, 2:] + view.distance))
    seen = (through[:, :2] + view.shift) @ to_frame[:, :2].T + to_frame[:, 2]
    return cast(Floats, seen.astype(np.float32))


def depth_camera(landmarks: Floats, size: tuple[int, int], view: View) -> DepthCamera:
    """The intrinsics of the camera by which `depth_map` sees; `size` is (width, height)."""
    to_frame = cv2.invertAffineTransform(_to_face(landmarks))
    focal = float(np.hypot(*to_frame[:, 0])) * view.distance
    across, down = to_frame[:, :2] @ (0.0, 0.5) + to_frame[:, 2]
    return DepthCamera(focal, focal, float(across), float(down), *size)


def depth_map(
    landmarks: Floats,
    size: tuple[int, int],
    view: View,
    *,
    surface: Surface = HEAD,
    background_mm: float = 2500.0,
    noise_mm: float = 2.0,
    holes: float = 0.02,
    seed: int = 0,
    step: int = 3,
) -> DepthMap:
    """What a 3D camera measures of the surface at these (5, 2) landmarks; `size` is (width, height).

    With Gaussian noise, and with holes (0): single pixels, and all where the surface falls away steeply.
    """
    width, height = size
    to_face = _to_face(landmarks)
    rows, columns = np.mgrid[0:height:step, 0:width:step].astype(np.float64)
    x, y = np.moveaxis(np.stack([columns, rows], -1) @ to_face[:, :2].T + to_face[:, 2], -1, 0)
    _, _, z, met = _cast(surface, view, x, y)
    z = cv2.resize(z, (width, height)).astype(np.float64)
    on_surface = cv2.resize(met.astype(np.float32), (width, height)) > 0.99
    random = np.random.default_rng(seed)
    millimetres = np.where(on_surface, (view.distance + z) * EYE_DISTANCE_MM, background_mm)
    slope = np.hypot(*np.gradient(millimetres)) > 0.4 * EYE_DISTANCE_MM
    measured = millimetres + random.normal(0, noise_mm, millimetres.shape)
    measured[slope | (random.random(millimetres.shape) < holes)] = 0
    return cast(DepthMap, np.clip(np.rint(measured), 0, 65535).astype(np.uint16))


def with_expression(
    portrait: Image, landmarks: Floats, *, smile: float = 0.0, open_mouth: float = 0.0, closed_eyes: float = 0.0
) -> Image:
    """The portrait with another expression, from 0 to 1: mouth's corners out and up, lips apart, lids down."""
    height, width = portrait.shape[:2]
    to_face = _to_face(landmarks)
    to_frame = cv2.invertAffineTransform(to_face)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    x, y = np.moveaxis(np.stack([columns, rows], -1) @ to_face[:, :2].T + to_face[:, 2], -1, 0)
    points = landmarks @ to_face[:, :2].T + to_face[:, 2]
    eyes, mouth = points[:2], points[3:]
    lips = float(mouth[:, 1].mean())
    u, v = x.copy(), y.copy()
    for corner, outward in zip(mouth, (-1, 1), strict=True):
        near = np.exp(-(((x - corner[0] - 0.1 * outward) / 0.25) ** 2) - ((y - corner[1] + 0.08) / 0.22) ** 2)
        u -= smile * _SMILE_ACROSS * outward * near
        v += smile * _SMILE_UP * near
    across = np.exp(-(((x - mouth[:, 0].mean()) / 0.35) ** 2))
    gap = open_mouth * 0.4 * across
    v = np.where(
        y > lips, np.maximum(v - gap * np.exp(-((np.clip(y - lips - 0.4, 0, None) / 0.5) ** 2)), np.minimum(v, lips)), v
    )
    inside = (y > lips + 0.02) & (y < lips + gap - 0.04)
    for eye in eyes:
        away = y - eye[1] - 0.04
        within = np.exp(-(((x - eye[0]) / 0.26) ** 6))
        squeezed = np.sign(away) * np.interp(np.abs(away), [0, 0.03, 0.3], [0, 0.14, 0.3])
        v += closed_eyes * within * np.where(np.abs(away) < 0.3, squeezed - away, 0)
    source = (np.stack([u, v], -1) @ to_frame[:, :2].T + to_frame[:, 2]).astype(np.float32)
    drawn = _sampled(portrait, source)
    shade = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.0)[..., None]
    return cast(Image, (drawn * (1 - shade) + np.array([25, 20, 45]) * shade).astype(np.uint8))
