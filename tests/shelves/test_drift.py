from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from benchmarks.scales import BUN, JUICE, MIDNIGHT, SLOTS, TEA, day
from hypothesis import given, settings
from hypothesis import strategies as st

from facepay.shelves.drift import Baseline, Reading, Step, settle
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
    return settle(known(), readings(grams), SLOT)[1]


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
    soon = settle(baseline, readings([CONTENT - 512] * 30), SLOT)[1][0]
    late = settle(baseline, readings([CONTENT - 512] * 30, start=8 * 3600), SLOT)[1][0]
    assert soon.noise_grams == pytest.approx(2.8, abs=0.1)  # of two readings
    assert late.noise_grams > 20


def test_a_slot_that_was_counted_holds_what_was_counted() -> None:
    baseline = known().holding(4_800.0)
    assert baseline.content_grams == 4_800.0
    assert baseline.zero_grams == 200.0
    assert settle(baseline, readings([CONTENT] * 30), SLOT)[1] == []


@settings(max_examples=30, deadline=None)
@given(pieces=st.lists(st.sampled_from([-512.0, -345.0, -110.0]), min_size=1, max_size=5), seed=st.integers(0, 9))
def test_what_is_taken_and_put_back_leaves_the_slot_as_it_was(pieces: list[float], seed: int) -> None:
    changes = [*pieces, *(-piece for piece in reversed(pieces))]
    grams, level = [CONTENT] * 30, CONTENT
    for change in changes:
        level += change
        grams += [level] * 30
    baseline, steps = settle(known(), readings(grams, seed=seed), SLOT)
    assert [step.change_grams for step in steps] == pytest.approx(changes, abs=8)
    assert baseline.content_grams == pytest.approx(CONTENT, abs=8)
