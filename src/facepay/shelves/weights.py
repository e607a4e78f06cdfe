"""From a change in a slot's weight to what was taken or put back, and how sure that is. Pure.

Every explanation has a prior (few pieces of few kinds are likelier, and what doesn't lie there can't be taken) and a
likelihood (normal, its variance that of the scale and of each piece). Its probability is its share among all of them,
the one that nothing here explains the change included: two products of one weight get a half each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, product
from math import comb, log, pi
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from facepay.shelves.planogram import Good, Slot

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]

PIECES_MAX = 12  # in one change; of a single product, up to SAME_PIECES_MAX
SAME_PIECES_MAX = 1_000
KINDS_MAX = 4
ROWS_MAX = 130_000  # of so many kinds; with more goods in a slot, mixed changes are looked for among fewer pieces
# A table of up to three goods has 0.1 MB at most and is made in a millisecond, one of more up to 8 MB in 70 ms.
FEW_GOODS, SMALL_TABLES_MAX, LARGE_TABLES_MAX = 3, 1_000, 32
DEVIATIONS_MAX = 5.0
EXPLANATIONS_MAX = 10
PROBABILITY_MIN = 0.001

# What an event is, before it is weighed: estimates.
NOTHING, MISPLACED, UNEXPLAINED, EMPTIED = 0.01, 0.01, 0.01, 0.002
PUT_BACK = 0.2  # of what is moved
SAME_EXPONENT, KINDS_EXPONENT = 2.5, 4.5  # n pieces of a kind, and n kinds at once, are n**-exponent as likely as one
MISCOUNTED = 0.02  # for each piece taken that doesn't lie there by count
UNSEEN = 0.05  # for each piece put back that is in nobody's basket
UNKNOWN_OBJECT_GRAMS = 1_000.0  # scale of what else is laid down

SAME = sum(n**-SAME_EXPONENT for n in range(1, SAME_PIECES_MAX + 1))
NONE = np.zeros((1, 1), np.int64)


@dataclass(frozen=True, slots=True)
class Explanation:
    """So many pieces taken of each product, negative where put back. `misplaced`: goods that belong elsewhere."""

    taken: Mapping[UUID, int]
    probability: float
    misplaced: bool = False


@dataclass(frozen=True, slots=True)
class Interpretation:
    """The likeliest explanations, the best first, and how probable it is that none fits; none is kept below 0.1 %."""

    explanations: tuple[Explanation, ...]
    unexplained: float

    @property
    def best(self) -> Explanation | None:
        """Where one is likelier than that nothing explains it."""
        found = self.explanations[0] if self.explanations else None
        return found if found and found.probability > self.unexplained else None


@dataclass(frozen=True, slots=True)
class _Rows:
    """Hypotheses: each row takes `pieces` (rows, columns) of the goods numbered `kinds`; spare columns have none.

    `grams` is what those pieces weigh, `variance` by how much they differ (grams squared).
    """

    kinds: Integers
    pieces: Integers
    grams: Floats
    variance: Floats
    log_prior: Floats

    @classmethod
    def of(cls, kinds: Integers, pieces: Integers, log_prior: Floats, weights: Floats) -> _Rows:
        """`weights` are the unit weight and tolerance of each good."""
        unit, tolerance = weights[:, 0][kinds], weights[:, 1][kinds]
        grams, variance = (pieces * unit).sum(axis=1), (np.abs(pieces) * tolerance**2).sum(axis=1)
        return cls(kinds, pieces, grams, variance, log_prior)

    def __getitem__(self, which: Any) -> _Rows:
        return _Rows(*(getattr(self, name)[which] for name in self.__slots__))

    @classmethod
    def joined(cls, *parts: _Rows) -> _Rows:
        columns = max(part.pieces.shape[1] for part in parts)

        def wide(values: Integers) -> Integers:
            missing = columns - values.shape[1]
            return np.hstack([values, np.zeros((len(values), missing), values.dtype)]) if missing else values

        return cls(
            np.concatenate([wide(part.kinds) for part in parts]),
            np.concatenate([wide(part.pieces) for part in parts]),
            *(np.concatenate([getattr(part, name) for part in parts]) for name in ("grams", "variance", "log_prior")),
        )


def interpret(
    change_grams: float,
    *,
    slot: Slot,
    lying: Mapping[UUID, int] | None = None,
    in_baskets: Mapping[UUID, int] | None = None,
    elsewhere: Sequence[Good] = (),
) -> Interpretation:
    """What a settled change means: negative where the slot became lighter.

    `lying` is what the slot holds by count, where it is counted; `in_baskets` what those inside carry, who may put it
    back. `elsewhere` are the goods of other slots, of which a piece or two may have been put here by mistake. Goods
    that were misplaced here before belong to `slot.goods`.
    """
    own = {good.product_id for good in slot.goods}
    strange = [good for good in elsewhere if good.product_id not in own]
    goods = (*slot.goods, *strange)
    weights = _weights(goods)
    rows = _Rows.joined(
        _hindered(_mixed(change_grams, slot), slot, lying, in_baskets),
        _hindered(_many_of_one(change_grams, weights[: len(own)]), slot, lying, in_baskets),
        *([_emptied(slot, lying, weights)] if lying and any(lying.get(each) for each in own) else []),
        *([_misplaced(strange, weights, in_baskets)] if strange else []),
        _Rows.of(NONE, NONE, np.array([log(NOTHING)]), weights),
    )
    variance = slot.noise_grams**2 + rows.variance
    scores = rows.log_prior - 0.5 * ((change_grams + rows.grams) ** 2 / variance + np.log(2 * pi * variance))
    unknown = log(UNEXPLAINED / (2 * UNKNOWN_OBJECT_GRAMS)) - abs(change_grams) / UNKNOWN_OBJECT_GRAMS
    best = max(scores.max(), unknown)
    likely, unknown_share = np.exp(scores - best), float(np.exp(unknown - best))
    total = float(likely.sum()) + unknown_share
    return Interpretation(_explanations(rows, likely / total, goods, len(own)), unknown_share / total)


def _weights(goods: Sequence[Good]) -> Floats:
    return np.array([(good.unit_weight_grams, good.tolerance_grams) for good in goods])


def _explanations(rows: _Rows, probabilities: Floats, goods: Sequence[Good], own: int) -> tuple[Explanation, ...]:
    """The same change may have come about in two ways: their probabilities add up."""
    found: dict[frozenset[tuple[int, int]], float] = {}
    worth = np.flatnonzero(probabilities >= PROBABILITY_MIN / 2)
    for row in worth[np.argsort(-probabilities[worth], kind="stable")][: 2 * EXPLANATIONS_MAX]:
        moved = zip(rows.kinds[row].tolist(), rows.pieces[row].tolist(), strict=True)
        change = frozenset((kind, pieces) for kind, pieces in moved if pieces)
        found[change] = found.get(change, 0.0) + float(probabilities[row])
    best = sorted(found.items(), key=lambda item: -item[1])[:EXPLANATIONS_MAX]
    return tuple(
        Explanation(
            taken={goods[kind].product_id: pieces for kind, pieces in sorted(change)},
            probability=probability,
            misplaced=any(kind >= own for kind, _ in change),
        )
        for change, probability in best
        if probability >= PROBABILITY_MIN
    )


def _hindered(
    rows: _Rows, slot: Slot, lying: Mapping[UUID, int] | None, in_baskets: Mapping[UUID, int] | None
) -> _Rows:
    """Less likely for each piece that isn't where it would be taken from, and more so for what is."""
    log_prior = rows.log_prior.copy()
    # What a slot has no count of may well fill it; whoever carries nothing of a product can't put it back.
    full = {good.product_id: good.full_quantity for good in slot.goods}
    for there, sign, factor in ((full | dict(lying or {}), 1, MISCOUNTED), (in_baskets, -1, UNSEEN)):
        if there is not None:
            most = np.array([there.get(good.product_id, 0) for good in slot.goods])
            moved = sign * rows.pieces
            log_prior += np.maximum(0, moved - most[rows.kinds]).sum(axis=1) * log(factor)
            if most.any():  # who takes something chooses among what there is
                log_prior -= (moved > 0).sum(axis=1) * log(np.where(most > 0, 1.0, factor).mean())
    return replace(rows, log_prior=log_prior)


def _mixed(change_grams: float, slot: Slot) -> _Rows:
    """Up to PIECES_MAX pieces of up to KINDS_MAX kinds, each taken or put back, whose weight may be the change."""
    table = _table(tuple((good.unit_weight_grams, good.tolerance_grams) for good in slot.goods))
    reach = DEVIATIONS_MAX * (slot.noise_grams**2 + float(table.variance.max())) ** 0.5
    first, last = np.searchsorted(table.grams, (-change_grams - reach, -change_grams + reach))
    variance = slot.noise_grams**2 + table.variance[first:last]
    near = (table.grams[first:last] + change_grams) ** 2 <= DEVIATIONS_MAX**2 * variance
    return table[first + np.flatnonzero(near)]


def _many_of_one(change_grams: float, weights: Floats) -> _Rows:
    """More pieces of one product than a mixed change has: a shelf that is filled or emptied."""
    pieces = (np.rint(-change_grams / weights[:, 0]).astype(np.int64)[:, None] + np.arange(-3, 4)).reshape(-1, 1)
    kinds = np.repeat(np.arange(len(weights)), 7)[:, None]
    fits = ((np.abs(pieces) > PIECES_MAX) & (np.abs(pieces) <= SAME_PIECES_MAX))[:, 0]
    return _Rows.of(kinds[fits], pieces[fits], _log_prior(pieces[fits], len(weights)), weights)


def _emptied(slot: Slot, lying: Mapping[UUID, int], weights: Floats) -> _Rows:
    pieces = np.array([[lying.get(good.product_id, 0) for good in slot.goods]])
    return _Rows.of(np.arange(len(slot.goods))[None], pieces, np.array([log(EMPTIED)]), weights)


def _misplaced(strange: Sequence[Good], weights: Floats, in_baskets: Mapping[UUID, int] | None) -> _Rows:
    """One or two pieces of another slot's product, more likely of one that somebody carries."""
    seen = np.array([1.0 if in_baskets is None or in_baskets.get(good.product_id) else UNSEEN for good in strange])
    log_prior = np.log(MISPLACED * seen / seen.sum())
    kinds = np.arange(len(weights) - len(strange), len(weights))[:, None]
    one = np.full_like(kinds, -1)
    return _Rows.joined(
        _Rows.of(kinds, one, log_prior, weights),
        _Rows.of(kinds, 2 * one, log_prior - SAME_EXPONENT * log(2), weights),
    )


def _log_prior(pieces: Integers, goods: int) -> Floats:
    """Of rows of so many kinds each (the columns), whatever the kinds are."""
    kinds = pieces.shape[1]
    mixed = sum(n**-KINDS_EXPONENT for n in range(1, goods + 1))
    each = np.log(np.where(pieces > 0, 1 - PUT_BACK, PUT_BACK) / SAME) - SAME_EXPONENT * np.log(np.abs(pieces))
    which = KINDS_EXPONENT * log(kinds) + log(mixed) + log(comb(goods, kinds))
    result: Floats = each.sum(axis=1) - which + log(1 - NOTHING - MISPLACED - UNEXPLAINED - EMPTIED)
    return result


def _table(goods: tuple[tuple[float, float], ...]) -> _Rows:
    """All mixed changes of goods of these unit weights and tolerances, by the grams that they take."""
    return _small_table(goods) if len(goods) <= FEW_GOODS else _large_table(goods)


def _make_table(goods: tuple[tuple[float, float], ...]) -> _Rows:
    weights = np.array(goods)
    rows = _Rows.joined(*(_rows_of(kinds, weights) for kinds in range(1, min(KINDS_MAX, len(goods)) + 1)))
    return rows[np.argsort(rows.grams)]


# So that the many slots of a store that have few goods don't push each other's out, nor those that have many.
_small_table = lru_cache(maxsize=SMALL_TABLES_MAX)(_make_table)
_large_table = lru_cache(maxsize=LARGE_TABLES_MAX)(_make_table)


def _rows_of(kinds: int, weights: Floats) -> _Rows:
    """Every choice of so many kinds with every number of pieces, as many as there is room for."""
    goods, most = len(weights), PIECES_MAX
    while comb(goods, kinds) * 2**kinds * comb(most, kinds) > ROWS_MAX:
        most -= 1
    counts = [each for each in product(range(1, most + 1), repeat=kinds) if sum(each) <= most]
    signs = np.array(list(product((1, -1), repeat=kinds)), np.int8)
    pieces = (np.array(counts, np.int8).reshape(-1, 1, kinds) * signs).reshape(-1, kinds)
    chosen = np.array(list(combinations(range(goods), kinds)), np.int8)
    return _Rows.of(
        np.repeat(chosen, len(pieces), axis=0),
        np.tile(pieces, (len(chosen), 1)),
        np.tile(_log_prior(pieces, goods), len(chosen)),
        weights,
    )
