"""Ways to search a gallery: each is built from (n, 512) templates and names the most alike of a probe, best first.

Those that look for candidates by less than the whole template compare the candidates exactly with int8 rows, as a
gallery does. All run on the thread that calls them, unless the name says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
from usearch.index import Index, MetricKind, ScalarKind, search

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Search = Callable[[Floats], Rows]  # (512,) -> rows, two or more, the best first
Build = Callable[[Floats, ExitStack], Search]  # of templates, and whatever has to be closed at the end

PORTION, BLOCK = 65_536, 8_192
GRAPH_DEGREE, GRAPH_BUILD = 16, 64
BUILDERS = 2  # threads, where a build can use them
LARGEST = 127 / 0.3  # no component of a rotated template is larger


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
        cosines = (self.rows[candidates].astype(np.float32) @ probe) * self.scales[candidates]
        return candidates[best_two(cosines)]


def best_two(scores: Floats) -> Rows:
    two = np.argpartition(scores, -2)[-2:]
    return two[np.argsort(-scores[two])]


def signs(vectors: Floats) -> npt.NDArray[np.uint8]:
    if vectors.ndim == 1:
        return np.packbits(vectors > 0, bitorder="little")[None]
    return np.concatenate([np.packbits(block > 0, axis=1, bitorder="little") for _, block in portions(vectors)])


def float_product(templates: Floats, _: ExitStack) -> Search:
    matrix = np.array(templates)
    return lambda probe: best_two(matrix @ probe)


def int8_product(templates: Floats, _: ExitStack) -> Search:
    """numpy has no product of int8: a block at a time, as float."""
    gallery = Int8(templates)

    def found(probe: Floats) -> Rows:
        scores = [gallery.rows[at : at + BLOCK].astype(np.float32) @ probe for at in range(0, len(templates), BLOCK)]
        return best_two(np.concatenate(scores) * gallery.scales)

    return found


def _filled(index: Any, templates: Floats) -> Search:
    if not index.is_trained:
        index.train(np.ascontiguousarray(templates[:50_000]))
    faiss.omp_set_num_threads(BUILDERS)
    for _, block in portions(templates):
        index.add(block)
    faiss.omp_set_num_threads(1)
    return lambda probe: index.search(probe[None], 2)[1][0]


def faiss_flat(templates: Floats, _: ExitStack) -> Search:
    return _filled(faiss.IndexFlatIP(templates.shape[1]), templates)


def faiss_sq8(templates: Floats, _: ExitStack) -> Search:
    """Signed bytes, scaled as they are added."""
    kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
    index = faiss.IndexScalarQuantizer(templates.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    for _start, block in portions(templates):
        index.add(_int8(block).astype(np.float32))
    return lambda probe: index.search(_int8(probe).astype(np.float32)[None], 2)[1][0]


def faiss_ivf(probed: int) -> Build:
    def build(templates: Floats, _: ExitStack) -> Search:
        cells = int(4 * np.sqrt(len(templates)))
        index: Any = faiss.index_factory(templates.shape[1], f"IVF{cells},Flat", faiss.METRIC_INNER_PRODUCT)
        index.cp.niter, index.cp.max_points_per_centroid = 5, 64
        found = _filled(index, templates)
        index.nprobe = probed
        return found

    return build


def faiss_hnsw(breadth: int) -> Build:
    def build(templates: Floats, _: ExitStack) -> Search:
        index = faiss.IndexHNSWFlat(templates.shape[1], GRAPH_DEGREE, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = GRAPH_BUILD, breadth
        return _filled(index, templates)

    return build


def faiss_binary(candidates: int) -> Build:
    def build(templates: Floats, _: ExitStack) -> Search:
        gallery, index = Int8(templates), faiss.IndexBinaryFlat(templates.shape[1])
        index.add(signs(templates))
        return lambda probe: gallery.best(probe, index.search(signs(probe), candidates)[1][0])

    return build


def faiss_hamming(variant: str, candidates: int) -> Build:
    def build(templates: Floats, _: ExitStack) -> Search:
        gallery, bits = Int8(templates), signs(templates)

        def found(probe: Floats) -> Rows:
            _, rows = faiss.knn_hamming(signs(probe), bits, min(candidates, len(bits)), variant=variant)
            return gallery.best(probe, rows[0])

        return found

    return build


def numpy_hamming(candidates: int) -> Build:
    def build(templates: Floats, _: ExitStack) -> Search:
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

    def build(templates: Floats, _: ExitStack) -> Search:
        gallery, index = Int8(templates), index_class(templates.shape[1], faiss.METRIC_INNER_PRODUCT)
        _filled(index, templates)
        index.qb = query_bits
        return lambda probe: gallery.best(probe, index.search(probe[None], candidates)[1][0])

    return build


def usearch_exact_i8(templates: Floats, _: ExitStack) -> Search:
    rows = np.empty(templates.shape, np.int8)
    for start, block in portions(templates):
        rows[start : start + len(block)] = _int8(block)
    return lambda probe: search(rows, _int8(probe), 2, MetricKind.Cos, exact=True, threads=1).keys.astype(np.int64)


def _int8(vectors: Floats) -> npt.NDArray[np.int8]:
    """All at one scale, by which none of their components is cut off."""
    scaled: Floats = np.clip(np.rint(vectors * LARGEST), -127, 127)
    return scaled.astype(np.int8)


def usearch_exact_b1(candidates: int) -> Build:
    def build(templates: Floats, _: ExitStack) -> Search:
        gallery, bits = Int8(templates), signs(templates)

        def found(probe: Floats) -> Rows:
            hits = search(bits, signs(probe)[0], candidates, MetricKind.Hamming, exact=True, threads=1)
            return gallery.best(probe, hits.keys.astype(np.int64))

        return found

    return build


def usearch_hnsw(breadth: int) -> Build:
    def build(templates: Floats, _: ExitStack) -> Search:
        index = Index(
            ndim=templates.shape[1],
            metric=MetricKind.Cos,
            dtype=ScalarKind.I8,
            connectivity=GRAPH_DEGREE,
            expansion_add=GRAPH_BUILD,
            expansion_search=breadth,
        )
        for start, block in portions(templates):
            index.add(np.arange(start, start + len(block)), block, threads=BUILDERS)
        return lambda probe: index.search(probe, 2, threads=1).keys.astype(np.int64)

    return build


METHODS: dict[str, Build] = {
    "numpy, float32": float_product,
    "numpy, int8": int8_product,
    "faiss Flat": faiss_flat,
    "faiss SQ8 signed": faiss_sq8,
    "usearch exact, int8": usearch_exact_i8,
    **{f"faiss knn_hamming mc, {count}": faiss_hamming("mc", count) for count in (200, 500, 1000, 1500, 2000, 5000)},
    **{f"faiss knn_hamming hc, {count}": faiss_hamming("hc", count) for count in (500, 2000)},
    "faiss BinaryFlat, 2000": faiss_binary(2000),
    "numpy bitwise_count, 2000": numpy_hamming(2000),
    "usearch exact b1, 2000": usearch_exact_b1(2000),
    "faiss RaBitQ 4 bits, 500": faiss_rabitq(faiss.IndexRaBitQ, 4, 500),
    **{f"faiss RaBitQFastScan, {count}": faiss_rabitq(faiss.IndexRaBitQFastScan, 8, count) for count in (200, 500)},
    **{f"faiss IVF, {probed} cells": faiss_ivf(probed) for probed in (32, 256)},
    **{f"faiss HNSW, ef {breadth}": faiss_hnsw(breadth) for breadth in (64, 256)},
    **{f"usearch HNSW int8, ef {breadth}": usearch_hnsw(breadth) for breadth in (64, 256)},
}
