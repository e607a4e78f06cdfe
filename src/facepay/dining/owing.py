"""What one payer takes on of a bill, and why they can't: the rules of who may pay for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from facepay.dining.bills import Share, Split, together, total_of
from facepay.dining.parties import Cover
from facepay.dining.tabs import Tab


@dataclass(frozen=True, slots=True)
class BillWish:
    """Which seats are paid for (none named: the payer's own, and those of guests that they are the host of), and with
    what beside the wallet. `treat`: the payer needn't sit there.
    """

    split: Split = "seat"
    seats: tuple[int, ...] = ()
    tip: int = 0
    coupons: tuple[str, ...] = ()
    redeem_points: int = 0
    treat: bool = False


@dataclass(frozen=True, slots=True)
class Owed:
    """What one payer takes on, and for which covers."""

    shares: list[Share]
    covers: list[Cover]
    split: Split


def owed_for(tab: Tab, wish: BillWish, own: Cover | None) -> Owed | str:
    """What is to be paid, or the code of why not."""
    if own is None and not wish.treat:
        return "not_of_party"
    if tab.courses_wait:
        return "courses_waiting"
    if wish.split == "seat" and any(each.split == "person" for each in tab.settlements.values()):
        return "split_begun"
    shares, open_covers = tab.shares(wish.split), [*tab.present, *tab.gone]
    covers = _meant(tab, wish, own)
    if isinstance(covers, str):
        return covers
    rest = [each for each in open_covers if each not in covers]
    if own is not None and own in covers and _strands_guests(shares, rest):
        return "guests_unpaid"
    taken = together(share for cover in covers for share in shares.get(cover.id, ()))
    return Owed(taken, covers, wish.split) if taken else "nothing_owed"


def _meant(tab: Tab, wish: BillWish, own: Cover | None) -> list[Cover] | str:
    """The covers that are to be paid for."""
    open_covers = [*tab.present, *tab.gone]
    if wish.split == "one":
        return open_covers
    if wish.seats:
        seats = {each.seat: each for each in reversed(open_covers)}  # whoever sits there, before whoever did
        if not set(wish.seats) <= seats.keys():
            return "seat_not_owing"
        return [seats[seat] for seat in dict.fromkeys(wish.seats)]
    if own not in open_covers:
        return "nothing_owed"
    guests = [each for each in open_covers if each.member_id is None] if own is tab.host else []
    return [own, *guests]


def _strands_guests(shares: Mapping[UUID, Sequence[Share]], rest: Sequence[Cover]) -> bool:
    """Whether what guests had would be left to nobody."""
    return any(total_of(shares.get(each.id, ())) for each in rest) and not any(each.member_id for each in rest)
