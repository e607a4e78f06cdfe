"""People who never lived are about as alike as those who did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepay.calibration.calibration import Calibration
from facepay.evaluation.synthetic import BLOCK, Population, fitted, impostor_rates, population_of, search_large

DIMENSIONS = 48


@pytest.fixture(scope="module")
def population() -> Population:
    """From 400 people with three photos each, drawn with some directions far stronger than others."""
    random = np.random.default_rng(1)
    spread = np.linspace(0.3, 1.7, DIMENSIONS)
    people = np.repeat(random.standard_normal((400, DIMENSIONS)) * spread, 3, axis=0)
    photos = people + 0.6 * random.standard_normal(people.shape)
    photos /= np.linalg.norm(photos, axis=1, keepdims=True)
    return population_of(photos.astype(np.float32), np.repeat(np.arange(400), 3))


def test_photos_of_one_person_are_as_alike_as_in_reality(population: Population) -> None:
    people = population.people(4000, seed=3)
    cosines = np.einsum("ij,ij->i", population.templates(people, seed=3), population.probes(people, seed=3))
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    assert np.quantile(cosines, levels) == pytest.approx(np.quantile(population.genuine, levels), abs=0.03)


def test_the_fit_reaches_the_tail_that_was_calibrated(population: Population) -> None:
    wide = impostor_rates(replace(population, likeness=0.08), np.linspace(0.5, 0.8, 40), people=3000, seed=9)
    start = float(np.linspace(0.5, 0.8, 40)[int(np.argmax(wide <= 1e-4))])
    calibration = Calibration("here", start, 1e-4, 0.0, 0.03, 400, 1, "drawn")
    found = fitted(population, calibration, people=3000)
    rate = impostor_rates(found, np.array([start]), people=3000, seed=4)[0]
    assert 0.3e-4 < rate < 3e-4
    plain = impostor_rates(replace(found, likeness=0.0), np.array([start]), people=3000, seed=4)[0]
    assert plain < rate


def test_a_large_gallery_is_searched_block_by_block_as_it_would_be_at_once(population: Population) -> None:
    found = search_large(population, templates=BLOCK + 500, strangers=50, members=40)
    enrolled = population.people(40, seed=1)
    everybody = [population.templates(enrolled, seed=1)]
    for number, count in enumerate((BLOCK, 460)):
        everybody.append(population.templates(population.people(count, seed=1000 + number), seed=1000 + number))
    matrix = np.concatenate(everybody)
    assert len(matrix) == BLOCK + 500
    strangers = population.probes(population.people(50, seed=2), seed=2)
    probes = population.probes(enrolled, seed=1)
    scores = probes @ matrix.T
    assert found.mated == pytest.approx(scores[np.arange(40), np.arange(40)], abs=1e-5)
    scores[np.arange(40), np.arange(40)] = -1
    assert found.others == pytest.approx(scores.max(axis=1), abs=1e-5)
    # Members' photos and strangers' are drawn apart, so strangers come out alike however many members are.
    assert found.strangers == pytest.approx((strangers @ matrix.T).max(axis=1), abs=1e-5)
    assert found.fpir(2.0).value == 0 < found.fpir(2.0).high
