"""What comes of factors at a door, whatever is given, wrong or right, by whomever and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from facepay.doors.rulings import (
    FACTORS,
    OTHER_HOLDER,
    Claimant,
    Denied,
    FactorSet,
    Given,
    Granted,
    More,
    rule_on,
)

HOLDERS = [UUID(int=number) for number in range(3)]
FACE: FactorSet = frozenset({"face"})
FACE_AND_PIN: FactorSet = frozenset({"face", "pin"})
BADGE_AND_PIN: FactorSet = frozenset({"badge", "pin"})

sets = st.lists(st.frozensets(st.sampled_from(FACTORS), min_size=1), min_size=1, max_size=3).map(tuple)
faults = st.sampled_from([None, None, None, "unknown_badge", "wrong_pin", OTHER_HOLDER])
givens = st.lists(st.builds(Given, st.sampled_from(FACTORS), faults), max_size=6).map(tuple)
claimants = st.builds(
    Claimant,
    holder_id=st.sampled_from([None, *HOLDERS]),
    given=givens,
    sets=sets,
    persons=st.sampled_from([1, 2]),
)
barriers = st.lists(st.sampled_from(["holder_blocked", "zone_full"]), max_size=2).map(tuple)


@settings(max_examples=50)
@given(st.lists(claimants, max_size=3), sets, barriers)
def test_nobody_is_granted_with_a_factor_missing_or_wrong_nor_against_a_reason(
    people: list[Claimant], newcomer: tuple[FactorSet, ...], against: tuple[str, ...]
) -> None:
    if rule_on(people, newcomer=newcomer, barriers=against) != Granted():
        return
    assert not against
    assert len(people) >= max(each.persons for each in people)
    assert len({each.holder_id for each in people}) == len(people)
    for each in people:
        assert each.holder_id is not None
        proven = {one.factor for one in each.given if one.fault is None}
        assert any(wanted <= proven for wanted in each.sets)
        assert OTHER_HOLDER not in {one.fault for one in each.given}


@settings(max_examples=50)
@given(st.data(), sets, barriers)
def test_whoever_proves_all_that_is_asked_passes_unless_there_is_a_reason_against_it(
    data: st.DataObject, newcomer: tuple[FactorSet, ...], against: tuple[str, ...]
) -> None:
    persons = data.draw(st.sampled_from([1, 2]))
    people = []
    for holder in HOLDERS[:persons]:
        rules = data.draw(sets)
        given = tuple(Given(each) for each in data.draw(st.sampled_from(rules)))
        people.append(Claimant(holder, given, rules, persons))
    ruling = rule_on(people, newcomer=newcomer, barriers=against)
    assert ruling == (Denied(against[0]) if against else Granted())


@settings(max_examples=50)
@given(claimants, sets, barriers, st.randoms(use_true_random=False))
def test_in_which_order_factors_are_given_makes_no_difference(
    person: Claimant, newcomer: tuple[FactorSet, ...], against: tuple[str, ...], chance: object
) -> None:
    shuffled = list(person.given)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    other = replace(person, given=tuple(shuffled))
    assert rule_on([other], newcomer=newcomer, barriers=against) == rule_on(
        [person], newcomer=newcomer, barriers=against
    )


@settings(max_examples=50)
@given(claimants, sets, barriers)
def test_until_all_is_given_nothing_tells_a_wrong_factor_from_a_right_one(
    person: Claimant, newcomer: tuple[FactorSet, ...], against: tuple[str, ...]
) -> None:
    ruling = rule_on([person], newcomer=newcomer, barriers=against)
    assume(isinstance(ruling, More))
    right = replace(person, given=tuple(Given(each.factor) for each in person.given))
    assert rule_on([right], newcomer=newcomer) == ruling


@settings(max_examples=50)
@given(st.sampled_from(HOLDERS), sets, st.data())
def test_two_persons_are_two_holders(holder: UUID, rules: tuple[FactorSet, ...], data: st.DataObject) -> None:
    given = tuple(Given(each) for each in data.draw(st.sampled_from(rules)))
    one = Claimant(holder, given, rules, persons=2)
    first = rule_on([one], newcomer=rules)
    assert isinstance(first, More)
    assert first.persons_left == 1
    assert rule_on([one, one], newcomer=rules) == Denied("same_holder")


def test_what_is_asked_for_is_the_least_that_would_do() -> None:
    all_three: FactorSet = frozenset({"face", "badge", "pin"})
    rules = (FACE_AND_PIN, BADGE_AND_PIN, all_three)
    nothing_yet = rule_on([], newcomer=rules, persons=2)
    assert nothing_yet == More(rules, 2)
    person = Claimant(HOLDERS[0], (Given("badge"),), rules)
    assert person.missing == (frozenset({"pin"}),)
    assert Claimant(HOLDERS[0], (Given("face"), Given("badge")), (FACE, BADGE_AND_PIN)).is_complete


def test_somebody_whose_face_was_not_known_may_go_by_their_badge() -> None:
    rules = (FACE_AND_PIN, BADGE_AND_PIN)
    given = (Given("face", "unknown_face"), Given("badge"), Given("pin"))
    assert rule_on([Claimant(HOLDERS[0], given, rules)], newcomer=rules) == Granted()
    theirs = (Given("face", OTHER_HOLDER), Given("badge"), Given("pin"))
    assert rule_on([Claimant(HOLDERS[0], theirs, rules)], newcomer=rules) == Denied(OTHER_HOLDER)
