"""From a shop's garments to whole outfits, ranked: pure, deterministic, and fast for thousands of garments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from facepay.fitting.harmony import Harmony
from facepay.vision.colours import Appearance, Lab


class Kind(StrEnum):
    """What a garment is worn as. A dress takes the place of top and bottom."""

    TOP = "top"
    BOTTOM = "bottom"
    DRESS = "dress"
    OUTER = "outer"
    SHOES = "shoes"
    ACCESSORY = "accessory"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A garment on sale in the person's size. `style` names the garment whatever its size: no outfit list holds a style
    of one colour as two things. `price` is in minor units, `liking` what the recommender expects, the more the better.
    """

    product_id: UUID
    style: str
    kind: Kind
    name: str
    colour: Lab
    occasions: frozenset[str]
    price: int
    liking: float = 0.0
    in_stock: bool = True


@dataclass(frozen=True, slots=True)
class Owned:
    """A garment that the person has bought before."""

    kind: Kind
    name: str
    colour: Lab
    style: str | None = None


@dataclass(frozen=True, slots=True)
class Outfit:
    """What is worn together, from top to toe; `total` is its price in minor units, `score` 0 to 1."""

    pieces: tuple[Candidate, ...]
    score: float
    harmony: Harmony
    reasons: tuple[str, ...]

    @property
    def total(self) -> int:
        return sum(piece.price for piece in self.pieces)


def outfits(
    candidates: Collection[Candidate],
    *,
    occasion: str | None = None,
    appearance: Appearance | None = None,
    owned: Sequence[Owned] = (),
    budget: int | None = None,
    limit: int = 3,
) -> list[Outfit]:
    """The best outfits for an occasion (None: any), no two of them much alike, the best first.

    Each has a top and a bottom or a dress, and shoes, something over it and an accessory where there are any that go
    with it and `budget` (minor units) allows. Fewer than `limit`, or none, where the garments don't make them.
    """
    raise NotImplementedError
