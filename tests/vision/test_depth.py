from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from facepay.vision.alignment import TEMPLATE
from facepay.vision.depth_maps import DepthMap, DepthMismatch, DepthUnreadable, decode_depth
from facepay.vision.evidence import FaceEvidence, FaceQuality, FrameEvidence
from facepay.vision.frames import FrameLimits
from facepay.vision.heads import HEAD, Surface, View, depth_map, sheet, turned_landmarks
from facepay.vision.liveness.depth import (
    ReliefPolicy,
    fault_of,
    measure_relief,
    with_relief,
)

SIZE = (320, 240)
LANDMARKS = ((TEMPLATE - 56) * 1.2 + np.array([160, 120])).astype(np.float32)


def fault(surface: Surface, view: View = View(), *, seed: int = 0, **sensor: Any) -> str | None:
    depth = depth_map(LANDMARKS, SIZE, view, surface=surface, seed=seed, **sensor)
    landmarks = turned_landmarks(LANDMARKS, view, surface=surface)
    return fault_of(measure_relief(depth, landmarks), policy=ReliefPolicy())


def png(depth: np.ndarray[Any, Any]) -> bytes:
    return bytes(cv2.imencode(".png", depth)[1])


def frame(width: int = 640, height: int = 480, *, faces: int = 1) -> FrameEvidence:
    landmarks = LANDMARKS * np.float32(width / SIZE[0])
    face = FaceEvidence(np.zeros(4, np.float32), landmarks, FaceQuality(60.0, 0.0, 0.0, 0.0, 0.9))
    return FrameEvidence(width, height, (face,) * faces, "pack", {})


VIEWS = [View(), View(yaw=20), View(yaw=-20), View(pitch=15), View(pitch=-15), View(distance=5), View(distance=16)]


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_a_head_is_a_face_however_it_is_turned(view: View) -> None:
    assert fault(HEAD, view, noise_mm=3.0, holes=0.1) is None


@pytest.mark.parametrize("view", [View(), View(yaw=40), View(pitch=-40), View(yaw=25, pitch=25)], ids=str)
def test_a_flat_print_is_flat_however_it_is_tilted(view: View) -> None:
    assert fault(sheet(), view) == "depth_flat"
    assert fault(sheet(), view, noise_mm=6.0) in ("depth_flat", "depth_bent")


@pytest.mark.parametrize("axis", ["vertical", "horizontal"])
@pytest.mark.parametrize("radius", [0.8, 1.0, 1.5, 2.5, 5.0])
def test_a_bent_print_has_no_nose(radius: float, axis: str) -> None:
    for view in (View(), View(yaw=25), View(pitch=25)):
        refused = fault(sheet(radius=radius, axis=axis), view, noise_mm=3.0)
        assert refused in ("depth_flat", "depth_bent", "depth_missing"), (radius, axis, view)


def test_a_map_with_holes_or_none_at_all_shows_no_face() -> None:
    assert fault(HEAD, holes=0.6) == "depth_missing"
    nothing: DepthMap = np.zeros((240, 320), np.uint16)
    assert fault_of(measure_relief(nothing, LANDMARKS), policy=ReliefPolicy()) == "depth_missing"
    constant: DepthMap = np.full((240, 320), 600, np.uint16)
    assert fault_of(measure_relief(constant, LANDMARKS), policy=ReliefPolicy()) == "depth_flat"


def test_a_face_that_no_camera_could_see_at_this_size_and_distance_is_no_face() -> None:
    measured = measure_relief(depth_map(LANDMARKS, SIZE, View()), LANDMARKS)
    assert fault_of(measured, policy=ReliefPolicy()) is None
    for focal_share in (0.1, 3.0):  # a face on a telephone is large for its distance
        relief = replace(measured, focal_share=focal_share)
        assert fault_of(relief, policy=ReliefPolicy()) == "depth_size_implausible"
    assert fault_of(replace(measured, distance_mm=4000.0), policy=ReliefPolicy()) == "depth_out_of_range"


def test_a_map_of_half_the_frame_s_size_fits_it() -> None:
    evidence = with_relief(frame(), png(depth_map(LANDMARKS, SIZE, View())), limits=FrameLimits())
    relief = evidence.faces[0].relief
    assert relief is not None
    assert fault_of(relief, policy=ReliefPolicy()) is None
    assert 550 < relief.distance_mm < 600
    assert with_relief(frame(faces=0), png(depth_map(LANDMARKS, SIZE, View())), limits=FrameLimits()).faces == ()


def test_a_map_that_is_none_is_said_to_be_none() -> None:
    good = depth_map(LANDMARKS, SIZE, View())
    with pytest.raises(DepthMismatch):
        with_relief(frame(640, 640), png(good), limits=FrameLimits())
    jpeg = bytes(cv2.imencode(".jpg", (good // 8).astype(np.uint8))[1])
    for wrong in (
        b"",
        b"not a picture",
        jpeg,
        png((good // 8).astype(np.uint8)),
        png(np.dstack([good] * 3)),
        png(good)[:200],
    ):
        with pytest.raises(DepthUnreadable):
            decode_depth(wrong, limits=FrameLimits())
    with pytest.raises(DepthUnreadable):
        decode_depth(png(good), limits=FrameLimits(megapixels_max=0.01))
