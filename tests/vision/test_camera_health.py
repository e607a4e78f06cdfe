from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import cv2
import numpy as np
import pytest
from benchmarks.camera_scenes import NOON, person, scene

from facepay.vision.camera_health import CameraHealth, Fault
from facepay.vision.frames import Image

WIDTH, HEIGHT = 320, 240
Lens = Callable[[Image], Image]


class Camera:
    """Before a photograph, one frame a second, each with noise of its own."""

    def __init__(self, health: CameraHealth | None = None, *, view: str = "motorcycle_left.png") -> None:
        self.health = health or CameraHealth()
        self.picture = cv2.resize(scene(view), (2 * WIDTH, 2 * HEIGHT)).astype(np.uint8)
        self.random = np.random.default_rng(7)
        self.seconds = 0

    def shows(self, seconds: int, lens: Lens = lambda picture: picture, *, turned_px: int = 0) -> set[Fault]:
        """The faults that are known after so many seconds more."""
        left = 100 + turned_px
        view = self.picture[100 : 100 + HEIGHT, left : left + WIDTH]
        found: set[Fault] = set()
        for _ in range(seconds):
            light = lens(view).astype(np.float32) + self.random.normal(0, 2, (HEIGHT, WIDTH, 1))
            found = self.sends(np.clip(light, 0, 255).astype(np.uint8))
        return found

    def sends(self, frame: Image) -> set[Fault]:
        self.seconds += 1
        return set(self.health.see(frame, NOON + timedelta(seconds=self.seconds)).faults)


def dimmed(share: float, *, infrared: bool = False) -> Lens:
    def dim(picture: Image) -> Image:
        light = cv2.convertScaleAbs(picture, alpha=share)
        grey = cv2.cvtColor(cv2.cvtColor(light, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        return (grey if infrared else light).astype(np.uint8)

    return dim


def defocused(picture: Image) -> Image:
    return cv2.GaussianBlur(picture, (0, 0), 3).astype(np.uint8)


def in_fog(picture: Image) -> Image:
    return cv2.addWeighted(picture, 0.35, np.full_like(picture, 170), 0.65, 0).astype(np.uint8)


def taped(picture: Image) -> Image:
    return np.full_like(picture, 3)


def behind_a_hand(picture: Image) -> Image:
    return np.full_like(picture, (40, 60, 140))


@pytest.fixture
def camera() -> Camera:
    camera = Camera()
    assert camera.shows(15) == set()
    assert not camera.health.learning
    return camera


def test_what_is_wrong_with_a_camera_is_said_after_some_seconds_and_over_when_it_is(camera: Camera) -> None:
    for name, lens, fault in (
        ("taped", taped, Fault.COVERED),
        ("behind a hand", behind_a_hand, Fault.COVERED),
        ("defocused", defocused, Fault.BLURRED),
        ("dark", dimmed(0.05), Fault.DARK),
    ):
        assert camera.shows(2, lens) == set(), name
        assert camera.shows(12, lens) == {fault}, name
        assert camera.shows(10) == set(), name


def test_a_camera_that_was_turned_is_moved_until_it_is_turned_back(camera: Camera) -> None:
    assert camera.shows(20, turned_px=60) == {Fault.MOVED}
    assert camera.shows(15) == set()


@pytest.mark.parametrize(
    "lens",
    [dimmed(0.3), dimmed(1.6), dimmed(0.3, infrared=True), in_fog],
    ids=["half the lamps", "all lamps", "infrared", "fog"],
)
def test_another_light_is_no_fault(camera: Camera, lens: Lens) -> None:
    assert camera.shows(20, lens) == set()
    assert camera.shows(5) == set()


def test_people_who_pass_and_stop_are_no_fault(camera: Camera) -> None:
    body = cv2.resize(person(0), (140, 200))

    def with_people(picture: Image) -> Image:
        crowded = picture.copy()
        for start in (0, 110, 220):
            left = (start + 15 * camera.seconds) % (WIDTH - 140)
            crowded[HEIGHT - 200 :, left : left + 140] = body
        return crowded

    assert camera.shows(20, with_people) == set()


def test_a_frozen_picture_is_found_also_under_a_clock_and_in_a_loop(camera: Camera) -> None:
    live = [camera.picture[100 : 100 + HEIGHT, 100 : 100 + WIDTH] for _ in range(5)]
    noisy = [np.clip(each + camera.random.normal(0, 2, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8) for each in live]
    found: set[Fault] = set()
    for second in range(25):
        frame = noisy[second % 5].copy()
        cv2.putText(frame, f"12:00:{second:02}", (5, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255))
        found = camera.sends(frame)
    assert found == {Fault.FROZEN}
    assert camera.shows(8) == set()


def test_a_fault_is_never_learnt_and_a_turn_that_stays_never_forgotten(camera: Camera) -> None:
    assert camera.shows(70, turned_px=60) == {Fault.MOVED}
    assert camera.shows(15) == set()


def test_where_lights_go_out_at_night_black_is_no_cover(camera: Camera) -> None:
    assert camera.shows(14, taped) == {Fault.COVERED}
    camera.seconds += 8 * 3600
    assert camera.shows(15) == set()
    assert camera.shows(14, taped) == {Fault.DARK}


def test_a_camera_is_known_again_after_a_restart_by_what_shows_nobody(camera: Camera) -> None:
    memory = json.loads(json.dumps(camera.health.remember()))
    assert len(json.dumps(memory)) < 10_000
    again = Camera(CameraHealth(memory))
    assert not again.health.learning
    assert again.shows(20, turned_px=60) == {Fault.MOVED}
    assert again.shows(15) == set()


def test_a_camera_that_sees_nothing_from_the_start_says_so() -> None:
    assert Camera().shows(10, behind_a_hand) == {Fault.COVERED}
