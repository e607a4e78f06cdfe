"""Orders in the console: found, given back, charged after; and what devices decided."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.checkout.counter import Counter
from tests.console.desk import OURS, signed_in
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]
TEA = PRICES["TEA-001"]


async def page(shop: Shop, path: str, **query: Any) -> str:
    answer = await shop.client.get(f"/console{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


async def post(shop: Shop, path: str, **form: Any) -> httpx.Response:
    return await shop.client.post(f"/console{path}", data=form, headers=OURS)


async def bought(shop: Shop, name: str, quantity: int = 2) -> tuple[str, str]:
    """The member's id and their order's."""
    member = await shop.add_member_without_face(balance=100_000, name=name)
    sold = await Counter.of(shop.app, shop).sold(member, {"TEA-001": quantity})
    return member, str(sold.order.id)


async def confirmed(shop: Shop, path: str, preview: httpx.Response) -> httpx.Response:
    """What the preview's form sends when its button is pressed."""
    assert preview.status_code == 200, preview.text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', preview.text))
    return await post(shop, path, **{name: value for name, value in fields.items() if name != "to"})


async def test_orders_are_found_by_day_payer_and_state(shop: Shop) -> None:
    await signed_in(shop)
    _, order = await bought(shop, "Kim Finder")
    today = shop.app.state.clock().date()
    path = f"/stores/{shop.store_id}/orders"
    assert f"/console/orders/{order}" in await page(shop, path, person="Kim Finder")
    assert order not in await page(shop, path, person="Kim Finder", day=today - timedelta(days=9))
    assert order not in await page(shop, path, person="Kim Finder", status="cancelled")
    assert "Nobody has this name." in await page(shop, path, person="Nobody At All")
    await bought(shop, "Kim Finder the other")
    assert "Who is meant?" in await page(shop, path, person="Kim Finder")


async def test_a_refund_is_shown_before_it_is_made_and_made_once(shop: Shop) -> None:
    await signed_in(shop)
    member, order = await bought(shop, "Lee")
    before = await shop.balance(member)
    preview = await post(shop, f"/orders/{order}/refunds/preview", amount="1.00", reason="Damaged")
    assert "CN¥1.00" in preview.text
    assert await shop.balance(member) == before, "nothing happened yet"
    for _ in range(2):
        assert (await confirmed(shop, f"/orders/{order}/refunds", preview)).status_code == 303
    assert await shop.balance(member) == before + 100, "the same form twice is one refund"
    shown = await page(shop, f"/orders/{order}")
    assert "Damaged" in shown
    assert "partly refunded" in shown
    too_much = await post(shop, f"/orders/{order}/refunds/preview", amount="9999", reason="Greed")
    assert too_much.status_code == 409


async def test_goods_come_back_and_the_rest_is_cancelled(shop: Shop) -> None:
    await signed_in(shop)
    member, order = await bought(shop, "Park")
    preview = await post(shop, f"/orders/{order}/returns/preview", reason="Wrong kind", **{"of TEA-001": "1"})
    assert (await confirmed(shop, f"/orders/{order}/returns", preview)).status_code == 303
    assert await shop.balance(member) == 100_000 - TEA
    preview = await post(shop, f"/orders/{order}/cancellation/preview", reason="Wrong family")
    assert (await confirmed(shop, f"/orders/{order}/cancellation", preview)).status_code == 303
    assert await shop.balance(member) == 100_000
    shown = await page(shop, f"/orders/{order}")
    assert "/refunds/preview" not in shown, "there is nothing left to give back"
    receipt = await page(shop, f"/orders/{order}/receipt")
    assert "-CN¥" in receipt


async def test_what_was_left_out_is_charged_after(shop: Shop) -> None:
    await signed_in(shop)
    member, order = await bought(shop, "Choi", 1)
    key = re.search(r'name="key" value="([^"]+)"', await page(shop, f"/orders/{order}"))
    assert key
    form = {"key": key[1], "sku 0": "TEA-001", "quantity 0": "2", "reason": "Two more on the shelf"}
    answer = await post(shop, f"/orders/{order}/supplements", **form)
    assert answer.status_code == 303, answer.text
    assert await shop.balance(member) == 100_000 - 3 * TEA
    assert "Two more on the shelf" in await page(shop, f"/orders/{order}")


async def test_auditors_see_orders_and_change_nothing(shop: Shop) -> None:
    _, order = await bought(shop, "Jung", 1)
    account = {"username": "order-auditor", "display_name": "A", "role": "auditor", "password": "long enough to keep"}
    await shop.do("POST", "/v1/staff", json=account)
    await signed_in(shop, "order-auditor", "long enough to keep")
    assert "/preview" not in await page(shop, f"/orders/{order}")
    assert (await post(shop, f"/orders/{order}/refunds/preview", reason="Mine")).status_code == 403
    await signed_in(shop)


async def test_decisions_are_found_by_their_code(shop: Shop) -> None:
    await signed_in(shop)
    member = await shop.add_member_without_face(name="Poor Yun")
    await shop.pass_at_gate((await shop.issue_pass(member))["pass"])
    await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], {"TEA-001": 1})
    path = f"/stores/{shop.store_id}/decisions"
    assert "Poor Yun" in await page(shop, path, of="gates", code="welcome")
    assert "Poor Yun" not in await page(shop, path, of="gates", decision="deny")
    assert "Poor Yun" in await page(shop, path, of="kiosks", code="insufficient_funds")
    assert "No such decision." in await page(shop, path, of="lanes")


async def test_a_shops_payment_is_seen_and_cancelled(shop: Shop) -> None:
    await signed_in(shop)
    _, web_shop = await shop.add_device("webshop")
    member = await shop.add_member_without_face(name="Web Han")
    body: dict[str, Any] = {"amount": 4_900, "currency": "CNY", "member_id": member, "description": "Tea by post"}
    body |= {"return_url": "https://tea.example/paid"}
    headers = web_shop | {"Idempotency-Key": "console-intent"}
    made = await shop.client.post("/v1/payment-intents", json=body, headers=headers)
    assert made.status_code == 201, made.text
    path = f"/stores/{shop.store_id}/payments"
    assert "Web Han" in await page(shop, path)
    intent = f"{path}/{made.json()['id']}"
    assert (await post(shop, f"{intent}/cancellation", reason="duplicate")).status_code == 303
    assert "It was asked for twice" in await page(shop, intent)
    assert "Tea by post" not in await page(shop, path, status="succeeded")


async def test_tickets_are_moved_through_the_kitchen(shop: Shop) -> None:
    await signed_in(shop)
    dish = {"sku": "NOODLES", "name": "Hand-pulled noodles", "price": 800, "tax_rate_basis_points": 600}
    await shop.do("POST", "/v1/products", json=dish | {"prepared": True})
    member = await shop.add_member_without_face(balance=10_000)
    paid = await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], {"NOODLES": 1})
    assert paid.json()["decision"] == "paid", paid.text
    path = f"/stores/{shop.store_id}/tickets"
    (ticket,) = (await shop.do("GET", f"/v1{path}"))["items"]
    assert "Hand-pulled noodles" in await page(shop, path)
    assert (await post(shop, f"{path}/{ticket['id']}/start")).status_code == 303
    assert "Hand-pulled noodles" in await page(shop, path, state="preparing")
    assert (await post(shop, f"{path}/{ticket['id']}/recall", state="preparing")).status_code == 303
    assert "Hand-pulled noodles" in await page(shop, path, state="received")
