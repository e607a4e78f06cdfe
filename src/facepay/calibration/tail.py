"""How alike two people can be, further out than anybody has measured: a tail fitted to the highest impostor scores.

The tail above a high quantile follows a generalised Pareto distribution (Pickands 1975); its two parameters come
from probability-weighted moments (Hosking and Wallis, Technometrics 29:3, 1987). A fitted shape below zero would
claim that no two people are ever more alike than some cosine, which no sample can show: it is taken as zero.

Pairs that share a person are alike in their errors, so intervals come from drawing people, not pairs (Bolle, Ratha
and Pankanti, CVIU 93:1, 2004).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from facepay.calibration.calibration import Calibration
from facepay.calibration.impostors import (
    TAIL_FRACTION_MAX,
    TAIL_SCORES_MIN,
    Doubles,
    Impostors,
    Scores,
    TooFewPeople,
    tail_size,
)

LEVELS = (1e-5, 1e-6, 1e-7, 1e-8)
SETTLED_AT = 1e-6  # near what ten thousand templates and a gate's target ask for
CONFIDENCE, SIGMAS = 0.95, 1.96
REPLICATES = 200
# A distance that matters, or for a short tail one that chance gives once in a hundred times.
DISTANCE_MAX, DISTANCE_BY_CHANCE = 0.05, 1.63
SEEN_OVER_FORETOLD_MAX = 1.5
SEEN_MIN = 20


@dataclass(frozen=True, slots=True)
class Interval:
    """The threshold at a false-match rate, and where it lies with 95 % confidence."""

    fmr: float
    similarity: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Check:
    """How many pairs reach this cosine, and how many the fitted tail says would."""

    similarity: float
    seen: float
    foretold: float


@dataclass(frozen=True, slots=True)
class Fit:
    """A calibration, and how far to believe it. `distance` is Kolmogorov and Smirnov's, of the scores in the tail."""

    calibration: Calibration
    intervals: tuple[Interval, ...]
    checks: tuple[Check, ...]
    distance: float
    left_out: int

    @property
    def holds(self) -> bool:
        """Whether the tail has the shape it was taken for, above all where it promises few."""
        tail_scores = self.calibration.tail_fraction * self.calibration.pairs
        return self.distance <= max(DISTANCE_MAX, DISTANCE_BY_CHANCE / math.sqrt(tail_scores)) and all(
            check.seen <= SEEN_OVER_FORETOLD_MAX * check.foretold for check in self.checks if check.seen >= SEEN_MIN
        )


def fit(impostors: Impostors, *, pack: str, source: str, leave_out_above: float | None = None, seed: int = 1) -> Fit:
    """Fit the tail of these scores, and say how sure that is.

    Wrong labels make the tail: two names for one person are impostors at 0.6. `leave_out_above` says from which
    cosine on pairs are taken for that. Raises TooFewPeople.
    """
    suspects = impostors.highest.above(leave_out_above) if leave_out_above else impostors.highest.first(0)
    pairs = impostors.pairs - len(suspects)
    tail = impostors.highest.below(leave_out_above) if leave_out_above else impostors.highest
    tail = tail.first(tail_size(pairs))
    if len(tail) < TAIL_SCORES_MIN or len(tail) > pairs * TAIL_FRACTION_MAX:
        raise TooFewPeople(f"{pairs} pairs of photos say too little about the tail: compare more people")
    start = float(tail.cosines[-1])
    shape, scale = pareto(tail.cosines - start, np.ones(len(tail)))
    plain = Calibration(
        pack=pack,
        tail_start=round(start, 4),
        tail_fraction=float(f"{len(tail) / pairs:.6g}"),
        shape=round(shape, 4),
        scale=round(scale, 5),
        people=impostors.people,
        pairs=pairs,
        source=source,
    )
    return Fit(
        calibration=plain,
        intervals=_intervals(plain, tail, impostors, seed),
        checks=tuple(_checks(plain, tail)),
        distance=_distance(plain, tail.cosines),
        left_out=len(suspects),
    )


def raised(fitted: Fit, marked: Fit) -> Fit:
    """The fit, moved up by as much as the one that counts false matches too asks for more where thresholds lie.

    Never down: more scores near the tail's start make it look steeper than it is further out. And the whole of it by
    one number, rather than the other fit: a few scores far out bend its shape, and it would hold no longer.
    """
    own, more = (_settling(each).similarity for each in (fitted, marked))
    if more <= own:
        return fitted
    calibration = replace(fitted.calibration, tail_start=round(fitted.calibration.tail_start + more - own, 4))
    moved = (
        Interval(each.fmr, *(min(1.0, bound + more - own) for bound in (each.similarity, each.low, each.high)))
        for each in fitted.intervals
    )
    return replace(fitted, calibration=calibration, intervals=tuple(moved))


def settled(fitted: Fit, shipped: Calibration) -> Calibration:
    """What a shop's own people say; where that is laxer than the shipped numbers, drawn back to them by as much as
    the people are few. Where it is stricter it stands: refusing a member costs less than taking a stranger for one.

    Shops' thresholds differ by about a decade of the rate (NIST IR 8280 finds 10 to 100 times between groups of
    people): by that much the shipped threshold may be wrong, and the fitted one by its own interval; each counts by
    the inverse of its variance. Where the pack was never measured, the interval's upper end stands.
    """
    own = _settling(fitted)
    if not shipped.people:
        return replace(fitted.calibration, shift=round(own.high - own.similarity, 4))
    known, further = shipped.similarity_at(SETTLED_AT), shipped.similarity_at(SETTLED_AT / 10)
    error, spread = (own.high - own.low) / (2 * SIGMAS), further - known
    trust = spread**2 / (spread**2 + error**2)
    return replace(fitted.calibration, shift=round(max(0.0, (1 - trust) * (known - own.similarity)), 4))


def _settling(fitted: Fit) -> Interval:
    return next(interval for interval in fitted.intervals if interval.fmr == SETTLED_AT)


def pareto(excesses: Doubles, weights: Doubles) -> tuple[float, float]:
    """Shape (at least 0) and scale of excesses in falling order, each there `weights` times (whole numbers)."""
    total = weights.sum()
    below = total - np.cumsum(weights)
    mean = float(weights @ excesses / total)
    # Hosking's second L-moment, from the ranks that each excess takes up.
    spread = 2 * float((weights * (below + (weights - 1) / 2)) @ excesses / total / (total - 1)) - mean
    shape = 2 - mean / spread
    return (0.0, mean) if shape <= 0 else (shape, (1 - shape) * mean)


def _intervals(plain: Calibration, tail: Scores, impostors: Impostors, seed: int) -> tuple[Interval, ...]:
    drawn = (impostors.probes > 0) | (impostors.chances > 0)
    people, random = int(drawn.sum()), np.random.default_rng(seed)
    excesses = tail.cosines - tail.cosines[-1]
    thresholds = []
    for _ in range(REPLICATES):
        weights = np.ones(len(drawn))
        weights[drawn] = np.bincount(random.integers(0, people, people), minlength=people)
        repeated = weights[tail.pairs[:, 0]] * weights[tail.pairs[:, 1]]
        shape, scale = pareto(excesses, repeated)
        fraction = repeated.sum() / impostors.pairs_of(weights)
        replicate = replace(plain, tail_fraction=float(fraction), shape=shape, scale=scale)
        thresholds.append([replicate.similarity_at(level) for level in LEVELS])
    low, high = np.quantile(thresholds, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return tuple(
        Interval(level, plain.similarity_at(level), float(low[index]), float(high[index]))
        for index, level in enumerate(LEVELS)
    )


def _checks(plain: Calibration, tail: Scores) -> list[Check]:
    """At a third, a tenth, a thirtieth … of the tail, for as long as some pairs are left to be counted."""
    checks: list[Check] = []
    foretold = len(tail) / np.sqrt(10)
    while foretold >= 5:
        similarity = plain.similarity_at(foretold / plain.pairs)
        checks.append(Check(similarity, len(tail.above(similarity)), foretold))
        foretold /= np.sqrt(10)
    return checks


def _distance(plain: Calibration, cosines: Doubles) -> float:
    expected = np.array([plain.fmr(cosine) for cosine in cosines]) / plain.tail_fraction
    ranks = np.arange(len(cosines) + 1) / len(cosines)
    return float(max(np.abs(ranks[1:] - expected).max(), np.abs(ranks[:-1] - expected).max()))
