"""How often is a hand in a slot's zone seen, and how often where there is none? And what does a frame cost?

No videos of shelves come with any package, so the sequences are synthetic: real photographs as what the camera sees,
one of two real arms cut from another photograph that reaches into a zone and takes something away, under a camera that
trembles, by day and at night (grey, dark and noisy), with lamps that go on, shadows that pass, exposure that pumps and
goods that fall over. A real shop has more than that: reflections, several people, cameras that look along the shelf.

    python -m benchmarks.motion --sequences 60
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import binomtest

from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.motion import MotionWatcher, Zone, ZoneMotion
from facepay.vision.samples import package_file

WIDTH, HEIGHT = 640, 480
FRAMES_PER_SECOND = 5
IDLE, REACHING, HOLDING = 8, 6, 4  # frames
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ZONES: dict[str, Zone] = {
    f"{'AB'[row]}{column + 1}": ((x, y), (x + 0.27, y), (x + 0.27, y + 0.3), (x, y + 0.3))
    for row, y in enumerate((0.08, 0.5))
    for column, x in enumerate((0.05, 0.365, 0.68))
}
# What cameras see: left, top, right and bottom in pictures of the packages. The first are shelves in a garage.
VIEWS = {
    "motorcycle_left.png": (330, 0, 741, 300),
    "motorcycle_right.png": (330, 0, 741, 300),
    "coffee.png": (0, 0, 600, 400),
    "rocket.jpg": (0, 0, 640, 427),
    "coins.png": (0, 0, 384, 303),
    "astronaut.png": (0, 0, 512, 400),
}
# Two arms in t1.jpg, as polygons: elbow above, fingers below.
ARMS = (
    [
        (284, 384),
        (332, 382),
        (338, 437),
        (343, 525),
        (338, 563),
        (342, 612),
        (347, 633),
        (355, 645),
        (361, 656),
        (358, 667),
        (336, 670),
        (309, 666),
        (299, 660),
        (297, 654),
        (306, 646),
        (306, 605),
        (299, 544),
        (291, 478),
        (294, 460),
        (284, 403),
    ],
    [
        (893, 335),
        (961, 334),
        (967, 374),
        (972, 416),
        (976, 447),
        (981, 489),
        (978, 516),
        (980, 562),
        (981, 599),
        (958, 605),
        (959, 641),
        (946, 658),
        (935, 658),
        (919, 658),
        (918, 646),
        (933, 623),
        (933, 578),
        (925, 547),
        (915, 500),
        (907, 406),
    ],
)


@dataclass(frozen=True, slots=True)
class Conditions:
    """`tremble_px` each way, of 640; `happening` is what goes on besides."""

    gain: float = 1.0
    grey: bool = False
    noise: float = 2.0
    tremble_px: float = 0.0
    happening: str = "nothing"


DAY = Conditions()
NIGHT = Conditions(gain=0.25, grey=True, noise=6.0)
REACHED = {
    "day": DAY,
    "day, camera trembles": replace(DAY, tremble_px=2.0),
    "night, infrared": NIGHT,
    "night, camera trembles": replace(NIGHT, tremble_px=2.0),
    "lamp goes on meanwhile": replace(DAY, happening="lamp"),
    "exposure pumps": replace(DAY, happening="exposure"),
}
UNTOUCHED = {
    **REACHED,
    "lamp goes on, camera trembles": replace(DAY, tremble_px=2.0, happening="lamp"),
    "night, lamp goes on": replace(NIGHT, happening="lamp"),
    "shadow passes": replace(DAY, happening="shadow"),
    "goods fall over": replace(DAY, happening="goods"),
}


def _picture(package: str, path: str) -> Image:
    return decode_frame(package_file(package, path), limits=FrameLimits())


@cache
def view(number: int) -> Image:
    name, (left, top, right, bottom) = list(VIEWS.items())[number % len(VIEWS)]
    part = _picture("skimage", f"data/{name}")[top:bottom, left:right]
    return cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


@cache
def arm(number: int) -> tuple[Image, npt.NDArray[np.float32]]:
    """An arm with its fingers up, and how much each pixel is of it (0 to 1)."""
    table = _picture("insightface", "data/images/t1.jpg")
    outline = np.array(ARMS[number % len(ARMS)], np.int32)
    left, top, width, height = cv2.boundingRect(outline)
    mask = np.zeros(table.shape[:2], np.uint8)
    cv2.fillPoly(mask, [outline], (255,))
    box = slice(top, top + height), slice(left, left + width)
    soft = cv2.GaussianBlur(mask[box], (5, 5), 0).astype(np.float32) / 255
    return np.ascontiguousarray(table[box][::-1, ::-1]), np.ascontiguousarray(soft[::-1, ::-1])


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame, and which zones the arm is in; `after` it has gone."""

    frame: Image
    at: datetime
    touched: frozenset[str]
    after: bool


class Sequence:
    """Some seconds before one camera, drawn by the seed."""

    def __init__(self, conditions: Conditions, *, seed: int, reached: bool) -> None:
        self.conditions, self.random = conditions, np.random.default_rng(seed)
        cv2.setRNGSeed(seed)
        self.scene = view(seed).copy()
        self.zone = list(ZONES)[int(self.random.integers(len(ZONES)))]
        self.reached = reached
        self._arm = arm(int(self.random.integers(len(ARMS))))
        self._scale = float(self.random.uniform(1.0, 1.5))
        self._lamp = self.random.uniform(0, 1, 2) * (WIDTH, HEIGHT)

    def moments(self) -> Iterator[Moment]:
        frames = IDLE + REACHING + HOLDING + REACHING + IDLE
        for number in range(frames):
            picture, touched = self.scene, frozenset[str]()
            if self.reached:
                picture, touched = self._reach(number)
                if number == IDLE + REACHING + 1:
                    self._take_away()
            at = NOON + timedelta(seconds=number / FRAMES_PER_SECOND)
            yield Moment(self._seen(picture, number), at, touched, number >= frames - IDLE + 1)

    def _reach(self, number: int) -> tuple[Image, frozenset[str]]:
        """The arm comes from below, holds with a tremor, and goes again."""
        since, back = number - IDLE, IDLE + 2 * REACHING + HOLDING - number
        depth = np.clip(min(since, back) / REACHING, 0, 1)
        if depth == 0:
            return self.scene, frozenset()
        xs, ys = zip(*ZONES[self.zone], strict=True)
        tip_x = np.mean(xs) * WIDTH + self.random.uniform(-6, 6)
        tip_y = HEIGHT - depth * (HEIGHT - np.mean(ys) * HEIGHT) + self.random.uniform(-4, 4)
        # As long as needed: whoever reaches far has more arm behind it.
        height, width = self._arm[1].shape
        size = int(width * self._scale), max(int(height * self._scale), HEIGHT)
        picture, alpha = (cv2.resize(each, size) for each in self._arm)
        move = np.array([[1, 0, tip_x - size[0] / 2], [0, 1, tip_y]])
        over = cv2.warpAffine(picture, move, (WIDTH, HEIGHT)).astype(np.float32)
        share = cv2.warpAffine(alpha, move, (WIDTH, HEIGHT))[..., None]
        touched = frozenset(name for name, zone in ZONES.items() if share[_pixels(zone)].mean() > 0.01)
        return (self.scene * (1 - share) + over * share).astype(np.uint8), touched

    def _take_away(self) -> None:
        """Behind what was taken there is something else."""
        rows, columns = _pixels(ZONES[self.zone])
        top = rows.start + (rows.stop - rows.start) // 3
        left = columns.start + (columns.stop - columns.start) // 3
        other = view(int(self.random.integers(len(VIEWS))))[:60, :40]
        self.scene[top : top + 60, left : left + 40] = other[::-1]

    def _seen(self, picture: Image, number: int) -> Image:
        """Through the light, the lens and the sensor, and as the JPEG that a camera sends."""
        conditions = self.conditions
        light = self._light(number)
        if conditions.happening == "goods" and IDLE <= number < IDLE + 3:
            picture = self._falling(number - IDLE + 1)
        if conditions.tremble_px:
            x, y = self.random.uniform(-conditions.tremble_px, conditions.tremble_px, 2)
            move = np.array([[1, 0, x], [0, 1, y]])
            picture = cv2.warpAffine(picture, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)
        seen = picture.astype(np.float32)
        if conditions.grey:
            seen = cv2.cvtColor(cv2.cvtColor(seen, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR).astype(np.float32)
        noise = np.empty_like(seen)
        cv2.randn(noise, np.zeros(1), np.full(1, conditions.noise))
        encoded = simplejpeg.encode_jpeg(np.clip(seen * light + noise, 0, 255).astype(np.uint8), 80, "BGR")
        return decode_frame(encoded, limits=FrameLimits())

    def _light(self, number: int) -> npt.NDArray[np.floating[Any]]:
        light = np.full((1, 1, 1), self.conditions.gain)
        x, y = np.arange(WIDTH)[None, :], np.arange(HEIGHT)[:, None]
        if self.conditions.happening == "lamp":
            near = np.exp(-((x - self._lamp[0]) ** 2 + (y - self._lamp[1]) ** 2) / 300**2)[..., None]
            light = light * 0.5 if number < IDLE + 2 else light * (0.7 + 0.7 * near)
        if self.conditions.happening == "exposure":
            light = light * (1 + 0.15 * np.sin(number / 3))
        if self.conditions.happening == "shadow":
            middle = (number - IDLE) / (2 * REACHING) * WIDTH
            light = light * (1 - 0.4 * np.exp(-((x - middle) ** 2) / 60**2))[..., None]
        return light

    def _falling(self, step: int) -> Image:
        """A carton in the zone slides along, and stays there."""
        rows, columns = _pixels(ZONES[self.zone])
        inner = slice(rows.start + 30, rows.stop - 30), slice(columns.start + 30, columns.stop - 50)
        self.scene[inner] = np.roll(self.scene[inner], 6 * step, axis=1)
        return self.scene


def _pixels(zone: Zone) -> tuple[slice, slice]:
    xs, ys = zip(*zone, strict=True)
    return slice(int(min(ys) * HEIGHT), int(max(ys) * HEIGHT)), slice(int(min(xs) * WIDTH), int(max(xs) * WIDTH))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one sequence: the hand in the zone was seen, a hand was seen where none was, something moved afterwards."""

    seen: bool
    wrong: bool
    moved: bool
    milliseconds: list[float]


def watch(sequence: Sequence) -> Outcome:
    watcher, milliseconds = MotionWatcher(ZONES), []
    ever: set[str] = set()
    seen = wrong = moved = False
    for moment in sequence.moments():
        ever |= moment.touched
        started = perf_counter()
        found: list[ZoneMotion] = watcher.see(moment.frame, moment.at)
        milliseconds.append(1000 * (perf_counter() - started))
        hands = {each.zone for each in found if each.hand}
        seen |= sequence.zone in hands & moment.touched
        wrong |= bool(hands - ever)
        moved |= bool(found) and (moment.after or not sequence.reached)
    return Outcome(seen, wrong, moved, milliseconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=60, help="of each kind")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    console, milliseconds = Console(width=110), list[float]()
    table = Table(title=f"{options.sequences} synthetic sequences of 6 s each, with exact 95 % intervals")
    for column in ("conditions", "arm", "hand seen", "interval", "hand where none is", "motion afterwards"):
        table.add_column(column, justify="left" if column in ("conditions", "arm") else "right")
    for reached, kinds in ((True, REACHED), (False, UNTOUCHED)):
        for name, conditions in kinds.items():
            counts = Counter[str]()
            for seed in track(range(options.sequences), name, console=console, transient=True):
                outcome = watch(Sequence(conditions, seed=seed, reached=reached))
                counts.update(seen=outcome.seen, wrong=outcome.wrong, moved=outcome.moved)
                milliseconds += outcome.milliseconds
            low, high = binomtest(counts["seen"], options.sequences).proportion_ci(method="exact")
            table.add_row(
                name,
                "reaches in" if reached else "none",
                f"{counts['seen'] / options.sequences:.0%}" if reached else "",
                f"{low:.0%} to {high:.0%}" if reached else "",
                f"{counts['wrong'] / options.sequences:.0%}",
                f"{counts['moved'] / options.sequences:.0%}",
            )
    console.print(table)
    p50, p95 = np.quantile(milliseconds, (0.5, 0.95))
    console.print(
        f"A frame of {WIDTH} by {HEIGHT} with {len(ZONES)} zones: {p50:.1f} ms, {p95:.1f} ms at p95, one thread"
    )


if __name__ == "__main__":
    main()
