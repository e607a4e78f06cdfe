"""Decisions follow from the target, the number searched and the calibration, and from nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.calibration.calibration import Calibration, load_calibration
from facepay.identity.policy import FMR_MAX, Ambiguous, Match, MatchPolicy, NoMatch, Uncertain, Use, decide, policy_for
from facepay.settings import Settings
from facepay.templates.gallery import Candidate, Ranking

LI, WANG = UUID(int=1), UUID(int=2)
GATE = MatchPolicy(use="gate", fpir_target=1e-3, margin_min=0.08)
CALIBRATION = Calibration("test", 0.23, 1e-3, 0.0, 0.024, 100, 5000, "made up")
BOUNDED_BELOW = replace(CALIBRATION, shape=0.05)

targets = st.floats(1e-6, 0.5)
gallery_sizes = st.integers(1, 10_000_000)
calibrations = st.sampled_from([CALIBRATION, BOUNDED_BELOW])


def ranking(best: float, other: float | None = None, *, searched: int = 1000) -> Ranking:
    others = () if other is None else (Candidate(WANG, other),)
    return Ranking((Candidate(LI, best), *others), searched)


@given(calibrations, targets, gallery_sizes)
def test_the_threshold_keeps_its_promise(calibration: Calibration, target: float, searched: int) -> None:
    threshold = replace(GATE, fpir_target=target).threshold(calibration, searched)
    fpir = -math.expm1(searched * math.log1p(-calibration.fmr(threshold)))
    assert threshold == 1 or fpir <= target * (1 + 1e-6)
    assert calibration.fmr(threshold) <= FMR_MAX * (1 + 1e-6)


@given(calibrations, targets, gallery_sizes, gallery_sizes)
def test_more_people_ask_for_a_higher_threshold(calibration: Calibration, target: float, one: int, other: int) -> None:
    policy = replace(GATE, fpir_target=target)
    few, many = sorted((one, other))
    assert policy.threshold(calibration, few) <= policy.threshold(calibration, many)
    assert policy.step_up_threshold(calibration, few) <= policy.step_up_threshold(calibration, many)


@given(calibrations, targets, targets, gallery_sizes)
def test_a_stricter_target_asks_for_a_higher_threshold(
    calibration: Calibration, one: float, other: float, searched: int
) -> None:
    strict, lax = (replace(GATE, fpir_target=target) for target in sorted((one, other)))
    assert strict.threshold(calibration, searched) >= lax.threshold(calibration, searched)
    assert strict.step_up_threshold(calibration, searched) <= strict.threshold(calibration, searched)


@given(st.floats(1e-12, 1e-3), calibrations)
def test_rate_and_similarity_are_each_others_inverse(fmr: float, calibration: Calibration) -> None:
    similarity = calibration.similarity_at(fmr)
    assert similarity == 1 or calibration.fmr(similarity) == pytest.approx(fmr, rel=1e-6)


@given(calibrations, st.floats(-1, 1), st.floats(-1, 1), gallery_sizes)
def test_nobody_is_matched_below_the_threshold_or_without_the_margin(
    calibration: Calibration, one: float, other: float, searched: int
) -> None:
    best, runner_up = max(one, other), min(one, other)
    decision = decide(ranking(best, runner_up, searched=searched), GATE, calibration)
    if isinstance(decision, Match):
        assert best >= decision.threshold
        assert best - runner_up >= GATE.margin_min


def test_a_sure_face_is_a_match() -> None:
    decision = decide(ranking(0.7, 0.2), GATE, CALIBRATION)
    assert isinstance(decision, Match)
    assert decision.member_id == LI
    assert decision.margin == pytest.approx(0.5)
    assert decision.searched == 1000


def test_two_lookalikes_are_ambiguous_however_alike() -> None:
    decision = decide(ranking(0.9, 0.85), GATE, CALIBRATION)
    assert isinstance(decision, Ambiguous)
    assert decision.candidates == (LI, WANG)


def test_a_face_between_the_thresholds_is_asked_for_more() -> None:
    threshold = GATE.threshold(CALIBRATION, 1000)
    assert isinstance(decide(ranking(threshold - 0.01, 0.1), GATE, CALIBRATION), Uncertain)
    assert isinstance(decide(ranking(threshold + 0.01, 0.1), GATE, CALIBRATION), Match)


def test_a_stranger_is_nobody() -> None:
    decision = decide(ranking(0.2, 0.19), GATE, CALIBRATION)
    assert isinstance(decision, NoMatch)
    assert (decision.similarity, decision.threshold) == (0.2, GATE.threshold(CALIBRATION, 1000))
    nobody = decide(Ranking((), 0), GATE, CALIBRATION)
    assert isinstance(nobody, NoMatch)
    assert nobody.similarity is nobody.false_positive_rate is None


@given(calibrations, st.floats(0.3, 0.9), gallery_sizes)
def test_a_decision_says_how_often_strangers_are_as_alike(
    calibration: Calibration, similarity: float, searched: int
) -> None:
    decision = decide(ranking(similarity, searched=searched), GATE, calibration)
    assert decision.false_positive_rate is not None
    sure = decision.false_positive_rate <= GATE.fpir_target and calibration.fmr(similarity) <= FMR_MAX
    assert sure == isinstance(decision, Match)


def test_a_million_comparisons_make_a_one_in_a_million_error_likely() -> None:
    similarity = CALIBRATION.similarity_at(1e-6)
    assert CALIBRATION.false_positive_rate(similarity, searched=10_000) == pytest.approx(0.01, rel=0.01)
    assert CALIBRATION.false_positive_rate(similarity, searched=1_000_000) == pytest.approx(0.632, rel=0.01)


def test_a_decision_names_its_policy_and_the_numbers_behind_it() -> None:
    bases = {
        decide(ranking(0.7), policy, calibration).basis
        for policy in (GATE, replace(GATE, fpir_target=1e-4), replace(GATE, use="door"))
        for calibration in (CALIBRATION, replace(CALIBRATION, scale=0.025), replace(CALIBRATION, version="2"))
    }
    assert len(bases) == 9
    assert all(len(basis) <= 80 for basis in bases)
    assert decide(ranking(0.7), GATE, CALIBRATION).basis.startswith("gate:0.001 shipped@")


def test_paying_in_the_chain_is_stricter_than_entering() -> None:
    calibration, settings = load_calibration("buffalo_sc@9cc6e4a7"), Settings(_env_file=None)
    uses: tuple[Use, ...] = ("gate", "pay_chain", "door")
    gate, chain, door = (policy_for(use, settings).threshold(calibration, 10_000) for use in uses)
    assert door > chain > gate
