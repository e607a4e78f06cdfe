"""What a shelf reports is counted once, however late, however often, and in whatever order it comes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.shelves.shelf import FULL, Shelf, come_in
from tests.shop import Shop

pytestmark = pytest.mark.anyio


async def test_what_is_taken_is_in_the_basket_and_out_of_the_slot(shop: Shop) -> None:
    _, visit = await come_in(shop)
    shelf = await Shelf.put_up(shop)
    assert await shelf.tell(shelf.event("A1", -1024.6), shelf.event("A2", -129.0)) == ["take", "take"]
    assert await shelf.basket(visit) == {"TEA-001": (2, 2), "BAO-002": (1, 1)}
    assert await shelf.tell(shelf.event("A1", 511.0)) == ["put_back"]
    assert await shelf.basket(visit) == {"TEA-001": (1, 1), "BAO-002": (1, 1)}
    assert await shelf.lying() == {"TEA-001": FULL - 1, "BAO-002": FULL - 1, "UMB-003": FULL}
