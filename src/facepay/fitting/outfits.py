"""From a shop's garments to whole outfits, ranked: pure, deterministic, and fast for thousands of garments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, product
from statistics import fmean
from uuid import UUID

from facepay.fitting.colour_names import name_of
from facepay.fitting.harmony import Harmony, harmony, judge
from facepay.fitting.suits import Suit, suits
from facepay.vision.colours import Appearance, Lab


class Kind(StrEnum):
    """What a garment is worn as. A dress takes the place of top and bottom."""

    TOP = "top"
    BOTTOM = "bottom"
    DRESS = "dress"
    OUTER = "outer"
    SHOES = "shoes"
    ACCESSORY = "accessory"


NEAR_THE_FACE = {Kind.TOP, Kind.DRESS, Kind.OUTER}
_MAIN = {Kind.TOP, Kind.BOTTOM, Kind.DRESS}
_ORDER = list(Kind)
_PIECES_MAX = 5

# What an outfit's score is made of.
_HARMONY, _SUIT, _LIKING, _OWN = 0.45, 0.25, 0.25, 0.05
_WHOLE = 0.03  # what each further piece is worth that doesn't disturb the others

# How many of a kind are combined, of one colour, and how many unfinished outfits are followed, of one piece.
_POOL_MAX, _OF_COLOUR_MAX, _BEAM_MAX, _OF_PIECE_MAX = 24, 4, 24, 3
_COLOUR_STEP = 15.0  # in CIELAB, of what counts as one colour there
_ALIKE_COSTS = 0.25
_GOES_WITH = 0.75


@dataclass(frozen=True, slots=True)
class Candidate:
    """A garment on sale in the person's size.

    `style` names the garment whatever its size and colour, `price` is in minor units, and `liking` is what the
    recommender expects, 0 to 1.
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

    style: str
    kind: Kind
    name: str
    colour: Lab


@dataclass(frozen=True, slots=True)
class Outfit:
    """What is worn together, from top to toe, how well it fits (`score`, 0 to 1), and why, in words."""

    pieces: tuple[Candidate, ...]
    score: float
    harmony: Harmony
    reasons: tuple[str, ...]

    @property
    def total(self) -> int:
        """The price in minor units."""
        return sum(piece.price for piece in self.pieces)


def outfits(
    candidates: Iterable[Candidate],
    *,
    occasion: str | None = None,
    appearance: Appearance | None = None,
    owned: Sequence[Owned] = (),
    budget: int | None = None,
    limit: int = 3,
) -> list[Outfit]:
    """The best outfits for an occasion (None: any), no two of the same main pieces, the best first.

    Each has a top and a bottom or a dress, shoes where the shop has any, and something over it and an accessory where
    they go with the rest and the `budget` (minor units) allows. Nobody is offered what they have. Fewer than `limit`,
    or none, where the garments don't make them.
    """
    stylist = _Stylist(appearance, owned, budget)
    pools = stylist.pools(candidates, occasion)
    looks = _best(stylist.bases(pools))
    for kind in (Kind.SHOES, Kind.OUTER, Kind.ACCESSORY):
        looks = _best(stylist.with_piece(looks, pools[kind], needed=kind is Kind.SHOES))
    return [stylist.outfit(look, occasion) for look in _diverse(looks, limit)]


@dataclass(frozen=True, slots=True)
class _Look:
    """An outfit as it grows. `score` is that of `_Stylist.look`."""

    pieces: tuple[Candidate, ...]
    score: float

    @property
    def ids(self) -> tuple[UUID, ...]:
        return tuple(piece.product_id for piece in self.pieces)

    @property
    def main(self) -> frozenset[str]:
        return frozenset(f"{piece.style} {piece.colour}" for piece in self.pieces if piece.kind in _MAIN)


class _Stylist:
    """Judges garments and outfits for one person."""

    def __init__(self, appearance: Appearance | None, owned: Sequence[Owned], budget: int | None) -> None:
        self.appearance = appearance
        self.owned = owned
        self.budget = budget
        self._suits: dict[Lab, Suit] = {}
        self._beside: dict[tuple[Kind, Lab], tuple[float, str]] = {}

    def pools(self, candidates: Iterable[Candidate], occasion: str | None) -> dict[Kind, list[Candidate]]:
        """Of each kind the best that may be worn, of many colours: what goes with what isn't known yet."""
        had = {garment.style for garment in self.owned}
        fitting = [
            candidate
            for candidate in candidates
            if candidate.in_stock
            and (occasion is None or occasion in candidate.occasions)
            and candidate.style not in had
            and self.affords((candidate,))
        ]
        fitting.sort(key=lambda candidate: (-self._alone(candidate), candidate.price, candidate.product_id))
        pools: dict[Kind, list[Candidate]] = {kind: [] for kind in Kind}
        seen: set[tuple[str, Lab]] = set()
        of_colour: Counter[tuple[Kind, tuple[int, ...]]] = Counter()
        for candidate in fitting:
            pool, about = pools[candidate.kind], (candidate.kind, _about(candidate.colour))
            same = candidate.style, candidate.colour
            if len(pool) < _POOL_MAX and of_colour[about] < _OF_COLOUR_MAX and same not in seen:
                pool.append(candidate)
                of_colour[about] += 1
                seen.add(same)
        return pools

    def bases(self, pools: dict[Kind, list[Candidate]]) -> Iterator[_Look]:
        """A dress, or a top and a bottom."""
        for pieces in chain(product(pools[Kind.DRESS]), product(pools[Kind.TOP], pools[Kind.BOTTOM])):
            if self.affords(pieces):
                yield self.look(pieces)

    def with_piece(self, looks: Iterable[_Look], pool: Sequence[Candidate], *, needed: bool) -> Iterator[_Look]:
        """Each look with each of these it can be paid with, and where none is `needed` or can be, as it was."""
        for look in looks:
            dressed = [(*look.pieces, piece) for piece in pool if self.affords((*look.pieces, piece))]
            yield from map(self.look, dressed)
            if not needed or not dressed:
                yield look

    def look(self, pieces: tuple[Candidate, ...]) -> _Look:
        together, _ = judge([piece.colour for piece in pieces])
        near = [self.suit(piece.colour).score for piece in pieces if piece.kind in NEAR_THE_FACE]
        main = [self.beside(piece)[0] for piece in pieces if piece.kind in _MAIN]
        liking = [_liking(piece) for piece in pieces]
        score = _HARMONY * together + _SUIT * fmean(near) + _LIKING * fmean(liking) + _OWN * fmean(main)
        return _Look(pieces, (score + _WHOLE * len(pieces)) / (1 + _WHOLE * _PIECES_MAX))

    def suit(self, colour: Lab) -> Suit:
        if self.appearance is None:
            return Suit(0.5, None)
        if colour not in self._suits:
            self._suits[colour] = suits(colour, self.appearance)
        return self._suits[colour]

    def beside(self, piece: Candidate) -> tuple[float, str]:
        """How well it goes with the best of what the person has or wears, and what that is."""
        key = piece.kind, piece.colour
        if key not in self._beside:
            others = [(other.colour, f"your {other.name}") for other in self.owned if other.kind is not piece.kind]
            if self.appearance is not None and piece.kind is Kind.BOTTOM:
                others += [(worn.lab, f"the {name_of(worn.lab)} you wear") for worn in self.appearance.clothes[:1]]
            found = [(judge([piece.colour, colour])[0], words) for colour, words in others]
            self._beside[key] = max(found, default=(0.0, ""))
        return self._beside[key]

    def affords(self, pieces: Iterable[Candidate]) -> bool:
        return self.budget is None or sum(piece.price for piece in pieces) <= self.budget

    def outfit(self, look: _Look, occasion: str | None) -> Outfit:
        pieces = tuple(sorted(look.pieces, key=lambda piece: _ORDER.index(piece.kind)))
        together = harmony([piece.colour for piece in pieces])
        reasons = [_sentence(together.words)]
        nearest = next(piece for piece in pieces if piece.kind in NEAR_THE_FACE)
        if words := self.suit(nearest.colour).words:
            reasons.append(_sentence(f"{name_of(nearest.colour)} is {words}"))
        beside, companion = max(self.beside(piece) for piece in pieces if piece.kind in _MAIN)
        if beside >= _GOES_WITH:
            reasons.append(f"Goes with {companion}.")
        if occasion is not None:
            reasons.append(f"All of it is for {occasion}.")
        return Outfit(pieces, round(look.score, 4), together, tuple(reasons))

    def _alone(self, candidate: Candidate) -> float:
        near = candidate.kind in NEAR_THE_FACE
        return _LIKING * _liking(candidate) + (_SUIT * self.suit(candidate.colour).score if near else 0)


def _best(looks: Iterable[_Look]) -> list[_Look]:
    """The best, few with the same main piece, so that there is something left to choose from."""
    kept: list[_Look] = []
    with_piece: Counter[UUID] = Counter()
    for look in sorted(looks, key=lambda look: (-look.score, look.ids)):
        main = [piece.product_id for piece in look.pieces if piece.kind in _MAIN]
        if all(with_piece[piece] < _OF_PIECE_MAX for piece in main):
            kept.append(look)
            with_piece.update(main)
        if len(kept) == _BEAM_MAX:
            break
    return kept


def _diverse(looks: Sequence[_Look], limit: int) -> Iterator[_Look]:
    """The best first, then what is good and least like those before; never the same main pieces twice."""
    left, chosen = list(looks), list[_Look]()
    while left and len(chosen) < limit:
        best = max(
            left, key=lambda look: look.score - _ALIKE_COSTS * max((_alike(look, other) for other in chosen), default=0)
        )
        chosen.append(best)
        left = [look for look in left if look.main != best.main]
        yield best


def _alike(one: _Look, two: _Look) -> float:
    """The share of the pieces that are in both."""
    both = set(one.ids) & set(two.ids)
    return len(both) / min(len(one.ids), len(two.ids))


def _liking(candidate: Candidate) -> float:
    return min(1.0, max(0.0, candidate.liking))


def _about(colour: Lab) -> tuple[int, ...]:
    return tuple(round(value / _COLOUR_STEP) for value in (colour.lightness, colour.a, colour.b))


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
