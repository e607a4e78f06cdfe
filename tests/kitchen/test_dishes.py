"""Which products are dishes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kitchen.cook import NOODLES, Kitchen
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_a_csv_file_says_which_products_are_dishes_and_keeps_that_where_it_says_nothing(shop: Shop) -> None:
    await put_in(shop, "sku,name,price,tax_rate_basis_points,prepared\nRICE,Rice,900,600,yes\nCUP,Cup,900,600,\n")
    assert await dishes(shop) == {"RICE"}
    await put_in(shop, "sku,name,price,tax_rate_basis_points\nRICE,Fried rice,1200,600\n")
    assert await dishes(shop) == {"RICE"}
    report = await put_in(
        shop, "sku,name,price,tax_rate_basis_points,prepared\nRICE,Rice,900,600,maybe\n", dry_run=True
    )
    assert [(bad["field"], bad["code"]) for bad in report["bad"]] == [("prepared", "yes_or_no")]


async def test_what_is_no_longer_prepared_is_sold_without_a_number(kitchen: Kitchen) -> None:
    items = (await kitchen.shop.do("GET", "/v1/products"))["items"]
    (product,) = [each for each in items if each["sku"] == NOODLES]
    await kitchen.shop.do("PATCH", f"/v1/products/{product['id']}", json={"prepared": False})
    assert (await kitchen.order()).pickup_number is None


async def put_in(shop: Shop, text: str, **query: Any) -> Any:
    headers = {"Content-Type": "text/csv"}
    return await shop.do("POST", "/v1/products/import", content=text.encode(), params=query, headers=headers)


async def dishes(shop: Shop) -> set[str]:
    return {each["sku"] for each in (await shop.do("GET", "/v1/products"))["items"] if each["prepared"]}
