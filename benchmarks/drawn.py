"""Galleries of people who never lived, as alike as real ones, kept in a folder so that they are drawn once.

What is kept comes of real photos, but of all of them at once: a population (see `facepay.evaluation.synthetic`) and
what was drawn from it. Templates are rotated as a gallery's are. The first ones are searched for, a quarter in each
band of cosines, and a quarter has a lookalike in the gallery. A gallery of n is the first n.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import Progress

from benchmarks.galleries import drawn_from, told
from facepay.evaluation.synthetic import Population
from facepay.kernel.secrets import MasterKey
from facepay.settings import Settings
from facepay.templates.protection import Floats, Protection

DIMENSIONS = 512
BANDS = ((0.28, 0.36), (0.36, 0.45), (0.45, 0.80))  # of the cosine between probe and template
LOOKALIKES = (0.50, 0.90)  # between the two people
PEOPLE_OF_BAND = 1_500
PROBES_OF_PERSON = 3
SEARCHED_FOR = PEOPLE_OF_BAND * (len(BANDS) + 1)
BLOCK = 8_192
PROBES_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """`templates` (n, dim) and `probes` (m, dim) are float32 of norm 1, rotated alike.

    `rows` and `cosines`, (m, 2), are the two most alike templates of each probe, by exact search.
    """

    templates: Floats
    probes: Floats
    rows: npt.NDArray[np.int64]
    cosines: Floats


def drawn(folder: Path, *, templates: int, faces: Path | None = None, pack: str | None = None) -> Drawn:
    """From the folder, or drawn now and kept there. `faces` (labelled photos) are needed the first time only."""
    folder.mkdir(parents=True, exist_ok=True)
    path, found = folder / f"templates-{DIMENSIONS}.npy", folder / f"exact-{templates}.npz"
    with Progress() as bars:
        if not path.exists() or len(np.load(path, mmap_mode="r")) < templates:
            _draw(population_in(folder, faces=faces, pack=pack, bars=bars), path, templates, bars)
        gallery = np.load(path, mmap_mode="r")[:templates]
        probes = np.load(folder / "probes.npy")
        if not found.exists():
            rows, cosines = exact_best(gallery, probes, bars)
            np.savez(found, rows=rows, cosines=cosines)
    exact = np.load(found)
    return Drawn(gallery, probes, exact["rows"], exact["cosines"])


def population_in(folder: Path, *, faces: Path | None, pack: str | None, bars: Progress) -> Population:
    """Fitted to `faces`, or as it was kept."""
    path = folder / "population.npz"
    if path.exists():
        kept = np.load(path)
        return Population(
            **{name: kept[name] for name in ("kinds", "between", "within", "genuine")}, likeness=float(kept["likeness"])
        )
    if faces is None:
        raise SystemExit("no population is kept yet: give --faces")
    population, _ = drawn_from(faces, pack or Settings().model_pack, bars)
    np.savez(
        path,
        kinds=population.kinds,
        between=population.between,
        within=population.within,
        genuine=population.genuine,
        likeness=population.likeness,
    )
    return population


def _draw(population: Population, path: Path, templates: int, bars: Progress) -> None:
    protection = Protection(MasterKey(bytes(32)))
    people = population.people(SEARCHED_FOR, seed=1)
    with_lookalike = people[-PEOPLE_OF_BAND:]
    probes = []
    for number, (low, high) in enumerate((*BANDS, BANDS[-1])):
        spread = replace(population, genuine=np.linspace(low, high, 1_000, dtype=np.float32))
        theirs = people[number * PEOPLE_OF_BAND : (number + 1) * PEOPLE_OF_BAND]
        probes += [spread.probes(theirs, seed=10 * number + photo) for photo in range(PROBES_OF_PERSON)]
    np.save(path.with_name("probes.npy"), protection.rotate(np.concatenate(probes)))
    first = np.concatenate([people, _alike(with_lookalike, population.people(PEOPLE_OF_BAND, seed=3))])
    file = np.lib.format.open_memmap(path, "w+", np.float32, (templates, DIMENSIONS))
    file[: len(first)] = protection.rotate(population.templates(first, seed=1))
    tell, starts = told(bars, f"drawing {templates:,}"), range(len(first), templates, BLOCK)

    def fill(number: int) -> None:
        start = starts[number]
        block = population.people(min(BLOCK, templates - start), seed=1000 + number)
        file[start : start + BLOCK] = protection.rotate(population.templates(block, seed=1000 + number))

    with ThreadPoolExecutor(2) as threads:
        for done, _ in enumerate(threads.map(fill, range(len(starts))), start=1):
            tell(done, len(starts))
    file.flush()


def _alike(people: Floats, others: Floats) -> Floats:
    """Somebody else for each of these people, who is like them."""
    cosine = np.linspace(*LOOKALIKES, len(people), dtype=np.float32)[:, None]
    own = others - (others * people).sum(axis=1, keepdims=True) * people
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    return np.asarray(cosine * people + np.sqrt(1 - cosine**2) * own, np.float32)


def exact_best(gallery: Floats, probes: Floats, bars: Progress) -> tuple[npt.NDArray[np.int64], Floats]:
    """(m, 2) rows and cosines of the two most alike of each probe, by the float product."""
    rows = np.zeros((len(probes), 2), np.int64)
    cosines = np.full((len(probes), 2), -2, np.float32)
    tell = told(bars, f"exact among {len(gallery):,}")
    for start in range(0, len(gallery), BLOCK):
        block = np.asarray(gallery[start : start + BLOCK])
        for these in _slices(len(probes), PROBES_AT_ONCE):
            scores = probes[these] @ block.T
            for _ in range(2):
                best = scores.argmax(axis=1)
                cosine = scores[np.arange(len(best)), best]
                _insert(rows[these], cosines[these], best + start, cosine)
                scores[np.arange(len(best)), best] = -2
        tell(min(start + BLOCK, len(gallery)), len(gallery))
    return rows, cosines


def _insert(rows: npt.NDArray[np.int64], cosines: Floats, row: npt.NDArray[np.int64], cosine: Floats) -> None:
    """One more candidate for each, into the ranking of two in place."""
    first, second = cosine > cosines[:, 0], (cosine > cosines[:, 1]) & (cosine <= cosines[:, 0])
    rows[first, 1], cosines[first, 1] = rows[first, 0], cosines[first, 0]
    rows[first, 0], cosines[first, 0] = row[first], cosine[first]
    rows[second, 1], cosines[second, 1] = row[second], cosine[second]


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))
