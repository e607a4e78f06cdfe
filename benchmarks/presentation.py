"""How often are attacks taken for a person (APCER), and people for an attack (BPCER)? By check and species.

Genuine presentations are real portraits laid onto a mean head that turns, with expressions by warping; attacks are
prints of the same portraits, flat and bent, that are turned as the challenge asks, a recording of another challenge,
faces that are swapped during the burst, depth maps of prints, and copies of a frame. `--faces` (or FACEPAY_FACES) adds
the portraits in `people/` and `lfw/people/` to those of the installed packages; its other photos of the same people
say how often one is taken for a copy of another.

    python -m benchmarks.presentation --people 20
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path
from random import Random

import cv2
import numpy as np
import simplejpeg
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import binomtest

from facepay.calibration.calibration import load_calibration
from facepay.presentation.examination import SWAP_FMR
from facepay.vision.engine import Engine, load_engine
from facepay.vision.evidence import FaceEvidence, FrameEvidence
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.heads import (
    HEAD,
    SMOOTH_MASK,
    Surface,
    View,
    creased,
    depth_camera,
    depth_map,
    sheet,
    turned,
    turned_landmarks,
    with_expression,
)
from facepay.vision.liveness.challenge import EXPRESSIONS, POSES, Action, ChallengePolicy, draw, verify
from facepay.vision.liveness.depth import ReliefPolicy, fault_of, measure_relief
from facepay.vision.liveness.replay import is_copy
from facepay.vision.liveness.surface import measure_surface
from facepay.vision.samples import people, stranger, variant

EYE_DISTANCE_PX = 60.0
SEQUENCES = 4
GENUINE = {
    Action.TURN_LEFT: View(yaw=28),
    Action.TURN_RIGHT: View(yaw=-28),
    Action.LOOK_UP: View(pitch=-25),
}
WARPED = {
    Action.SMILE: {"smile": 0.9},
    Action.OPEN_MOUTH: {"open_mouth": 1.3},
    Action.BLINK: {"closed_eyes": 1.2},
}
# What somebody with a print does when asked: they turn it, tilt it, and hope.
PRINTED = {
    Action.TURN_LEFT: View(yaw=45, distance=5),
    Action.TURN_RIGHT: View(yaw=-45, distance=5),
    Action.LOOK_UP: View(pitch=-45),
    Action.SMILE: View(pitch=-30),
    Action.OPEN_MOUTH: View(pitch=30),
    Action.BLINK: View(pitch=-40),
}
PRINTS = {
    "print, flat": sheet(),
    "print, bent (r 76 mm)": sheet(radius=1.2),
    "print, bent (r 50 mm)": sheet(radius=0.8),
    "print, bent across": sheet(radius=1.1, axis="horizontal"),
}
SHEETS = PRINTS | {
    "print, bent (r 160 mm)": sheet(radius=2.5),
    "print, bent obliquely": sheet(radius=1.2, axis="oblique"),
    "print, folded by 20 degrees": creased(20),
    "print, folded by 35 degrees": creased(35),
    "print, folded across": creased(35, axis="horizontal"),
    "mask without relief": SMOOTH_MASK,
}
DEPTH_NOISE_MM = 3.0
DEPTH_VIEWS = (View(), View(yaw=18), View(yaw=-18), View(pitch=-12), View(distance=6))


@dataclass
class Counts:
    """Of one check: presentations, and errors among them, by species; None is the person."""

    trials: dict[str | None, int] = field(default_factory=lambda: defaultdict(int))
    errors: dict[str | None, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, species: str | None, *, passed: bool) -> None:
        self.trials[species] += 1
        self.errors[species] += passed if species else not passed


class Sitter:
    """One portrait, and what the engine sees when it is turned."""

    def __init__(self, engine: Engine, image: Image, face: FaceEvidence) -> None:
        self._engine, self.image, self.rest = engine, image, face

    def _see(self, image: Image) -> FaceEvidence | None:
        return next(iter(self._engine.analyse(_jpeg(image), points=True).faces), None)

    def doing(self, action: Action) -> FaceEvidence | None:
        if action in GENUINE:
            return self._see(turned(self.image, self.rest.landmarks, GENUINE[action], step=3))
        return self._see(with_expression(self.image, self.rest.landmarks, **WARPED[action]))

    def printed(self, surface: Surface, view: View) -> FaceEvidence | None:
        return self._see(turned(self.image, self.rest.landmarks, view, surface=surface, step=3))


def _jpeg(image: Image) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=90, colorspace="BGR"))


def sitters(engine: Engine, faces: Path | None, *, most: int) -> Iterator[Sitter]:
    """Portraits from straight ahead with one face, in one size; one of each person."""
    packaged = [*people(), stranger()]
    folders = sorted(each for name in ("people", "lfw/people") for each in ((faces / name).iterdir() if faces else ()))
    Random(1).shuffle(folders)
    found = 0
    for data in (*packaged, *(sorted(folder.iterdir())[0].read_bytes() for folder in folders)):
        image = decode_frame(data, limits=FrameLimits())
        seen = engine.analyse(data).faces
        if len(seen) != 1 or abs(seen[0].quality.yaw_degrees) > 10 or found == most:
            continue
        scale = EYE_DISTANCE_PX / seen[0].quality.eye_distance_px
        scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        again = engine.analyse(_jpeg(scaled), points=True).faces
        if again:
            found += 1
            yield Sitter(engine, scaled, again[0])


def measure_challenges(everybody: Sequence[Sitter], *, cosine_min: float) -> Counts:
    counts, random = Counts(), Random(2)
    actions = (*POSES, *EXPRESSIONS)
    did = [{action: sitter.doing(action) for action in actions} for sitter in track(everybody, "challenges")]
    sequences = [draw(actions, steps=random.choice((2, 3)), choose=random.choice) for _ in range(SEQUENCES)]

    def passes(steps: Sequence[Action], burst: Sequence[FaceEvidence | None]) -> bool:
        return verify(steps, burst, policy=ChallengePolicy(), same_person_cosine_min=cosine_min) is None

    for number, sitter in enumerate(track(everybody, "prints")):
        own, other = did[number], did[(number + 1) % len(did)]
        prints = {
            name: (sitter.printed(surface, View()), {a: sitter.printed(surface, view) for a, view in PRINTED.items()})
            for name, surface in PRINTS.items()
        }
        for steps in sequences:
            counts.add(None, passed=passes(steps, [sitter.rest, *(own[step] for step in steps)]))
            counts.add("face swapped", passed=passes(steps, [sitter.rest, *(other[step] for step in steps)]))
            counts.add("photo held still", passed=passes(steps, [sitter.rest] * 4))
            recorded = [own[step] for step in draw(actions, steps=len(steps), choose=random.choice)]
            if recorded != [own[step] for step in steps]:
                counts.add("another recording", passed=passes(steps, [sitter.rest, *recorded]))
            for name, (held, moved) in prints.items():
                counts.add(name, passed=passes(steps, [held, *(moved[step] for step in steps)]))
    return counts


def measure_depth(everybody: Sequence[Sitter], *, in_mm: bool) -> Counts:
    """By the camera's intrinsics, or without. A print of half the size is held at half the distance."""
    counts = Counts()
    for number, sitter in enumerate(track(everybody, "depth")):
        height, width = sitter.image.shape[:2]
        for view in DEPTH_VIEWS:
            camera = depth_camera(sitter.rest.landmarks, (width, height), view)
            for species, surface in ((None, HEAD), *SHEETS.items()):
                rest = sitter.rest.landmarks
                depth = depth_map(
                    rest, (width, height), view, surface=surface, noise_mm=DEPTH_NOISE_MM, seed=number, step=4
                )
                landmarks = turned_landmarks(rest, view, surface=surface)
                seen_as = {species: depth} | ({} if species else {"head of half the size": depth // 2})
                for name, seen in seen_as.items():
                    relief = measure_surface(seen, landmarks, camera) if in_mm else measure_relief(seen, landmarks)
                    counts.add(name, passed=fault_of(relief, policy=ReliefPolicy()) is None)
    return counts


def _cropped(frame: bytes) -> bytes:
    image = decode_frame(frame, limits=FrameLimits())
    height, width = image.shape[:2]
    return _jpeg(image[height // 50 : -height // 50, width // 40 : -width // 80])


COPIES: dict[str, Callable[[bytes], bytes]] = {
    "the same bytes": lambda frame: frame,
    "saved again": lambda frame: variant(frame, quality=40),
    "half the size": lambda frame: variant(frame, scale=0.5),
    "larger": lambda frame: variant(frame, scale=1.3),
    "darker": lambda frame: variant(frame, brightness=0.75),
    "cropped": _cropped,
}


def measure_replays(engine: Engine, everybody: Sequence[Sitter], faces: Path | None) -> Counts:
    counts = Counts()
    look = partial(engine.analyse, with_fingerprint=True)
    for sitter in track(everybody, "replays"):
        frame = _jpeg(sitter.image)
        for species, copy in COPIES.items():
            counts.add(species, passed=not _same(look(frame), look(copy(frame))))
    folders = sorted((faces / "people").iterdir()) + sorted((faces / "lfw/people").iterdir())[:80] if faces else []
    for folder in track(folders, "other photos"):
        seen = [look(photo.read_bytes()) for photo in sorted(folder.iterdir())]
        for one, other in combinations(seen, 2):
            counts.add(None, passed=not _same(one, other))
    return counts


def _same(one: FrameEvidence, other: FrameEvidence) -> bool:
    assert one.fingerprint
    assert other.fingerprint
    return is_copy(one.fingerprint, other.fingerprint)


def show(console: Console, results: dict[str, Counts]) -> None:
    table = Table(title="Presentation attacks (ISO/IEC 30107-3), with exact 95 % intervals")
    for column in ("check", "presentations", "error", "of", "rate", "interval"):
        table.add_column(column, justify="left" if column in ("check", "presentations") else "right")
    for check, counts in results.items():
        for species in sorted(counts.trials, key=lambda each: each or ""):
            errors, trials = counts.errors[species], counts.trials[species]
            low, high = binomtest(errors, trials).proportion_ci(method="exact")
            name = f"APCER {species}" if species else "BPCER"
            table.add_row(check, name, str(errors), str(trials), f"{errors / trials:.1%}", f"{low:.1%} to {high:.1%}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, default=os.environ.get("FACEPAY_FACES"), help="the folder of photos")
    parser.add_argument("--people", type=int, default=20, help="how many sit for it, at most")
    options = parser.parse_args()
    console, engine = Console(width=110), load_engine(threads=1)
    everybody = list(sitters(engine, options.faces, most=options.people))
    console.print(f"{len(everybody)} people")
    cosine_min = load_calibration(engine.pack).similarity_at(SWAP_FMR)
    show(
        console,
        {
            "challenge": measure_challenges(everybody, cosine_min=cosine_min),
            "depth": measure_depth(everybody, in_mm=False),
            "depth in mm": measure_depth(everybody, in_mm=True),
            "replay": measure_replays(engine, everybody, options.faces),
        },
    )


if __name__ == "__main__":
    main()
