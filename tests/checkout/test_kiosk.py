from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conftest import OpenShop
from tests.photos import camera_frame, stranger
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_a_face_pays_for_a_basket_and_what_was_refused_stays_on_record_without_the_face(shop: Shop) -> None:
    member_id = await shop.add_member(0, balance=10_000)
    await shop.at_gate(0)
    answer = (await shop.at_kiosk(0, {"TEA-001": 2, "BAO-002": 1})).json()
    assert (answer["decision"], answer["member"]["id"]) == ("paid", member_id)
    assert answer["order"]["total"] == 2 * PRICES["TEA-001"] + PRICES["BAO-002"] == 2190
    assert answer["order"]["tax"] == 104 + 148
    assert answer["payment"]["balance"] == await shop.balance(member_id) == 10_000 - 2190

    assert (await shop.at_kiosk(stranger(), {"TEA-001": 3})).json()["code"] == "unknown_face"
    assert (await shop.at_kiosk(camera_frame([]), {"TEA-001": 1})).json()["code"] == "no_face"
    unknown = (await shop.at_kiosk(0, {"TEA-001": 1, "NO-SUCH": 1})).json()
    assert (unknown["code"], unknown["skus"]) == ("unknown_sku", ["NO-SUCH"])
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/stock/TEA-001", json={"quantity": 1})
    sold_out = (await shop.at_kiosk(0, {"TEA-001": 2, "BAO-002": 1})).json()
    assert (sold_out["code"], sold_out["skus"]) == ("sold_out", ["TEA-001"])
    await shop.do("PATCH", f"/v1/members/{member_id}", json={"status": "blocked"})
    assert (await shop.at_kiosk(0, {"TEA-001": 1})).json()["code"] == "member_blocked"
    assert await shop.balance(member_id) == 10_000 - 2190

    path = f"/v1/stores/{shop.store_id}/checkouts"
    codes = ["member_blocked", "sold_out", "unknown_sku", "no_face", "unknown_face"]
    assert [record["code"] for record in (await shop.do("GET", path))["items"]] == [*codes, "paid"]
    refused = (await shop.do("GET", path, params={"decision": "declined"}))["items"]
    assert [record["code"] for record in refused] == codes
    assert refused[-1]["basket"] == {"TEA-001": 3}
    assert refused[-1]["member_id"] is refused[-1]["similarity"] is refused[-1]["order_id"] is None


async def test_the_chain_pays_too_under_the_stricter_threshold(open_shop: OpenShop) -> None:
    shop = await open_shop(pay_chain_fpir_target=1e-6)
    await shop.add_member(0, balance=10_000)
    outside = (await shop.at_kiosk(0, {"TEA-001": 1})).json()
    await shop.at_gate(0)
    inside = (await shop.at_kiosk(0, {"TEA-001": 1})).json()
    assert outside["decision"] == inside["decision"] == "paid"
    assert inside["threshold"] < outside["threshold"]


async def test_too_little_money_charges_nothing_and_the_exit_knows_unless_it_is_paid_at_the_second_try(
    shop: Shop,
) -> None:
    member_id = await shop.add_member(0, balance=100)
    await shop.at_gate(0)
    answer = (await shop.at_kiosk(0, {"UMB-003": 1})).json()
    assert (answer["decision"], answer["code"], answer["order"]) == ("declined", "insufficient_funds", None)
    assert await shop.balance(member_id) == 100
    left = (await shop.at_gate(0, "exits")).json()
    assert (left["decision"], left["code"], left["basket_unpaid"]) == ("open", "basket_unpaid", True)

    await shop.at_gate(0)
    await shop.at_kiosk(0, {"UMB-003": 1})
    await shop.top_up(member_id, 10_000)
    assert (await shop.at_kiosk(0, {"UMB-003": 1})).json()["decision"] == "paid"
    assert (await shop.at_gate(0, "exits")).json()["code"] == "goodbye"


async def test_copies_of_a_checkout_charge_once_and_many_kiosks_cannot_overdraw_one_wallet(shop: Shop) -> None:
    member_id = await shop.add_member(0, balance=4 * PRICES["TEA-001"])
    path = f"/v1/kiosks/{shop.kiosk_id}/checkouts"
    missing = await shop.client.post(path, files={"frame": b"x"}, headers=shop.kiosk)
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")
    copies = await asyncio.gather(*(shop.at_kiosk(0, {"TEA-001": 1}, key="pay-0001") for _ in range(5)))
    assert {copy.status_code for copy in copies} <= {200, 409}
    assert all(copy.json()["code"] == "idempotency_key_in_use" for copy in copies if copy.status_code == 409)
    later = await shop.at_kiosk(0, {"TEA-001": 1}, key="pay-0001")
    orders = {copy.json()["order"]["id"] for copy in [*copies, later] if copy.status_code == 200}
    assert len(orders) == 1
    assert await shop.balance(member_id) == 3 * PRICES["TEA-001"]
    reused = await shop.at_kiosk(0, {"TEA-001": 2}, key="pay-0001")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")

    answers = await asyncio.gather(*(shop.at_kiosk(0, {"TEA-001": 1}) for _ in range(6)))
    assert sorted(answer.json()["code"] for answer in answers) == ["insufficient_funds"] * 3 + ["paid"] * 3
    assert await shop.balance(member_id) == 0


async def test_the_last_piece_is_sold_once(shop: Shop) -> None:
    await shop.add_member(0, balance=100_000)
    await shop.add_member(1, balance=100_000)
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/stock/UMB-003", json={"quantity": 1})
    answers = await asyncio.gather(*(shop.at_kiosk(number, {"UMB-003": 1}) for number in (0, 1, 0, 1)))
    assert sorted(answer.json()["code"] for answer in answers) == ["paid"] + ["sold_out"] * 3


async def test_an_order_is_refunded_in_parts_but_never_beyond_its_total(shop: Shop) -> None:
    member_id = await shop.add_member_without_face(balance=10_000)
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/stock/UMB-003", json={"quantity": 1})

    async def buy() -> dict[str, Any]:
        issued = await shop.issue_pass(member_id)
        paid: dict[str, Any] = (await shop.pass_at_kiosk(issued["pass"], {"UMB-003": 1})).json()
        return paid

    async def refund(order: dict[str, Any], key: str, amount: int | None) -> tuple[int, dict[str, Any]]:
        body = {"reason": "torn"} | ({"amount": amount} if amount else {})
        headers = shop.staff | {"Idempotency-Key": key}
        response = await shop.client.post(f"/v1/orders/{order['id']}/refunds", json=body, headers=headers)
        return response.status_code, response.json()

    order = (await buy())["order"]
    assert (await buy())["code"] == "sold_out"
    assert (await refund(order, "r0", None))[0] == 201
    again = await buy()
    assert (again["code"], again["payment"]["balance"]) == ("paid", 4100), "goods of a whole refund are back in stock"

    order = again["order"]
    assert (await refund(order, "r1", 1900))[0] == 201
    assert (await refund(order, "r1", 1900))[1]["amount"] == 1900  # a retry
    status, problem = await refund(order, "r2", 4001)
    assert (status, problem["code"], problem["refundable"]) == (409, "refund_exceeds_order", 4000)
    status, rest = await refund(order, "r3", None)
    assert (status, rest["amount"]) == (201, 4000)
    assert await shop.balance(member_id) == 10_000
    seen = await shop.do("GET", f"/v1/orders/{order['id']}")
    assert (seen["status"], seen["refunded"]) == ("refunded", 5900)
    assert (await refund(order, "r4", 1))[1]["code"] == "refund_exceeds_order"

    await shop.do("PUT", f"/v1/stores/{shop.store_id}/stock/UMB-003", json={"quantity": 1})
    order = (await buy())["order"]
    at_once = await asyncio.gather(*(refund(order, f"at-once-{number}", 2000) for number in range(4)))
    assert sorted(status for status, _ in at_once) == [201, 201, 409, 409]
    assert await shop.balance(member_id) == 10_000 - 5900 + 4000


async def test_a_store_in_another_currency_is_paid_from_the_wallet_in_that_currency(shop: Shop) -> None:
    member_id = await shop.add_member_without_face(balance=10_000)
    issued = await shop.issue_pass(member_id)
    wallet = f"/v1/members/{member_id}/wallet"
    abroad = await shop.do("POST", "/v1/stores", json={"name": "Broadway", "code": "NYC", "currency": "USD"})
    shop.kiosk_id, shop.kiosk = await shop.add_device("kiosk", abroad["id"])
    body = {"sku": "HOT-DOG", "name": "Hot dog", "price": 400, "tax_rate_basis_points": 0, "currency": "USD"}
    await shop.do("POST", "/v1/products", json=body)
    assert (await shop.pass_at_kiosk(issued["pass"], {"TEA-001": 1})).json()["code"] == "currency_mismatch"
    assert (await shop.pass_at_kiosk(issued["pass"], {"HOT-DOG": 1})).json()["code"] == "insufficient_funds"
    await shop.do(
        "POST", f"{wallet}/top-ups", json={"amount": 500, "currency": "USD"}, headers={"Idempotency-Key": "usd"}
    )
    issued = await shop.issue_pass(member_id)
    answer = (await shop.pass_at_kiosk(issued["pass"], {"HOT-DOG": 1})).json()
    assert (answer["code"], answer["payment"]["currency"], answer["payment"]["balance"]) == ("paid", "USD", 100)
    dollars = await shop.do("GET", wallet, params={"currency": "USD"})
    assert (dollars["currency"], dollars["available"]) == ("USD", 100)
    lines = await shop.do("GET", f"{wallet}/statement", params={"currency": "USD"})
    assert [line["amount"] for line in lines["items"]] == [-400, 500]
    assert await shop.balance(member_id) == 10_000
