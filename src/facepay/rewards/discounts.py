"""Discounts and shares: pure arithmetic in minor units, in which no cent is lost or made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

BASIS_POINTS = 10_000
Reason = Literal["tier", "coupon", "smile"]


@dataclass(frozen=True, slots=True)
class Reserve:
    """What pays for a discount that was won: a part of its campaign's budget, on hold since."""

    campaign_id: UUID
    hold_id: UUID


@dataclass(frozen=True, slots=True)
class Discount:
    """Either basis points or an amount, off the lines that it covers (all of them, where it names none), and no more
    than `amount_max`.
    """

    reason: Reason
    label: str
    basis_points: int = 0
    amount: int = 0
    amount_max: int | None = None
    skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    coupon_id: UUID | None = None
    reserve: Reserve | None = None

    def covers(self, sku: str, category: str | None) -> bool:
        return not (self.skus or self.categories) or sku in self.skus or category in self.categories

    def of(self, base: int) -> int:
        """What it takes off that much: never more than it, rounded half up."""
        off = min(base, self.amount + (base * self.basis_points + BASIS_POINTS // 2) // BASIS_POINTS)
        return off if self.amount_max is None else min(off, self.amount_max)


def share_out(total: int, weights: Sequence[int]) -> list[int]:
    """Parts that add up to `total`, each within one of its weight's share: the largest remainders are rounded up.

    Where the total is within the sum of the weights, no part exceeds its weight.
    """
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(total * weights[i] % whole))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts


def portion(value: int, *, of: int, done: int, amount: int) -> int:
    """The next share of `value` when `amount` of `of` follows on `done`: shares of any sequence add up to it."""
    return value * (done + amount) // of - value * done // of
