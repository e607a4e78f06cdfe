"""Which products are alike, by what the catalogue says of them: their category, ingredients and colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from facepay.recommender.together import Neighbours, nearest
from facepay.vision.colours import Lab

if TYPE_CHECKING:
    from scipy import sparse

ALIKE_MAX = 15
BLOCK = 256
# What each says of likeness, the whole being 1. Estimates.
CATEGORY, INGREDIENTS, COLOUR = 0.5, 0.3, 0.2
# Euclidean in CIELAB: so far apart, colours have nothing in common.
APART_MAX = 30.0
# Of things that are equally alike the more popular comes first, and is worth a tenth more at most.
POPULAR = 0.1
KNOWN_WELL = 20


@dataclass(frozen=True, slots=True)
class Described:
    """A product as the catalogue has it; `colour` as #rrggbb."""

    product_id: UUID
    category: str | None
    ingredients: Sequence[str]
    colour: str | None


def being_alike(products: Sequence[Described], *, people: NDArray[np.float64]) -> list[Neighbours]:
    """Of each product, those of its category or with an ingredient in common; `people` is how many like each."""
    categories = _numbered([product.category for product in products])
    ingredients = _ingredients(products)
    colours = np.array([_lab(product.colour) for product in products]).reshape(-1, 3)
    popular = 1 - POPULAR + POPULAR * people / (people + KNOWN_WELL)
    found: list[Neighbours] = []
    for first in range(0, len(products), BLOCK):
        block = slice(first, first + BLOCK)
        same = (categories[block, None] == categories[None]) & (categories[block, None] >= 0)
        shared = (ingredients[block] @ ingredients.T).toarray()
        apart = np.linalg.norm(colours[block, None] - colours[None], axis=2)
        near = np.nan_to_num(np.clip(1 - apart / APART_MAX, 0, None), nan=0.0)
        likeness = (CATEGORY * same + INGREDIENTS * shared + COLOUR * near) * (same | (shared > 0)) * popular
        for row, shares in enumerate(likeness):
            shares[first + row] = 0.0
            found.append(_nearest_few(shares))
    return found


def _nearest_few(shares: NDArray[np.float64]) -> Neighbours:
    few = np.argpartition(-shares, ALIKE_MAX - 1)[:ALIKE_MAX] if len(shares) > ALIKE_MAX else np.arange(len(shares))
    return nearest(few, shares[few], most=ALIKE_MAX)


def _numbered(names: Sequence[str | None]) -> NDArray[np.int64]:
    """Each name's number; -1 for none."""
    numbers = {name: number for number, name in enumerate(sorted({name for name in names if name is not None}))}
    return np.array([-1 if name is None else numbers[name] for name in names], dtype=np.int64)


def _ingredients(products: Sequence[Described]) -> sparse.csr_array:
    """Products in rows, each of length 1, so that a product of two rows is their cosine."""
    from scipy import sparse  # slow to import, and learning waits

    names = [sorted({name.casefold() for name in product.ingredients}) for product in products]
    columns = {name: column for column, name in enumerate(sorted({name for each in names for name in each}))}
    cells = [(row, columns[name], len(each) ** -0.5) for row, each in enumerate(names) for name in each]
    rows, places, values = zip(*cells, strict=True) if cells else ((), (), ())
    shape = (len(products), max(1, len(columns)))
    return sparse.csr_array((np.array(values, dtype=float), (rows, places)), shape=shape)


def _lab(colour: str | None) -> tuple[float, float, float]:
    if colour is None:
        return (np.nan, np.nan, np.nan)
    lab = Lab.from_hex(colour)
    return (lab.lightness, lab.a, lab.b)
