"""What a face may spend, and who may stop it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.answers import verdict
from tests.conftest import Clock, OpenShop
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TEA = PRICES["TEA-001"]


def over(answer: dict[str, Any]) -> tuple[str, int | None, int | None]:
    """Why not, the limit, and what the payment would have brought it to; nothing was sold."""
    assert (answer["decision"], answer["order"]) == ("declined", None)
    return answer["code"], answer["limit"], answer["measured"]


async def buy(shop: Shop, quantity: int = 1) -> dict[str, Any]:
    answer: dict[str, Any] = (await shop.at_kiosk(0, {"TEA-001": quantity})).json()
    return answer


async def limit(shop: Shop, member_id: str, **limits: int) -> Any:
    return await shop.do("PUT", f"/v1/members/{member_id}/limits", json=limits)


async def test_no_payment_is_above_the_lower_of_the_stores_and_the_members_own_limit_or_the_chains(
    open_shop: OpenShop,
) -> None:
    shop = await open_shop(payment_max=2 * TEA)
    member_id = await shop.add_member(0, balance=10_000)
    assert (await buy(shop, 2))["code"] == "paid"
    assert over(await buy(shop, 3)) == ("payment_limit", 2 * TEA, 3 * TEA)
    assert await shop.balance(member_id) == 10_000 - 2 * TEA
    await limit(shop, member_id, payment_max=3 * TEA)
    assert (await buy(shop, 3))["code"] == "paid"  # their own, instead of the chain's
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/limits", json={"payment_max": 2 * TEA})
    assert over(await buy(shop, 3)) == ("payment_limit", 2 * TEA, 3 * TEA)

    other = await shop.do("POST", "/v1/stores", json={"name": "West Lake", "code": "LAKE"})
    nobody = await shop.add_member_without_face()
    for path in (f"/v1/members/{nobody}/limits", f"/v1/stores/{other['id']}/limits"):
        assert (await shop.do("GET", path))["changed_by"] is None
        await shop.do("PUT", path, json={"payment_max": 700, "step_up_above": 0})
        await shop.do("PUT", path, json={"daily_spend_max": 900})
        seen = await shop.do("GET", path)
        assert (seen["payment_max"], seen["daily_spend_max"], seen["step_up_above"]) == (None, 900, None)
        assert seen["defaults"]["payment_max"] == 2 * TEA
        assert seen["changed_by"].startswith("staff:")
        refused = await shop.client.put(path, json={"payment_max": 0}, headers=shop.staff)
        assert verdict(refused) == (422, "invalid_request")
    unknown = await shop.client.put(f"/v1/members/{uuid4()}/limits", json={}, headers=shop.staff)
    assert verdict(unknown) == (404, "member_not_found")


async def test_a_day_and_ten_minutes_have_limits_and_a_day_ends_at_midnight_in_the_chains_time_zone(
    open_shop: OpenShop, clock: Clock
) -> None:
    local = clock() + timedelta(hours=8)
    clock.ahead = local.replace(hour=23, minute=50, second=0, microsecond=0) - local
    shop = await open_shop(daily_spend_max=3 * TEA, ten_minute_payments_max=2, time_zone="Asia/Shanghai")
    await shop.add_member(0, balance=10_000)
    await buy(shop, 3)
    assert over(await buy(shop)) == ("daily_limit", 3 * TEA, 4 * TEA)
    clock.ahead += timedelta(minutes=11)
    assert [(await buy(shop))["code"] for _ in range(2)] == ["paid", "paid"]
    assert over(await buy(shop)) == ("too_many_payments", 2, 3)
    clock.ahead += timedelta(minutes=10)
    assert (await buy(shop))["code"] == "paid"


async def test_kiosks_side_by_side_cannot_slip_under_one_daily_limit(shop: Shop) -> None:
    member_id = await shop.add_member(0, balance=100_000)
    await limit(shop, member_id, daily_spend_max=3 * TEA)
    answers = await asyncio.gather(*(buy(shop) for _ in range(6)))
    assert sorted(answer["code"] for answer in answers) == ["daily_limit"] * 3 + ["paid"] * 3
    assert await shop.balance(member_id) == 100_000 - 3 * TEA
    order = next(answer["order"] for answer in answers if answer["order"])
    body, key = {"reason": "stale"}, {"Idempotency-Key": "back"}
    await shop.do("POST", f"/v1/orders/{order['id']}/refunds", json=body, headers=key)
    assert (await buy(shop))["code"] == "paid", "what was refunded doesn't count as spent"


async def test_a_store_limits_what_each_member_spends_there_in_a_day(shop: Shop) -> None:
    await shop.add_member(0, balance=10_000)
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/limits", json={"store_daily_spend_max": TEA})
    assert (await buy(shop))["code"] == "paid"
    assert over(await buy(shop)) == ("store_daily_limit", TEA, 2 * TEA)
    other = await shop.do("POST", "/v1/stores", json={"name": "West Lake", "code": "LAKE"})
    shop.kiosk_id, shop.kiosk = await shop.add_device("kiosk", other["id"])
    assert (await buy(shop, 2))["code"] == "paid"


async def finish(shop: Shop, asked: dict[str, Any], answer: str, *, factor: str = "answer") -> dict[str, Any]:
    finished: dict[str, Any] = (
        await shop.client.post(
            f"/v1/kiosks/{shop.kiosk_id}/checkouts/{asked['checkout_id']}/step-up",
            json={factor: answer},
            headers=shop.kiosk | {"Idempotency-Key": uuid4().hex},
        )
    ).json()
    return finished


async def test_a_large_amount_asks_for_the_pin_once_or_a_pass_where_there_is_none(shop: Shop) -> None:
    member_id = await shop.add_member(0, balance=10_000)
    await limit(shop, member_id, step_up_above=0)
    asked = await buy(shop)
    assert (asked["code"], asked["step_up"]["factor"]) == ("amount_needs_step_up", "pass")
    issued = await shop.issue_pass(member_id)
    assert (await finish(shop, asked, issued["pass"], factor="pass"))["code"] == "paid"

    await shop.do("PUT", f"/v1/members/{member_id}/pin", json={"pin": "739150"})
    await limit(shop, member_id, step_up_above=TEA)
    assert (await buy(shop))["code"] == "paid"
    asked = await buy(shop, 2)
    assert (asked["decision"], asked["code"]) == ("step_up", "amount_needs_step_up")
    assert (asked["limit"], asked["measured"], asked["step_up"]["factor"]) == (TEA, 2 * TEA, "pin")
    assert (await finish(shop, asked, "111111"))["code"] == "wrong_answer"
    assert (await finish(shop, asked, "739150"))["code"] == "paid"
    assert await shop.balance(member_id) == 10_000 - 4 * TEA

    asked = await buy(shop, 2)
    await limit(shop, member_id, payment_max=TEA, step_up_above=TEA)
    proven = await finish(shop, asked, "739150")
    assert over(proven) == ("payment_limit", TEA, 2 * TEA), "who is proven is still held to the limits"


async def test_a_frozen_wallet_pays_nothing_but_takes_refunds(shop: Shop) -> None:
    member_id = await shop.add_member(0, balance=10_000)
    order = (await buy(shop))["order"]
    path = f"/v1/members/{member_id}/wallet"
    frozen = await shop.do("POST", f"{path}/freeze", json={"reason": "phone stolen"})
    assert (await shop.do("POST", f"{path}/freeze", json={"reason": "again"})) == frozen
    assert (await shop.do("GET", path))["frozen"] == frozen
    assert over(await buy(shop)) == ("wallet_frozen", None, None)

    top_up = (await shop.do("GET", f"{path}/top-ups"))["items"][0]
    headers = shop.staff | {"Idempotency-Key": "out"}
    out = await shop.client.post(f"{path}/top-ups/{top_up['id']}/refunds", json={}, headers=headers)
    assert verdict(out) == (409, "wallet_frozen")
    back = {"Idempotency-Key": "back"}
    await shop.do("POST", f"/v1/orders/{order['id']}/refunds", json={"reason": "stale"}, headers=back)
    assert await shop.balance(member_id) == 10_000

    await shop.do("DELETE", f"{path}/freeze")
    assert (await shop.do("GET", path))["frozen"] is None
    assert (await buy(shop))["code"] == "paid"
    assert verdict(await shop.client.delete(f"{path}/freeze", headers=shop.staff)) == (404, "wallet_not_frozen")

    async def freeze() -> int:
        await shop.do("POST", f"{path}/freeze", json={"reason": "phone stolen"})
        return await shop.balance(member_id)

    at_once = await asyncio.gather(*(buy(shop) for _ in range(3)), freeze(), *(buy(shop) for _ in range(3)))
    assert await shop.balance(member_id) == at_once[3], "nothing is paid once a freeze was answered"
