from __future__ import annotations

import pytest

from tests.dining.room import CAKE, PEANUT_NOODLES, SOUP, Kitchen, Table, write_menu
from tests.shop import Shop

pytestmark = pytest.mark.anyio


@pytest.fixture
async def table(shop: Shop) -> Table:
    await write_menu(shop)
    table = await Table.set_up(shop)
    await shop.add_member(0, balance=20_000)
    await table.seat(0, -1)
    return table


async def test_order(table: Table) -> None:
    kitchen = await Kitchen.put_up(table.shop)
    answer = await table.order(SOUP, PEANUT_NOODLES, CAKE, seat=1)
    assert answer.is_success, answer.text
    print(answer.json())
    print(await kitchen.tickets())
    (soup,) = await kitchen.tickets()
    await kitchen.serve(soup["id"])
    print(await kitchen.tickets())
    print([(i["name"], i["state"]) for i in (await table.party())["items"]])
