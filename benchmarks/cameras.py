"""How soon is it seen that a camera is covered, moved, blurred, frozen, dark or full of noise, and how often is it said
of one that is well? And what does a frame cost?

No videos of tampered cameras come with any package, so the sequences are synthetic: real photographs as what a camera
sees, people cut from another photograph who walk through and stand before it, under lamps, by day and in the infrared
of the night, with an exposure that pumps, fog, a tremble, and a clock written into the picture. The thresholds were set
on the views named TUNED; the others were first looked at with them. A real shop has more than that: reflections, rain
and spiders on the lens, cameras that denoise, and views that a season changes.

    python -m benchmarks.cameras --seeds 3 --minutes 10
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
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

from facepay.vision.camera_health import CameraHealth, Fault
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
KINDS = {
    "day": DAY,
    "night, infrared": NIGHT,
    "day, crowd": replace(DAY, people=5),
    "lamps on and off": replace(DAY, lamps=True),
    "exposure pumps": replace(DAY, exposure=0.25),
    "little noise": replace(DAY, people=0, noise=0.8, quality=70),
    "camera trembles": replace(DAY, tremble_px=1.5),
}
QUIET = {
    **KINDS,
    "night, crowd": replace(NIGHT, people=5),
    "fog comes and goes": replace(DAY, fog=0.7),
    "nobody, night, little light": replace(NIGHT, people=0, gain=0.16),
    "day to night and back": replace(DAY, fog=-1.0),
}
TAMPERS = {
    "tape": Fault.COVERED,
    "hand": Fault.COVERED,
    "spray": Fault.COVERED,
    "paper": Fault.COVERED,
    "turned by 10 %": Fault.MOVED,
    "turned by 25 %": Fault.MOVED,
    "tilted by 15 degrees": Fault.MOVED,
    "other view": Fault.MOVED,
    "defocus 2 px": Fault.BLURRED,
    "defocus 4 px": Fault.BLURRED,
    "defocus 8 px": Fault.BLURRED,
    "same file": Fault.FROZEN,
    "frozen under its clock": Fault.FROZEN,
    "loop of 20 frames": Fault.FROZEN,
    "lights out": Fault.DARK,
    "broken signal": Fault.NOISY,
}


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


@dataclass(slots=True)
class Outcome:
    """Of one sequence: seconds until the fault was said and until it was over, and what else was said."""

    said_after: int | None = None
    over_after: int | None = None
    wrong: Counter[Fault] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)


def watch(sequence: Sequence, seconds: int = LEARNING + BEFORE + DURING + AFTER) -> Outcome:
    health, outcome = CameraHealth(), Outcome()
    begun = LEARNING + BEFORE
    expected = TAMPERS[sequence.tamper] if sequence.tamper else None
    for second, frame in sequence.frames(seconds):
        started = perf_counter()
        found = health.see(frame, NOON + timedelta(seconds=second))
        outcome.milliseconds.append(1000 * (perf_counter() - started))
        for fault in found.said:
            if fault == expected and begun <= second < begun + DURING:
                outcome.said_after = second - begun
            else:
                outcome.wrong[fault] += 1
        if expected in found.over and second >= begun + DURING:
            outcome.over_after = second - begun - DURING
    return outcome


def _tampered(views: tuple[str, ...], kinds: dict[str, Conditions], seeds: int, console: Console) -> Table:
    table = Table(title=f"Cameras tampered with: {len(views)} views, {seeds} seeds, {', '.join(kinds)}")
    for column in ("what is done", "said", "interval", "delay p50, max", "over after p50, max", "other faults said"):
        table.add_column(column, justify="left" if column == "what is done" else "right")
    for tamper in TAMPERS:
        outcomes = [
            watch(Sequence(view, conditions, seed=seed, tamper=tamper))
            for view in track(views, tamper, console=console, transient=True)
            for conditions in kinds.values()
            for seed in range(seeds)
        ]
        said = [each.said_after for each in outcomes if each.said_after is not None]
        over = [each.over_after for each in outcomes if each.over_after is not None]
        low, high = binomtest(len(said), len(outcomes)).proportion_ci(method="exact")
        wrong: Counter[Fault] = sum((each.wrong for each in outcomes), Counter())
        table.add_row(
            tamper,
            f"{len(said)} of {len(outcomes)}",
            f"{low:.0%} to {high:.0%}",
            f"{np.median(said):.0f} s, {max(said)} s" if said else "",
            f"{np.median(over):.0f} s, {max(over)} s ({len(over)})" if over else "",
            ", ".join(f"{fault} {count}" for fault, count in wrong.items()),
        )
    return table


def _quiet(views: tuple[str, ...], minutes: int, seeds: int, console: Console) -> tuple[Table, list[float]]:
    table = Table(title=f"Cameras that are well: {len(views)} views, {seeds} seeds, {minutes} min each")
    for column in ("conditions", "hours", "false alarms", "an hour"):
        table.add_column(column, justify="left" if column == "conditions" else "right")
    milliseconds: list[float] = []
    for name, conditions in QUIET.items():
        wrong: dict[str, Counter[Fault]] = defaultdict(Counter)
        for view in track(views, name, console=console, transient=True):
            for seed in range(seeds):
                outcome = watch(Sequence(view, conditions, seed=100 + seed), 60 * minutes)
                wrong[view] += outcome.wrong
                milliseconds += outcome.milliseconds
        hours = len(views) * seeds * minutes / 60
        said = [f"{fault} {count} ({view})" for view, each in wrong.items() for fault, count in each.items()]
        count = sum(each.total() for each in wrong.values())
        table.add_row(name, f"{hours:.1f}", ", ".join(said) or "none", f"{count / hours:.2f}")
    return table, milliseconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=int, default=6, help="of each camera that is well")
    parser.add_argument("--views", choices=("tuned", "new"), default="new")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    console, views = Console(width=140), TUNED if options.views == "tuned" else NEW
    console.print(_tampered(views, KINDS, options.seeds, console))
    table, milliseconds = _quiet(views, options.minutes, options.seeds, console)
    console.print(table)
    p50, p95 = np.quantile(milliseconds, (0.5, 0.95))
    console.print(f"A frame of {WIDTH} by {HEIGHT}: {p50:.1f} ms, {p95:.1f} ms at p95, one thread")


if __name__ == "__main__":
    main()
