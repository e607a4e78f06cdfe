"""Where the right member stands by the Hamming distance of signs, in a gallery that was drawn and in a larger one.

Members are drawn independently of each other. So whoever stands behind n others of a gallery stands behind ten times
as many of one ten times as large, within the square root of that: nobody needs to draw ten million. `--among` shows
how well a smaller gallery told of this one.

    OMP_NUM_THREADS=1 python -m benchmarks.sign_ranks --kept /tmp/drawn --among 100000 1000000 --save
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from rich.console import Console

from benchmarks.drawn import PEOPLE_OF_BAND, PROBES_OF_PERSON, SEARCHED_FOR
from benchmarks.saving import save
from benchmarks.search_methods import Floats, Rows, signs

MEMBERS = 10_000_000
COMPARED = (2_000, 5_000, 10_000, 20_000)
BANDS = ((0.36, 0.40), (0.40, 0.45), (0.45, 0.50), (0.50, 1.01))


def own_rows(probes: int) -> Rows:
    """Whose probe each is, as benchmarks/drawn.py orders them."""
    number = np.arange(probes)
    return number // (PEOPLE_OF_BAND * PROBES_OF_PERSON) * PEOPLE_OF_BAND + number % PEOPLE_OF_BAND


def before(templates: Floats, probes: Floats, own: Rows) -> Rows:
    """(m,) how many of those who weren't drawn to be searched for are as near as the right one."""
    bits, sought = signs(templates), np.concatenate([signs(probe) for probe in probes])
    distance = np.bitwise_count(bits[own] ^ sought).sum(axis=1, dtype=np.int64)
    others, most = bits[2 * SEARCHED_FOR :], len(templates) * max(COMPARED) // MEMBERS + 1
    faiss.omp_set_num_threads(1)
    nearest = [faiss.knn_hamming(probe[None], others, most, variant="hc")[0][0] for probe in sought]
    as_near: Rows = (np.array(nearest) <= distance[:, None]).sum(axis=1)
    return as_near


def shares(members: int, templates: Floats, probes: Floats, own: Rows) -> Iterator[dict[str, Any]]:
    cosines = np.einsum("ij,ij->i", templates[own], probes)
    expected = before(templates, probes, own) * (members / (len(templates) - 2 * SEARCHED_FOR))
    for low, high in BANDS:
        within = (cosines >= low) & (cosines < high)
        found = {count: round(float((expected[within] < count).mean()), 4) for count in COMPARED}
        yield {
            "members": members,
            "drawn": len(templates),
            "cosine": [low, high],
            "probes": int(within.sum()),
            "found": found,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kept", type=Path, required=True, help="the folder of what was drawn")
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--among", type=int, nargs="+", default=[1_000_000], help="of those that were drawn")
    parser.add_argument("--probes", type=int, default=6_000)
    parser.add_argument("--save", action="store_true", help="write docs/figures/sign_ranks.json")
    options = parser.parse_args()
    probes = np.load(options.kept / "probes.npy")
    chosen = np.random.default_rng(0).permutation(len(probes))[: options.probes]
    templates = np.load(options.kept / "templates-512.npy", mmap_mode="r")
    rows = []
    for count in options.among:
        for row in shares(options.members, templates[:count], probes[chosen], own_rows(len(probes))[chosen]):
            rows.append(row)
            Console().print(row)
    if options.save:
        save("sign_ranks", rows)


if __name__ == "__main__":
    main()
