from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepay.catalog.epc import Sgtin, encode_sgtin96
from facepay.lanes.reads import (
    EPOCH,
    LEAD,
    JudgedTag,
    Owner,
    ReadPolicy,
    Signal,
    Standing,
    TagRead,
    Window,
    judge_tags,
    owner,
    signals_of,
)

OPENED = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
WINDOW = Window(OPENED, OPENED + timedelta(seconds=4))
POLICY = ReadPolicy()
TAGS = [
    encode_sgtin96(Sgtin("06901234567892", serial, filter=1, company_prefix_length=7)).lower() for serial in range(4)
]
CASE = "311BA1B300CE0A6A83000000"  # an SSCC: a box, and no product


def seen(
    epc: str, *, times: int = 20, rssi_dbm: float = -45.0, after: float = 0.5, every: float = 0.1
) -> list[TagRead]:
    """A tag's reads from so many seconds after the passage opened."""
    return [TagRead(epc, rssi_dbm, OPENED + timedelta(seconds=after + number * every)) for number in range(times)]


def judge(*reads: list[TagRead], neighbours: list[TagRead] | None = None, window: Window = WINDOW) -> list[JudgedTag]:
    others = signals_of(neighbours or [], window)
    return judge_tags(
        signals_of([read for some in reads for read in some], window),
        window=window,
        policy=POLICY,
        neighbours={epc: [window.cut(signal, POLICY.slack)] for epc, signal in others.items()},
    )


def standing(*reads: list[TagRead], neighbours: list[TagRead] | None = None) -> tuple[str, str | None]:
    (tag,) = judge(*reads, neighbours=neighbours)
    return tag.standing.value, tag.reason


def test_a_tag_that_is_carried_through_is_taken_as_product_and_serial() -> None:
    (tag,) = judge(seen(TAGS[3]))
    assert (tag.standing, tag.epc) == (Standing.TAKEN, TAGS[3].upper())
    assert tag.sgtin is not None
    assert (tag.sgtin.gtin, tag.sgtin.serial) == ("06901234567892", 3)


def test_a_tag_that_answers_once_or_twice_is_a_reflection() -> None:
    assert standing(seen(TAGS[0], times=2)) == ("stray", "too_few_reads")
    assert standing(seen(TAGS[0], times=3)) == ("taken", None)


def test_a_burst_within_one_moment_counts_once() -> None:
    assert standing(seen(TAGS[0], times=50, every=0.001, after=0.5)) == ("stray", "too_few_reads")


def test_a_tag_on_a_shelf_across_the_aisle_is_too_weak_however_often_it_answers() -> None:
    assert standing(seen(TAGS[0], times=40, rssi_dbm=-72)) == ("stray", "too_weak")


def test_two_strong_flukes_do_not_make_a_weak_tag_strong() -> None:
    weak = seen(TAGS[0], times=30, rssi_dbm=-72)
    assert standing(weak, seen(TAGS[0], times=2, rssi_dbm=-30)) == ("stray", "too_weak")
    assert standing(weak, seen(TAGS[0], times=3, rssi_dbm=-30)) == ("taken", None)


@pytest.mark.parametrize("after", [-4.0, -60.0, 5.2, 3600.0])
def test_a_tag_must_be_seen_while_somebody_passes(after: float) -> None:
    assert standing(seen(TAGS[0], after=after)) == ("stray", "outside_window")


@pytest.mark.parametrize("after", [-0.9, 4.5])
def test_a_tag_may_be_a_step_ahead_of_its_bearer_or_behind(after: float) -> None:
    assert standing(seen(TAGS[0], times=5, after=after)) == ("taken", None)


def test_while_a_passage_goes_on_late_reads_are_in_it() -> None:
    assert judge(seen(TAGS[0], after=20), window=Window(OPENED))[0].standing is Standing.TAKEN


def test_a_tag_that_is_no_products_is_told_apart_only_where_it_is_really_there() -> None:
    assert standing(seen(CASE)) == ("unreadable", "other_scheme")
    assert standing(seen(CASE, rssi_dbm=-80)) == ("stray", "too_weak")
    assert standing(seen("no epc")) == ("unreadable", "not_hex")


def test_the_lane_that_sees_a_tag_clearly_stronger_has_it() -> None:
    here, there = seen(TAGS[0], rssi_dbm=-45), seen(TAGS[0], rssi_dbm=-52)
    assert standing(here, neighbours=there) == ("taken", None)
    assert standing(there, neighbours=here) == ("stray", "neighbours")


def test_of_two_lanes_that_see_it_as_strong_the_one_that_sees_it_far_longer_has_it() -> None:
    here, there = seen(TAGS[0], times=30), seen(TAGS[0], times=12, rssi_dbm=-42)
    assert standing(here, neighbours=there) == ("taken", None)
    assert standing(there, neighbours=here) == ("stray", "neighbours")


def test_a_tag_between_two_lanes_is_neithers_until_it_shows() -> None:
    here, there = seen(TAGS[0], times=20), seen(TAGS[0], times=15, rssi_dbm=-42)
    assert standing(here, neighbours=there) == standing(there, neighbours=here) == ("disputed", None)
    assert standing(here, seen(TAGS[0], rssi_dbm=-30), neighbours=there) == ("taken", None)


def test_a_neighbour_that_hardly_sees_a_tag_has_no_say() -> None:
    assert standing(seen(TAGS[0], times=3), neighbours=seen(TAGS[0], times=2, rssi_dbm=-20)) == ("taken", None)
    assert standing(seen(TAGS[0], rssi_dbm=-64), neighbours=seen(TAGS[0], rssi_dbm=-66)) == ("taken", None)


reads_of_a_passage = st.lists(
    st.builds(
        TagRead,
        epc=st.sampled_from([*TAGS, *(tag.upper() for tag in TAGS), CASE]),
        rssi_dbm=st.integers(-90, -20).map(float),
        read_at=st.integers(-8000, 14_000).map(lambda milliseconds: OPENED + timedelta(milliseconds=milliseconds)),
    ),
    max_size=60,
)
signals = st.binary(max_size=60).map(Signal)


def merge(one: dict[str, Signal], other: dict[str, Signal]) -> dict[str, Signal]:
    return {epc: one.get(epc, Signal()) | other.get(epc, Signal()) for epc in one.keys() | other.keys()}


@settings(max_examples=40)
@given(reads_of_a_passage, st.data())
def test_order_parts_and_repeats_of_reports_change_nothing(reads: list[TagRead], data: st.DataObject) -> None:
    whole = signals_of(reads, WINDOW)
    shuffled = data.draw(st.permutations(reads + data.draw(st.lists(st.sampled_from(reads)) if reads else st.just([]))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=5)))
    parts = [
        signals_of(shuffled[start:end], WINDOW) for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)
    ]
    repeated = data.draw(st.permutations(parts + data.draw(st.lists(st.sampled_from(parts), max_size=3))))
    nothing: dict[str, Signal] = {}
    assert reduce(merge, repeated, nothing) == whole


@settings(max_examples=40)
@given(reads_of_a_passage, reads_of_a_passage)
def test_more_reads_never_take_a_tag_out_of_a_passage(first: list[TagRead], more: list[TagRead]) -> None:
    def taken(tags: list[JudgedTag]) -> set[str]:
        return {tag.epc for tag in tags if tag.standing is Standing.TAKEN}

    assert taken(judge(first)) <= taken(judge(first, more))


@given(signals, signals)
def test_two_lanes_that_ask_each_other_never_both_own_or_both_disown_a_tag(one: Signal, other: Signal) -> None:
    answers = {owner(one, other, POLICY), owner(other, one, POLICY)}
    if POLICY.doubt(one) and POLICY.doubt(other):
        assert answers == {Owner.MINE}  # neither has it: each judges it a stray
    else:
        assert answers in ({Owner.MINE, Owner.NEIGHBOURS}, {Owner.DISPUTED})


@given(signals)
def test_a_reports_size_is_bounded_by_the_passage_not_by_the_reader(signal: Signal) -> None:
    endless = [TagRead(TAGS[0], -40, OPENED + timedelta(hours=hour)) for hour in range(1, 100)]
    (kept,) = signals_of(endless, WINDOW).values()
    assert kept == Signal()
    assert (signal | kept, signal | signal) == (signal, signal)


def test_a_signal_counts_from_before_the_passage_opened() -> None:
    (signal,) = signals_of([TagRead(TAGS[0], -45.4, OPENED - LEAD), TagRead(TAGS[0], -45.6, OPENED)], WINDOW).values()
    assert signal.epochs_seen == 2
    assert len(signal.levels) == LEAD // EPOCH + 1
    assert signal.strength_dbm(1) == -45
    assert signal.strength_dbm(2) == -46
