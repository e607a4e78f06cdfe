"""Payment intents as the shop on the web and staff see them: asked for, confirmed, canceled, refunded, over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from facepay.kernel.database import Database
from facepay.kernel.secrets import MasterKey
from facepay.online.intents import settle_due
from facepay.online.secrets import authenticate, client_secret
from tests.answers import verdict
from tests.conftest import Clock
from tests.online.web import PIN, RETURN_URL, Page, WebShop, came_to, told
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
NONSENSE: tuple[dict[str, Any], ...] = (
    {"amount": 0},
    {"amount": 1.5},
    {"tax": 12_901},
    {"expires_in": 59},
    {"expires_in": 86_401},
    {"return_url": "http://shop.example.com/"},
    {"return_url": "https://me:secret@shop.example.com/"},
    {"return_url": "javascript:alert(1)"},
    {"return_url": "https://shop.example.com/" + "a" * 2_000},
    {"return_url": "/orders"},
    {"metadata": {str(number): "" for number in range(51)}},
    {"metadata": {"a" * 41: ""}},
    {"metadata": {"a": "b" * 501}},
    {"metadata": {"a": {"b": "c"}}},
    {"description": "\x00"},
    {"description": "\u202eorder 001"},
    {"metadata": {"a": "b\u2028c"}},
    {"status": "succeeded"},
)


@pytest.fixture
async def payer(web: WebShop) -> str:
    """A member without a face."""
    web.member_id = await web.shop.add_member_without_face(balance=50_000, pin=PIN)
    return web.member_id


async def test_an_intent_goes_from_being_asked_for_to_being_paid(web: WebShop, payer: str, database: Database) -> None:
    asked = (await web.create(tax=1_484, metadata={"cart": "77"}, expires_in=600)).json()
    assert (asked["object"], asked["status"], asked["next_action"]) == ("payment_intent", "requires_confirmation", None)
    assert (asked["tax"], asked["metadata"], asked["amount_received"]) == (1_484, {"cart": "77"}, 0)
    page = Page(web, asked)
    assert verdict(await page.type(PIN)) == (409, "payment_intent_unexpected_state")
    confirmed = (await web.do("POST", f"/{page.id}/confirm")).json()
    assert confirmed["next_action"] == {
        "type": "redirect_to_url",
        "url": f"http://127.0.0.1:8000/pay#{asked['client_secret']}",
    }
    assert (await web.do("POST", f"/{page.id}/confirm")).json() == confirmed
    paid = await page.type(PIN)
    assert came_to(paid) == ("succeeded", None)
    assert paid.json()["return_url"] == f"{RETURN_URL}&payment_intent={page.id}&payment_intent_status=succeeded"
    seen = await web.see(page.id)
    assert (seen["amount_received"], seen["next_action"]) == (12_900, None)
    order = await web.shop.do("GET", f"/v1/orders/{seen['order_id']}")
    assert (order["total"], order["tax"], order["lines"], order["device_id"]) == (12_900, 1_484, [], web.id)
    assert order["payment_intent_id"] == page.id
    assert await told(database, page) == ["created", "requires_action", "succeeded"]


async def test_a_shop_sees_its_own_intents_and_staff_those_of_the_store(web: WebShop, payer: str) -> None:
    shop, other = web.shop, await WebShop.open(web.shop)
    mine, theirs = await web.ask(), Page(other, (await other.create(member_id=payer)).json())
    assert verdict(await other.do("GET", f"/{mine.id}")) == (404, "payment_intent_not_found")
    for path in ("confirm", "cancel", "refunds"):
        body = {"reason": "x"} if path == "refunds" else {}
        assert verdict(await other.do("POST", f"/{mine.id}/{path}", json=body))[0] == 404
    listed = (await web.do("GET", "", params={"status": "requires_action", "member_id": payer})).json()["items"]
    assert [each["id"] for each in listed] == [mine.id]
    assert "secret" not in str(listed)
    of_store = f"/v1/stores/{shop.store_id}/payment-intents"
    newest = await shop.do("GET", of_store, params={"limit": 2})
    assert [each["id"] for each in newest["items"]] == [theirs.id, mine.id]
    one = await shop.do("GET", of_store, params={"device_id": web.id, "status": "requires_action", "member_id": payer})
    assert [each["id"] for each in one["items"]] == [mine.id]
    assert "secret" not in str(await shop.do("GET", f"{of_store}/{mine.id}"))
    elsewhere = (await shop.do("POST", "/v1/stores", json={"name": "Far", "code": "FAR"}))["id"]
    response = await shop.client.get(f"/v1/stores/{elsewhere}/payment-intents/{mine.id}", headers=shop.staff)
    assert verdict(response) == (404, "payment_intent_not_found")
    assert (await shop.do("POST", f"{of_store}/{theirs.id}/cancel", json={}))["status"] == "canceled"
    response = await shop.client.get(f"/v1/stores/{shop.store_id}/payment-intents", headers=web.headers)
    assert response.status_code == 401
    assert verdict(await shop.client.get("/v1/payment-intents", headers=shop.gate)) == (403, "insufficient_scope")


async def test_what_makes_no_sense_is_asked_of_nobody(web: WebShop, payer: str) -> None:
    for changes in NONSENSE:
        assert verdict(await web.create(**changes)) == (422, "invalid_request"), changes
    assert verdict(await web.create(currency="EUR")) == (422, "currency_mismatch")
    assert verdict(await web.create(member_id=str(uuid4()))) == (404, "member_not_found")
    assert (await web.do("GET", "")).json()["items"] == []
    for local in ("http://localhost:3000/done", "http://127.0.0.1/", "http://[::1]:8080/"):
        assert (await web.create(return_url=local)).status_code == 201, local


async def test_one_key_asks_once_and_no_secret_is_kept(web: WebShop, payer: str, database: Database) -> None:
    answers = await asyncio.gather(*(web.create(key="order-1042", confirm=True) for _ in range(3)))
    again = await web.create(key="order-1042", confirm=True)
    made = [each.json() for each in [*answers, again] if each.status_code == 201]
    assert {each.status_code for each in answers} <= {201, 409}
    assert again.headers["Idempotency-Replayed"] == "true"
    assert all(each == made[0] for each in made)
    assert made[0]["client_secret"] in made[0]["next_action"]["url"]
    assert verdict(await web.create(key="order-1042", amount=1)) == (422, "idempotency_key_reused")
    assert len((await web.do("GET", "")).json()["items"]) == 1
    proof = made[0]["client_secret"].partition("_secret_")[2]
    async with database.read() as session:
        for table in ("payment_intent", "idempotency_record", "webhook_event"):
            kept = await session.scalar(
                text(f"select count(*) from {table} t where t::text like :it"), {"it": f"%{proof}%"}
            )
            assert kept == 0, table


async def test_only_its_own_secret_opens_an_intent_and_not_for_long_after(
    web: WebShop, payer: str, app: FastAPI, clock: Clock
) -> None:
    page, other = await web.ask(), await web.ask()
    secret = page.intent["client_secret"]
    forged = [
        secret[:-1] + ("A" if secret[-1] != "A" else "B"),
        secret.replace(UUID(page.id).hex, UUID(other.id).hex),
        client_secret(UUID(page.id), key=MasterKey.from_text(MasterKey.generate_text())),
        secret.upper(),
        secret + "\n",
        "",
        web.headers["Authorization"].removeprefix("Bearer "),
    ]
    for wrong in forged:
        assert await authenticate(app.state.database, app.state.master_key, wrong, clock()) is None
    assert (await web.shop.client.get("/v1/payer/intent")).status_code == 401
    assert (await web.shop.client.get("/v1/payment-intents", headers=page.headers)).status_code == 401
    assert came_to(await page.type(PIN)) == ("succeeded", None)
    clock.ahead = timedelta(minutes=9)
    assert (await page.see())["status"] == "succeeded"
    clock.ahead = timedelta(minutes=11)
    assert verdict(await page.call("GET", "intent")) == (401, "unauthenticated")
    of_revoked = await web.ask()
    await web.shop.do("DELETE", f"/v1/devices/{web.id}")
    assert verdict(await of_revoked.type(PIN)) == (401, "unauthenticated")


async def test_a_canceled_intent_stays_so(web: WebShop, payer: str, database: Database) -> None:
    page, declined = await web.ask(), await web.ask()
    canceled = (await web.do("POST", f"/{page.id}/cancel", json={"cancellation_reason": "abandoned"})).json()
    assert (canceled["status"], canceled["cancellation_reason"]) == ("canceled", "abandoned")
    back = (await declined.call("POST", "cancellation")).json()
    assert (back["status"], back["cancellation_reason"]) == ("canceled", "requested_by_customer")
    assert back["return_url"].endswith("&payment_intent_status=canceled")
    for path in ("confirm", "cancel"):
        again = await web.do("POST", f"/{page.id}/{path}", json={})
        assert verdict(again) == (409, "payment_intent_unexpected_state")
        assert again.json()["payment_intent_status"] == "canceled"
    for call in (page.type(PIN), page.call("POST", "challenges"), page.call("POST", "cancellation")):
        assert verdict(await call) == (409, "payment_intent_unexpected_state")
    assert verdict(await web.do("POST", f"/{page.id}/refunds", json={"reason": "x"}))[0] == 409
    assert verdict(await web.do("POST", f"/{page.id}/cancel", json={"cancellation_reason": "expired"}))[0] == 422


async def test_an_intent_expires_by_itself_and_on_use(
    web: WebShop, payer: str, database: Database, clock: Clock
) -> None:
    used, left = await web.ask(), await web.ask(expires_in=600)
    clock.ahead = timedelta(seconds=301)
    assert verdict(await used.type(PIN)) == (409, "payment_intent_unexpected_state")
    assert (await used.see())["cancellation_reason"] == "expired"
    clock.ahead = timedelta(seconds=601)
    await settle_due(database, now=clock())
    (row,) = (await web.do("GET", "", params={"status": "canceled", "limit": 1})).json()["items"]
    assert (row["id"], row["cancellation_reason"]) == (left.id, "expired")
    assert [(await told(database, each))[-1] for each in (used, left)] == ["canceled"] * 2


async def test_what_was_paid_is_given_back_in_parts_and_never_more(
    web: WebShop, payer: str, database: Database, clock: Clock
) -> None:
    shop, page = web.shop, await web.ask(tax=1_290, description="Two umbrellas")
    path = f"/{page.id}/refunds"
    assert verdict(await web.do("POST", path, json={"reason": "early"})) == (409, "payment_intent_unexpected_state")
    await page.type(PIN)
    part = await web.do("POST", path, json={"amount": 2_900, "reason": "too late"})
    assert (part.status_code, part.json()["tax"], part.json()["payment_intent"]) == (201, 290, page.id)
    too_much = await web.do("POST", path, json={"amount": 10_001, "reason": "greed"})
    assert verdict(too_much) == (409, "refund_exceeds_order")
    at_staff = f"/v1/stores/{shop.store_id}/payment-intents{path}"
    once = {"Idempotency-Key": "refund-1"}
    rest = await shop.do("POST", at_staff, json={"reason": "goodwill"}, headers=once)
    assert (await shop.do("POST", at_staff, json={"reason": "goodwill"}, headers=once)) == rest
    assert rest["amount"] == 10_000
    assert await shop.balance(payer) == 50_000
    assert (await web.see(page.id))["amount_refunded"] == 12_900
    listed = (await web.do("GET", path)).json()["items"]
    assert [each["amount"] for each in listed] == [10_000, 2_900]
    assert (await told(database, page))[-2:] == ["refund.created", "refund.created"]
    month = f"/v1/members/{payer}/wallet/statements/{clock():%Y-%m}"
    sheet = (await shop.client.get(month, headers=shop.staff)).text
    assert "Purchase at Xixi Road: Two umbrellas" in sheet
    assert "Refund from Xixi Road" in sheet


async def test_staff_correct_what_was_paid_as_any_other_order_and_the_shop_hears_of_it(
    web: WebShop, payer: str, database: Database
) -> None:
    page = await web.ask()
    await page.type(PIN)
    order = f"/v1/orders/{(await web.see(page.id))['order_id']}"
    more = {"lines": [{"sku": "TEA-001", "quantity": 1}], "reason": "left out"}
    await web.shop.do("PUT", f"/v1/stores/{web.shop.store_id}/stock/TEA-001", json={"quantity": 9})
    await web.shop.do("POST", f"{order}/supplements", json=more, headers={"Idempotency-Key": f"more-{page.id}"})
    once = {"Idempotency-Key": f"cancel-{page.id}"}
    await web.shop.do("POST", f"{order}/cancellation", json={"reason": "fraud"}, headers=once)
    assert (await told(database, page))[-2:] == ["succeeded", "refund.created"]
    assert (await web.see(page.id))["amount_refunded"] == 12_900
    assert await web.shop.balance(payer) == 50_000 - 450
    none_left = await web.do("POST", f"/{page.id}/refunds", json={"reason": "again"})
    assert verdict(none_left) == (409, "refund_exceeds_order")


async def test_refunds_at_once_never_exceed_the_payment(web: WebShop, payer: str) -> None:
    page = await web.ask()
    await page.type(PIN)
    body = {"amount": 5_000, "reason": "x"}
    answers = await asyncio.gather(*(web.do("POST", f"/{page.id}/refunds", json=body) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [201, 201, 409, 409]
    assert await web.shop.balance(payer) == 50_000 - 2_900


async def test_payments_on_the_web_count_for_a_members_limits_and_tier(web: WebShop, payer: str) -> None:
    shop: Shop = web.shop
    await shop.do("PUT", f"/v1/members/{payer}/limits", json={"daily_spend_max": 20_000})
    assert came_to(await (await web.ask()).type(PIN)) == ("succeeded", None)
    second = await web.ask()
    assert came_to(await second.type(PIN)) == ("requires_action", "daily_limit")
    issued = await shop.issue_pass(payer)
    at_kiosk = (await shop.pass_at_kiosk(issued["pass"], {"UMB-003": 2})).json()
    assert (at_kiosk["code"], at_kiosk["measured"]) == ("daily_limit", 12_900 + 11_800)
    await shop.do("PUT", f"/v1/members/{payer}/limits", json={"payment_max": 1_000})
    assert came_to(await second.type(PIN)) == ("requires_action", "payment_limit")
    await shop.do("POST", f"/v1/members/{payer}/wallet/freeze", json={"reason": "lost"})
    assert came_to(await second.type(PIN)) == ("requires_action", "wallet_frozen")
    await shop.do("PATCH", f"/v1/members/{payer}", json={"status": "blocked"})
    assert came_to(await second.type(PIN)) == ("requires_action", "member_blocked")
    assert await shop.balance(payer) == 50_000 - 12_900
