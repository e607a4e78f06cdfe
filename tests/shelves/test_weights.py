from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

import pytest
from benchmarks.scales import BUN, ELSEWHERE, JUICE, MILK, SLOTS, TEA, good, year
from hypothesis import given, settings
from hypothesis import strategies as st

from facepay.shelves.planogram import Good, Slot
from facepay.shelves.weights import Interpretation, interpret

SLOT = Slot("A1", noise_grams=2.0, goods=(TEA, JUICE, BUN))
FULL = {each.product_id: each.full_quantity for each in SLOT.goods}
CARRIED = {TEA.product_id: 2, JUICE.product_id: 2, BUN.product_id: 2}


def grams_of(taken: Mapping[Good, int]) -> float:
    return -sum(pieces * each.unit_weight_grams for each, pieces in taken.items())


def by_id(taken: Mapping[Good, int]) -> dict[UUID, int]:
    return {each.product_id: pieces for each, pieces in taken.items()}


def probability_of(found: Interpretation, taken: Mapping[Good, int]) -> float:
    return sum(each.probability for each in found.explanations if each.taken == by_id(taken))


@pytest.mark.parametrize(
    "taken",
    [
        {TEA: 1},
        {TEA: 3},
        {JUICE: -1},
        {TEA: 1, BUN: 2},
        {TEA: 1, JUICE: 1, BUN: 1},
        {TEA: 1, BUN: -1},  # changed their mind
    ],
)
def test_the_goods_that_weigh_as_much_were_taken(taken: dict[Good, int]) -> None:
    best = interpret(grams_of(taken) + 1.5, slot=SLOT, lying=FULL, in_baskets=CARRIED).best
    assert best
    assert best.taken == by_id(taken)
    assert best.probability > 0.6
    assert not best.misplaced


def test_two_products_of_one_weight_get_half_the_probability_each() -> None:
    cola = good("cola", TEA.unit_weight_grams, TEA.tolerance_grams)
    found = interpret(-TEA.unit_weight_grams, slot=replace(SLOT, goods=(TEA, cola)))
    assert probability_of(found, {TEA: 1}) == pytest.approx(probability_of(found, {cola: 1}))
    assert 0.45 < probability_of(found, {TEA: 1}) <= 0.5


def test_what_does_not_lie_there_is_hardly_taken() -> None:
    """A milk weighs as much as two teas."""
    slot = replace(SLOT, goods=(TEA, MILK))
    change = -1_028.0
    counted = interpret(change, slot=slot, lying={TEA.product_id: 9, MILK.product_id: 0}).best
    uncounted = interpret(change, slot=slot).best
    assert counted
    assert counted.taken == {TEA.product_id: 2}
    assert uncounted
    assert uncounted.taken == {MILK.product_id: 1}


def test_whoever_carries_it_put_it_back() -> None:
    slot = replace(SLOT, goods=(TEA, good("cola", 512.0, 3.0)))
    best = interpret(512.0, slot=slot, in_baskets={TEA.product_id: 1}).best
    assert best
    assert best.taken == {TEA.product_id: -1}
    assert best.probability > 0.9


@pytest.mark.parametrize(
    "lying", [{TEA: 12, JUICE: 0, BUN: 0}, {TEA: 40, JUICE: 0, BUN: 0}, {TEA: 6, JUICE: 9, BUN: 11}]
)
def test_a_slot_emptied_at_once_is_found(lying: dict[Good, int]) -> None:
    """Forty bottles that differ by 3 g each weigh 19 g more or less together."""
    best = interpret(grams_of(lying) + 8.0, slot=SLOT, lying=by_id(lying), in_baskets={}).best
    assert best
    assert best.taken == {each.product_id: pieces for each, pieces in lying.items() if pieces}


@pytest.mark.parametrize("numbers", [{20: 12}, {3: 7, 27: 5}, {3: 1, 27: 2, 29: 1}])
def test_twelve_pieces_are_found_among_thirty_products(numbers: dict[int, int]) -> None:
    """Though much else weighs the same, it isn't there any more."""
    goods = SLOTS["thirty"]
    taken = {goods[number]: pieces for number, pieces in numbers.items()}
    lying = dict.fromkeys([each.product_id for each in goods], 0) | by_id(dict.fromkeys(taken, 12))
    found = interpret(grams_of(taken) + 1.0, slot=Slot("A1", 1.0, goods), lying=lying, in_baskets={})
    assert probability_of(found, taken) > 0.1


def test_goods_that_belong_elsewhere_are_named() -> None:
    stray = ELSEWHERE[100]
    found = interpret(
        stray.unit_weight_grams, slot=SLOT, in_baskets={stray.product_id: 1}, elsewhere=(*ELSEWHERE, *SLOT.goods)
    ).best
    assert found
    assert found.misplaced
    assert found.taken == {stray.product_id: -1}


def test_what_weighs_like_no_goods_is_left_unexplained() -> None:
    found = interpret(777.0, slot=SLOT, lying=FULL, in_baskets={})
    assert found.best is None
    assert found.unexplained > 0.9


def test_a_tremor_is_nothing() -> None:
    best = interpret(-3.0, slot=SLOT, lying=FULL, in_baskets={}).best
    assert best
    assert best.taken == {}
    assert best.probability > 0.95


PIECES = st.integers(-3, 3)


@settings(max_examples=40, deadline=None)
@given(tea=PIECES, juice=PIECES, bun=PIECES, off=st.floats(-4, 4))
def test_what_was_moved_is_among_the_explanations(tea: int, juice: int, bun: int, off: float) -> None:
    taken = {each: pieces for each, pieces in ((TEA, tea), (JUICE, juice), (BUN, bun)) if pieces}
    found = interpret(grams_of(taken) + off, slot=SLOT)
    assert sum(each.probability for each in found.explanations) + found.unexplained <= 1 + 1e-9
    assert len({frozenset(each.taken.items()) for each in found.explanations}) == len(found.explanations)
    if sum(map(abs, taken.values())) <= 4 and len(taken) < 3:
        assert probability_of(found, taken) > 0


def test_probabilities_say_how_often_they_are_right() -> None:
    """In half a month at a slot where much weighs alike, by people whose habits aren't what the shelf assumes."""
    slot = Slot("A1", 5.0, SLOTS["six"])
    said, right, sure, sure_right = 0.0, 0, 0, 0
    changes = list(year(slot, changes=400))
    for truth, found in changes:
        best = found.best
        is_right = best is None if truth is None else best is not None and best.taken == truth
        probability = best.probability if best else found.unexplained
        said, right = said + probability, right + is_right
        sure, sure_right = sure + (probability >= 0.95), sure_right + (is_right and probability >= 0.95)
    assert abs(said - right) / len(changes) < 0.05
    assert sure > len(changes) / 4
    assert sure_right / sure > 0.97
