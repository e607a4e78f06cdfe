"""How long one exact search takes, and keeping the gallery fresh, by the number of templates.

OPENBLAS_NUM_THREADS=1 python -m benchmarks.gallery
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter
from uuid import UUID

import numpy as np
from rich.console import Console
from rich.table import Table

from facepay.kernel.secrets import MasterKey
from facepay.templates.gallery import Floats, MemoryGallery
from facepay.templates.protection import Protection

DIMENSIONS = 512
INSIDE = 50


def faces(count: int) -> Floats:
    vectors = np.random.default_rng(count).standard_normal((count, DIMENSIONS), np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def milliseconds(work: Callable[[], object], *, times: int = 50) -> tuple[float, float]:
    """Median and 95th percentile."""
    taken = []
    for _ in range(times):
        start = perf_counter()
        work()
        taken.append((perf_counter() - start) * 1000)
    return median(taken), float(np.quantile(taken, 0.95))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    table = Table(title="milliseconds: median (95th percentile)")
    for column in ("templates", "search all", f"search {INSIDE} inside", "add or remove one"):
        table.add_column(column, justify="right")
    for size in parser.parse_args().sizes:
        gallery, templates = MemoryGallery(Protection(MasterKey(bytes(32))).rotate), faces(size)
        members = [UUID(int=number) for number in range(size)]
        gallery.replace({member: [template] for member, template in zip(members, templates, strict=True)}, version=1)
        probe, inside, newcomer = templates[0], members[:INSIDE], UUID(int=size)

        def change(gallery: MemoryGallery = gallery, newcomer: UUID = newcomer, probe: Floats = probe) -> None:
            there = gallery.version % 2
            gallery.replace({newcomer: [probe] * there}, version=gallery.version + 1)

        def search(gallery: MemoryGallery = gallery, probe: Floats = probe) -> object:
            return gallery.search(probe)

        def search_inside(
            gallery: MemoryGallery = gallery, probe: Floats = probe, among: list[UUID] = inside
        ) -> object:
            return gallery.search(probe, among=among)

        row = [milliseconds(work) for work in (search, search_inside, change)]
        table.add_row(f"{size:,}", *(f"{middle:.2f} ({slow:.2f})" for middle, slow in row))
    Console().print(table)


if __name__ == "__main__":
    main()
