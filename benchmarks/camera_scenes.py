"""What a camera would send: synthetic sequences before real photographs, in many lights, well or tampered with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.samples import package_file, people

WIDTH, HEIGHT, MARGIN = 640, 480, 1.45
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEARNING, BEFORE, DURING, AFTER = 20, 10, 30, 15  # seconds
TUNED = ("motorcycle_left.png", "rocket.jpg", "coffee.png", "chelsea.png")
NEW = ("motorcycle_right.png", "astronaut.png", "camera.png", "coins.png", "brick.png", "t1.jpg")


@dataclass(frozen=True, slots=True)
class Conditions:
    """`people` at once, `tremble_px` of 640; `lamps` go on and off, `exposure` pumps, `fog` is its share.

    With `fog` below 0, night comes every other two minutes.
    """

    people: int = 1
    gain: float = 1.0
    infrared: bool = False
    noise: float = 2.0
    quality: int = 80
    tremble_px: float = 0.0
    lamps: bool = False
    exposure: float = 0.0
    fog: float = 0.0
    clock: bool = True


DAY = Conditions()
NIGHT = Conditions(gain=0.3, infrared=True, noise=6.0)


@cache
def scene(name: str) -> Image:
    """The picture, large enough to turn a camera within it."""
    package, path = ("insightface", "data/images/t1.jpg") if name == "t1.jpg" else ("skimage", f"data/{name}")
    picture = decode_frame(package_file(package, path), limits=FrameLimits())
    scale = MARGIN * max(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC).astype(np.uint8)


@cache
def person(number: int) -> Image:
    return decode_frame(people()[number % len(people())], limits=FrameLimits())


@dataclass(slots=True)
class Walker:
    """Somebody who walks through the picture again and again, and stops now and then."""

    picture: Image
    height: float  # of the frame's
    seconds: float  # from one side to the other
    start: float

    def over(self, frame: Image, second: float) -> None:
        high = int(self.height * HEIGHT)
        wide = int(self.picture.shape[1] * high / self.picture.shape[0])
        body = cv2.resize(self.picture, (wide, high))
        way = (self.start + second / self.seconds) % 1.0
        way += 0.06 * np.sin(2 * np.pi * way * 3)  # slower here, faster there
        left, top = int(way * (WIDTH + 2 * wide)) - wide, HEIGHT - high
        first, last = max(left, 0), min(left + wide, WIDTH)
        if first < last:
            frame[top:, first:last] = body[:, first - left : last - left]


class Sequence:
    """A camera's frames, one a second, drawn by the seed. `tamper` begins after LEARNING and BEFORE, and ends again."""

    def __init__(self, view: str, conditions: Conditions, *, seed: int, tamper: str | None = None) -> None:
        self.conditions, self.tamper = conditions, tamper
        self.random = np.random.default_rng(seed)
        cv2.setRNGSeed(seed + 1)
        self.scene, self.other = scene(view), scene([*TUNED, *NEW][(seed + len(view)) % len([*TUNED, *NEW])])
        if self.other is self.scene:
            self.other = scene("coins.png" if view != "coins.png" else "rocket.jpg")
        self.walkers = [
            Walker(
                person(int(self.random.integers(6))),
                float(self.random.uniform(0.4, 0.95)),
                float(self.random.uniform(6, 20)),
                float(self.random.uniform()),
            )
            for _ in range(conditions.people)
        ]
        self.lamp = self.random.uniform(0, 1, 2) * (WIDTH, HEIGHT)
        self.sent: list[bytes] = []
        self.raw: list[Image] = []

    def frames(self, seconds: int) -> Iterator[tuple[int, Image]]:
        for second in range(seconds):
            yield second, decode_frame(self._sent(second), limits=FrameLimits())

    def _sent(self, second: int) -> bytes:
        begun = LEARNING + BEFORE
        since = second - begun if self.tamper and begun <= second < begun + DURING else None
        if since is not None and self.tamper == "same file":
            return self.sent[begun - 1]
        if since is not None and self.tamper == "loop of 20 frames":
            return self.sent[begun - 20 + since % 20]
        frozen = since is not None and self.tamper == "frozen under its clock"
        picture = self.raw[-1] if frozen else self._seen(second, since)
        if not frozen:
            self.raw = [picture]
        shown = picture.copy()
        if self.conditions.clock:
            cv2.rectangle(shown, (8, 8), (210, 30), (0, 0, 0), -1)
            stamp = (NOON + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")
            cv2.putText(shown, stamp, (10, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
        encoded: bytes = simplejpeg.encode_jpeg(shown, self.conditions.quality, "BGR")
        self.sent.append(encoded)
        return encoded

    def _seen(self, second: int, since: int | None) -> Image:
        """Through the light, the lens and the sensor."""
        conditions, tamper = self._at(second), self.tamper if since is not None else None
        picture = self._view(tamper)
        for walker in self.walkers:
            walker.over(picture, second)
        light = (picture * self._light(second)).astype(np.float32)
        if conditions.fog > 0:
            share = conditions.fog * np.clip(np.sin(second / 60 * np.pi), 0, 1)
            light = light * (1 - share) + 170 * share
        light, noise = self._through(light * np.float32(conditions.gain), tamper, conditions.noise)
        if conditions.infrared:
            light = cv2.cvtColor(cv2.cvtColor(light, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR).astype(np.float32)
        grain = np.empty(light.shape[:2], np.float32)
        cv2.randn(grain, np.zeros(1), np.full(1, noise))
        seen: Image = np.clip(light + grain[..., None], 0, 255).astype(np.uint8)
        return seen

    def _at(self, second: int) -> Conditions:
        """By day, but for every other two minutes where the day is to end."""
        dark = self.conditions.fog < 0 and second // 120 % 2
        return replace(NIGHT, people=self.conditions.people) if dark else self.conditions

    def _view(self, tamper: str | None) -> Image:
        x, y, angle = 0.0, 0.0, 0.0
        if self.conditions.tremble_px:
            x, y = self.random.uniform(-self.conditions.tremble_px, self.conditions.tremble_px, 2)
        if tamper and tamper.startswith("turned"):
            x += WIDTH * (0.1 if "10" in tamper else 0.2)
            y += 0 if "10" in tamper else HEIGHT * 0.15
        if tamper and tamper.startswith("tilted"):
            angle = 15
        of = self.other if tamper == "other view" else self.scene
        middle = of.shape[1] / 2, of.shape[0] / 2
        move = cv2.getRotationMatrix2D(middle, angle, 1.0)
        move[:, 2] += (WIDTH / 2 - middle[0] - x, HEIGHT / 2 - middle[1] - y)
        return cv2.warpAffine(of, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT).astype(np.uint8)

    def _light(self, second: int) -> npt.NDArray[np.floating[Any]]:
        light = np.ones((1, 1, 1), np.float32)
        if self.conditions.lamps and second // 15 % 2:
            x, y = np.arange(WIDTH)[None, :], np.arange(HEIGHT)[:, None]
            near = np.exp(-((x - self.lamp[0]) ** 2 + (y - self.lamp[1]) ** 2) / 250**2)
            light = (0.45 + 0.8 * near).astype(np.float32)[..., None]
        return (light * np.float32(1 + self.conditions.exposure * np.sin(second / 3))).astype(np.float32)

    def _through(
        self, light: npt.NDArray[np.floating[Any]], tamper: str | None, noise: float
    ) -> tuple[npt.NDArray[np.floating[Any]], float]:
        across = np.linspace(0.5, 1.0, WIDTH, dtype=np.float32)[None, :, None]
        match tamper:
            case "tape":
                return light * 0 + 3, noise
            case "hand":
                return cv2.GaussianBlur(light, (0, 0), 30).astype(np.float32) * 0.1 + across * np.array(
                    [20, 30, 70], np.float32
                ), noise
            case "spray":
                return cv2.GaussianBlur(light, (0, 0), 25).astype(np.float32) * 0.25 + 60, noise
            case "paper":
                return light * 0 + 190 * across, noise
            case "lights out":
                return light * 0.04 / self.conditions.gain + 1, noise
            case "broken signal":
                return light, 40.0
            case str() if tamper.startswith("defocus"):
                return cv2.GaussianBlur(light, (0, 0), float(tamper.split()[1])).astype(np.float32), noise
            case _:
                return light, noise
