"""From what a scale reads, moment by moment, to settled changes: steps are takes, and what creeps is drift. Pure.

A scale reads the sum of what lies on it and of its own zero. The zero drifts, with temperature and under load, by grams
an hour; what lies there changes in steps. So a step is what the zero, as far as it is known, can't have done, and drift
goes into the zero and never adds up to a take. A device that settles its changes itself needs none of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import fmean
from typing import Self

from facepay.shelves.planogram import Slot

STILL_FOR = timedelta(seconds=0.5)
STILL_SAMPLES_MIN = 3
STILL_RANGE = 6.0  # of noise: two thousand still windows of six samples have one that is wider
CONFIRMED_AFTER = timedelta(seconds=1.0)  # a hand that presses, or a bottle that rocks, is rarely still for longer
# What is less is drift: of what the zero may have done, but nothing as heavy as half a piece unless it is noise.
DRIFT_DEVIATIONS, NOISE_DEVIATIONS = 4.0, 3.0

# How a zero wanders: within an hour by so much besides its trend, and so much its trend changes.
WANDER_GRAMS, TREND_CHANGE_GRAMS_PER_HOUR = 3.0, 10.0
TREND_GRAMS_PER_HOUR = 5.0  # standard deviation, before it is known


@dataclass(frozen=True, slots=True)
class Reading:
    at: datetime
    grams: float


@dataclass(frozen=True, slots=True)
class Step:
    """A settled change; `noise_grams` is its standard deviation, more where the scale was silent before."""

    at: datetime
    change_grams: float
    noise_grams: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is known of a slot's scale. Immutable: `see` returns the next one; its fields can be stored as they are.

    The variances and the covariance are of the zero (grams) and its trend (grams an hour), a Kalman filter's.
    """

    at: datetime
    content_grams: float
    zero_grams: float
    trend_grams_per_hour: float = 0.0
    zero_variance: float = 0.0
    trend_variance: float = TREND_GRAMS_PER_HOUR**2
    covariance: float = 0.0
    pending: Reading | None = None  # a change that isn't confirmed yet

    @classmethod
    def starting(cls, reading: Reading, *, content_grams: float, noise_grams: float) -> Self:
        """With known content: the rest of the first reading is the zero."""
        zero = reading.grams - content_grams
        return cls(at=reading.at, content_grams=content_grams, zero_grams=zero, zero_variance=noise_grams**2)

    def holding(self, content_grams: float) -> Self:
        """After the slot was counted: whatever else the scale reads is its zero."""
        zero = self.zero_grams + self.content_grams - content_grams
        return replace(self, content_grams=content_grams, zero_grams=zero)

    def see(self, reading: Reading, slot: Slot) -> tuple[Self, Step | None]:
        """A still reading: drift, or a step once a second one confirms it. One from before the last changes nothing."""
        if reading.at <= self.at:
            return self, None
        now = self._at(reading.at)
        missed = reading.grams - now.zero_grams - now.content_grams
        noise = (slot.noise_grams**2 + now.zero_variance) ** 0.5
        lightest = min(good.unit_weight_grams for good in slot.goods)
        least = max(min(DRIFT_DEVIATIONS * noise, lightest / 2), NOISE_DEVIATIONS * slot.noise_grams)
        if abs(missed) < least:
            return now._corrected(missed, slot.noise_grams), None
        if now.pending is None or abs(reading.grams - now.pending.grams) >= least:
            return replace(now, pending=reading), None
        if reading.at - now.pending.at < CONFIRMED_AFTER:
            return now, None
        step = Step(now.pending.at, missed, noise)
        return replace(now, content_grams=now.content_grams + missed, pending=None), step

    def _at(self, at: datetime) -> Self:
        hours = (at - self.at) / timedelta(hours=1)
        return replace(
            self,
            at=at,
            zero_grams=self.zero_grams + self.trend_grams_per_hour * hours,
            zero_variance=self.zero_variance
            + 2 * hours * self.covariance
            + hours**2 * self.trend_variance
            + hours * WANDER_GRAMS**2,
            covariance=self.covariance + hours * self.trend_variance,
            trend_variance=self.trend_variance + hours * TREND_CHANGE_GRAMS_PER_HOUR**2,
        )

    def _corrected(self, missed: float, noise_grams: float) -> Self:
        total = self.zero_variance + noise_grams**2
        gain, trend_gain = self.zero_variance / total, self.covariance / total
        return replace(
            self,
            zero_grams=self.zero_grams + gain * missed,
            trend_grams_per_hour=self.trend_grams_per_hour + trend_gain * missed,
            zero_variance=(1 - gain) * self.zero_variance,
            trend_variance=self.trend_variance - trend_gain * self.covariance,
            covariance=(1 - gain) * self.covariance,
            pending=None,
        )


def still(samples: Iterable[Reading], *, noise_grams: float) -> Iterator[Reading]:
    """The mean of each window in which a scale stood still: not while goods are moved, pressed on, or rock."""
    window: list[Reading] = []
    for sample in samples:
        window.append(sample)
        while len(window) >= STILL_SAMPLES_MIN and sample.at - window[0].at >= STILL_FOR:
            grams = [each.grams for each in window]
            if max(grams) - min(grams) <= STILL_RANGE * noise_grams:
                yield Reading(sample.at, fmean(grams))
                window.clear()
            else:
                del window[0]


def settle(baseline: Baseline, samples: Iterable[Reading], slot: Slot) -> tuple[Baseline, list[Step]]:
    """The steps in a stretch of raw samples, in the order of time, and what is known of the scale after it."""
    steps = []
    for reading in still(samples, noise_grams=slot.noise_grams):
        baseline, step = baseline.see(reading, slot)
        if step is not None:
            steps.append(step)
    return baseline, steps
