"""What is measured on people is what the thresholds promise."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.calibration.calibration import PEOPLE_TRUSTED_MIN, Calibration, assumed, load_calibration
from facepay.calibration.impostors import (
    Floats,
    Impostors,
    TooFewPeople,
    compare,
    genuine_histogram,
    probes_of,
    references_of,
)
from facepay.calibration.tail import Fit, fit, pareto, settled
from facepay.identity.policy import MatchPolicy
from facepay.vision.packs import find_pack

SHIPPED = load_calibration(find_pack().label)
Templates = list[list[Floats]]


def members(count: int, templates: int = 1, *, seed: int, spread: float = 0.3) -> Templates:
    """Some templates of each, around a direction of their own."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((count, 1, 32))
    faces = centres + spread * random.standard_normal((count, templates, 32))
    faces /= np.linalg.norm(faces, axis=2, keepdims=True)
    return [list(of_one) for of_one in faces.astype(np.float32)]


def measured(templates_of: Templates) -> Impostors:
    return compare(probes_of(templates_of), references_of(templates_of))


def fitted(impostors: Impostors, **options: float) -> Fit:
    return fit(impostors, pack="test", source="made up", **options)  # type: ignore[arg-type]


@cache
def fit_of(count: int) -> Fit:
    return fitted(measured(members(count, seed=1)))


def test_the_measured_tail_foretells_other_people() -> None:
    result = fit_of(1400)
    assert result.holds
    assert (result.calibration.people, result.calibration.pairs) == (1400, 1400 * 1399 // 2)
    others = probes_of(members(2000, seed=2)).embeddings
    impostors = (others @ others.T)[np.triu_indices(len(others), 1)]
    for fmr in (2e-4, 5e-5):
        seen = float((impostors >= result.calibration.similarity_at(fmr)).mean())
        # An exponential never promises less than a tail that bends down has.
        assert 0.5 * fmr < seen < 1.15 * fmr


def test_strangers_come_out_as_members_no_more_often_than_the_target_says() -> None:
    """Thousands of strangers search a gallery; the threshold from a tenth of its pairs keeps the target."""
    gallery, strangers = probes_of(members(1500, seed=5)).embeddings, probes_of(members(6000, seed=6)).embeddings
    target = 0.02
    policy = MatchPolicy(use="gate", fpir_target=target, margin_min=0.08, fmr_max=1.0)
    threshold = policy.threshold(fit_of(1400).calibration, searched=len(gallery))
    let_in = int(((strangers @ gallery.T).max(axis=1) >= threshold).sum())
    expected, error = target * len(strangers), math.sqrt(target * len(strangers))
    assert 0.3 * expected < let_in < expected + 3 * error


@pytest.mark.parametrize(("shape", "scale"), [(0.0, 0.02), (0.1, 0.03), (0.25, 0.015)])
def test_the_fit_finds_the_tail_that_scores_were_drawn_from(shape: float, scale: float) -> None:
    uniform = np.random.default_rng(7).uniform(size=50_000)
    excesses = -scale * np.log(uniform) if shape == 0 else scale * (uniform**-shape - 1) / shape
    found_shape, found_scale = pareto(-np.sort(-excesses), np.ones(len(excesses)))
    assert found_shape == pytest.approx(shape, abs=0.02)
    assert found_scale == pytest.approx(scale, rel=0.03)


def test_a_score_that_counts_twice_is_as_good_as_two() -> None:
    scores = -np.sort(-np.random.default_rng(8).exponential(0.02, 1000))
    weights = np.random.default_rng(9).integers(0, 3, 1000)
    counted = pareto(scores, weights.astype(float))
    assert counted == pytest.approx(pareto(scores.repeat(weights), np.ones(weights.sum())))


def test_an_interval_is_as_wide_as_thresholds_from_other_people_are_apart() -> None:
    thresholds = [fitted(measured(members(350, seed=seed))).intervals[0] for seed in range(100, 115)]
    apart = np.std([interval.similarity for interval in thresholds], ddof=1)
    foretold = np.mean([interval.high - interval.low for interval in thresholds]) / (2 * 1.96)
    assert 0.5 * apart < foretold < 2 * apart


def test_photos_of_one_person_are_no_impostors() -> None:
    alike = members(300, 3, seed=3)
    alone = fitted(measured(alike)).calibration
    mixed_up = fitted(measured([[template] for templates in alike for template in templates])).calibration
    assert alone.similarity_at(1e-4) < 0.8 < mixed_up.similarity_at(1e-4)


def test_every_two_members_are_compared_once_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    some = members(90, 2, seed=10)
    whole = measured(some)
    monkeypatch.setattr("facepay.calibration.impostors.ROWS", 7)
    monkeypatch.setattr("facepay.calibration.impostors.COLUMNS", 11)
    pieces = measured(some)
    assert whole.histogram.sum() == 2 * 90 * 89 // 2
    assert whole.pairs == 2 * 2 * 90 * 89 // 2, "a search counts the templates behind each reference"
    assert np.array_equal(whole.histogram, pieces.histogram)
    assert np.allclose(whole.highest.cosines, pieces.highest.cosines, atol=1e-6)
    assert all(one < other for one, other in pieces.highest.pairs)


def test_what_a_time_limit_leaves_is_a_fair_sample() -> None:
    some, stops = members(1400, seed=1), iter([False, True])
    part = compare(probes_of(some), references_of(some), stop=lambda: next(stops))
    assert part.pairs == part.histogram.sum() == sum(1400 - 1 - row for row in range(512))
    assert fitted(part).calibration.similarity_at(1e-5) == pytest.approx(
        fit_of(1400).calibration.similarity_at(1e-5), abs=0.03
    )


def test_one_person_under_two_names_makes_a_tail_and_can_be_left_out() -> None:
    some = members(700, seed=11)
    twice = [*some, *([template + 0.01] for [template] in some[:20])]
    clean, dirty = fitted(measured(some)), fitted(measured(twice))
    left_out = fitted(measured(twice), leave_out_above=0.95)
    assert dirty.calibration.similarity_at(1e-6) > clean.calibration.similarity_at(1e-6) + 0.05
    assert left_out.left_out == 20
    assert left_out.calibration.similarity_at(1e-6) == pytest.approx(clean.calibration.similarity_at(1e-6), abs=0.02)


def test_matches_that_staff_found_to_be_false_raise_the_threshold() -> None:
    impostors = measured(members(700, seed=12))
    marked = impostors.with_false_matches([0.99] * 20)
    assert marked.pairs == impostors.pairs + 20
    assert marked.people == impostors.people
    raised, before = fitted(marked).calibration, fitted(impostors).calibration
    assert raised.similarity_at(1e-6) > before.similarity_at(1e-6)


def test_a_template_is_held_against_the_others_of_its_member() -> None:
    histogram = genuine_histogram(members(50, 3, seed=13, spread=0.05) + members(20, 1, seed=14))
    assert histogram.sum() == 150
    assert histogram[: int(1.9 * len(histogram) / 2)].sum() == 0


def test_few_people_may_raise_a_threshold_and_never_lower_it() -> None:
    result = fit_of(1400)
    own = replace(result.calibration, tail_start=0.1, people=PEOPLE_TRUSTED_MIN - 1)
    lax = own.beside(SHIPPED)
    trusted = replace(own, people=PEOPLE_TRUSTED_MIN).beside(SHIPPED)
    for fmr in (1e-4, 1e-6, 1e-9):
        assert lax.similarity_at(fmr) == max(own.similarity_at(fmr), SHIPPED.similarity_at(fmr))
        assert trusted.similarity_at(fmr) == own.similarity_at(fmr)
        assert lax.fmr(lax.similarity_at(fmr)) == pytest.approx(fmr)


def test_the_fewer_people_the_nearer_to_what_is_known_of_the_pack() -> None:
    stricter = replace(SHIPPED, tail_start=0.8)
    known, trusts = stricter.similarity_at(1e-6), []
    for count in (400, 1400):
        own = fit_of(count).intervals[1].similarity
        assert own < known
        trusts.append((settled(fit_of(count), stricter).similarity_at(1e-6) - known) / (own - known))
    assert 0 < trusts[0] < trusts[1] < 1
    assert settled(fit_of(400), SHIPPED).shift == 0, "what is stricter stands"
    unmeasured = settled(fit_of(400), assumed("test"))
    assert unmeasured.similarity_at(1e-6) == pytest.approx(fit_of(400).intervals[1].high, abs=1e-3)


calibrations = st.builds(
    replace,
    st.just(SHIPPED),
    tail_start=st.floats(0.1, 0.5),
    shape=st.sampled_from([0.0, 0.05, 0.2]),
    scale=st.floats(0.005, 0.05),
    shift=st.floats(-0.02, 0.05),
    floor=st.sampled_from([None, SHIPPED]),
)


@given(calibrations, st.floats(-1, 1), st.floats(-1, 1), st.integers(1, 10**7), st.integers(1, 10**7))
def test_the_more_alike_and_the_fewer_the_rarer(
    calibration: Calibration, one: float, other: float, few: int, many: int
) -> None:
    (low, high), (few, many) = sorted((one, other)), sorted((few, many))
    assert calibration.fmr(low) >= calibration.fmr(high)
    rate = calibration.false_positive_rate
    assert 0 <= rate(high, searched=few) <= rate(low, searched=few) <= 1
    assert rate(high, searched=few) <= rate(high, searched=many)


@given(calibrations.filter(lambda calibration: calibration.floor is None))
def test_a_calibration_survives_the_disk(tmp_path_factory: pytest.TempPathFactory, calibration: Calibration) -> None:
    folder = tmp_path_factory.getbasetemp()
    calibration.save(folder)
    assert load_calibration(calibration.pack, folder=folder) == calibration


def test_a_pack_without_a_calibration_gets_the_assumed_one(tmp_path: Path) -> None:
    assert load_calibration("pack@2", folder=tmp_path) == assumed("pack@2")


def test_the_default_pack_is_calibrated() -> None:
    assert SHIPPED.people > 1500
    assert 0.30 < SHIPPED.similarity_at(1e-5) < 0.35
    assert 0.36 < SHIPPED.similarity_at(1e-6) < 0.40


def test_an_unknown_pack_is_trusted_least() -> None:
    for fmr in (1e-4, 1e-6, 1e-9):
        assert assumed("unknown").similarity_at(fmr) > SHIPPED.similarity_at(fmr) + 0.1


def test_too_few_people_are_no_measurement() -> None:
    for count in (2, 5, 100):
        with pytest.raises(TooFewPeople, match="compare more people"):
            fitted(measured(members(count, seed=4)))
