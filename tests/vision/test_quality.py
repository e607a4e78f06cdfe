from __future__ import annotations

import os
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from facepay.vision import samples
from facepay.vision.alignment import TEMPLATE
from facepay.vision.engine import Engine
from facepay.vision.evidence import FaceEvidence, Floats
from facepay.vision.expression import measure_expression
from facepay.vision.feedback import feedback
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.pose import pose_degrees
from facepay.vision.quality import ENROLMENT, RECOGNITION, QualityPolicy, assess, measure
from tests.photos import camera_frame, people, stranger, variant


def reasons(face: FaceEvidence, policy: QualityPolicy = ENROLMENT) -> set[str]:
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


def test_who_looks_to_the_left_of_the_picture_has_a_negative_yaw(app_engine: Engine) -> None:
    yaws = [app_engine.analyse(portrait).faces[0].quality.yaw_degrees for portrait in people()]
    assert yaws[1] < -25  # both look to the left
    assert yaws[4] < -40
    assert abs(yaws[0]) < 10
    mirrored = app_engine.analyse(changed(people()[4], lambda image: image[:, ::-1])).faces[0].quality
    assert mirrored.yaw_degrees == pytest.approx(-yaws[4], abs=5)


def test_a_good_photo_is_enrolled(app_engine: Engine) -> None:
    for portrait in people():
        assert assess(app_engine.analyse(portrait, points=True).faces[0], policy=ENROLMENT) == []
        assert reasons(app_engine.analyse(variant(portrait, quality=50, scale=0.7)).faces[0]) == set()


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
def test_a_bad_photo_is_refused_for_its_reason(app_engine: Engine, reason: str, change: Any) -> None:
    for portrait in (people()[0], people()[2]):
        faces = app_engine.analyse(changed(portrait, change)).faces
        assert reason in reasons(faces[0])


def test_whoever_moves_in_any_direction_is_less_sharp(app_engine: Engine) -> None:
    paths = {"sideways": np.ones((1, 13)), "upwards": np.ones((13, 1)), "diagonally": np.eye(13)}
    for portrait in people()[::2]:
        still = app_engine.analyse(portrait).faces[0].quality.sharpness
        assert still is not None
        for direction, path in paths.items():
            blurred = changed(portrait, lambda image, path=path: cv2.filter2D(image, -1, path / 13))
            moved = app_engine.analyse(blurred).faces[0].quality.sharpness
            assert moved is not None
            assert moved < still / 2, direction


def test_a_face_too_small_is_refused_with_its_size_and_the_limit(app_engine: Engine) -> None:
    face = app_engine.analyse(camera_frame([people()[0]], width=640, height=360, fill=0.25)).faces[0]
    refusal = next(refusal for refusal in assess(face, policy=ENROLMENT) if refusal.reason == "face_too_small")
    assert refusal.measure == "eye_distance_px"
    assert refusal.measured == pytest.approx(face.quality.eye_distance_px, abs=0.001)
    assert refusal.measured < refusal.limit == ENROLMENT.eye_distance_px_min


def test_a_turned_head_and_a_weak_embedding_are_refused(app_engine: Engine) -> None:
    face = app_engine.analyse(people()[4]).faces[0]
    assert reasons(face, QualityPolicy(yaw_degrees_max=30)) == {"face_turned"}
    weak = replace(face, quality=replace(face.quality, embedding_norm=12.0, detection_score=0.52))
    assert reasons(weak) == {"low_embedding_norm", "low_detection_score"}


def covered(portrait: bytes, face: FaceEvidence, colour: tuple[int, int, int]) -> bytes:
    assert face.points is not None
    return samples.masked(portrait, face.points, colour=colour)


def with_sunglasses(portrait: bytes, face: FaceEvidence) -> bytes:
    radius = face.quality.eye_distance_px

    def draw(image: Image) -> Image:
        worn = image.copy()
        for x, y in face.landmarks[:2]:
            axes = (int(0.42 * radius), int(0.33 * radius))
            cv2.ellipse(worn, (int(x), int(y)), axes, face.quality.roll_degrees, 0, 360, (20, 18, 18), -1)
        return worn

    return changed(portrait, draw)


MASKS = {"surgical": samples.SURGICAL, "black": (28, 26, 25), "white": (215, 215, 212), "skin": (130, 150, 195)}


@pytest.mark.parametrize("colour", MASKS.values(), ids=MASKS.keys())
def test_a_mask_of_any_colour_is_not_enrolled(app_engine: Engine, colour: tuple[int, int, int]) -> None:
    for portrait in (people()[0], people()[3], stranger()):  # who look into the camera
        bare = app_engine.analyse(portrait, points=True).faces[0]
        masked = app_engine.analyse(covered(portrait, bare, colour), points=True).faces[0]
        assert "mouth_covered" not in reasons(bare)
        refusals = assess(masked, policy=ENROLMENT)
        assert "mouth_covered" in {refusal.reason for refusal in refusals}
        assert "take_the_mask_off" in [advice.code for advice in feedback(refusals)]


def test_sunglasses_are_not_enrolled_and_the_person_is_told_so_first(app_engine: Engine) -> None:
    for portrait in (people()[0], people()[5], stranger()):
        bare = app_engine.analyse(portrait).faces[0]
        hidden = app_engine.analyse(with_sunglasses(portrait, bare)).faces[0]
        assert "eyes_covered" not in reasons(bare)
        assert feedback(assess(hidden, policy=ENROLMENT))[0].code == "uncover_your_eyes"


def test_who_wears_a_mask_may_still_be_recognised(app_engine: Engine) -> None:
    bare = app_engine.analyse(people()[2], points=True).faces[0]
    masked = app_engine.analyse(covered(people()[2], bare, MASKS["surgical"])).faces[0]
    assert assess(masked, policy=RECOGNITION) == []


def test_light_from_one_side_is_not_enrolled(app_engine: Engine) -> None:
    for portrait in (people()[2], people()[5], stranger()):
        nose_x = app_engine.analyse(portrait).faces[0].landmarks[2, 0]

        def shadowed(image: Image, nose_x: float = nose_x) -> Image:
            shade = 0.08 + 0.92 / (1 + np.exp((np.arange(image.shape[1]) - nose_x) / 8))
            return (image * shade[None, :, None]).astype(np.uint8)

        refusals = assess(app_engine.analyse(changed(portrait, shadowed)).faces[0], policy=ENROLMENT)
        assert {"uneven_light"} <= {refusal.reason for refusal in refusals}
        assert "face_the_light" in [advice.code for advice in feedback(refusals)]


def test_too_much_light_is_what_is_told_first(app_engine: Engine) -> None:
    glaring = changed(people()[0], lambda image: cv2.convertScaleAbs(image, alpha=3.5))
    for policy in (ENROLMENT, RECOGNITION):
        assert feedback(assess(app_engine.analyse(glaring).faces[0], policy=policy))[0].code == "less_light"


def test_eyes_mouth_and_smile_are_measured_whatever_the_size_and_tilt_of_the_head(app_engine: Engine) -> None:
    serious, smiling = (app_engine.analyse(people()[index], points=True).faces[0] for index in (0, 2))
    assert serious.points is not None
    assert smiling.quality.smile - serious.quality.smile > 0.4  # type: ignore[operator]
    turn: Floats = np.array([[2.3, -0.97], [0.97, 2.3]], dtype=np.float32)
    before, after = (
        measure_expression(points) for points in (serious.points, serious.points @ turn.T + np.float32(70))
    )
    assert astuple(after) == pytest.approx(astuple(before), abs=1e-3)


def test_closed_eyes_and_an_open_mouth_are_not_enrolled(app_engine: Engine) -> None:
    face = app_engine.analyse(people()[1], points=True).faces[0]
    assert face.points is not None
    points = face.points.copy()
    points[[36, 33, 37]] = points[[41, 40, 42]] + (points[[36, 33, 37]] - points[[41, 40, 42]]) * 0.1
    points[[54, 60, 57]] += np.array([0, 0.7 * face.quality.eye_distance_px], dtype=np.float32)
    quality = measure(face.landmarks, face.quality.detection_score, points=points)
    grimace = replace(face, quality=replace(quality, embedding_norm=face.quality.embedding_norm))
    assert reasons(grimace) == {"eyes_closed", "mouth_open"}


def test_expressions_cost_a_single_frame_no_time(app_engine: Engine) -> None:
    quality = app_engine.analyse(people()[0]).faces[0].quality
    assert quality.eyes_open is quality.mouth_open is quality.smile is quality.mouth_points_shift is None
    assert quality.mouth_detail is not None


def test_each_advice_is_given_once_and_a_vague_one_only_alone(app_engine: Engine) -> None:
    face = app_engine.analyse(people()[4]).faces[0]
    weak = replace(face, quality=replace(face.quality, embedding_norm=12.0, detection_score=0.52))
    assert [advice.code for advice in feedback(assess(weak, policy=ENROLMENT))] == ["try_again"]
    strict = replace(ENROLMENT, yaw_degrees_max=10, roll_degrees_max=5, eye_distance_px_min=200)
    advice = feedback(assess(weak, policy=strict))
    assert [each.code for each in advice] == ["come_closer", "face_the_camera"]
    assert advice[0].message == "Please come closer."


@pytest.mark.skipif("FACEPAY_FACES" not in os.environ, reason="FACEPAY_FACES names no folder of photographs")
def test_of_the_photos_of_the_press_one_in_a_hundred_is_refused_at_most(engine: Engine) -> None:
    photos = sorted(Path(os.environ["FACEPAY_FACES"]).glob("lfw/strangers/*/*.jpg"))[:25]
    faces = [engine.analyse(photo.read_bytes()).faces[0] for photo in photos]
    assert sum(bool(assess(face, policy=RECOGNITION)) for face in faces) <= len(faces) / 100
