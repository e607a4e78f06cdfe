"""Which products go together, from what members like: item to item, of implicit feedback.

Of two products, what one adds to the other is P(j | i) - P(j): how many more of those who like i like j than of all
members ("added value": Tan, Kumar & Srivastava, "Selecting the right interestingness measure for association
patterns", KDD 2002; as a recommender, item-based with conditional probability: Deshpande & Karypis, "Item-based top-N
recommendation algorithms", TOIS 22:1, 2004). Shrunk where i has few, as any estimate of a share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

NEIGHBOURS_MAX = 50
# As if so many more had been asked of each product, and had said nothing.
SHRINKAGE = 10
# Products at once: their pairs with all others stay below some ten megabytes.
BLOCK = 512


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Of one product: the others by their place, the nearest first."""

    places: NDArray[np.int64]
    shares: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Likes:
    """Who likes what: members in rows (a number each, nobody's id) and products in columns.

    `liked` is 1 where they do. `bought` is how often they bought it.
    """

    liked: sparse.csr_array
    bought: sparse.csr_array

    @property
    def people(self) -> NDArray[np.float64]:
        """How many like each product."""
        return np.asarray(self.liked.sum(axis=0), dtype=np.float64)


def going_together(likes: Likes, *, group_min: int) -> list[Neighbours]:
    """Of each product. Pairs that fewer people like than the minimum group aren't in it."""
    liked, people = likes.liked, likes.people
    by_product = liked.T.tocsr()
    members = max(1, liked.shape[0])
    found: list[Neighbours] = []
    for first in range(0, liked.shape[1], BLOCK):
        pairs = (by_product[first : first + BLOCK] @ liked).tocsr()
        for row in range(pairs.shape[0]):
            places, both = _row(pairs, row)
            product = first + row
            kept = (both >= group_min) & (places != product)
            places, both = places[kept], both[kept]
            added = (both - people[product] * people[places] / members) / (people[product] + SHRINKAGE)
            found.append(nearest(places, added, most=NEIGHBOURS_MAX))
    return found


def bought_again(likes: Likes, *, group_min: int) -> NDArray[np.float64]:
    """Of each product, the share of its buyers who bought it again; where they are few, nearly that of all products.
    Fewer than the minimum group count as nobody.
    """
    buyers = _counted(likes.bought >= 1, group_min)
    again = _counted(likes.bought >= 2, group_min)
    overall = again.sum() / max(1.0, buyers.sum())
    shares: NDArray[np.float64] = (again + SHRINKAGE * overall) / (buyers + SHRINKAGE)
    return shares


def nearest(places: NDArray[Any], shares: NDArray[np.float64], *, most: int) -> Neighbours:
    """The highest shares above zero."""
    positive = shares > 0
    places, shares = places[positive], shares[positive]
    order = np.argsort(-shares, kind="stable")[:most]
    return Neighbours(places[order].astype(np.int64), shares[order])


def _row(matrix: sparse.csr_array, row: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    cells = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return matrix.indices[cells], matrix.data[cells]


def _counted(which: sparse.csr_array, group_min: int) -> NDArray[np.float64]:
    people = np.asarray(which.sum(axis=0), dtype=np.float64)
    return np.where(people >= group_min, people, 0.0)
