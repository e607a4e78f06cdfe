"""Error rates in the terms of ISO/IEC 19795-1, as pure functions of scores, with intervals over people.

Photos of one person are alike in what makes them hard, so the bootstrap draws people, not photos (Bolle, Ratha and
Pankanti, "Error analysis of pattern recognition systems: the subsets bootstrap", CVIU 93:1, 2004).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Histogram = npt.NDArray[Any]
"""(BINS,) numbers of scores, weighted or not."""

BINS = 2_000  # of 0.001 over cosines from -1 to 1
REPLICATES = 1_000
DRAWN_AT_ONCE = 4_000_000
CONFIDENCE = 0.95
NOWHERE = -1.0  # below every cosine that a threshold asks for


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rate, the interval that holds it with 95 % confidence, and how many people and trials it rests on."""

    value: float
    low: float
    high: float
    people: int
    trials: int


NOTHING_TRIED = Estimate(math.nan, math.nan, math.nan, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """Searches of the whole gallery, one row each: whose photo it was (a number), and the scores.

    `mated` is the cosine to the searched person's own enrolment, NaN where they have none; `other` the highest to
    anybody else. A row with a mate is a mated search; and without it a non-mated one, since the gallery without
    that member holds nobody who should be found.
    """

    person: Counts
    mated: Scores
    other: Scores

    @property
    def has_mate(self) -> npt.NDArray[np.bool_]:
        return ~np.isnan(self.mated)


def fpir(searches: Searches, threshold: float, weights: Scores | None = None) -> float:
    """Share of non-mated searches that return anybody at this threshold."""
    return _share(searches.other >= threshold, _of(searches.person, weights))


def fnir(searches: Searches, threshold: float, weights: Scores | None = None) -> float:
    """Share of mated searches that don't return the right member first and at this threshold (rank 1)."""
    rows = searches.has_mate
    found = (searches.mated >= threshold) & (searches.mated > searches.other)
    return _share(~found[rows], _of(searches.person[rows], weights))


def threshold_at(scores: Scores, target: float, weights: Scores | None = None) -> float:
    """The least threshold that at most this share of scores reaches, one float above the score that is too many."""
    if not len(scores):
        return NOWHERE
    weights = np.ones(len(scores)) if weights is None else weights
    order = np.argsort(-scores, kind="stable")
    reached = np.cumsum(weights[order])
    allowed = target * reached[-1] * (1 + 1e-12)
    too_many = int(np.searchsorted(reached, allowed, side="right"))
    return float(np.nextafter(scores[order][too_many], np.inf)) if too_many < len(scores) else NOWHERE


def fnir_at(searches: Searches, target: float, weights: Scores | None = None) -> float:
    """FNIR at the threshold that holds FPIR at this target on the same searches."""
    threshold = threshold_at(searches.other, target, _of(searches.person, weights))
    return fnir(searches, threshold, weights)


def rank_one(searches: Searches, weights: Scores | None = None) -> float:
    """Share of mated searches whose most alike member is the right one, whatever the score."""
    rows = searches.has_mate
    return _share((searches.mated > searches.other)[rows], _of(searches.person[rows], weights))


def error_curves(genuine: Histogram, impostor: Histogram) -> tuple[Doubles, Doubles]:
    """FMR and FNMR, (BINS + 1,) each, at the thresholds of `thresholds()`, from histograms of `BINS`."""
    fmr = np.concatenate([np.cumsum(impostor[::-1])[::-1], [0]]) / max(1e-300, float(impostor.sum()))
    fnmr = np.concatenate([[0], np.cumsum(genuine)]) / max(1e-300, float(genuine.sum()))
    return fmr, fnmr


def thresholds() -> Doubles:
    """The lower edge of each bin, and 1."""
    return np.linspace(-1, 1, BINS + 1)


def histogram(scores: Scores) -> Counts:
    """(BINS,) counts of cosines."""
    bins = np.floor((np.asarray(scores, np.float64) + 1) * (BINS / 2) + 1e-6).astype(np.int64)
    return np.bincount(bins.clip(0, BINS - 1), minlength=BINS)


def equal_error_rate(genuine: Histogram, impostor: Histogram) -> float:
    """Where FMR and FNMR cross, between the two thresholds next to it."""
    fmr, fnmr = error_curves(genuine, impostor)
    after = int(np.argmax(fnmr >= fmr))
    if after == 0:
        return float(fmr[0])
    gap_before, gap_after = fmr[after - 1] - fnmr[after - 1], fnmr[after] - fmr[after]
    share = gap_before / (gap_before + gap_after)
    return float(fmr[after - 1] + share * (fmr[after] - fmr[after - 1]))


def bootstrap(measure: Callable[[Scores], float], *, people: int, trials: int, seed: int = 1) -> Estimate:
    """`measure(weights)` of `people` weights, with its percentile interval over people drawn with replacement."""
    drawn = [measure(weights) for block in _draws(people, seed) for weights in block]
    return _interval(measure(np.ones(people)), np.array(drawn), people, trials)


def share_of_people(failed: npt.NDArray[np.bool_], person: Counts, *, seed: int = 1) -> Estimate:
    """The share of trials that failed, with its interval over the people (any numbers) whose trials they are."""
    if not len(failed):
        return NOTHING_TRIED
    _, number = np.unique(person, return_inverse=True)
    people = int(number.max()) + 1
    trials = np.bincount(number, minlength=people)
    failures = np.bincount(number, weights=failed, minlength=people)
    drawn = np.concatenate([block @ failures / (block @ trials) for block in _draws(people, seed)])
    return _interval(float(failed.mean()), drawn, people, len(failed))


def _draws(people: int, seed: int) -> Iterator[Doubles]:
    """Blocks of (n, people) numbers of times that each was drawn, REPLICATES rows in all."""
    random = np.random.default_rng(seed)
    rows = max(1, min(REPLICATES, DRAWN_AT_ONCE // people))
    for start in range(0, REPLICATES, rows):
        count = min(rows, REPLICATES - start)
        drawn = random.integers(0, people, (count, people)) + people * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * people).reshape(count, people).astype(float)


def _interval(value: float, drawn: Doubles, people: int, trials: int) -> Estimate:
    """A rate that is 0 or 1 in every draw has no spread to show: there the bound is that of as many independent

    trials as there are people, none of which failed (ISO/IEC 19795-1's rule of three, exactly).
    """
    if math.isnan(value):
        return NOTHING_TRIED
    low, high = np.nanquantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    none_of_them = -math.expm1(math.log1p(-CONFIDENCE) / people)
    low = min(low, 1 - none_of_them) if value == 1 else low
    high = max(high, none_of_them) if value == 0 else high
    return Estimate(value, float(min(low, value)), float(max(high, value)), people, trials)


def estimate(measure: Callable[[Searches, Scores], float], searches: Searches, *, seed: int = 1) -> Estimate:
    """`measure(searches, weights)` over all searches, with its interval over the people searched for."""
    if not len(searches.person):
        return NOTHING_TRIED
    _, number = np.unique(searches.person, return_inverse=True)
    numbered = Searches(number.astype(np.int64), searches.mated, searches.other)
    return bootstrap(
        lambda weights: measure(numbered, weights),
        people=int(number.max()) + 1,
        trials=len(number),
        seed=seed,
    )


def _of(person: Counts, weights: Scores | None) -> Scores:
    return np.ones(len(person)) if weights is None else weights[person]


def _share(hits: npt.NDArray[np.bool_], weights: Scores) -> float:
    total = float(weights.sum())
    return float(weights @ hits) / total if total else float("nan")
