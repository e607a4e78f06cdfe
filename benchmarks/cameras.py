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
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import perf_counter

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import binomtest

from benchmarks.camera_scenes import (
    AFTER,
    BEFORE,
    DAY,
    DURING,
    HEIGHT,
    LEARNING,
    NEW,
    NIGHT,
    NOON,
    TUNED,
    WIDTH,
    Conditions,
    Sequence,
)
from facepay.vision.camera_health import CameraHealth, Fault

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
    "turned by 20 %": Fault.MOVED,
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
