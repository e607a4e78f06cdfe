"""Attacks and people, counted as ISO/IEC 30107-3 counts them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from facepay.evaluation.folders import Presentation, presentations_in
from facepay.evaluation.observing import Observer
from facepay.evaluation.presentations import examine_all, presentation_table
from facepay.vision.engine import Engine
from facepay.vision.evidence import FrameEvidence
from facepay.vision.heads import HEAD, Surface, View, depth_map, sheet
from tests.photos import camera_frame, people

FACELESS = FrameEvidence(640, 480, (), "pack", {})


def capture(folder: Path, portrait: bytes, surface: Surface, engine: Engine) -> None:
    """A photo and what a 3D camera would see of this surface."""
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_bytes(portrait)
    evidence = engine.analyse(portrait)
    size = evidence.width, evidence.height
    depth = depth_map(evidence.faces[0].landmarks, size, View(), surface=surface)
    (folder / "1.depth.png").write_bytes(bytes(cv2.imencode(".png", depth)[1]))


def test_a_head_beside_a_print_by_their_depth_maps(tmp_path: Path, engine: Engine) -> None:
    portrait = camera_frame([people()[2]], width=640, height=480, fill=0.5)
    capture(tmp_path / "live", portrait, HEAD, engine)
    capture(tmp_path / "attack/print", portrait, sheet(), engine)
    capture(tmp_path / "attack/mask", portrait, HEAD, engine)
    found = presentations_in(tmp_path)
    seen = Observer(engine).observe([presentation.path for presentation in found])
    (depth,) = examine_all(found, seen, live_score_min=0.8)
    assert depth.check == "depth"
    assert {species: rate.value for species, rate in depth.apcer.items()} == {"print": 0.0, "mask": 1.0}
    assert depth.bpcer.value == 0
    assert [row[0] for row in presentation_table([depth]).rows] == ["depth: mask", "depth: print", "depth: live"]


@pytest.fixture
def scored(engine: Engine) -> dict[float, FrameEvidence]:
    """Evidence by the live score that a passive model would have given."""
    evidence = engine.analyse(people()[0])
    return {
        score: replace(evidence, faces=(replace(evidence.faces[0], live_score=score),)) for score in (0.1, 0.7, 0.9)
    }


def test_live_scores_are_held_to_the_limit_and_no_face_is_no_way_in(
    tmp_path: Path, scored: dict[float, FrameEvidence]
) -> None:
    kinds = ["screen", "screen", "screen", None, None]
    seen = [scored[0.1], scored[0.9], FACELESS, scored[0.9], scored[0.7]]
    found = [Presentation(tmp_path / f"{number}.jpg", kind) for number, kind in enumerate(kinds)]
    (passive,) = examine_all(found, seen, live_score_min=0.8)
    assert passive.check == "passive"
    assert passive.apcer["screen"].value == pytest.approx(1 / 3)
    assert passive.bpcer.value == pytest.approx(1 / 2)
    assert passive.no_response == 1


def test_without_a_model_and_without_depth_nothing_is_claimed(tmp_path: Path, engine: Engine) -> None:
    found = [Presentation(tmp_path / "1.jpg", None), Presentation(tmp_path / "2.jpg", "print")]
    seen = [engine.analyse(people()[0]), FACELESS]
    assert examine_all(found, seen, live_score_min=0.8) == []
