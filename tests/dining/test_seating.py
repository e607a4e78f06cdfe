"""Who sits where: members one by one, guests as guests, nobody twice."""

from __future__ import annotations

import pytest

from tests.dining.room import Table, at_table
from tests.shop import Shop

pytestmark = pytest.mark.anyio


async def test_everybody_in_the_picture_gets_the_seat_whose_region_they_are_in(shop: Shop) -> None:
    table = await Table.set_up(shop)
    first, second = await shop.add_member(0), await shop.add_member(3)
    answer = (await table.show(at_table(3, -1, None, 0))).json()
    assert answer["decision"] == "seated", answer
    covers = {each["seat"]: each["member"] and each["member"]["id"] for each in answer["party"]["covers"]}
    assert covers == {1: second, 2: None, 4: first}
    assert answer["party"]["host_seat"] == 1
    said = {each["seat"]: (each["decision"], each["code"]) for each in answer["seated"]}
    assert said == {1: ("member", "welcome"), 2: ("guest", "unknown_face"), 4: ("member", "welcome")}
    assert await table.party() == answer["party"]
