"""What is measured on people is what the thresholds promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facepay.identity.calibration import Calibration, assumed, calibrate, load_calibration
from facepay.vision.packs import find_pack


def faces(people: int, photos: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    centres = np.repeat(random.standard_normal((people, 32)), photos, axis=0)
    embeddings = centres + 0.3 * random.standard_normal(centres.shape)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings.astype(np.float32), np.repeat(np.arange(people), photos)


def test_the_measured_tail_foretells_other_people() -> None:
    embeddings, people = faces(700, 2, seed=1)
    calibration = calibrate(embeddings, people, pack="test", source="made up")
    assert calibration.people == 700
    assert calibration.pairs == 1400 * 1399 // 2 - 700
    others, _ = faces(2000, 1, seed=2)
    impostors = (others @ others.T)[np.triu_indices(len(others), 1)]
    for fmr in (2e-4, 5e-5):
        measured = float((impostors >= calibration.similarity_at(fmr)).mean())
        # An exponential never promises less than a tail that bends down has.
        assert 0.5 * fmr < measured < 1.15 * fmr


def test_photos_of_one_person_are_no_impostors() -> None:
    embeddings, people = faces(300, 3, seed=3)
    alone = calibrate(embeddings, people, pack="test", source="made up")
    mixed_up = calibrate(embeddings, np.arange(len(people)), pack="test", source="made up")
    assert alone.similarity_at(1e-4) < 0.8 < mixed_up.similarity_at(1e-4)


def test_a_calibration_survives_the_disk(tmp_path: Path) -> None:
    calibration = Calibration("pack@1", 0.2, 1e-3, 0.01, 0.03, 10, 45, "made up")
    calibration.save(tmp_path)
    assert load_calibration("pack@1", folder=tmp_path) == calibration
    assert load_calibration("pack@2", folder=tmp_path) == assumed("pack@2")


def test_the_default_pack_is_calibrated() -> None:
    calibration = load_calibration(find_pack().label)
    assert calibration.people > 1500
    assert 0.30 < calibration.similarity_at(1e-5) < 0.35
    assert 0.36 < calibration.similarity_at(1e-6) < 0.40


def test_an_unknown_pack_is_trusted_least() -> None:
    calibration = load_calibration(find_pack().label)
    for fmr in (1e-4, 1e-6, 1e-9):
        assert assumed("unknown").similarity_at(fmr) > calibration.similarity_at(fmr) + 0.1


def test_too_few_people_are_no_measurement() -> None:
    embeddings, people = faces(5, 1, seed=4)
    with pytest.raises(ValueError, match="compare more people"):
        calibrate(embeddings, people, pack="test", source="made up")
