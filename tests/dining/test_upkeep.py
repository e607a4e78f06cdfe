"""What was never cooked is on nobody's bill once its day is over, and staff hear of a table that stays open."""

from __future__ import annotations

from datetime import timedelta

import pytest

from facepay.dining.upkeep import FORGOTTEN_AFTER, alert_of_forgotten, cancel_uncooked
from facepay.kernel.clock import utc_now
from facepay.kitchen.upkeep import lapse_tickets
from tests.dining.dinner import DUCK, TEA, Dinner
from tests.dining.room import CAKE, NOODLES, PLAIN_NOODLES, SOUP, Table, write_menu
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TOMORROW = timedelta(days=1)


async def test_courses_that_were_held_back_until_their_day_was_over_are_on_no_bill(shop: Shop) -> None:
    await write_menu(shop)
    table = await Table.set_up(shop)
    dinner = Dinner(shop, table)
    await dinner.sit(1, balance=50_000)
    await dinner.set_policy(margin_basis_points=0)
    assert (await table.order(SOUP, PLAIN_NOODLES, CAKE, seat=1)).is_success
    assert await dinner.held(1) == 800 + 2800 + 1500
    later = utc_now() + TOMORROW
    assert await cancel_uncooked(dinner.database, now=utc_now()) == 0
    assert await cancel_uncooked(dinner.database, now=later) == 1
    await lapse_tickets(dinner.database, now=later)
    left = {each["sku"]: each["state"] for each in (await table.party())["items"]}
    assert left.get(SOUP) == "served"
    assert all(left.get(sku, "cancelled") == "cancelled" for sku in (NOODLES, CAKE))
    assert await dinner.held(1) == 800
    assert (await dinner.bill())["left"] == 800
    assert (await dinner.pay(1))["total"] == 800
    assert await dinner.is_free()
    await dinner.books_agree()


async def test_staff_hear_once_of_a_party_that_nobody_closed(shop: Shop) -> None:
    dinner = await Dinner.at(shop)
    await dinner.sit(1, balance=DUCK)
    await dinner.order("TEA-001", seat=1)
    party = (await dinner.table.party())["id"]
    alerts = f"/v1/stores/{shop.store_id}/alerts?kind=party_forgotten"
    await alert_of_forgotten(dinner.database, now=utc_now() + FORGOTTEN_AFTER - timedelta(minutes=1))
    assert (await shop.do("GET", alerts))["items"] == []
    for _ in range(2):
        assert await alert_of_forgotten(dinner.database, now=utc_now() + FORGOTTEN_AFTER) == 1
    (alert,) = (await shop.do("GET", alerts))["items"]
    assert alert["evidence_id"] == party
    assert (await dinner.pay(1))["total"] == TEA
    assert await alert_of_forgotten(dinner.database, now=utc_now() + FORGOTTEN_AFTER) == 0
