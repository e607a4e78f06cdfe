"""Parents whose children sit at the same tables: payments at these wait for each other, and not for ever."""

from __future__ import annotations

import asyncio

import pytest

from tests.dining.dinner import TEA, Dinner
from tests.families.household import Household
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
BALANCE = 50_000


async def test_children_of_two_parents_who_pay_for_each_other_at_two_tables_at_once_all_pay(shop: Shop) -> None:
    dinners = [await Dinner.at(shop), await Dinner.at(shop, "Table 8")]
    households = [await Household.of(shop, balance=BALANCE) for _ in dinners]
    children = [[each.child, await each.another()] for each in households]
    rounds = 3
    for _ in range(rounds):
        for number, dinner in enumerate(dinners):
            for seat in (1, 2):
                await dinner.sit(seat, member=children[seat - 1][number])
                await dinner.order("TEA-001", seat=seat)
        first, second = dinners
        paid = await asyncio.gather(first.ask_to_pay(1, split="one"), second.ask_to_pay(2, split="one"))
        assert [each.json()["code"] for each in paid] == ["paid", "paid"], [each.text for each in paid]
    for household in households:
        assert await shop.balance(household.payer) == BALANCE - rounds * 2 * TEA
    await dinners[0].books_agree()
