"""A host who takes a table of their own leaves nothing behind that nobody's money is on hold for."""

from __future__ import annotations

import pytest

from facepay.wallet.accounts import Balance
from tests.dining.dinner import DUCK, TEA, Dinner
from tests.dining.room import Table
from tests.dining.test_moving import ask
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


@pytest.fixture
async def dinner(shop: Shop) -> Dinner:
    dinner = await Dinner.at(shop)
    await dinner.set_policy(margin_basis_points=0)
    return dinner


async def test_what_was_for_the_table_is_held_on_who_stays_once_its_host_has_gone(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=20_000)
    await dinner.order("DUCK")
    await dinner.order("TEA-001", seat=1)
    other = await Table.set_up(dinner.shop, "Window")
    split = await ask(dinner, "splits", other, seats=[1])
    assert split.status_code == 200, split.text
    assert (await dinner.held(1), await dinner.held(2)) == (TEA, DUCK)
    assert (await dinner.pay(2))["left"] == 0
    assert (await Dinner(dinner.shop, other, dinner.members).pay(1))["left"] == 0
    assert await dinner.wallet(1) == Balance(20_000 - TEA, 0)
    await dinner.books_agree()


async def test_a_host_stays_where_nobody_else_can_answer_for_the_table(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=100)
    await dinner.order("DUCK")
    other = await Table.set_up(dinner.shop, "Window")
    refused = (await ask(dinner, "splits", other, seats=[1])).json()
    assert (refused["code"], refused["reason"]) == ("cannot_split_off", "insufficient_funds"), refused
    assert (await dinner.held(1), await dinner.held(2)) == (DUCK, 0)
    assert (await dinner.pay(1, split="one"))["left"] == 0
    await dinner.books_agree()
