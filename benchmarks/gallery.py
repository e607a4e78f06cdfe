"""The gallery in memory: how long a search takes, whom it finds, what it costs all workers, and how soon they know.

Templates and probes are drawn as alike as real faces and kept in a folder (benchmarks/drawn.py). A face counts as found
by the search that scans signs where the exact product finds it too, or where it found one as alike within 0.002. The
same is done with templates turned back, as they come out of the model: what the secret rotation costs or brings.
Workers are processes that find the gallery as those of `facepay serve --workers` do; each has searched when memory is
read: the proportional share of what was mapped, summed over all.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.gallery --kept /tmp/drawn --sizes 10000 100000 1000000 --save
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.drawn import Drawn, drawn
from benchmarks.saving import save
from facepay.kernel.secrets import MasterKey
from facepay.templates.area import area_for_workers, area_of
from facepay.templates.gallery import Floats, Ranking
from facepay.templates.memory_gallery import COMPARED, MemoryGallery
from facepay.templates.protection import Protection

PORTION = 1000
BANDS = ((0.28, 0.36), (0.36, 0.40), (0.40, 0.45), (0.45, 1.01))
SAME = 0.002
WORKERS = (1, 2, 4)
WARM_UP, CHANGES = 50, 30
GOAL_MS = 5


def member(row: int) -> UUID:
    """Where a template's row is in its member's id, which is spread as ids are."""
    return UUID(int=(row * 0x9E3779B97F4A7C15 % 2**64) << 64 | row)


def fill(gallery: MemoryGallery, templates: Floats, turn: Callable[[Floats], Floats] = np.asarray) -> float:
    """Seconds it takes, a thousand at a time."""
    start = perf_counter()
    for first in range(0, len(templates), PORTION):
        portion = turn(np.array(templates[first : first + PORTION]))
        news = {member(first + row): [template] for row, template in enumerate(portion)}
        gallery.replace(news, version=gallery.version + 1)
    return perf_counter() - start


def searched(gallery: MemoryGallery, probes: Floats) -> tuple[list[Ranking], Floats]:
    """What came out, and milliseconds."""
    rankings, taken = [], []
    for probe in (*probes[:WARM_UP], *probes):
        start = perf_counter()
        rankings.append(gallery.search(probe))
        taken.append((perf_counter() - start) * 1000)
    return rankings[WARM_UP:], np.array(taken[WARM_UP:], np.float32)


def found(rankings: Sequence[Ranking], of: Drawn, place: int) -> list[float | None]:
    """The share found of the best (0) or the runners-up (1), in each band of their true cosines."""
    right = np.array(
        [
            ranking.candidates[place].member_id == member(int(row))
            or ranking.candidates[place].similarity >= cosine - SAME
            for ranking, row, cosine in zip(rankings, of.rows[:, place], of.cosines[:, place], strict=True)
        ]
    )
    bands = [(of.cosines[:, place] >= low) & (of.cosines[:, place] < high) for low, high in BANDS]
    return [float(right[band].mean()) if band.any() else None for band in bands]


@dataclass(frozen=True, slots=True)
class Worker:
    process: multiprocessing.process.BaseProcess
    connection: Connection

    def ask(self, do: Callable[..., Any], *arguments: object) -> Any:
        self.connection.send((do, *arguments))
        return self.connection.recv()


def work(connection: Connection) -> None:
    """Does as it is told until it is told None."""
    gallery = MemoryGallery(np.asarray, area_of("benchmark"))
    while (told := connection.recv()) is not None:
        do, *arguments = told
        connection.send(do(gallery, *arguments))


def search_all(gallery: MemoryGallery, probes: Floats) -> None:
    searched(gallery, probes)


def when(gallery: MemoryGallery, probe: Floats, wanted: UUID, there: bool) -> float:
    """When the newcomer was found, or no more."""
    while True:
        best = gallery.search(probe).best
        if (best is not None and best.member_id == wanted) == there:
            return perf_counter()


def mebibytes(_: MemoryGallery) -> float:
    """This process's share of the shared memory."""
    total, ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, *rest = line.split()
        if not name.endswith(":"):
            ours = "facepay gallery" in line
        elif ours and name == "Pss:":
            total += int(rest[0])
    return total / 1024


@contextmanager
def workers(count: int) -> Iterator[list[Worker]]:
    context, started = multiprocessing.get_context("spawn"), []
    for _ in range(count):
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs,))
        process.start()
        started.append(Worker(process, ours))
    yield started
    for worker in started:
        worker.connection.send(None)
        worker.process.join()


def shared(gallery: MemoryGallery, probes: Floats) -> dict[str, float]:
    """Memory of one, two and four workers, and how soon another one knows of a change."""
    figures = {}
    for count in WORKERS:
        with workers(count - 1) as others:
            searched(gallery, probes[:WARM_UP])
            for worker in others:
                worker.ask(search_all, probes[:WARM_UP])
            figures[f"workers_{count}_mib"] = mebibytes(gallery) + sum(each.ask(mebibytes) for each in others)
    with workers(1) as (other,):
        other.ask(search_all, probes[:WARM_UP])
        enrolled: list[float] = []
        erased: list[float] = []
        for number in range(CHANGES):
            newcomer, face = member(2**40 + number), -probes[number]
            for templates, taken in (([face], enrolled), ([], erased)):
                other.connection.send((when, face, newcomer, bool(templates)))
                start = perf_counter()
                gallery.replace({newcomer: templates}, version=gallery.version + 1)
                taken.append((other.connection.recv() - start) * 1000)
    return figures | {
        "enrolled_p50_ms": median(enrolled),
        "enrolled_max_ms": max(enrolled),
        "erased_p50_ms": median(erased),
        "erased_max_ms": max(erased),
    }


def measured(of: Drawn, compared: Sequence[int]) -> Iterator[dict[str, Any]]:
    """What it costs with the number of rows that is in use, and for each number how long it takes and whom it finds."""
    with area_for_workers():
        gallery = MemoryGallery(np.asarray, area_of("benchmark"))
        seconds = fill(gallery, of.templates)
        for count in compared:
            rankings, taken = searched(MemoryGallery(np.asarray, area_of("benchmark"), compared=count), of.probes)
            yield {
                "templates": len(of.templates),
                "probes": len(of.probes),
                "compared": count,
                "p50_ms": float(np.quantile(taken, 0.5)),
                "p99_ms": float(np.quantile(taken, 0.99)),
                "best": found(rankings, of, 0),
                "runner_up": found(rankings, of, 1),
            }
        yield {"templates": len(of.templates), "fill_s": seconds, **shared(gallery, of.probes)}


def without_rotation(of: Drawn) -> dict[str, Any]:
    turn = Protection(MasterKey(bytes(32))).rotate_back
    gallery = MemoryGallery(turn)
    fill(gallery, of.templates, turn)
    rankings, _ = searched(gallery, of.probes)
    return {
        "templates": len(of.templates),
        "rotated": False,
        "compared": COMPARED,
        "best": found(rankings, of, 0),
        "runner_up": found(rankings, of, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kept", type=Path, required=True, help="the folder of what was drawn")
    parser.add_argument("--faces", type=Path, help="labelled photos, where nothing was drawn yet")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--probes", type=int, default=2000)
    parser.add_argument("--compared", type=int, nargs="+", default=[COMPARED], help="rows that are compared exactly")
    parser.add_argument("--without-rotation", action="store_true", help="also find them as they came out of the model")
    parser.add_argument("--save", action="store_true", help="write docs/figures/gallery.json and .svg")
    options = parser.parse_args()
    console, rows = Console(), []
    for size in options.sizes:
        everything = drawn(options.kept, templates=size, faces=options.faces)
        picked = np.random.default_rng(0).permutation(len(everything.probes))[: options.probes]
        few = replace(
            everything,
            probes=everything.probes[picked],
            rows=everything.rows[picked],
            cosines=everything.cosines[picked],
        )
        told = measured(few, options.compared)
        for row in chain(told, [without_rotation(few)]) if options.without_rotation else told:
            rows.append(row)
            console.print(row)
    console.print(costs(rows), searches(rows))
    if options.save:
        plot(rows, save("gallery", rows).with_suffix(".svg"))


def costs(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Memory of all workers, and milliseconds until another worker finds somebody, or no more")
    shown = {"templates": ",", "fill_s": ".0f"} | {f"workers_{count}_mib": ".0f" for count in WORKERS}
    shown |= {f"{change}_{what}_ms": ".1f" for change in ("enrolled", "erased") for what in ("p50", "max")}
    for name in shown:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        if "fill_s" in row:
            table.add_row(*(format(row[name], as_text) for name, as_text in shown.items()))
    return table


def searches(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Milliseconds of a search; share found of what the exact product finds, by true cosine")
    bands = [f"{low:.2f}-{min(1, high):.2f}" for low, high in BANDS]
    titles = ["templates", "compared", "p50", "p99", *(f"{each} {band}" for each in ("best", "2nd") for band in bands)]
    for title in titles:
        table.add_column(title, justify="right")
    for row in rows:
        if "best" in row:
            shares = ["" if share is None else f"{share:.4f}" for share in (*row["best"], *row["runner_up"])]
            taken = [f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}"] if "p50_ms" in row else ["not rotated", ""]
            table.add_row(f"{row['templates']:,}", f"{row['compared']:,}", *taken, *shares)
    return table


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """How long a search takes and whom it misses, by size."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "facepay"
    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    in_use = [row for row in rows if "p50_ms" in row and row["compared"] == COMPARED]
    sizes = [row["templates"] for row in in_use]
    for name, style in (("p50_ms", "k--o"), ("p99_ms", "k-s")):
        left.plot(sizes, [row[name] for row in in_use], style, label=name.removesuffix("_ms"), markersize=4)
    left.axhline(GOAL_MS, color="0.5", linestyle=":", label="goal for p99")
    left.set(xlabel="members", xscale="log", ylabel="ms of a search", ylim=(0, None))
    for name, band, style in (("best", 3, "k-s"), ("best", 2, "k--o"), ("runner_up", 1, "k:^")):
        missed = [float("nan") if row[name][band] is None else 100 * (1 - row[name][band]) for row in in_use]
        low, high = BANDS[band]
        label = f"{name.replace('_', '-')} at {low:.2f} to {min(1, high):.2f}"
        right.plot(sizes, missed, style, label=label, markersize=4)
    right.set(xlabel="members", xscale="log", ylabel="% missed", ylim=(-0.05, None))
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
