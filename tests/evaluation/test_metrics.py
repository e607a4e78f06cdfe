"""Error rates: by hand on a few scores, and what holds for any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.evaluation import metrics
from facepay.evaluation.metrics import Searches

cosines = st.floats(-1, 1, width=32)
lists = st.lists(cosines, min_size=1, max_size=60)

# Three people with two searches each (0.9 to themselves, and so on), and a stranger with one.
SEARCHES = Searches(
    person=np.array([0, 0, 1, 1, 2, 2, 3]),
    mated=np.array([0.9, 0.5, 0.8, 0.3, 0.7, 0.6, np.nan]),
    other=np.array([0.1, 0.2, 0.0, 0.4, 0.1, 0.2, 0.55]),
)


def test_false_positives_are_searches_without_a_mate_that_return_anybody() -> None:
    assert metrics.fpir(SEARCHES, 0.4) == pytest.approx(2 / 7)
    assert metrics.fpir(SEARCHES, 0.56) == 0


def test_false_negatives_are_mates_below_the_threshold_or_behind_somebody_else() -> None:
    assert metrics.fnir(SEARCHES, 0.25) == pytest.approx(1 / 6)  # 0.3, behind another's 0.4
    assert metrics.fnir(SEARCHES, 0.65) == pytest.approx(3 / 6)
    assert metrics.rank_one(SEARCHES) == pytest.approx(5 / 6)


def test_a_target_sets_the_threshold_just_above_the_first_score_too_many() -> None:
    # Of seven, 0.2 allows one: the second highest, 0.4, is one too many.
    assert 0.4 < metrics.threshold_at(SEARCHES.other, 0.2) < 0.401
    assert metrics.fnir_at(SEARCHES, 0.2) == pytest.approx(1 / 6)
    assert 0.55 < metrics.threshold_at(SEARCHES.other, 0.001) < 0.551
    assert metrics.fnir_at(SEARCHES, 0.001) == pytest.approx(2 / 6)


def test_whoever_is_drawn_twice_counts_twice() -> None:
    drawn = np.array([0.0, 2.0, 0.0, 1.0])
    assert metrics.fnir(SEARCHES, 0.25, drawn) == pytest.approx(1 / 2)
    assert metrics.fpir(SEARCHES, 0.5, drawn) == pytest.approx(1 / 5)


def test_the_equal_error_rate_is_where_both_errors_cross() -> None:
    genuine = metrics.histogram(np.array([0.9, 0.8, 0.7, 0.2]))
    impostor = metrics.histogram(np.array([0.5, 0.1, 0.0, -0.1]))
    assert metrics.equal_error_rate(genuine, impostor) == pytest.approx(0.25)
    assert metrics.equal_error_rate(metrics.histogram(np.array([0.9])), impostor) == 0


@given(genuine=lists, impostor=lists)
def test_raising_the_threshold_trades_one_error_for_the_other(genuine: list[float], impostor: list[float]) -> None:
    fmr, fnmr = metrics.error_curves(metrics.histogram(np.array(genuine)), metrics.histogram(np.array(impostor)))
    assert np.all(np.diff(fmr) <= 0)
    assert np.all(np.diff(fnmr) >= 0)
    assert (fmr[0], fmr[-1]) == (1, 0)
    assert (fnmr[0], fnmr[-1]) == (0, 1)
    counted = metrics.thresholds()[1200]
    assert fmr[1200] == pytest.approx(np.mean(np.array(impostor) >= counted - 1e-6), abs=0.51 / len(impostor))


@given(scores=lists, target=st.sampled_from([0.5, 0.1, 0.01, 0.001]))
def test_no_more_than_the_target_reach_its_threshold_and_one_step_lower_does(
    scores: list[float], target: float
) -> None:
    values = np.array(scores, np.float64)
    threshold = metrics.threshold_at(values, target)
    assert np.mean(values >= threshold) <= target
    below = values[values < threshold]
    if len(below):
        assert np.mean(values >= below.max()) > target


@given(scores=lists, people=st.integers(1, 9))
def test_an_interval_holds_its_rate(scores: list[float], people: int) -> None:
    failed = np.array(scores) < 0
    estimate = metrics.share_of_people(failed, np.arange(len(scores)) % people, seed=1)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.value == pytest.approx(failed.mean())


def test_photos_of_few_people_say_less_than_as_many_photos_of_many() -> None:
    failed = np.repeat([True] * 5 + [False] * 45, 4)
    of_few = metrics.share_of_people(failed, np.repeat(np.arange(50), 4))
    of_many = metrics.share_of_people(failed, np.arange(200))
    assert of_few.value == of_many.value == pytest.approx(0.1)
    assert of_few.high - of_few.low > 1.7 * (of_many.high - of_many.low)


def test_no_error_among_300_people_is_a_bound_of_one_percent_and_not_zero() -> None:
    none = metrics.share_of_people(np.zeros(900, bool), np.repeat(np.arange(300), 3))
    assert none.value == none.low == 0
    assert none.high == pytest.approx(0.00994, abs=1e-4)


def test_without_a_trial_there_is_no_rate() -> None:
    assert np.isnan(metrics.share_of_people(np.empty(0, bool), np.empty(0, np.int64)).value)
