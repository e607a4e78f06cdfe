"""Challenges answered by a portrait on a mean head, and by prints of it: flat, tilted and bent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from facepay.vision.engine import Engine
from facepay.vision.evidence import FaceEvidence
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.heads import HEAD, Surface, View, sheet, turned, with_expression
from facepay.vision.liveness.challenge import (
    EXPRESSIONS,
    POSES,
    Action,
    ChallengePolicy,
    draw,
    shown_by,
    verify,
)
from tests.photos import people, stranger

LEFT, RIGHT, UP = View(yaw=28), View(yaw=-28), View(pitch=-25)
Look = Callable[..., FaceEvidence]


@pytest.fixture(scope="module")
def look(engine: Engine) -> Look:
    """The stranger, as the engine sees them: on a head or a sheet, turned, with an expression."""

    def analyse(image: Image) -> FaceEvidence:
        jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=90, colorspace="BGR")
        return engine.analyse(jpeg, points=True).faces[0]

    decoded = decode_frame(stranger(), limits=FrameLimits())
    portrait = cv2.resize(decoded, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    landmarks = analyse(portrait).landmarks

    @cache
    def see(view: View | None = None, surface: Surface = HEAD, **expression: float) -> FaceEvidence:
        image = with_expression(portrait, landmarks, **expression) if expression else portrait
        return analyse(turned(image, landmarks, view, surface=surface, step=6) if view else image)

    return see


def answer(
    steps: Sequence[Action], faces: Sequence[FaceEvidence | None], *, old: Sequence[int] = ()
) -> tuple[str, int] | None:
    failure = verify(steps, faces, policy=ChallengePolicy(), same_person_cosine_min=0.28, old=old)
    return (failure.code, failure.frame) if failure else None


def test_a_person_who_does_what_was_asked_passes(look: Look) -> None:
    rest, left, right, up = look(), look(LEFT), look(RIGHT), look(UP)
    mouth, smile, eyes = look(open_mouth=1.3), look(smile=0.8), look(closed_eyes=1.2)
    for steps, burst in [
        ([Action.TURN_LEFT, Action.TURN_RIGHT], [rest, left, rest, right]),
        ([Action.TURN_RIGHT, Action.LOOK_UP, Action.TURN_LEFT], [rest, right, right, rest, up, left, left]),
        ([Action.SMILE, Action.OPEN_MOUTH], [rest, smile, mouth]),
        ([Action.BLINK, Action.TURN_LEFT], [rest, rest, eyes, left]),
        ([Action.OPEN_MOUTH, Action.SMILE], [rest, eyes, mouth, eyes, smile]),  # everybody blinks
    ]:
        assert answer(steps, burst) is None, steps


def test_left_is_the_person_s_own_left_in_a_frame_that_is_not_mirrored(look: Look) -> None:
    left = look(LEFT)
    assert left.landmarks[2, 0] > left.landmarks[:2, 0].mean()  # their left is the image's right
    assert shown_by(left, look(), policy=ChallengePolicy()) == Action.TURN_LEFT


def test_the_order_counts_and_nothing_else_may_be_shown(look: Look) -> None:
    rest, left, right = look(), look(LEFT), look(RIGHT)
    steps = [Action.TURN_LEFT, Action.TURN_RIGHT]
    assert answer(steps, [rest, right, left]) == ("challenge_wrong_action", 1)
    assert answer(steps, [rest, left, look(open_mouth=1.3), right]) == ("challenge_wrong_action", 2)
    assert answer(steps, [rest, left, right, left]) == ("challenge_wrong_action", 3)
    assert answer(steps, [rest, left, left, rest]) == ("challenge_incomplete", 4)
    assert answer(steps, [left, left, right]) == ("challenge_not_straight", 0)
    assert answer(steps, [rest, left]) == ("challenge_frames_missing", 2)
    assert answer(steps, [rest, None, left, right]) == ("challenge_face_lost", 1)


def test_a_frame_that_was_sent_before_does_no_step_and_spoils_none(look: Look) -> None:
    rest, left, right = look(), look(LEFT), look(RIGHT)
    steps = [Action.TURN_LEFT, Action.TURN_RIGHT]
    burst = [rest, left, left, right]
    assert answer(steps, burst, old=[0, 1]) is None
    assert answer(steps, burst, old=[3]) == ("challenge_incomplete", 4)
    assert answer(steps, burst, old=[1, 2]) == ("challenge_wrong_action", 3)


def test_a_face_that_is_swapped_during_the_burst_is_refused(look: Look, engine: Engine) -> None:
    other = engine.analyse(people()[0], points=True).faces[0]
    rest, left, right = look(), look(LEFT), look(RIGHT)
    steps = [Action.TURN_LEFT, Action.TURN_RIGHT]
    assert answer(steps, [rest, left, right]) is None
    assert answer(steps, [other, left, right]) == ("challenge_face_swapped", 1)
    assert answer(steps, [rest, left, other, right]) == ("challenge_face_swapped", 2)


SHEETS = {"flat": sheet(), "bent": sheet(radius=1.2), "bent across": sheet(radius=1.1, axis="horizontal")}


@pytest.mark.parametrize("name", SHEETS)
def test_a_print_can_be_turned_and_tilted_and_is_never_a_head(look: Look, name: str) -> None:
    held = look(View(), SHEETS[name])
    for view in (View(yaw=30), View(yaw=-45), View(yaw=40, distance=4), View(pitch=-45)):
        shown = shown_by(look(view, SHEETS[name]), held, policy=ChallengePolicy())
        assert shown is None, (view, shown)


def test_a_pack_without_points_sees_poses_and_no_expression(look: Look) -> None:
    def without_points(face: FaceEvidence) -> FaceEvidence:
        blank: dict[str, Any] = {"eyes_open": None, "mouth_open": None, "smile": None}
        return replace(face, points=None, quality=replace(face.quality, **blank))

    rest = without_points(look())
    assert shown_by(without_points(look(LEFT)), rest, policy=ChallengePolicy()) == Action.TURN_LEFT
    assert shown_by(without_points(look(smile=0.8)), rest, policy=ChallengePolicy()) is None


def test_no_action_follows_itself_and_every_action_is_drawn() -> None:
    random = Random(7)
    drawn = [draw((*POSES, *EXPRESSIONS), steps=3, choose=random.choice) for _ in range(300)]
    assert {action for steps in drawn for action in steps} == set(Action)
    assert all(one != other for steps in drawn for one, other in pairwise(steps))
    assert len(set(drawn)) > 100  # of 6 * 5 * 5
