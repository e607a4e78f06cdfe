"""Bills: however they are shared, they add up to the cent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepay.dining.bills import Charge, Share, Split, lines_of, split, together, total_of

COVERS = [UUID(int=number) for number in range(1, 8)]
SERVICE = Charge(None, None, UUID(int=99), "SERVICE", "Service", 1, 0, 600)


def dish(price: int, cover: int | None = None, *, number: int = 1000, quantity: int = 1, **more: Any) -> Charge:
    cover_id = None if cover is None else COVERS[cover]
    return Charge(UUID(int=number), cover_id, UUID(int=500), "DUCK", "Peking duck", quantity, price, 600, **more)


@st.composite
def tabs(draw: st.DrawFn) -> tuple[list[Charge], Charge | None, list[UUID]]:
    """Some of it was paid before, and some costs nothing."""
    covers = COVERS[: draw(st.integers(1, len(COVERS)))]
    charges = []
    for number in range(draw(st.integers(0, 8))):
        cover = draw(st.none() | st.integers(0, len(covers) - 1))
        charge = dish(draw(st.integers(0, 5000)), cover, number=1000 + number, quantity=draw(st.integers(1, 4)))
        paid = draw(st.integers(0, charge.total))
        charges.append(replace(charge, paid=paid, parts_paid=1 if paid else 0))
    service = draw(st.none() | st.integers(1, 3000))
    return charges, None if service is None else replace(SERVICE, unit_price=service), covers


@settings(max_examples=50)
@given(tabs(), st.sampled_from(["seat", "person", "one"]))
def test_shares_add_up_to_what_is_left_to_the_cent(
    tab: tuple[list[Charge], Charge | None, list[UUID]], by: Split
) -> None:
    charges, service, covers = tab
    owed = split(charges, service=service, by=by, sharing=covers)
    left = sum(charge.left for charge in charges)
    due = left + (service.left if service else 0)
    assert sum(map(total_of, owed.values())) == due
    assert all(share.amount >= 0 for shares in owed.values() for share in shares)
    whole = together(share for shares in owed.values() for share in shares)
    assert sum(line.total for line in lines_of(whole)) == due
    for shares in owed.values():
        assert sum(line.total for line in lines_of(shares)) == total_of(shares)


@given(st.lists(st.integers(0, 5000), max_size=12), st.integers(1, 7), st.integers(0, 3000))
def test_an_equal_split_differs_by_a_cent_at_most(prices: list[int], covers: int, service: int) -> None:
    charges = [dish(price, number=1000 + number) for number, price in enumerate(prices)]
    charge = replace(SERVICE, unit_price=service)
    owed = split(charges, service=charge, by="person", sharing=COVERS[:covers])
    totals = [total_of(shares) for shares in owed.values()]
    assert max(totals) - min(totals) <= 1


@settings(max_examples=50)
@given(tabs(), st.sampled_from(["seat", "person"]), st.data())
def test_paying_one_after_another_pays_the_same_as_all_at_once(
    tab: tuple[list[Charge], Charge | None, list[UUID]], by: Split, data: st.DataObject
) -> None:
    charges, service, covers = tab
    whole = sum(map(total_of, split(charges, service=service, by=by, sharing=covers).values()))
    waiting, paid = list(covers), 0
    while waiting:
        owed = split(charges, service=service, by=by, sharing=waiting)
        cover = data.draw(st.sampled_from(waiting))
        waiting.remove(cover)
        paid += total_of(owed[cover])
        taken = {share.charge.item_id: share for share in together(owed[cover])}
        charges = [_after(charge, taken) for charge in charges]
        charges = [replace(each, cover_id=None) if each.cover_id == cover else each for each in charges]
        service = _after(service, taken) if service else None
    assert paid == whole


def _after(charge: Charge, taken: dict[UUID | None, Share]) -> Charge:
    share = taken.get(charge.item_id)
    if share is None:
        return charge
    return replace(charge, paid=charge.paid + share.amount, parts_paid=charge.parts_paid + share.parts)


def test_a_part_is_a_line_of_its_own_that_says_of_what() -> None:
    duck, tea = dish(10_000), dish(450, 1, number=1001, quantity=2)
    owed = split([duck, tea], service=None, by="seat", sharing=COVERS[:3])
    assert [(line.name, line.quantity, line.unit_price) for line in lines_of(owed[COVERS[1]])] == [
        ("Peking duck, 1 of 3", 1, 3333),
        ("Peking duck", 2, 450),
    ]
    two = lines_of(together([*owed[COVERS[0]], *owed[COVERS[2]]]))
    assert [(line.name, line.total) for line in two] == [("Peking duck, 2 of 3", 6667)]
    all_of_it = lines_of(together(share for shares in owed.values() for share in shares))
    assert [(line.name, line.quantity, line.total) for line in all_of_it] == [
        ("Peking duck", 1, 10_000),
        ("Peking duck", 2, 900),
    ]


def test_the_tax_of_a_part_is_in_the_part() -> None:
    (line,) = lines_of(split([dish(10_000)], service=None, by="seat", sharing=COVERS[:3])[COVERS[0]])
    assert (line.total, line.tax) == (3334, 189)  # 3334 - 3334 / 1.06


def test_parts_that_cost_nothing_are_on_no_bill_and_what_is_free_is_on_one() -> None:
    owed = split([dish(1), dish(0, number=1001)], service=None, by="seat", sharing=COVERS[:3])
    lines = [line for shares in owed.values() for line in lines_of(shares)]
    assert sorted((line.name, line.total) for line in lines) == [("Peking duck", 0), ("Peking duck", 1)]


def test_nobody_owes_for_a_place_that_isnt_at_the_table() -> None:
    with pytest.raises(ValueError, match="nobody is there to pay"):
        split([dish(100, 5)], service=None, by="seat", sharing=COVERS[:2])
    with pytest.raises(ValueError, match="nobody is there to share"):
        split([dish(100)], service=None, by="seat", sharing=[])
