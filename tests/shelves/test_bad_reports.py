"""Shelves that tell what can't be, or can hardly be."""

from __future__ import annotations

import pytest

from tests.shelves.shelf import FULL, Shelf, let_in
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_no_clock_is_so_wrong_that_a_shelf_gets_no_answer(shop: Shop) -> None:
    shelf = await Shelf.put_up(shop)
    for clock in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        await shop.client.post(f"/v1/devices/{shelf.id}/heartbeats", json={"sent_at": clock}, headers=shelf.headers)
        for at, status in (("1970-01-01T00:00:00Z", 200), ("2199-12-31T00:00:00Z", 200), (clock, 422)):
            response = await shelf.post(shelf.event("A1", -512.0) | {"at": at})
            assert response.status_code == status, response.text


async def test_nobody_is_sure_to_have_taken_more_than_a_slot_has_room_for(shop: Shop) -> None:
    _, visit = await let_in(shop)
    shelf = Shelf(shop, *await shop.add_device("shelf"))
    good = {"sku": "TEA-001", "unit_weight_grams": 512.0, "tolerance_grams": 2.0, "full_quantity": FULL}
    slot = {"code": "A1", "noise_grams": 2.0, "goods": [good]}
    await shop.do("PUT", f"/v1/devices/{shelf.id}/planogram", json={"slots": [slot]})
    await shelf.tell(shelf.event("A1", -512.0 * 15 * FULL, hand=True))
    assert "TEA-001" not in await shelf.basket(visit)
    await shelf.tell(shelf.event("A1", -512.0 * FULL, hand=True))
    assert await shelf.basket(visit) == {"TEA-001": (FULL, FULL)}
