"""Several views of one face as one embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from facepay.vision.evidence import Floats


@dataclass(frozen=True, slots=True)
class Pair:
    """Two of several embeddings by their positions, and their cosine."""

    one: int
    other: int
    similarity: float


def fuse(embeddings: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """(dim,) float32 of norm 1: the mean of embeddings (dim,) of norm 1, each as heavy as its weight.

    Good weights come of the norm before normalising, which falls where a face is small, blurred or turned away.
    """
    total = np.average(np.stack(embeddings), axis=0, weights=weights)
    return np.asarray(total / np.linalg.norm(total), np.float32)


def least_alike(embeddings: Sequence[Floats]) -> Pair | None:
    """The two that are least alike; None where there are fewer than two."""
    pairs = (
        Pair(one, other, float(embeddings[one] @ embeddings[other]))
        for one, other in combinations(range(len(embeddings)), 2)
    )
    return min(pairs, key=lambda pair: pair.similarity, default=None)
