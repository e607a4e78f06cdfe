from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facepay.calibration.calibration import load_calibration
from facepay.vision.engine import Engine, load_engine
from facepay.vision.evidence import FaceEvidence, Floats
from facepay.vision.frames import FrameLimits, FrameTooLarge, Image, decode_frame
from facepay.vision.packs import find_pack
from facepay.vision.quality import QualityPolicy, assess
from tests.photos import camera_frame, close_up, montage, people, stranger, variant


def embedding(face: FaceEvidence) -> Floats:
    assert face.embedding is not None
    return face.embedding


def nearest(engine: Engine, frame: bytes) -> FaceEvidence:
    return engine.analyse(frame).faces[0]


def pixels(frame: bytes) -> Image:
    return decode_frame(frame, limits=FrameLimits())


@pytest.fixture(scope="module")
def enrolled(app_engine: Engine) -> list[FaceEvidence]:
    return [nearest(app_engine, portrait) for portrait in people()]


@pytest.fixture(scope="module")
def insightface(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """InsightFace's own application, at the one detector size that we use."""
    from insightface.app import FaceAnalysis

    folder = tmp_path_factory.mktemp("pack")
    for file in (find_pack().detector, find_pack().recogniser):
        (folder / file.path.name).symlink_to(file.path)
    app = FaceAnalysis(name=str(folder), providers=["CPUExecutionProvider"])
    app.prepare(ctx_id=0, det_size=(640, 640))
    return app


def test_an_embedding_is_a_unit_vector_named_after_its_pack(engine: Engine) -> None:
    evidence = engine.analyse(people()[0])
    face = evidence.faces[0]
    assert evidence.pack == engine.pack == "buffalo_sc@9cc6e4a7"
    assert (evidence.width, evidence.height) == (260, 320)
    assert embedding(face).shape == (engine.embedding_dim,) == (512,)
    assert embedding(face).dtype == face.box.dtype == face.landmarks.dtype == np.float32
    assert np.linalg.norm(embedding(face)) == pytest.approx(1, abs=1e-5)
    assert (face.box.shape, face.landmarks.shape) == ((4,), (5, 2))


def test_the_same_person_matches_across_jpeg_qualities_and_nobody_else_does(
    engine: Engine, enrolled: list[FaceEvidence]
) -> None:
    known = np.array([embedding(face) for face in enrolled])
    for number, portrait in enumerate(people()):
        for quality in (90, 50):
            similarity = known @ embedding(nearest(engine, variant(portrait, quality=quality)))
            assert similarity[number] >= 0.94
            assert np.delete(similarity, number).max() <= 0.3
    assert (known @ embedding(nearest(engine, stranger()))).max() <= 0.3


@pytest.mark.parametrize(
    "change", [{"quality": 25}, {"scale": 0.6}, {"scale": 2.0}, {"brightness": 0.5}, {"brightness": 1.3}]
)
def test_the_same_person_matches_in_other_sizes_and_light(
    engine: Engine, enrolled: list[FaceEvidence], change: dict[str, Any]
) -> None:
    for face, portrait in zip(enrolled[::2], people()[::2], strict=True):
        assert embedding(face) @ embedding(nearest(engine, variant(portrait, **change))) >= 0.85


@pytest.mark.filterwarnings("ignore:.*estimate.*:FutureWarning")
def test_embeddings_are_those_of_plain_insightface(engine: Engine, insightface: Any) -> None:
    frames = [camera_frame([people()[0]]), camera_frame(people()), people()[3], camera_frame([stranger()], width=960)]
    for frame in frames:
        theirs = insightface.get(pixels(frame))
        ours = engine.analyse(frame, embed=len(theirs)).faces
        assert len(ours) == len(theirs)
        for face in ours:
            same = min(theirs, key=lambda other: float(np.abs(other.bbox - face.box).max()))
            assert embedding(face) @ same.normed_embedding >= 0.99
            assert np.abs(same.kps - face.landmarks).max() < 1.0


def test_only_the_faces_asked_for_are_embedded_and_together_as_alone(engine: Engine) -> None:
    frame = camera_frame(people())
    faces = engine.analyse(frame, embed=2).faces
    assert [face.embedding is not None for face in faces] == [True, True, False, False, False, False]
    assert faces[0].quality.sharpness is not None
    assert faces[5].quality.sharpness is None
    assert all(face.embedding is None for face in engine.analyse(people()[0], embed=0).faces)
    assert embedding(faces[0]) @ embedding(nearest(engine, frame)) >= 0.9999


def test_ten_people_are_ten_faces_with_the_nearest_first(engine: Engine) -> None:
    faces = engine.analyse(montage(10)).faces
    areas = [(face.box[2] - face.box[0]) * (face.box[3] - face.box[1]) for face in faces]
    assert len(faces) == 10
    assert areas == sorted(areas, reverse=True)


def test_a_frame_without_a_face_is_evidence_of_nobody(engine: Engine) -> None:
    assert engine.analyse(camera_frame([])).faces == ()


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2000, 3)])
def test_a_sliver_shows_nobody(engine: Engine, size: tuple[int, int]) -> None:
    assert engine.analyse(camera_frame([], width=size[0], height=size[1])).faces == ()


def test_a_face_too_far_away_is_small_or_not_seen(engine: Engine) -> None:
    faces = engine.analyse(camera_frame([people()[0]], fill=0.06)).faces
    assert all(face.quality.eye_distance_px < 12 for face in faces)


@pytest.mark.parametrize("size", [(1280, 720), (960, 720), (720, 720), (540, 720)], ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize(("number", "fill"), [(0, 0.4), (3, 0.5), (0, 0.6), (3, 0.7), (0, 0.8), (3, 0.9)])
def test_a_face_that_fills_the_frame_is_found_and_recognised(
    engine: Engine, enrolled: list[FaceEvidence], number: int, fill: float, size: tuple[int, int]
) -> None:
    frame = close_up(people()[number], enrolled[number].box, fill=fill, size=size)
    face = nearest(engine, frame)
    assert fill * 0.8 < (face.box[3] - face.box[1]) / size[1] < fill * 1.2
    assert embedding(face) @ embedding(enrolled[number]) >= 0.85


def test_the_payer_who_leans_in_is_nearer_than_whoever_stands_behind(
    engine: Engine, enrolled: list[FaceEvidence]
) -> None:
    frame = close_up(people()[5], enrolled[5].box, fill=0.85, size=(720, 720), behind=people()[0])
    payer, behind = engine.analyse(frame, embed=2).faces
    assert embedding(payer) @ embedding(enrolled[5]) >= 0.85
    assert embedding(behind) @ embedding(enrolled[0]) >= 0.85


@pytest.fixture(scope="module")
def commercial(engine: Engine) -> Engine:
    return load_engine("yunet_sface", threads=1)


def test_the_commercial_pack_tells_people_apart_behind_the_same_interface(commercial: Engine) -> None:
    known = commercial.analyse(camera_frame(people()), embed=6, points=True)
    assert (known.pack, commercial.embedding_dim) == ("yunet_sface@0ba9fbfa", 128)
    assert all(face.points is None for face in known.faces)  # the 106 points are InsightFace's, for research
    calibration = load_calibration(commercial.pack)
    enrolled = np.array([embedding(nearest(commercial, portrait)) for portrait in people()])
    for number, portrait in enumerate(people()):
        similarity = enrolled @ embedding(nearest(commercial, variant(portrait, quality=50, scale=0.8)))
        assert similarity[number] >= 0.85
        assert np.delete(similarity, number).max() < calibration.similarity_at(1e-5)
    assert (enrolled @ embedding(nearest(commercial, stranger()))).max() < calibration.similarity_at(1e-5)


def test_every_pack_measures_embeddings_on_one_scale(engine: Engine, commercial: Engine) -> None:
    def norm(pack: Engine, frame: bytes) -> float:
        found = nearest(pack, frame).quality.embedding_norm
        assert found is not None
        return found

    for pack in (engine, commercial):
        for portrait in people()[::2]:
            assert assess(nearest(pack, portrait), policy=QualityPolicy()) == []
        for portrait in (people()[2], people()[5]):
            blurred = variant(variant(portrait, scale=0.3), scale=4)
            assert norm(pack, blurred) < 0.95 * norm(pack, portrait)


@pytest.mark.parametrize(("number", "fill"), [(0, 0.3), (3, 0.6), (0, 0.9)])
@pytest.mark.parametrize("size", [(1280, 720), (720, 720)], ids="{0[0]}x{0[1]}".format)
def test_the_commercial_pack_finds_close_faces_at_its_one_scale(
    commercial: Engine, enrolled: list[FaceEvidence], number: int, fill: float, size: tuple[int, int]
) -> None:
    face = nearest(commercial, close_up(people()[number], enrolled[number].box, fill=fill, size=size))
    assert fill * 0.75 < (face.box[3] - face.box[1]) / size[1] < fill * 1.25


def test_one_commercial_engine_serves_many_threads(commercial: Engine) -> None:
    frames = [camera_frame([portrait], width=width) for portrait in people()[:2] for width in (640, 960, 1280)]
    alone = [commercial.analyse(frame).faces[0] for frame in frames]
    with ThreadPoolExecutor(4) as threads:
        together = [evidence.faces[0] for evidence in threads.map(commercial.analyse, frames)]
    assert all(embedding(one) @ embedding(other) >= 0.9999 for one, other in zip(alone, together, strict=True))


def test_loading_tells_its_steps_and_limits_hold_in_the_engine() -> None:
    steps: list[str] = []
    engine = load_engine(limits=FrameLimits(megapixels_max=0.5), threads=1, progress=steps.append)
    with pytest.raises(FrameTooLarge):
        engine.analyse(camera_frame([people()[0]]))
    assert steps[0] == "checking the model pack"
    assert steps[-1] == "warming up"


def test_another_pack_is_loaded_from_its_folder(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "shop_pack"
    folder.mkdir()
    for file in find_pack().files:
        (folder / file.path.name).symlink_to(file.path)
    other = load_engine(folder, threads=1)
    assert other.pack == "shop_pack@9cc6e4a7"
    assert embedding(nearest(other, people()[0])) @ embedding(nearest(engine, people()[0])) >= 0.9999


def test_each_stage_is_timed_and_neither_logs_nor_representations_hold_a_biometric(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        evidence = engine.analyse(people()[0])
    timings = evidence.timings_ms
    stages = [timings[stage] for stage in ("decode", "detect", "align", "embed", "measure")]
    assert all(stage > 0 for stage in stages)
    assert sum(stages) == pytest.approx(timings["total"])
    assert caplog.records == []
    assert "array" not in repr(evidence)
