from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import cv2
import numpy as np
import pytest

from facepay.vision.alignment import TEMPLATE
from facepay.vision.depth_maps import DepthMap, DepthMismatch, DepthUnreadable, decode_depth
from facepay.vision.evidence import FaceEvidence, FaceQuality, FaceSurface, FrameEvidence
from facepay.vision.frames import FrameLimits
from facepay.vision.heads import (
    HEAD,
    SMOOTH_MASK,
    Surface,
    View,
    creased,
    depth_camera,
    depth_map,
    sheet,
    turned_landmarks,
)
from facepay.vision.liveness.depth import (
    ReliefPolicy,
    fault_of,
    measure_relief,
    with_relief,
)
from facepay.vision.liveness.surface import at_width, measure_surface

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


def fault_in_mm(
    surface: Surface, view: View = View(), *, seed: int = 0, scale: float = 1.0, **sensor: Any
) -> str | None:
    """As `fault`, by a camera whose intrinsics are known. Everything may be so much smaller, and nearer."""
    depth = (depth_map(LANDMARKS, SIZE, view, surface=surface, seed=seed, **sensor) * scale).astype(np.uint16)
    landmarks = turned_landmarks(LANDMARKS, view, surface=surface)
    return fault_of(measure_surface(depth, landmarks, depth_camera(LANDMARKS, SIZE, view)), policy=ReliefPolicy())


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_in_millimetres_a_head_is_a_face_however_it_is_turned(view: View) -> None:
    for seed in range(2):
        assert fault_in_mm(HEAD, view, noise_mm=3.0, holes=0.1, seed=seed) is None


SHEETS = {
    "flat": sheet(),
    "round": sheet(radius=0.8),
    "rounder across": sheet(radius=1.1, axis="horizontal"),
    "slightly round": sheet(radius=2.5),
    "oblique": sheet(radius=1.2, axis="oblique"),
    "folded": creased(20),
    "folded sharply": creased(35),
    "folded across": creased(35, axis="horizontal"),
    "round as a head": SMOOTH_MASK,
}


@pytest.mark.parametrize("name", SHEETS)
def test_in_millimetres_no_sheet_has_a_nose_however_it_is_bent_folded_and_held(name: str) -> None:
    views = (View(), View(yaw=25), View(pitch=25), View(yaw=-20, pitch=-20), View(distance=14))
    for view, noise in [(View(), 1.0), *((view, 3.0) for view in views)]:
        refused = fault_in_mm(SHEETS[name], view, noise_mm=noise, seed=int(noise))
        assert refused in ("depth_flat", "depth_bent", "depth_missing"), view


def test_a_fold_along_the_nose_shows_what_intrinsics_are_worth() -> None:
    assert fault(creased(40), View(yaw=20)) is None
    assert fault_in_mm(creased(40), View(yaw=20)) == "depth_bent"


def test_in_millimetres_a_small_face_held_nearer_is_not_a_person_s() -> None:
    assert fault(HEAD) is None
    for scale in (0.5, 1.5):
        assert fault_in_mm(HEAD, scale=scale) == "depth_size_implausible"
    assert fault_in_mm(HEAD, holes=0.6) == "depth_missing"


def test_in_millimetres_neither_glasses_nor_what_a_camera_mismeasures_here_and_there_decide() -> None:
    def seen(surface: Surface, seed: int) -> str | None:
        depth = depth_map(LANDMARKS, SIZE, View(), surface=surface, noise_mm=3.0, seed=seed)
        random = np.random.default_rng(seed)
        wrong = (random.random(depth.shape) < 0.15) & (depth > 0)
        depth[wrong] = (depth[wrong] + random.integers(-100, 100, wrong.sum())).astype(np.uint16)
        for eye in LANDMARKS[:2]:  # through the lenses nothing is measured
            cv2.circle(depth, np.rint(eye).astype(int).tolist(), 10, 0, -1)
        return fault_of(measure_surface(depth, LANDMARKS, depth_camera(LANDMARKS, SIZE, View())), policy=ReliefPolicy())

    assert {seen(HEAD, seed) for seed in range(5)} == {None}
    assert None not in {seen(sheet(), seed) for seed in range(10)}


def test_eyes_and_nose_are_measured_as_they_are_at_any_unit_and_size() -> None:
    view = View(yaw=15, pitch=5)
    camera = depth_camera(LANDMARKS, SIZE, view)
    depth = depth_map(LANDMARKS, SIZE, view, noise_mm=1.0)
    landmarks = turned_landmarks(LANDMARKS, view)
    seen = measure_surface(depth, landmarks, camera)
    assert seen.eye_distance_mm == pytest.approx(63, abs=2)
    assert seen.distance_mm == pytest.approx(9 * 63, rel=0.03)
    assert 10 < seen.nose_protrusion_mm < 25
    finer = measure_surface(depth * np.uint16(4), landmarks, replace(camera, depth_unit_mm=0.25))
    assert asdict(finer) == pytest.approx(asdict(seen))
    half = cv2.resize(depth, (160, 120), interpolation=cv2.INTER_NEAREST).astype(np.uint16)
    smaller = measure_surface(half, landmarks / np.float32(2), at_width(camera, 160))
    assert smaller.eye_distance_mm == pytest.approx(seen.eye_distance_mm, abs=2)
    assert smaller.nose_protrusion_mm == pytest.approx(seen.nose_protrusion_mm, abs=3)


def test_a_map_has_the_camera_s_size_or_a_scale_of_it() -> None:
    camera = depth_camera(LANDMARKS, SIZE, View())
    good = png(depth_map(LANDMARKS, SIZE, View()))
    for fitting in (camera, at_width(camera, 640), at_width(camera, 160)):
        relief = with_relief(frame(), good, limits=FrameLimits(), camera=fitting).faces[0].relief
        assert isinstance(relief, FaceSurface)
        assert relief.eye_distance_mm == pytest.approx(63, abs=2)
    for wrong in (replace(camera, height=200), replace(camera, width=424), replace(camera, width=240, height=320)):
        with pytest.raises(DepthMismatch, match="camera"):
            with_relief(frame(), good, limits=FrameLimits(), camera=wrong)
