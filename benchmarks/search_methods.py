"""Ways to search a gallery: each is built from (n, 512) templates and names the most alike of a probe, best first.

Those that look for candidates by less than the whole template compare the candidates exactly with int8 rows, as a
gallery does. All are built and search on one thread, where they don't say two. Databases are in
benchmarks/search_databases.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
from usearch.index import Index, MetricKind, ScalarKind, search

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Search = Callable[[Floats], Rows]  # (512,) -> rows, two or more, the best first
Build = Callable[[Floats], Search]

PORTION, BLOCK = 65_536, 8_192
GRAPH_DEGREE, GRAPH_BUILD = 16, 64
TRAINED_WITH = 100_000
LARGEST = 127 / 0.3  # no component of a rotated template is larger
UNTYPED: Any = faiss  # for what its type stubs don't know


@dataclass(frozen=True, slots=True)
class Kept:
    """What takes long to build: it is built once, into a folder of this name, and opened from there.

    `open` also takes the templates, and whatever has to be closed at the end.
    """

    name: str
    build: Callable[[Floats, Path], None]
    open: Callable[[Path, Floats, ExitStack], Search]


def portions(templates: Floats, size: int = PORTION) -> Iterator[tuple[int, Floats]]:
    for start in range(0, len(templates), size):
        yield start, np.ascontiguousarray(templates[start : start + size])


class Int8:
    """Templates in a quarter of the memory, each with its own scale."""

    def __init__(self, templates: Floats) -> None:
        self.rows, self.scales = np.empty(templates.shape, np.int8), np.empty(len(templates), np.float32)
        for start, block in portions(templates):
            scales = np.abs(block).max(axis=1) / 127
            self.rows[start : start + len(block)] = np.rint(block / scales[:, None])
            self.scales[start : start + len(block)] = scales

    def best(self, probe: Floats, candidates: Rows) -> Rows:
        cosines = np.einsum("ij,j->i", self.rows.take(candidates, axis=0), probe) * self.scales[candidates]
        return candidates[best_two(cosines)]


def best_two(scores: Floats) -> Rows:
    two = np.argpartition(scores, -2)[-2:]
    return two[np.argsort(-scores[two])]


def signs(vectors: Floats) -> npt.NDArray[np.uint8]:
    if vectors.ndim == 1:
        return np.packbits(vectors > 0, bitorder="little")[None]
    return np.concatenate([np.packbits(block > 0, axis=1, bitorder="little") for _, block in portions(vectors)])


def float_product(templates: Floats) -> Search:
    matrix = np.array(templates)
    return lambda probe: best_two(matrix @ probe)


def int8_product(templates: Floats) -> Search:
    """numpy has no product of int8: a block at a time, as float."""
    gallery = Int8(templates)

    def found(probe: Floats) -> Rows:
        scores = [gallery.rows[at : at + BLOCK].astype(np.float32) @ probe for at in range(0, len(templates), BLOCK)]
        return best_two(np.concatenate(scores) * gallery.scales)

    return found


def _filled(index: Any, templates: Floats) -> Search:
    faiss.omp_set_num_threads(1)
    if not index.is_trained:
        index.train(np.ascontiguousarray(templates[:TRAINED_WITH]))
    for _, block in portions(templates):
        index.add(block)
    return lambda probe: index.search(probe[None], 2)[1][0]


def faiss_flat(templates: Floats) -> Search:
    return _filled(faiss.IndexFlatIP(templates.shape[1]), templates)


def faiss_sq8(templates: Floats) -> Search:
    """Signed bytes, scaled as they are added."""
    kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
    index = faiss.IndexScalarQuantizer(templates.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    for _start, block in portions(templates):
        index.add(_int8(block).astype(np.float32))
    return lambda probe: index.search(_int8(probe).astype(np.float32)[None], 2)[1][0]


def faiss_kept(factory: str, candidates: int = 2, **parameters: int) -> Kept:
    """An index by its factory's words, {cells} being for IVF; with `parameters` as it is searched."""

    def build(templates: Floats, folder: Path) -> None:
        words = factory.format(cells=int(4 * np.sqrt(len(templates))))
        index: Any = faiss.index_factory(templates.shape[1], words, faiss.METRIC_INNER_PRODUCT)
        if isinstance(index, faiss.IndexHNSW):
            index.hnsw.efConstruction = GRAPH_BUILD
        else:
            index.cp.niter = 5
        _filled(index, templates)
        faiss.write_index(index, str(folder / "index"))

    def open_(folder: Path, templates: Floats, _: ExitStack) -> Search:
        faiss.omp_set_num_threads(1)
        index = faiss.read_index(str(folder / "index"))
        for name, value in parameters.items():
            faiss.ParameterSpace().set_index_parameter(index, name, value)
        if candidates == 2:
            return lambda probe: index.search(probe[None], 2)[1][0]
        gallery = Int8(templates)

        def found(probe: Floats) -> Rows:
            rows = index.search(probe[None], candidates)[1][0]
            return gallery.best(probe, rows[rows >= 0])

        return found

    return Kept("faiss " + factory.format(cells="").replace(",", " "), build, open_)


def faiss_binary(candidates: int) -> Build:
    def build(templates: Floats) -> Search:
        gallery, index = Int8(templates), faiss.IndexBinaryFlat(templates.shape[1])
        index.add(signs(templates))
        return lambda probe: gallery.best(probe, index.search(signs(probe), candidates)[1][0])

    return build


def faiss_hamming(variant: str, candidates: int, threads: int = 1) -> Build:
    def build(templates: Floats) -> Search:
        gallery, bits = Int8(templates), signs(templates)

        def found(probe: Floats) -> Rows:
            faiss.omp_set_num_threads(threads)
            _, rows = faiss.knn_hamming(signs(probe), bits, min(candidates, len(bits)), variant=variant)
            return gallery.best(probe, rows[0])

        return found

    return build


def faiss_hamming_in_stages(radius: int, candidates: int) -> Build:
    """The first half of the signs of all, and all signs of those that differ in `radius` of them at most."""

    def build(templates: Floats) -> Search:
        gallery, bits = Int8(templates), signs(templates)
        half = np.ascontiguousarray(bits[:, : bits.shape[1] // 2])
        pairs, distances = np.empty((len(bits), 2), np.int64), np.empty(len(bits), np.int32)

        def found(probe: Floats) -> Rows:
            sought = signs(probe)  # of which the first half is read
            places = [faiss.swig_ptr(array) for array in (sought, half, pairs, distances)]
            count = UNTYPED.match_hamming_thres(*places[:2], 1, len(half), radius, half.shape[1], *places[2:])
            near = pairs[:count, 1].copy()
            _, rows = faiss.knn_hamming(sought, bits.take(near, axis=0), min(candidates, count), variant="mc")
            return gallery.best(probe, near[rows[0]])

        return found

    return build


def numpy_hamming(candidates: int) -> Build:
    def build(templates: Floats) -> Search:
        gallery, words = Int8(templates), signs(templates).view(np.uint64)

        def found(probe: Floats) -> Rows:
            sought = signs(probe).view(np.uint64)
            blocks = (words[at : at + BLOCK] for at in range(0, len(words), BLOCK))
            distances = np.concatenate([np.bitwise_count(block ^ sought).sum(1, np.uint16) for block in blocks])
            return gallery.best(probe, np.argpartition(distances, candidates)[:candidates])

        return found

    return build


def faiss_rabitq(index_class: Any, query_bits: int, candidates: int) -> Build:
    """RaBitQ, Gao and Long, SIGMOD 2024: sign bits compared with a probe of several bits."""

    def build(templates: Floats) -> Search:
        gallery, index = Int8(templates), index_class(templates.shape[1], faiss.METRIC_INNER_PRODUCT)
        _filled(index, templates)
        index.qb = query_bits
        return lambda probe: gallery.best(probe, index.search(probe[None], candidates)[1][0])

    return build


def usearch_exact_i8(templates: Floats) -> Search:
    rows = np.empty(templates.shape, np.int8)
    for start, block in portions(templates):
        rows[start : start + len(block)] = _int8(block)
    return lambda probe: search(rows, _int8(probe), 2, MetricKind.Cos, exact=True, threads=1).keys.astype(np.int64)


def _int8(vectors: Floats) -> npt.NDArray[np.int8]:
    """All at one scale, by which none of their components is cut off."""
    scaled: Floats = np.clip(np.rint(vectors * LARGEST), -127, 127)
    return scaled.astype(np.int8)


def usearch_exact_b1(candidates: int) -> Build:
    def build(templates: Floats) -> Search:
        gallery, bits = Int8(templates), signs(templates)

        def found(probe: Floats) -> Rows:
            hits = search(bits, signs(probe)[0], candidates, MetricKind.Hamming, exact=True, threads=1)
            return gallery.best(probe, hits.keys.astype(np.int64))

        return found

    return build


def usearch_hnsw(breadth: int) -> Kept:
    def build(templates: Floats, folder: Path) -> None:
        index = Index(
            ndim=templates.shape[1],
            metric=MetricKind.Cos,
            dtype=ScalarKind.I8,
            connectivity=GRAPH_DEGREE,
            expansion_add=GRAPH_BUILD,
        )
        for start, block in portions(templates):
            index.add(np.arange(start, start + len(block)), block, threads=1)
        index.save(folder / "index")

    def open_(folder: Path, _templates: Floats, _: ExitStack) -> Search:
        index = Index.restore(folder / "index")
        index.expansion_search = breadth
        return lambda probe: index.search(probe, 2, threads=1).keys.astype(np.int64)

    return Kept("usearch HNSW", build, open_)


METHODS: dict[str, Build | Kept] = {
    "numpy, float32": float_product,
    "numpy, int8": int8_product,
    "faiss Flat": faiss_flat,
    "faiss SQ8 signed": faiss_sq8,
    "usearch exact, int8": usearch_exact_i8,
    **{f"faiss knn_hamming mc, {count}": faiss_hamming("mc", count) for count in (200, 500, 1000, 1500, 2000, 5000)},
    **{f"faiss knn_hamming hc, {count}": faiss_hamming("hc", count) for count in (500, 2000)},
    "faiss knn_hamming mc, 2000, two threads": faiss_hamming("mc", 2000, threads=2),
    **{f"faiss Hamming in stages, {radius}, 2000": faiss_hamming_in_stages(radius, 2000) for radius in (110, 112, 114)},
    "faiss BinaryFlat, 2000": faiss_binary(2000),
    "numpy bitwise_count, 2000": numpy_hamming(2000),
    "usearch exact b1, 2000": usearch_exact_b1(2000),
    "faiss RaBitQ 4 bits, 500": faiss_rabitq(faiss.IndexRaBitQ, 4, 500),
    **{f"faiss RaBitQFastScan, {count}": faiss_rabitq(faiss.IndexRaBitQFastScan, 8, count) for count in (200, 500)},
    **{f"faiss IVF, {cells} cells": faiss_kept("IVF{cells},Flat", nprobe=cells) for cells in (32, 128, 512)},
    **{
        f"faiss IVFPQ fast scan, {cells} cells, 500": faiss_kept("IVF{cells},PQ128x4fs", 500, nprobe=cells)
        for cells in (128, 512)
    },
    **{
        f"faiss IVFRaBitQ, {cells} cells, 500": faiss_kept("IVF{cells},RaBitQ", 500, nprobe=cells)
        for cells in (128, 512)
    },
    **{f"faiss HNSW, ef {breadth}": faiss_kept(f"HNSW{GRAPH_DEGREE}", efSearch=breadth) for breadth in (64, 256, 1024)},
    **{f"usearch HNSW int8, ef {breadth}": usearch_hnsw(breadth) for breadth in (64, 256, 1024)},
}
