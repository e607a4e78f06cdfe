from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.answers import verdict
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TEA = {"sku": "TEA-9", "name": "Oolong", "price": 700, "tax_rate_basis_points": 1300}
WRONG: list[dict[str, Any]] = [
    {"sku": "two words"},
    {"sku": ""},
    {"name": "a\0b"},
    {"price": -1},
    {"price": 10**13 + 1},
    {"price": 10**30},
    {"price": 4.5},
    {"price": "450"},
    {"price": None},
    {"tax_rate_basis_points": -1},
    {"tax_rate_basis_points": 10_001},
    {"category": "\n"},
    {"currency": "yuan"},
    {"active": "yes"},
    {"gtin": "123"},
    {"gtin": "690123456789"},
    {"gtin": "6901234567893"},
    {"gtin": "٦٩٠١٢٣٤٥٦٧٨٩٢"},
    {"colour": "green"},
]


async def test_a_product_has_one_number_however_long_its_barcode_is(shop: Shop) -> None:
    for number, (gtin, kept) in enumerate(
        {
            "96385074": "00000096385074",
            "036000291452": "00036000291452",
            "6901234567892": "06901234567892",
            "16901234567899": "16901234567899",
        }.items()
    ):
        product = await shop.do("POST", "/v1/products", json=TEA | {"sku": f"G-{number}", "gtin": gtin})
        assert product["gtin"] == kept
    body = TEA | {"sku": "G-9", "gtin": "0036000291452"}  # the same number as an EAN-13
    assert verdict(await shop.client.post("/v1/products", json=body, headers=shop.staff)) == (409, "gtin_taken")


async def test_a_product_is_added_seen_changed_and_taken_off_sale(shop: Shop) -> None:
    response = await shop.client.post("/v1/products", json=TEA | {"category": "Drinks"}, headers=shop.staff)
    product = response.json()
    path = f"/v1/products/{product['id']}"
    assert (response.status_code, response.headers["location"]) == (201, path)
    assert (product["currency"], product["active"], product["gtin"]) == ("CNY", True, None)
    assert await shop.do("GET", path) == product
    changed = await shop.do("PATCH", path, json={"price": 0, "category": None, "gtin": "96385074"})
    assert (changed["price"], changed["category"], changed["name"]) == (0, None, "Oolong")
    await shop.do("DELETE", path)
    assert [each["sku"] for each in (await shop.do("GET", "/v1/products?active=false"))["items"]] == ["TEA-9"]
    assert (await shop.do("PATCH", path, json={"active": True}))["active"]


async def test_a_sku_names_one_product(shop: Shop) -> None:
    body = TEA | {"sku": "TEA-001"}
    assert verdict(await shop.client.post("/v1/products", json=body, headers=shop.staff)) == (409, "sku_taken")
    other = await shop.do("POST", "/v1/products", json=TEA | {"sku": "tea-001"})  # small letters are others
    await shop.do("POST", "/v1/products", json=TEA | {"gtin": "96385074"})
    response = await shop.client.patch(f"/v1/products/{other['id']}", json={"gtin": "96385074"}, headers=shop.staff)
    assert verdict(response) == (409, "gtin_taken")


async def test_products_are_found_by_name_sku_or_barcode(shop: Shop) -> None:
    await shop.do("POST", "/v1/products", json=TEA | {"name": "100% Oolong", "gtin": "036000291452"})
    for search, skus in {
        "oolong": ["TEA-9"],
        "100%": ["TEA-9"],
        "%": ["TEA-9"],
        "tea": ["TEA-9", "TEA-001"],
        "036000291452": ["TEA-9"],
        "0036000": ["TEA-9"],
        "nothing": [],
        "": ["TEA-9", "UMB-003", "BAO-002", "TEA-001"],
    }.items():
        found = await shop.do("GET", "/v1/products", params={"search": search})
        assert [product["sku"] for product in found["items"]] == skus, search
    for wrong in ({"search": "a\0"}, {"search": "x" * 101}, {"limit": 0}, {"limit": 201}, {"cursor": "x"}):
        response = await shop.client.get("/v1/products", params=wrong, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request"), wrong


async def test_products_that_make_no_sense_are_refused(shop: Shop) -> None:
    known = (await shop.do("GET", "/v1/products"))["items"][0]
    for wrong in WRONG:
        response = await shop.client.post("/v1/products", json=TEA | wrong, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request"), wrong
        response = await shop.client.patch(f"/v1/products/{known['id']}", json=wrong, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request"), wrong
    assert await shop.do("GET", f"/v1/products/{known['id']}") == known
    gtin = await shop.client.post("/v1/products", json=TEA | {"gtin": "6901234567893"}, headers=shop.staff)
    assert gtin.json()["errors"][0]["code"] == "gtin_check_digit"
    missing = f"/v1/products/{uuid4()}"
    for method in ("GET", "PATCH", "DELETE"):
        response = await shop.client.request(method, missing, json={}, headers=shop.staff)
        assert verdict(response) == (404, "product_not_found")
