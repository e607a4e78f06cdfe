"""Where people look, and who of a burst is who."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.vision.attention import Direction, best_pairs, follow, looked_at, overlap
from facepay.vision.engine import Engine
from facepay.vision.evidence import FaceEvidence, FaceQuality, Floats, FrameEvidence
from tests.photos import camera_frame, people

COSINE_MIN = 0.3
AHEAD, RIGHT = Direction(0, 0, 15), Direction(20, 0, 15)


def face(
    left: float = 0, *, yaw: float = 0, pitch: float = 0, who: int | None = 0, height: float = 100, score: float = 0.9
) -> FaceEvidence:
    """Somebody at so many pixels from the left; nobody can say who where `who` is None."""
    embedding: Floats = np.eye(8, dtype=np.float32)[who or 0]
    quality = FaceQuality(
        eye_distance_px=40,
        yaw_degrees=yaw,
        pitch_degrees=pitch,
        roll_degrees=0,
        detection_score=score,
        embedding_norm=5 if who is None else 25,
    )
    box = np.array([left, 0, left + 80, height], np.float32)
    return FaceEvidence(box, np.zeros((5, 2), np.float32), quality, embedding)


def frames(*shown: tuple[FaceEvidence, ...]) -> list[FrameEvidence]:
    return [FrameEvidence(640, 480, faces, "pack", {}) for faces in shown]


def lengths(*shown: tuple[FaceEvidence, ...]) -> list[int]:
    return [len(track.views) for track in follow(frames(*shown), same_person_cosine_min=COSINE_MIN)]


def test_the_nearest_direction_within_tolerance_is_looked_at() -> None:
    directions = [AHEAD, RIGHT]
    yaws = (-16, -15, 9, 11, 35, 36)
    assert [looked_at(face(yaw=yaw), directions) for yaw in yaws] == [None, 0, 0, 1, 1, None]
    assert looked_at(face(yaw=11, pitch=11), [AHEAD]) is None  # the tolerance is a circle's
    assert looked_at(face(), []) is None


def test_people_are_told_apart_by_their_faces_wherever_they_go() -> None:
    one, two = face(0, who=1), face(300, who=2)
    assert lengths((one, two), (face(300, who=1), face(0, who=2)), (one,)) == [3, 2]


def test_a_face_that_says_nothing_is_whose_place_it_is_in() -> None:
    assert lengths((face(0),), (face(10, who=None),), (face(20),)) == [3]
    assert lengths((face(0),), (face(200, who=None),)) == [1, 1]


def test_who_steps_into_anothers_place_is_somebody_else() -> None:
    assert lengths((face(0, who=1),), (face(0, who=2),)) == [1, 1]
    assert lengths((face(0, who=1),), (face(0, who=None),), (face(0, who=2),)) == [2, 1]


def test_who_is_hidden_for_a_frame_goes_on() -> None:
    assert lengths((face(0),), (), (face(5),)) == [2]


def test_the_far_the_vague_and_those_not_embedded_are_left_out() -> None:
    assert lengths((face(height=47),), (face(score=0.5),), (replace(face(), embedding=None),)) == []


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), st.integers(0, 4)), max_size=20))
def test_of_pairs_each_side_is_kept_once_and_none_is_left_that_could_be(
    scored: list[tuple[float, int, int]],
) -> None:
    kept = best_pairs(scored)
    ones, others = [one for one, _ in kept], [other for _, other in kept]
    assert len(set(ones)) == len(ones)
    assert len(set(others)) == len(others)
    assert all(one in ones or other in others for _, one, other in scored)


def test_boxes_overlap_by_what_they_share() -> None:
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 1, 1), (1, 1, 2, 2)) == overlap((0, 0, 0, 0), (0, 0, 0, 0)) == 0


def test_three_people_who_change_places_are_followed_in_real_pictures(engine: Engine) -> None:
    orders = ([0, 2, 5], [5, 0, 2], [2, 5, 0])
    evidences = [engine.analyse(camera_frame([people()[n] for n in order]), embed=6) for order in orders]
    tracks = follow(evidences, same_person_cosine_min=COSINE_MIN)
    assert [len(track.views) for track in tracks] == [3, 3, 3]
    for track in tracks:
        first, *others = [view.embedding for _, view in track.views]
        assert first is not None
        assert all(other is not None and float(first @ other) > 0.8 for other in others)
