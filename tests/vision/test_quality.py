from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from facepay.vision.alignment import TEMPLATE
from facepay.vision.engine import Engine
from facepay.vision.evidence import FaceEvidence, Floats
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.pose import pose_degrees
from facepay.vision.quality import QualityPolicy, assess
from tests.photos import camera_frame, people, stranger, variant

POLICY = QualityPolicy()


def reasons(face: FaceEvidence, policy: QualityPolicy = POLICY) -> set[str]:
    return {refusal.reason for refusal in assess(face, policy=policy)}


def changed(portrait: bytes, change: Any) -> bytes:
    image: Image = change(decode_frame(portrait, limits=FrameLimits()))
    encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=95, colorspace="BGR")
    return encoded


def turned(yaw: float, pitch: float, roll: float) -> Floats:
    """A mean head's landmarks seen from afar after it turned (right, down, clockwise; degrees)."""
    y, p, r = np.radians([yaw, pitch, roll])
    head = np.column_stack([TEMPLATE - TEMPLATE.mean(axis=0), np.array([0, 0, -0.6, -0.05, -0.05]) * 35.24])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    landmarks: Floats = (about_z @ about_y @ about_x @ head.T).T[:, :2].astype(np.float32)
    return landmarks * 1.7 + 300


@pytest.mark.parametrize(
    "pose", [(0, 0, 0), (30, 0, 0), (-45, 0, 0), (0, 25, 0), (0, -30, 0), (0, 0, 40), (25, -15, 30)]
)
def test_the_pose_of_a_turned_head_is_measured(pose: tuple[float, float, float]) -> None:
    assert pose_degrees(turned(*pose)) == pytest.approx(pose, abs=0.5)


def test_who_looks_to_the_left_of_the_picture_has_a_negative_yaw(engine: Engine) -> None:
    yaws = [engine.analyse(portrait).faces[0].quality.yaw_degrees for portrait in people()]
    assert yaws[1] < -25  # both look to the left
    assert yaws[4] < -40
    assert abs(yaws[0]) < 10
    mirrored = engine.analyse(changed(people()[4], lambda image: image[:, ::-1])).faces[0].quality
    assert mirrored.yaw_degrees == pytest.approx(-yaws[4], abs=5)


def test_a_good_photo_is_enrolled(engine: Engine) -> None:
    for portrait in (*people(), stranger()):
        assert assess(engine.analyse(portrait).faces[0], policy=POLICY) == []
        assert reasons(engine.analyse(variant(portrait, quality=50, scale=0.7)).faces[0]) == set()


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("blurred", lambda image: cv2.GaussianBlur(image, (0, 0), 4)),
        ("too_dark", lambda image: cv2.convertScaleAbs(image, alpha=0.1)),
        ("too_bright", lambda image: cv2.convertScaleAbs(image, alpha=2.0)),
        ("low_contrast", lambda image: cv2.convertScaleAbs(image, alpha=0.15, beta=110)),
    ],
    ids=["blur", "dark", "bright", "flat"],
)
def test_a_bad_photo_is_refused_for_its_reason(engine: Engine, reason: str, change: Any) -> None:
    for portrait in (people()[0], people()[2], people()[5]):
        faces = engine.analyse(changed(portrait, change)).faces
        assert reason in reasons(faces[0])


@pytest.mark.parametrize("direction", ["sideways", "upwards", "diagonally"])
def test_whoever_moves_in_any_direction_is_less_sharp(engine: Engine, direction: str) -> None:
    paths = {"sideways": np.ones((1, 13)), "upwards": np.ones((13, 1)), "diagonally": np.eye(13)}
    path = paths[direction] / 13
    for portrait in people():
        still = engine.analyse(portrait).faces[0].quality.sharpness
        moved = engine.analyse(changed(portrait, lambda image: cv2.filter2D(image, -1, path))).faces[0]
        assert still is not None
        assert moved.quality.sharpness is not None
        assert moved.quality.sharpness < still / 2


def test_a_face_too_small_is_refused_with_its_size_and_the_limit(engine: Engine) -> None:
    face = engine.analyse(camera_frame([people()[0]], width=640, height=360, fill=0.25)).faces[0]
    refusal = next(refusal for refusal in assess(face, policy=POLICY) if refusal.reason == "face_too_small")
    assert refusal.measure == "eye_distance_px"
    assert refusal.measured == pytest.approx(face.quality.eye_distance_px, abs=0.001)
    assert refusal.measured < refusal.limit == POLICY.eye_distance_px_min


def test_a_turned_head_and_a_weak_embedding_are_refused(engine: Engine) -> None:
    face = engine.analyse(people()[4]).faces[0]
    assert reasons(face, QualityPolicy(yaw_degrees_max=30)) == {"face_turned"}
    weak = replace(face, quality=replace(face.quality, embedding_norm=12.0, detection_score=0.52))
    assert reasons(weak) == {"low_embedding_norm", "low_detection_score"}
