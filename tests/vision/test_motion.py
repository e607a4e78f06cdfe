from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

import cv2
import numpy as np
import pytest
from benchmarks.motion import DAY, NIGHT, NOON, ZONES, Conditions, Outcome, Sequence, view, watch

from facepay.vision.motion import FORGOTTEN_AFTER, MotionWatcher, MotionWatchers, Zone, area_of


@cache
def outcome(conditions: Conditions, *, reached: bool, seed: int = 1) -> Outcome:
    return watch(Sequence(conditions, seed=seed, reached=reached))


@pytest.mark.parametrize("conditions", [DAY, replace(NIGHT, tremble_px=2.0)], ids=["day", "a trembling night"])
def test_a_hand_that_reaches_into_a_slot_is_seen_there_and_nowhere_else(conditions: Conditions) -> None:
    found = outcome(conditions, reached=True)
    assert found.seen
    assert not found.wrong
    assert not found.moved  # what was taken is no motion for ever


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(happening="lamp"),
        Conditions(happening="exposure"),
        Conditions(gain=0.25, grey=True, noise=6.0, happening="lamp"),
    ],
    ids=["a lamp goes on", "exposure", "a lamp at night"],
)
def test_what_moves_nothing_is_no_motion(conditions: Conditions) -> None:
    found = outcome(conditions, reached=False)
    assert not found.moved
    assert not found.wrong


def test_goods_that_fall_over_are_motion_but_no_hand() -> None:
    found = outcome(Conditions(happening="goods"), reached=False)
    assert found.moved
    assert not found.wrong


def test_frames_from_before_and_the_first_ones_say_nothing() -> None:
    watcher = MotionWatcher(ZONES)
    quiet, hand = view(0), view(0).copy()
    cv2.rectangle(hand, (100, 150), (160, 479), (90, 120, 200), -1)
    for second in range(8):
        assert watcher.see(quiet, NOON + timedelta(seconds=second)) == []
    assert watcher.see(hand, NOON + timedelta(seconds=3)) == []
    seen = watcher.see(hand, NOON + timedelta(seconds=9))
    assert {each.zone for each in seen if each.hand} == {"A1", "B1"}
    assert all(0 < each.share < 1 and each.at == NOON + timedelta(seconds=9) for each in seen)
    later = NOON + timedelta(seconds=10) + FORGOTTEN_AFTER
    assert watcher.see(quiet, later) == []  # what it knew is of no use any more


def test_a_camera_may_change_the_size_of_its_frames() -> None:
    watcher = MotionWatcher(ZONES)
    for number, size in enumerate([(640, 480)] * 6 + [(160, 120)] * 6 + [(1920, 1080)] * 2):
        frame = cv2.resize(view(0), size).astype(np.uint8)
        assert watcher.see(frame, NOON + timedelta(seconds=number)) == []


def test_only_so_many_cameras_are_remembered() -> None:
    watchers = MotionWatchers(cameras_max=2)
    first = watchers.watcher("first", ZONES)
    second = watchers.watcher("second", ZONES)
    assert watchers.watcher("first", ZONES) is first
    watchers.watcher("third", ZONES)
    assert watchers.watcher("first", ZONES) is first
    assert watchers.watcher("second", ZONES) is not second


@pytest.mark.parametrize(
    ("zone", "share"),
    [
        (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), 1.0),
        (((0.1, 0.1), (0.1, 0.5), (0.6, 0.1)), 0.1),
        (((0.1, 0.1), (0.1, 0.9)), 0.0),
    ],
)
def test_the_area_of_a_zone_is_a_share_of_the_frame(zone: Zone, share: float) -> None:
    assert area_of(zone) == pytest.approx(share)
