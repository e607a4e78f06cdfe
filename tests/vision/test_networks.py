"""What replaces a piece of InsightFace does what that piece does."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from facepay.vision.alignment import TEMPLATE, align, similarity
from facepay.vision.detection import Scrfd, _with_close_faces
from facepay.vision.engine import Engine, InsightFaceEngine, load_engine
from facepay.vision.evidence import Floats
from facepay.vision.frames import FrameLimits, decode_frame
from facepay.vision.packs import WHEEL_PACKS, find_pack
from facepay.vision.recognition import FaceRecogniser
from facepay.vision.rewriting import for_any_number_of_faces, for_one_face
from facepay.vision.sessions import open_session
from tests.photos import camera_frame, people


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # InsightFace calls scikit-image's older name
        yield


@pytest.fixture(scope="module")
def own_engine(engine: Engine) -> InsightFaceEngine:
    assert isinstance(engine, InsightFaceEngine)
    return engine


@pytest.mark.parametrize("pack", WHEEL_PACKS)
def test_a_recogniser_embeds_as_insightfaces_own_class_does(pack: str) -> None:
    from insightface.model_zoo.arcface_onnx import ArcFaceONNX

    path = find_pack(pack).recogniser.path
    theirs = ArcFaceONNX(str(path), session=open_session(path, threads=1))
    crops = list(np.random.default_rng(5).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8))
    expected = [theirs.get_feat(crop)[0] for crop in crops]
    for rewrite in (for_one_face, for_any_number_of_faces):
        ours = FaceRecogniser(open_session(rewrite(path), threads=1))
        for before, after in zip(expected, ours.get_feat(crops), strict=True):
            assert before @ after / np.linalg.norm(before) / np.linalg.norm(after) >= 0.999999, rewrite
            assert np.linalg.norm(after) == pytest.approx(np.linalg.norm(before), rel=1e-4), rewrite


def test_the_detector_finds_what_scrfd_finds(own_engine: InsightFaceEngine) -> None:
    from insightface.model_zoo.scrfd import SCRFD

    assert isinstance(own_engine.detector.network, Scrfd)
    path = find_pack().detector.path
    scrfd = SCRFD(str(path), session=open_session(path, threads=1))
    scrfd.prepare(0, input_size=(640, 640), det_thresh=0.5)
    for frame in (camera_frame(people()), people()[2], camera_frame([people()[1]], width=960)):
        image = decode_frame(frame, limits=FrameLimits())
        boxes, landmarks = scrfd.detect(image)
        ours = own_engine.detector.detect(image)
        order = np.argsort(-(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
        assert np.abs(ours.boxes - boxes[order, :4]).max() < 1.0
        assert np.abs(ours.landmarks - landmarks[order]).max() < 1.0
        assert np.abs(ours.scores - boxes[order, 4]).max() < 0.01


@pytest.fixture(scope="module")
def commercial_engine() -> InsightFaceEngine:
    return load_engine("yunet_sface", threads=1)


def test_yunet_finds_what_opencvs_own_detector_finds(commercial_engine: InsightFaceEngine) -> None:
    theirs = cv2.FaceDetectorYN.create(str(find_pack("yunet_sface").detector.path), "", (640, 640), 0.5, 0.4)
    for frame in (camera_frame(people(), width=640, height=640), camera_frame([people()[1]], width=640, height=352)):
        image = decode_frame(frame, limits=FrameLimits())
        theirs.setInputSize(image.shape[1::-1])
        rows = np.asarray(theirs.detect(image)[1])
        rows = rows[np.argsort(-rows[:, 2] * rows[:, 3])]
        ours = commercial_engine.detector.detect(image)
        assert np.abs(ours.boxes[:, :2] - rows[:, :2]).max() < 0.01
        assert np.abs(ours.boxes[:, 2:] - ours.boxes[:, :2] - rows[:, 2:4]).max() < 0.01
        assert np.abs(ours.landmarks.reshape(-1, 10) - rows[:, 4:14]).max() < 0.01
        assert np.abs(ours.scores - rows[:, 14]).max() < 1e-5


def test_sface_embeds_as_opencvs_own_recogniser_does(commercial_engine: InsightFaceEngine) -> None:
    theirs = cv2.FaceRecognizerSF.create(str(find_pack("yunet_sface").recogniser.path), "")
    image = decode_frame(camera_frame(people()), limits=FrameLimits())
    found = commercial_engine.detector.detect(image)
    crops = [align(image, landmarks) for landmarks in found.landmarks]
    for landmarks, ours in zip(found.landmarks, commercial_engine.recogniser.get_feat(crops), strict=True):
        face = np.concatenate([np.zeros(4), landmarks.reshape(-1), [1]]).astype(np.float32)
        expected = theirs.feature(theirs.alignCrop(image, face[None]))[0]
        assert expected @ ours / np.linalg.norm(expected) / np.linalg.norm(ours) >= 0.999


def test_a_close_face_replaces_its_parts_and_leaves_other_faces_alone() -> None:
    def rows(*boxes: tuple[float, float, float, float]) -> Floats:
        return np.array([[*box, 0.7, *range(10)] for box in boxes], dtype=np.float32).reshape(-1, 15)

    close, a_bit_off = (100, 100, 500, 600), (110, 90, 510, 590)
    part, behind = (200, 300, 320, 420), (0, 0, 60, 80)
    for first_look, expected in (
        (rows(), rows(close)),
        (rows(part, behind), rows(behind, close)),
        (rows(a_bit_off, behind), rows(a_bit_off, behind)),
    ):
        assert np.array_equal(_with_close_faces(first_look, rows(close)), expected)


def test_the_closed_form_is_insightfaces_alignment() -> None:
    from insightface.utils.face_align import arcface_dst, estimate_norm, norm_crop

    assert np.array_equal(TEMPLATE, arcface_dst)
    image = decode_frame(people()[0], limits=FrameLimits())
    random = np.random.default_rng(11)
    for _ in range(20):
        landmarks = (TEMPLATE * random.uniform(0.2, 3) + random.normal(scale=6, size=(5, 2)) + 40).astype(np.float32)
        assert similarity(landmarks) == pytest.approx(estimate_norm(landmarks), abs=1e-3)
        distance = np.abs(align(image, landmarks).astype(int) - norm_crop(image, landmarks).astype(int))
        assert distance.mean() < 0.05


def test_landmarks_in_one_point_do_not_break_the_alignment() -> None:
    assert np.isfinite(similarity(np.full((5, 2), 7, dtype=np.float32))).all()
