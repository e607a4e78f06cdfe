from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from facepay.catalog.products import find_products
from facepay.catalog.stock import return_stock, take_stock
from facepay.kernel.database import Database
from tests.answers import verdict
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


class Shelf:
    """The store's stock, as checkouts see it."""

    def __init__(self, shop: Shop, database: Database, ids: Mapping[str, UUID]) -> None:
        self.shop, self.database, self.ids = shop, database, ids
        self.skus = {product_id: sku for sku, product_id in ids.items()}

    async def put(self, quantities: Mapping[str, int]) -> None:
        for sku, quantity in quantities.items():
            await self.shop.do("PUT", f"/v1/stores/{self.shop.store_id}/stock/{sku}", json={"quantity": quantity})

    async def take(self, quantities: Mapping[str, int]) -> list[str]:
        async with self.database.begin() as session:
            wanted = {self.ids[sku]: quantity for sku, quantity in quantities.items()}
            sold_out = await take_stock(session, store_id=UUID(self.shop.store_id), quantities=wanted)
        return [self.skus[product_id] for product_id in sold_out]

    async def give_back(self, quantities: Mapping[str, int]) -> None:
        async with self.database.begin() as session:
            wanted = {self.ids[sku]: quantity for sku, quantity in quantities.items()}
            await return_stock(session, store_id=UUID(self.shop.store_id), quantities=wanted)

    async def left(self) -> dict[str, int]:
        items = (await self.shop.do("GET", f"/v1/stores/{self.shop.store_id}/stock"))["items"]
        return {item["sku"]: item["quantity"] for item in items}


@pytest.fixture
async def shelf(shop: Shop, app: FastAPI) -> Shelf:
    database: Database = app.state.database
    async with database.begin() as session:
        products = await find_products(session, skus=[*PRICES, "NO-SUCH"])
    assert products.keys() == PRICES.keys()
    return Shelf(shop, database, {sku: product.id for sku, product in products.items()})


async def test_a_basket_is_taken_whole_or_not_at_all(shelf: Shelf) -> None:
    await shelf.put({"TEA-001": 3, "BAO-002": 1})
    assert await shelf.take({"TEA-001": 1, "BAO-002": 2}) == ["BAO-002"]
    assert await shelf.left() == {"TEA-001": 3, "BAO-002": 1}
    assert await shelf.take({"TEA-001": 3, "BAO-002": 1}) == []
    assert await shelf.left() == {"TEA-001": 0, "BAO-002": 0}
    await shelf.give_back({"TEA-001": 2})
    assert await shelf.left() == {"TEA-001": 2, "BAO-002": 0}


async def test_what_is_not_counted_is_never_sold_out(shelf: Shelf) -> None:
    assert await shelf.take({"UMB-003": 10**6}) == []
    await shelf.give_back({"UMB-003": 1})
    assert await shelf.left() == {}
    await shelf.put({"UMB-003": 0})
    assert await shelf.take({"UMB-003": 1}) == ["UMB-003"]
    await shelf.shop.do("DELETE", f"/v1/stores/{shelf.shop.store_id}/stock/UMB-003")
    assert await shelf.take({"UMB-003": 1}) == []


async def test_many_baskets_at_once_lose_no_piece_and_never_wait_in_a_circle(shelf: Shelf) -> None:
    await shelf.put({"TEA-001": 12, "BAO-002": 12, "UMB-003": 12})
    chance = random.Random(7)
    taken = dict.fromkeys(PRICES, 0)

    async def buy() -> None:
        skus = chance.sample(list(PRICES), 3)
        basket = {sku: chance.randint(1, 2) for sku in skus}
        if not await shelf.take(basket):
            for sku, quantity in basket.items():
                taken[sku] += quantity

    await asyncio.gather(*(buy() for _ in range(20)))
    assert await shelf.left() == {sku: 12 - quantity for sku, quantity in taken.items()}
    assert max(taken.values()) > 9


async def test_each_store_has_its_own_stock(shelf: Shelf) -> None:
    shop = shelf.shop
    other = (await shop.do("POST", "/v1/stores", json={"name": "Quai", "code": "QUAI"}))["id"]
    await shelf.put({"TEA-001": 3})
    set_ = await shop.do("PUT", f"/v1/stores/{other}/stock/TEA-001", json={"quantity": 7})
    assert (set_["sku"], set_["name"], set_["quantity"]) == ("TEA-001", "tea-001", 7)
    await shop.do("PUT", f"/v1/stores/{other}/stock/TEA-001", json={"quantity": 8})
    assert (await shop.do("GET", f"/v1/stores/{other}/stock"))["items"][0]["quantity"] == 8
    assert await shelf.left() == {"TEA-001": 3}


async def test_stock_that_makes_no_sense_is_refused(shelf: Shelf) -> None:
    shop = shelf.shop
    path = f"/v1/stores/{shop.store_id}/stock"
    for quantity in (-1, 10**9 + 1, 10**30, 1.5, "3", None):
        response = await shop.client.put(f"{path}/TEA-001", json={"quantity": quantity}, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request"), quantity
    for where, expected in {
        f"{path}/NO-SUCH": (404, "product_not_found"),
        f"{path}/two words": (422, "invalid_request"),
        f"/v1/stores/{uuid4()}/stock/TEA-001": (404, "store_not_found"),
    }.items():
        for method in ("PUT", "DELETE"):
            response = await shop.client.request(method, where, json={"quantity": 1}, headers=shop.staff)
            assert verdict(response) == expected, (method, where)
    await shop.do("DELETE", f"/v1/stores/{shop.store_id}")
    response = await shop.client.put(f"{path}/TEA-001", json={"quantity": 1}, headers=shop.staff)
    assert verdict(response) == (409, "store_closed")


async def test_what_is_low_is_found(shelf: Shelf) -> None:
    await shelf.put({"TEA-001": 3, "BAO-002": 0, "UMB-003": 40})
    path = f"/v1/stores/{shelf.shop.store_id}/stock"

    async def listed(**sought: str | int) -> list[str]:
        return sorted(each["sku"] for each in (await shelf.shop.do("GET", path, params=sought))["items"])

    assert await listed(quantity_max=3) == ["BAO-002", "TEA-001"]
    assert await listed(quantity_max=3, search="tea") == ["TEA-001"]
    assert await listed(search="umb") == ["UMB-003"]
