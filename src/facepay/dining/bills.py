"""Bills: who owes what of all that a table had. Pure arithmetic in minor units, in which no cent is lost or made.

Everybody pays what they had, and a part of what was for the whole table (`seat`); or the same as everybody (`person`).
One who pays for all takes everybody's shares together. Where equal parts don't come out even, the odd cents go round
the table, so that nobody gets two of them before everybody has had one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from facepay.checkout.pricing import PricedLine
from facepay.rewards.discounts import share_out

Split = Literal["seat", "person", "one"]


@dataclass(frozen=True, slots=True)
class Charge:
    """What a table had, for the cover that owes it (None: for all), or the service charge, which is no item.

    `paid` of its price was paid already, in `parts_paid` parts. `answering_id` is the cover on whose wallet it is held.
    """

    item_id: UUID | None
    cover_id: UUID | None
    product_id: UUID
    sku: str
    name: str
    quantity: int
    unit_price: int
    tax_rate_basis_points: int
    category: str | None = None
    answering_id: UUID | None = None
    paid: int = 0
    parts_paid: int = 0

    @property
    def total(self) -> int:
        return self.quantity * self.unit_price

    @property
    def left(self) -> int:
        return self.total - self.paid

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to take it on; what costs nothing, too."""
        return self.left > 0 or not self.parts_paid


@dataclass(frozen=True, slots=True)
class Share:
    """So many parts of a charge, and what they come to."""

    charge: Charge
    amount: int
    parts: int = 1
    of: int = 1

    @property
    def is_whole(self) -> bool:
        return self.amount == self.charge.total

    def line(self) -> PricedLine:
        """A part is one piece at its own price, and its name says what it is a part of: so taxes, points, coupons and
        refunds are those of any line.
        """
        charge = self.charge
        whole = PricedLine(
            product_id=charge.product_id,
            sku=charge.sku,
            name=charge.name,
            quantity=charge.quantity,
            unit_price=charge.unit_price,
            tax_rate_basis_points=charge.tax_rate_basis_points,
            category=charge.category,
        )
        if self.is_whole:
            return whole
        several = f"{charge.quantity} x " if charge.quantity > 1 else ""
        part = f", {self.parts} of {self.of}" if self.of > 1 else ""
        return replace(whole, name=f"{several}{charge.name}"[:180] + part, quantity=1, unit_price=self.amount)


def split(
    charges: Iterable[Charge],
    *,
    service: Charge | None,
    by: Split,
    sharing: Sequence[UUID],
    alone: Sequence[UUID] = (),
) -> dict[UUID, list[Share]]:
    """What each cover owes of what is left; together it is all of it.

    Those `sharing` share what was for the whole table, or by `person` all that they had; those `alone`, who have left,
    owe what they had themselves. The service charge is shared as the rest is, or equally where only it is left. Raises
    ValueError for a charge of a cover that is neither, and where nobody shares.
    """
    if not sharing:
        raise ValueError("nobody is there to share a bill")
    owed: dict[UUID, list[Share]] = {cover_id: [] for cover_id in (*sharing, *alone)}
    turn = 0
    for charge in charges:
        if not charge.is_open:
            continue
        if charge.cover_id is not None and charge.cover_id not in owed:
            raise ValueError(f"nobody is there to pay for item {charge.item_id}")
        if charge.cover_id is None or (by == "person" and charge.cover_id in sharing):
            turn = _share_equally(charge, owed, sharing, turn)
        else:
            owed[charge.cover_id].append(Share(charge, charge.left, of=1 + charge.parts_paid))
    if service is not None and service.left:
        if by == "person" or not any(total_of(shares) for shares in owed.values()):
            _share_equally(service, owed, sharing, turn)
        else:
            _share_in_proportion(service, owed)
    return owed


def _share_equally(charge: Charge, owed: Mapping[UUID, list[Share]], covers: Sequence[UUID], turn: int) -> int:
    """From the cover on whose turn it is for an odd cent; answers whose turn it is then."""
    if not charge.left:
        owed[covers[turn]].append(Share(charge, 0))
        return turn
    part, odd = divmod(charge.left, len(covers))
    for number, cover_id in enumerate(covers):
        extra = (number - turn) % len(covers) < odd
        owed[cover_id].append(Share(charge, part + extra, of=len(covers) + charge.parts_paid))
    return (turn + odd) % len(covers)


def _share_in_proportion(service: Charge, owed: Mapping[UUID, list[Share]]) -> None:
    """To what everybody owes."""
    amounts = share_out(service.left, [total_of(shares) for shares in owed.values()])
    for shares, amount in zip(owed.values(), amounts, strict=True):
        if amount:
            shares.append(Share(service, amount))


def together(shares: Iterable[Share]) -> list[Share]:
    """Several covers' shares as one payer's: parts of the same charge are one share."""
    found: dict[UUID | None, Share] = {}
    for share in shares:
        before = found.get(share.charge.item_id)
        amount, parts = (before.amount, before.parts) if before else (0, 0)
        found[share.charge.item_id] = Share(share.charge, amount + share.amount, parts + share.parts, share.of)
    return list(found.values())


def lines_of(shares: Iterable[Share]) -> tuple[PricedLine, ...]:
    """Of one payer's shares, without parts so small that they cost nothing."""
    return tuple(share.line() for share in shares if share.amount or share.is_whole)


def total_of(shares: Iterable[Share]) -> int:
    return sum(share.amount for share in shares)
