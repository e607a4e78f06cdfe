"""The written rule: what is charged where shelf, tags and basket disagree, or one of them is unsure. Pure.

docs/shelves.md shows it as a table of cases, row by row the same as the test's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Source = Literal["shelf", "rfid", "basket"]


@dataclass(frozen=True, slots=True)
class Count:
    """How many pieces a source counted: so many for sure, and so many at most. Raises ValueError for nonsense."""

    sure: int
    possible: int

    def __post_init__(self) -> None:
        if not 0 <= self.sure <= self.possible:
            raise ValueError(f"a count from {self.sure} to {self.possible}")

    @classmethod
    def exactly(cls, pieces: int) -> Count:
        return cls(pieces, pieces)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is said of one product, at `unit_price` minor units. A source that doesn't watch it isn't in `counts`:
    goods without tags have no `rfid`, and a source that watched and saw none says zero.
    """

    sku: str
    unit_price: int
    counts: Mapping[Source, Count]


@dataclass(frozen=True, slots=True)
class Dispute:
    """Pieces of a product that may have been taken on top of those charged."""

    sku: str
    charged: int
    disputed: int
    value: int

    @property
    def possible(self) -> int:
        return self.charged + self.disputed


@dataclass(frozen=True, slots=True)
class Verdict:
    """Pieces to charge by sku (none of them zero), and what becomes of the rest."""

    charged: Mapping[str, int]
    waived: tuple[Dispute, ...] = ()
    review: tuple[Dispute, ...] = ()


def reconcile(claims: Sequence[Claim], *, favour_max: int) -> Verdict:
    """Charge what every source is sure of. What only some say, or none is sure of, is given up in the customer's
    favour, the least valuable products first, as long as all of it together is worth `favour_max` or less; the rest
    goes to staff, and is not charged until they have decided.
    """
    charged: dict[str, int] = {}
    disputes: list[Dispute] = []
    for claim in claims:
        agreed = min((count.sure for count in claim.counts.values()), default=0)
        possible = max((count.possible for count in claim.counts.values()), default=0)
        if agreed:
            charged[claim.sku] = agreed
        if disputed := possible - agreed:
            disputes.append(Dispute(claim.sku, agreed, disputed, disputed * claim.unit_price))
    waived, review, left = [], [], favour_max
    for dispute in sorted(disputes, key=lambda each: (each.value, each.sku)):
        if dispute.value <= left:
            left -= dispute.value
            waived.append(dispute)
        else:
            review.append(dispute)
    return Verdict(charged, tuple(waived), tuple(review))


@dataclass(frozen=True, slots=True)
class LateVerdict:
    """What a change that was reported after the visit had paid does to the bill, and for how many pieces."""

    action: Literal["nothing", "charge", "refund", "waive", "review"]
    quantity: int = 0


def settle_late(*, moved: int, paid: int, taken: Count, unit_price: int, favour_max: int) -> LateVerdict:
    """`moved` pieces were taken (or put back, where negative); `taken` is all that the shelf counted of the product
    in that visit, this change among it, and `paid` what was paid for it. What the bill shows already stays.

    A sure take is charged, a sure return refunded. Of a doubtful one the customer gets the benefit up to
    `favour_max`: a take is waived, a return refunded. Above, staff decide.
    """
    if moved > 0:
        if taken.sure > paid:
            return LateVerdict("charge", min(moved, taken.sure - paid))
        doubtful = min(moved, max(0, taken.possible - paid))
        return _doubtful("waive", doubtful, unit_price, favour_max)
    if taken.possible < paid:
        return LateVerdict("refund", min(-moved, paid - taken.possible))
    doubtful = min(-moved, max(0, paid - taken.sure))
    return _doubtful("refund", doubtful, unit_price, favour_max)


def _doubtful(favour: Literal["waive", "refund"], quantity: int, unit_price: int, favour_max: int) -> LateVerdict:
    if not quantity:
        return LateVerdict("nothing")
    return LateVerdict(favour if quantity * unit_price <= favour_max else "review", quantity)
