from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from benchmarks.scales import BUN, JUICE, MIDNIGHT, SLOTS, TEA, day
from hypothesis import given, settings
from hypothesis import strategies as st

from facepay.shelves.drift import Baseline, Reading, Scale, Step, settle
from facepay.shelves.planogram import Slot

SLOT = Slot("A1", noise_grams=2.0, goods=(TEA, JUICE, BUN))
CONTENT = 5_000.0


def at(seconds: float) -> datetime:
    return MIDNIGHT + timedelta(seconds=seconds)


def readings(grams: Iterable[float], *, start: float = 1.0, every: float = 0.1, seed: int = 1) -> list[Reading]:
    random = Random(seed)
    return [Reading(at(start + n * every), value + random.gauss(0, 1.5)) for n, value in enumerate(grams)]


def known() -> Baseline:
    return Baseline.starting(Reading(at(0), CONTENT), content_grams=CONTENT, noise_grams=2.0)


def steps_in(grams: Iterable[float]) -> list[Step]:
    return settle(Scale(known()), readings(grams), SLOT).steps


@pytest.mark.parametrize("goods", ["one product", "three, unlike"])
def test_a_day_of_drift_adds_up_to_no_take(goods: str) -> None:
    """Thirty grams up and down, and sixty changes, each with a hand that presses and a scale that rings."""
    slot = Slot("A1", 2.0, tuple(replace(each, full_quantity=200) for each in SLOTS[goods]))
    lived = day(slot, seed=3)
    assert len(lived.moved) == 60
    assert lived.exact


def test_a_slot_that_nobody_touches_has_no_steps() -> None:
    baseline = known()
    for minute in range(24 * 60):
        drifted = CONTENT + 60 * minute / (24 * 60)  # twice a bun's tolerance an hour, half a bun in a day
        baseline, step = baseline.see(readings([drifted], start=60.0 * (minute + 1), seed=minute)[0], SLOT)
        assert step is None
    assert baseline.content_grams == CONTENT
    assert baseline.zero_grams == pytest.approx(60, abs=3)
    assert baseline.trend_grams_per_hour == pytest.approx(2.5, abs=1.5)


def test_a_take_is_told_once_when_it_has_settled() -> None:
    (step,) = steps_in([CONTENT] * 20 + [CONTENT - 512] * 40)
    assert step.change_grams == pytest.approx(-512, abs=4)
    assert at(3) <= step.at <= at(4)


def test_a_hand_that_presses_for_a_moment_takes_nothing() -> None:
    assert steps_in([CONTENT] * 20 + [CONTENT + 700] * 10 + [CONTENT] * 30) == []


def test_two_pieces_taken_one_after_the_other_are_one_step() -> None:
    (step,) = steps_in([CONTENT] * 20 + [CONTENT - 512] * 8 + [CONTENT - 1_024] * 40)
    assert step.change_grams == pytest.approx(-1_024, abs=4)


def test_what_was_read_earlier_changes_nothing() -> None:
    baseline = known()
    assert baseline.see(Reading(at(-60), CONTENT - 512), SLOT) == (baseline, None)


def test_after_silence_a_change_is_less_sure() -> None:
    baseline = known()
    (soon,) = settle(Scale(baseline), readings([CONTENT - 512] * 30), SLOT).steps
    (late,) = settle(Scale(baseline), readings([CONTENT - 512] * 30, start=8 * 3600), SLOT).steps
    assert soon.noise_grams == pytest.approx(2.8, abs=0.1)  # of two readings
    assert late.noise_grams > 20


def test_samples_may_come_in_any_portions() -> None:
    samples = readings([CONTENT] * 20 + [CONTENT + 700] * 10 + [CONTENT - 512] * 40)
    whole = settle(Scale(known()), samples, SLOT)
    for size in (1, 2, 7):
        scale = Scale(known())
        steps: list[Step] = []
        for begin in range(0, len(samples), size):
            portion = settle(scale, samples[begin : begin + size], SLOT)
            scale, steps = portion.scale, [*steps, *portion.steps]
        assert (scale, steps) == (whole.scale, whole.steps)


@pytest.mark.parametrize(("tared", "shifted"), [(0.0, False), (CONTENT - 512, True)])
def test_a_scale_that_begins_anew_takes_nothing_and_goes_on(tared: float, shifted: bool) -> None:
    before = settle(Scale(known()), readings([CONTENT] * 20 + [CONTENT - 512] * 40), SLOT)
    grams = [CONTENT - 512 - tared] * 20 + [CONTENT - 512 - 345 - tared] * 30
    after = settle(before.scale.begun_anew(), readings(grams, start=60), SLOT)
    assert (len(before.steps), before.shifted, after.shifted) == (1, False, shifted)
    (step,) = after.steps
    assert step.change_grams == pytest.approx(-345, abs=5)
    assert after.scale.baseline is not None
    assert after.scale.baseline.content_grams == pytest.approx(CONTENT - 512 - 345, abs=8)


def test_a_clock_that_is_set_back_stops_no_scale() -> None:
    later = settle(Scale(known()), readings([CONTENT] * 20, start=7_200), SLOT).scale
    (step,) = settle(later, readings([CONTENT] * 20 + [CONTENT - 512] * 30), SLOT).steps
    assert step.change_grams == pytest.approx(-512, abs=4)


@settings(max_examples=30, deadline=None)
@given(pieces=st.lists(st.sampled_from([-512.0, -345.0, -110.0]), min_size=1, max_size=5), seed=st.integers(0, 9))
def test_what_is_taken_and_put_back_leaves_the_slot_as_it_was(pieces: list[float], seed: int) -> None:
    changes = [*pieces, *(-piece for piece in reversed(pieces))]
    grams, level = [CONTENT] * 30, CONTENT
    for change in changes:
        level += change
        grams += [level] * 30
    settled = settle(Scale(known()), readings(grams, seed=seed), SLOT)
    assert [step.change_grams for step in settled.steps] == pytest.approx(changes, abs=8)
    assert settled.scale.baseline is not None
    assert settled.scale.baseline.content_grams == pytest.approx(CONTENT, abs=8)
