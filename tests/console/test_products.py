"""Products and stock in the console: added, changed, imported, counted."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from facepay.catalog.epc import Sgtin, encode_sgtin96
from tests.console.desk import OURS, signed_in
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]


async def page(shop: Shop, path: str, **query: Any) -> str:
    answer = await shop.client.get(f"/console{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


async def post(shop: Shop, path: str, **form: Any) -> httpx.Response:
    return await shop.client.post(f"/console{path}", data=form, headers=OURS)


async def added(shop: Shop, **form: Any) -> tuple[str, str]:
    """A new product's id and sku, by the form."""
    sku = f"SKU-{uuid4().hex[:8]}"
    typed = {"sku": sku, "name": f"Goods {sku}", "price": "12.50", "tax_rate": "6.5"} | form
    answer = await post(shop, "/products", **typed)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].rsplit("/", 1)[1], sku


async def test_a_product_is_added_found_and_changed_as_it_was_typed(shop: Shop) -> None:
    await signed_in(shop)
    product, sku = await added(shop, declared="on", allergens=["milk", "nuts"], ingredients="tea; sugar", age_min="18")
    kept = await shop.do("GET", f"/v1/products/{product}")
    assert (kept["price"], kept["tax_rate_basis_points"], kept["age_min"]) == (1250, 650, 18)
    assert (kept["allergens"], kept["ingredients"]) == (["milk", "nuts"], ["sugar", "tea"])
    found = await page(shop, "/products", search=sku)
    assert f"Goods {sku}" in found
    assert "CN¥12.50" in found

    changed = await post(shop, f"/products/{product}", name="Other goods", price="9", tax_rate="13", prepared="on")
    assert changed.status_code == 303
    kept = await shop.do("GET", f"/v1/products/{product}")
    assert (kept["name"], kept["price"], kept["prepared"], kept["allergens"]) == ("Other goods", 900, True, None)
    assert "not declared" in await page(shop, f"/products/{product}")


async def test_a_product_goes_off_sale_and_back(shop: Shop) -> None:
    await signed_in(shop)
    product, sku = await added(shop)
    await post(shop, f"/products/{product}/sale", active="false")
    assert sku in await page(shop, "/products", search=sku, sale="off sale")
    assert f"Goods {sku}" not in await page(shop, "/products", search=sku, sale="for sale")
    await post(shop, f"/products/{product}/sale", active="true")
    assert (await shop.do("GET", f"/v1/products/{product}"))["active"]


async def test_what_the_api_says_no_to_stands_beside_the_form(shop: Shop) -> None:
    await signed_in(shop)
    headers = OURS | {"HX-Request": "true"}
    typed = {"sku": "X-1", "name": "X", "price": "12,50", "tax_rate": "13", "gtin": "123"}
    answer = await shop.client.post("/console/products", data=typed, headers=headers)
    assert answer.headers["HX-Retarget"] == "#problem"
    assert "gtin" in answer.text
    assert "price" in answer.text


async def test_stock_is_counted_and_what_is_low_is_marked(shop: Shop) -> None:
    await signed_in(shop)
    (product, sku), (_, other) = await added(shop), await added(shop)
    assert (await post(shop, f"/products/{product}/stock", store_id=shop.store_id, quantity="3")).status_code == 303
    assert (await post(shop, f"/stores/{shop.store_id}/stock", sku=other, quantity="900")).status_code == 303
    low = await page(shop, f"/stores/{shop.store_id}/stock", only_low="true", low="5")
    assert sku in low
    assert '<span class="tag warm">low</span>' in low
    assert other not in low
    assert "900" in await page(shop, f"/stores/{shop.store_id}/stock", search=other)
    await post(shop, f"/products/{product}/stock", store_id=shop.store_id, quantity="")
    assert "never sold out" in await page(shop, f"/products/{product}")


async def test_a_file_is_checked_first_and_then_imported(shop: Shop) -> None:
    await signed_in(shop)
    good, bad = f"CSV-{uuid4().hex[:6]}", f"CSV-{uuid4().hex[:6]}"
    rows = f"sku,name,price,tax_rate_basis_points\n{good},Good,100,600\n{bad},Bad,much,600\n"

    async def sent(**form: str) -> httpx.Response:
        file = {"file": ("goods.csv", rows.encode(), "text/csv")}
        return await shop.client.post("/console/products/import", files=file, data=form, headers=OURS)

    checked = (await sent(step="check")).text
    assert "Nothing was changed." in checked
    assert "a whole number is needed" in checked
    assert "No such product." in await page(shop, "/products", search=good)
    assert (await sent(step="import")).status_code == 422, "one line is bad"
    assert "The products were imported." in (await sent(step="import", skip_bad="true")).text
    assert "Good</a>" in await page(shop, "/products", search=good)
    assert "No such product." in await page(shop, "/products", search=bad)


async def test_a_large_file_is_taken(shop: Shop) -> None:
    await signed_in(shop)
    lines = "".join(f"BULK-{number},{'x' * 180},100,600\n" for number in range(6_000))
    file = {"file": ("goods.csv", f"sku,name,price,tax_rate_basis_points\n{lines}".encode(), "text/csv")}
    answer = await shop.client.post("/console/products/import", files=file, data={"step": "check"}, headers=OURS)
    assert answer.status_code == 200, "more than a mebibyte, which is what JSON may have"
    assert "6,000" in answer.text


async def test_a_garment_is_said_to_be_one_and_none_again(shop: Shop) -> None:
    await signed_in(shop)
    product, sku = await added(shop, colour="#1f3a5f")
    typed = {"style": "SHIRT", "kind": "top", "size": "M", "occasions": "work; party"}
    assert (await post(shop, f"/products/{product}/garment", **typed)).status_code == 303
    assert (await shop.do("GET", f"/v1/garments/{sku}"))["occasions"] == ["party", "work"]
    shown = await page(shop, f"/products/{product}")
    assert 'value="SHIRT"' in shown
    assert '<option value="top" selected>' in shown
    await post(shop, f"/products/{product}/garment/removal")
    assert 'value="SHIRT"' not in await page(shop, f"/products/{product}")


async def test_a_tag_says_which_product_it_is_of(shop: Shop) -> None:
    await signed_in(shop)
    await added(shop, gtin="09506000134352", name="Tagged goods")
    tag = encode_sgtin96(Sgtin(gtin="09506000134352", serial=7, filter=1, company_prefix_length=7))
    shown = await page(shop, "/tags", epc=tag)
    assert "Tagged goods" in shown
    assert "not sold" in shown
