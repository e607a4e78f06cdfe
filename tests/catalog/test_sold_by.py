"""What products are sold by: pieces or weight."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.answers import verdict
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
PLUMS = {"sku": "PLUMS", "name": "Plums", "price": 398, "tax_rate_basis_points": 900}
BY_WEIGHT = PLUMS | {"sold_by": "weight", "tare_grams": 8}


async def imported(shop: Shop, *lines: str) -> httpx.Response:
    text = "\n".join(["sku,name,price,tax_rate_basis_points,sold_by", *lines])
    return await shop.client.post(
        "/v1/products/import", content=text, headers=shop.staff | {"Content-Type": "text/csv"}
    )


async def test_a_product_is_sold_by_piece_unless_somebody_says_by_weight_and_stays_so(shop: Shop) -> None:
    plums = await shop.do("POST", "/v1/products", json=BY_WEIGHT)
    pears = await shop.do("POST", "/v1/products", json=PLUMS | {"sku": "PEARS"})
    assert [(each["sold_by"], each["tare_grams"]) for each in (plums, pears)] == [("weight", 8), ("piece", None)]
    path = f"/v1/products/{plums['id']}"
    refused = await shop.client.patch(path, json={"sold_by": "piece"}, headers=shop.staff)
    assert verdict(refused) == (422, "invalid_request")
    assert (await shop.do("PATCH", path, json={"tare_grams": None}))["tare_grams"] is None


@pytest.mark.parametrize(
    "wrong", [{"sold_by": "litre"}, {"sold_by": "piece"}, {"tare_grams": 0}, {"tare_grams": 1.5}, {"tare_grams": 10**7}]
)
async def test_only_what_is_weighed_has_a_tare_in_whole_grams(shop: Shop, wrong: dict[str, Any]) -> None:
    refused = await shop.client.post("/v1/products", json=BY_WEIGHT | wrong, headers=shop.staff)
    assert verdict(refused) == (422, "invalid_request")


async def test_no_tare_is_given_later_to_what_is_sold_by_piece(shop: Shop) -> None:
    pears = await shop.do("POST", "/v1/products", json=PLUMS)
    refused = await shop.client.patch(f"/v1/products/{pears['id']}", json={"tare_grams": 8}, headers=shop.staff)
    assert verdict(refused) == (409, "not_sold_by_weight")


async def test_an_import_says_by_what_new_products_are_sold_and_changes_no_old_one(shop: Shop) -> None:
    assert (await imported(shop, "PLUMS,Plums,398,900,Weight", "PEARS,Pears,298,900,")).status_code == 200
    sold_by = {each["sku"]: each["sold_by"] for each in (await shop.do("GET", "/v1/products"))["items"]}
    assert (sold_by["PLUMS"], sold_by["PEARS"]) == ("weight", "piece")
    refused = await imported(shop, "PLUMS,Plums,398,900,", "PEARS,Pears,298,900,weight", "FIGS,Figs,98,900,litre")
    assert verdict(refused) == (422, "bad_lines")
    bad = [(each["line"], each["field"], each["code"]) for each in refused.json()["bad"]]
    assert bad == [(2, "sold_by", "sold_by_fixed"), (3, "sold_by", "sold_by_fixed"), (4, "sold_by", "literal_error")]
    # Without the column, each stays what it is.
    text = "sku,name,price,tax_rate_basis_points\nPLUMS,Plums,498,900"
    headers = shop.staff | {"Content-Type": "text/csv"}
    assert (await shop.client.post("/v1/products/import", content=text, headers=headers)).status_code == 200
    plums = (await shop.do("GET", "/v1/products", params={"search": "PLUMS"}))["items"][0]
    assert (plums["price"], plums["sold_by"]) == (498, "weight")
