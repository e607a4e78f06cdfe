"""Ways to search one gallery, in turns in one process: whatever else a machine does, it does to all of them alike.

Beside the times of all stand those of searches that the system didn't interrupt for somebody else, as far as there are.

    OMP_NUM_THREADS=1 python -m benchmarks.search_turns --kept /tmp/drawn --methods "mc, 2000|in stages"
"""

from __future__ import annotations

import argparse
import re
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.search_methods import METHODS, Floats, Kept, Search

WARM_UP = 20


def in_turns(searches: Mapping[str, Search], probes: Floats) -> Iterator[tuple[str, Floats, Floats]]:
    """The name of each, and the milliseconds of all its searches and of the undisturbed ones."""
    taken: dict[str, list[tuple[float, bool]]] = {name: [] for name in searches}
    turns = np.random.default_rng(0)
    for number, probe in enumerate(probes):
        for name in turns.permutation(list(searches)).tolist():
            before, start = _switches(), perf_counter()
            searches[name](probe)
            milliseconds = (perf_counter() - start) * 1000
            if number >= WARM_UP:
                taken[name].append((milliseconds, _switches() == before))
    for name, of_each in taken.items():
        undisturbed = [milliseconds for milliseconds, calm in of_each if calm]
        yield name, np.array([each[0] for each in of_each], np.float32), np.array(undisturbed, np.float32)


def _switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _quantiles(milliseconds: Floats, *shares: float) -> list[str]:
    return [f"{np.quantile(milliseconds, share):.2f}" if len(milliseconds) else "-" for share in shares]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kept", type=Path, required=True, help="the folder of what was drawn")
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--methods", required=True, help="a regular expression of their names")
    parser.add_argument("--probes", type=int, default=300)
    options = parser.parse_args()
    templates = np.load(options.kept / "templates-512.npy", mmap_mode="r")[: options.size]
    probes = np.load(options.kept / "probes.npy")
    chosen = probes[np.random.default_rng(0).permutation(len(probes))[: options.probes]]
    searches = {
        name: method(templates)
        for name, method in METHODS.items()
        if re.search(options.methods, name) and not isinstance(method, Kept)
    }
    table = Table("method, candidates", "p50 ms", "p99 ms", "undisturbed", "their p10 ms", "p50 ms", "p90 ms")
    for name, of_all, of_undisturbed in in_turns(searches, chosen):
        share = f"{len(of_undisturbed)} of {len(of_all)}"
        table.add_row(name, *_quantiles(of_all, 0.5, 0.99), share, *_quantiles(of_undisturbed, 0.1, 0.5, 0.9))
    Console().print(table)


if __name__ == "__main__":
    main()
