"""From what a scale reads, moment by moment, to settled changes: steps are takes, and what creeps is drift. Pure.

A scale reads the sum of what lies on it and of its own zero. The zero drifts, with temperature and under load, by grams
an hour; what lies there changes in steps. So a step is what the zero, as far as it is known, can't have done, and drift
goes into the zero and never adds up to a take. A device that settles its changes itself needs none of this.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import fmean
from typing import Self

from facepay.shelves.planogram import Slot

STILL_FOR = timedelta(seconds=0.5)
STILL_SAMPLES_MIN = 3
SAMPLES_APART = timedelta(milliseconds=10)  # more of them tell nothing more
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
    number: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A settled change; `noise_grams` is its standard deviation, more where the scale was silent before. `number` is
    that of the reading that confirmed it.
    """

    at: datetime
    change_grams: float
    noise_grams: float
    number: int = 0


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

    def resumed(self, reading: Reading, slot: Slot) -> tuple[Self, bool]:
        """After the scale began anew, which may have tared it: what lay there still does, and the rest of the reading
        is the zero. Whether that isn't where the zero was: then goods may have been moved meanwhile.
        """
        now = replace(self, pending=None)._at(max(reading.at, self.at))
        missed = now._missed(reading)
        if abs(missed) < now._least(slot):
            return replace(now._corrected(missed, slot.noise_grams), at=reading.at), False
        return self.starting(reading, content_grams=self.content_grams, noise_grams=slot.noise_grams), True

    def see(self, reading: Reading, slot: Slot) -> tuple[Self, Step | None]:
        """A still reading: drift, or a step once a second one confirms it. One from before the last changes nothing."""
        if reading.at <= self.at:
            return self, None
        now = self._at(reading.at)
        missed, least = now._missed(reading), now._least(slot)
        if abs(missed) < least:
            return now._corrected(missed, slot.noise_grams), None
        if now.pending is None or abs(reading.grams - now.pending.grams) >= least:
            return replace(now, pending=reading), None
        if reading.at - now.pending.at < CONFIRMED_AFTER:
            return now, None
        step = Step(now.pending.at, missed, now._noise(slot), reading.number)
        return replace(now, content_grams=now.content_grams + missed, pending=None), step

    def _missed(self, reading: Reading) -> float:
        return reading.grams - self.zero_grams - self.content_grams

    def _noise(self, slot: Slot) -> float:
        return float((slot.noise_grams**2 + self.zero_variance) ** 0.5)

    def _least(self, slot: Slot) -> float:
        """What is no drift any more."""
        lightest = min(good.unit_weight_grams for good in slot.goods)
        return max(min(DRIFT_DEVIATIONS * self._noise(slot), lightest / 2), NOISE_DEVIATIONS * slot.noise_grams)

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


@dataclass(frozen=True, slots=True)
class Scale:
    """All that is known of a slot's scale, to be stored as it is. `window` are the samples since it last stood still;
    `anew` says that it began anew since: its zero may be another, and its clock.
    """

    baseline: Baseline | None = None
    window: tuple[Reading, ...] = ()
    anew: bool = False

    @property
    def last_at(self) -> datetime | None:
        return self.window[-1].at if self.window else self.baseline.at if self.baseline else None

    def begun_anew(self) -> Self:
        return replace(self, window=(), anew=True)


@dataclass(frozen=True, slots=True)
class Settled:
    """What is known of a scale now, and its steps. `shifted`: it began anew with another zero, so that what was moved
    just before is not known.
    """

    scale: Scale
    steps: list[Step]
    shifted: bool


def settle(scale: Scale, samples: Iterable[Reading], slot: Slot) -> Settled:
    """What a stretch of raw samples shows, in the order in which they were taken. Where the clock was set back, the
    scale begins anew.
    """
    baseline, window, anew, last_at = scale.baseline, list(scale.window), scale.anew, scale.last_at
    steps, shifted = [], False
    for sample in samples:
        if last_at is not None and sample.at < last_at:
            window, anew = [], True
        last_at = sample.at
        reading = _still(window, sample, slot.noise_grams)
        if reading is None:
            continue
        if baseline is None:
            baseline = Baseline.starting(reading, content_grams=0.0, noise_grams=slot.noise_grams)
        elif anew:
            baseline, elsewhere = baseline.resumed(reading, slot)
            shifted = shifted or elsewhere
        else:
            baseline, step = baseline.see(reading, slot)
            steps += [step] if step else []
        anew = False
    return Settled(Scale(baseline, tuple(window), anew), steps, shifted)


def _still(window: list[Reading], sample: Reading, noise_grams: float) -> Reading | None:
    """The mean of a window in which the scale stood still: not while goods are moved, pressed on, or rock."""
    if not window or sample.at - window[-1].at >= SAMPLES_APART:
        window.append(sample)
    while len(window) >= STILL_SAMPLES_MIN and sample.at - window[0].at >= STILL_FOR:
        grams = [each.grams for each in window]
        if max(grams) - min(grams) <= STILL_RANGE * noise_grams:
            window.clear()
            return Reading(sample.at, fmean(grams), sample.number)
        del window[0]
    return None
