"""What a kiosk's screen asks before anybody pays."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]

GTIN = "6901234567892"


async def find(shop: Shop, **asked: str) -> list[str]:
    answer = await shop.client.get(f"/v1/kiosks/{shop.kiosk_id}/products", params=asked, headers=shop.kiosk)
    assert answer.status_code == 200, answer.text
    return [each["sku"] for each in answer.json()["items"]]


async def quote(shop: Shop, lines: dict[str, int]) -> httpx.Response:
    body = {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines.items()]}
    return await shop.client.post(f"/v1/kiosks/{shop.kiosk_id}/quotes", json=body, headers=shop.kiosk)


async def add_product(shop: Shop, **fields: Any) -> str:
    sku = f"T-{uuid4().hex[:8]}"
    product = {"sku": sku, "name": f"thing {sku}", "price": 1000, "tax_rate_basis_points": 1300}
    await shop.do("POST", "/v1/products", json=product | fields)
    return sku


async def test_a_barcode_finds_its_product_however_long_it_is(shop: Shop) -> None:
    sku = await add_product(shop, gtin=GTIN)
    assert await find(shop, barcode=GTIN) == await find(shop, barcode=f"0{GTIN}") == [sku]
    assert await find(shop, barcode="4006381333931") == []
    wrong = await shop.client.get(
        f"/v1/kiosks/{shop.kiosk_id}/products", params={"barcode": "6901234567893"}, headers=shop.kiosk
    )
    assert wrong.status_code == 422


async def test_only_what_this_store_sells_is_found(shop: Shop) -> None:
    common = uuid4().hex[:8]
    sold = await add_product(shop, name=f"{common} tea")
    await add_product(shop, name=f"{common} gone", active=False)
    await add_product(shop, name=f"{common} elsewhere", currency="KRW")
    assert await find(shop, q=common.upper()) == [sold]


async def test_the_very_sku_comes_first(shop: Shop) -> None:
    sku = f"S-{uuid4().hex[:8]}"
    await add_product(shop, sku=f"{sku}-2", name="aaa")
    await add_product(shop, sku=sku, name="zzz")
    assert await find(shop, q=sku.lower()) == [sku, f"{sku}-2"]


async def test_a_quote_is_what_a_checkout_charges_somebody_without_discounts(shop: Shop) -> None:
    basket = {"TEA-001": 2, "BAO-002": 1}
    answer = (await quote(shop, basket)).json()
    assert answer["total"] == 2 * PRICES["TEA-001"] + PRICES["BAO-002"]
    member = await shop.add_member_without_face(balance=5_000)
    paid = (await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], basket)).json()
    assert (paid["order"]["total"], paid["order"]["tax"]) == (answer["total"], answer["tax"])
    assert [line["total"] for line in answer["lines"]] == [line["total"] for line in paid["order"]["lines"]]


async def test_a_basket_that_cannot_be_sold_says_which_goods_and_why(shop: Shop) -> None:
    weighed = await add_product(shop, sold_by="weight")
    gone = await add_product(shop, active=False)
    for sku, reason in (("NOPE", "unknown_sku"), (gone, "not_for_sale"), (weighed, "sold_by_weight")):
        refused = await quote(shop, {"TEA-001": 1, sku: 1})
        assert refused.status_code == 409
        assert (refused.json()["code"], refused.json()["reason"]) == ("basket_unpriceable", reason)
        assert refused.json()["skus"] == [sku]


async def test_a_kiosk_asks_for_itself_alone_and_a_gate_sells_nothing(shop: Shop) -> None:
    for path in (f"/v1/kiosks/{shop.gate_id}/products", f"/v1/terminals/{shop.gate_id}"):
        assert (await shop.client.get(path, headers=shop.kiosk)).status_code == 403
    gate = await shop.client.get(f"/v1/kiosks/{shop.gate_id}/products", headers=shop.gate)
    assert gate.json()["code"] == "insufficient_scope"
    seen = (await shop.client.get(f"/v1/terminals/{shop.gate_id}", headers=shop.gate)).json()
    assert (seen["role"], seen["store_name"], seen["currency"]) == ("gate", "Xixi Road", "CNY")
    assert (seen["guests_max"], seen["mails_receipts"]) == (3, False)
