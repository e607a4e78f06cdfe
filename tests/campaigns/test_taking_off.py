"""What was won is taken off by itself, at kiosk and lane, and the campaign pays for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from facepay.checkout.audit import CHECKS
from facepay.kernel.clock import utc_now
from facepay.vision.engine import Engine
from facepay.wallet.payments import expire_due_holds
from facepay.wallet.verify import verify
from tests.answers import verdict
from tests.campaigns.stand import LAUGH, ONE_YUAN, Stand, add_campaign, funds
from tests.conftest import Clock
from tests.lanes.lane import GOODS, LaneShop
from tests.rewards.till import (
    COUPON,
    add_coupon,
    assert_books_in_order,
    ledger_of,
    paid,
    pass_by,
    refund,
    rewards,
    set_rules,
)
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TEA, BAO, UMBRELLA = PRICES["TEA-001"], PRICES["BAO-002"], PRICES["UMB-003"]


@pytest.fixture
async def stand(shop: Shop, app_engine: Engine) -> Stand:
    await shop.add_member(0, balance=50_000)
    return await Stand.put_up(shop, app_engine)


def taken_off(order: Any) -> list[tuple[str, str, int]]:
    return [(each["reason"], each["label"], each["amount"]) for each in order["discounts"]]


async def win(stand: Stand, **campaign: Any) -> str:
    """The id of the campaign that was won in."""
    campaign_id = await add_campaign(stand.shop, **campaign)
    answer = await stand.smile(0, LAUGH, campaign_id=campaign_id)
    assert answer["code"] == "won", answer
    return campaign_id


async def test_a_kiosk_takes_a_win_off_by_itself_once_and_what_it_spares_goes_back(
    app: FastAPI, shop: Shop, stand: Stand
) -> None:
    campaign = await win(stand)
    assert await funds(shop, campaign) == (0, 1000, 99_000)
    order = await paid(shop, {"TEA-001": 1, "BAO-002": 1})
    assert taken_off(order) == [("smile", "Smile week", 348)]  # 20 %
    assert order["total"] == TEA + BAO - 348 == sum(line["total"] for line in order["lines"])
    assert await funds(shop, campaign) == (348, 0, 99_652)
    assert await ledger_of(app.state.database, "promotions", campaign) == 348
    (won,) = (await shop.do("GET", f"/v1/campaigns/{campaign}/wins"))["items"]
    assert (won["used"], won["order_id"], won["amount_max"]) == (348, order["id"], 1000)
    assert taken_off(await paid(shop, {"TEA-001": 1})) == [], "a win is used once"
    member, month = (await members(shop))[0], f"{utc_now():%Y-%m}"
    path = f"/v1/members/{member}/wallet/statements/{month}"
    page = await shop.client.get(path, params={"format": "csv"}, headers=shop.staff)
    assert "Purchase at Xixi Road (Smile week: 3.48 off)" in page.text

    other = await win(stand)
    order = await paid(shop, {"UMB-003": 2})
    assert taken_off(order) == [("smile", "Smile week", 1000)], "no more than was put aside: 20 % would be 2,360"
    assert await funds(shop, other) == (1000, 0, 99_000)
    await assert_books_in_order(app.state.database)
    for tampered in ("update coupon_use set amount = amount + 1", "update coupon set budget = budget + 1"):
        async with app.state.database.begin() as session:
            await session.execute(text(tampered))
        report = await verify(app.state.database, extra_checks=CHECKS)
        assert [finding.check for finding in report.findings] == ["wins"], tampered


async def test_a_lane_takes_it_off_too(app: FastAPI, shop: Shop, stand: Stand) -> None:
    campaign = await win(stand)
    lanes = await LaneShop.open(shop)
    await shop.at_gate(0)
    passage = await lanes.start()
    await passage.look(0)
    shown = await passage.read(lanes.tag("SOCKS"))
    socks = GOODS["SOCKS"][1]
    assert shown["total"] == socks - socks // 5
    left = await passage.finish()
    assert (left["code"], taken_off(left["order"])) == ("paid", [("smile", "Smile week", socks // 5)])
    assert await funds(shop, campaign) == (socks // 5, 0, 100_000 - socks // 5)
    await assert_books_in_order(app.state.database)


async def test_a_win_that_does_not_fit_the_basket_is_kept(shop: Shop, stand: Stand) -> None:
    await win(stand, name="Umbrellas", skus=["UMB-003"])
    await win(stand, name="Large", min_basket=TEA + 1, ends_at="2998-01-01T00:00:00Z", lasts_minutes=90)
    elsewhere = (await shop.do("POST", "/v1/stores", json={"name": "Elsewhere", "code": "ELSE"}))["id"]
    kiosk_id, kiosk = await shop.add_device("kiosk", elsewhere)
    assert taken_off(await paid(shop, {"TEA-001": 1})) == []
    order = await paid(shop, {"UMB-003": 1, "TEA-001": 1})
    assert taken_off(order) == [("smile", "Umbrellas", 1000)], "one of two that don't stack: the first to end"
    own = await add_campaign(shop, name="Here only", store_ids=[shop.store_id])
    assert (await stand.smile(0, campaign_id=own))["code"] == "won"
    there = Shop(shop.client, staff=shop.staff, store_id=elsewhere, kiosk_id=kiosk_id, kiosk=kiosk)
    assert taken_off(await paid(there, {"BAO-002": 1})) == [("smile", "Large", 258)]
    assert taken_off(await paid(there, {"BAO-002": 1})) == []
    assert taken_off(await paid(shop, {"BAO-002": 1})) == [("smile", "Here only", 258)]


async def test_coupons_that_are_said_come_first_and_tiers_are_not_lost_to_a_smile(shop: Shop, stand: Stand) -> None:
    await set_rules(shop, tiers=[{"name": "Gold", "min_spend": 0, "discount_basis_points": 3000}])
    await add_coupon(shop, per_member_max=9)
    await add_coupon(shop, code="BOTH", per_member_max=9, stacks_with_coupons=True)
    await win(stand, stacks_with_tier=False, stacks_with_coupons=True)
    assert taken_off(await paid(shop, {"TEA-001": 2})) == [("tier", "Gold", 270)], "20 % would be less"
    with_code = await paid(shop, {"TEA-001": 2}, coupons=["WELCOME10"])
    assert taken_off(with_code) == [("tier", "Gold", 270), ("coupon", "WELCOME10", 63)], "it stacks with none"
    await set_rules(shop)
    both = await paid(shop, {"TEA-001": 2}, coupons=["BOTH"])
    assert taken_off(both) == [("coupon", "BOTH", 90), ("smile", "Smile week", 162)]


async def test_a_refund_gives_the_campaign_its_part_back_and_the_win_stays_used(
    app: FastAPI, shop: Shop, stand: Stand
) -> None:
    campaign = await win(stand, **ONE_YUAN)
    order = await paid(shop, {"TEA-001": 1})
    assert taken_off(order) == [("smile", "Smile week", 100)]
    await refund(shop, order["id"], 175)
    assert await funds(shop, campaign) == (50, 0, 99_950)

    async def cancel(order: Any) -> None:
        once = {"Idempotency-Key": uuid4().hex}
        await shop.do("POST", f"/v1/orders/{order['id']}/cancellation", json={"reason": "torn"}, headers=once)

    await cancel(order)
    assert await funds(shop, campaign) == (0, 0, 100_000)
    assert taken_off(await paid(shop, {"TEA-001": 1})) == []

    for_all = await win(stand, steps=[{"strength_min": 0.4, "amount": TEA}])
    order = await paid(shop, {"TEA-001": 1})
    assert (order["total"], taken_off(order)) == (0, [("smile", "Smile week", TEA)]), "it may pay for all"
    await cancel(order)
    assert await funds(shop, for_all) == (0, 0, 100_000)
    await assert_books_in_order(app.state.database)


async def test_what_expires_goes_back_and_is_not_taken_off(
    app: FastAPI, shop: Shop, stand: Stand, clock: Clock
) -> None:
    campaign = await win(stand, lasts_minutes=5)
    await shop.do("PATCH", f"/v1/campaigns/{campaign}", json={"active": False})
    await pass_by(shop, clock, minutes=4)
    own = next(each for each in (await rewards(shop, (await members(shop))[0]))["coupons"])
    assert (own["is_own"], own["label"], own["basis_points"]) == (True, "Smile week", 2000), "paused, and still good"
    await pass_by(shop, clock, minutes=2)
    assert (await rewards(shop, (await members(shop))[0]))["coupons"] == []
    assert taken_off(await paid(shop, {"TEA-001": 1})) == []
    for later, reserved in ((5, 1000), (16, 0)):  # a payment may have begun before it ended
        async with app.state.database.begin() as session:
            await expire_due_holds(session, now=utc_now() + timedelta(minutes=later))
        assert (await funds(shop, campaign))[1] == reserved
    assert await funds(shop, campaign) == (0, 0, 100_000)
    await assert_books_in_order(app.state.database)


async def test_a_member_s_own_coupon_serves_them_alone_and_needs_no_code(app: FastAPI, shop: Shop) -> None:
    member, other = await shop.add_member(0, balance=10_000), await shop.add_member_without_face(balance=10_000)
    coupon_id = await add_coupon(shop, code="FOR-YOU", member_id=member, budget=50, per_member_max=3)
    refused, own = [
        (await shop.pass_at_kiosk((await shop.issue_pass(other))["pass"], {"TEA-001": 1}, coupons=said)).json()
        for said in (["FOR-YOU"], [])
    ]
    assert (refused["code"], taken_off(own["order"])) == ("coupon_invalid", [])
    assert taken_off(await paid(shop, {"TEA-001": 1})) == [("coupon", "FOR-YOU", 45)]
    assert taken_off(await paid(shop, {"TEA-001": 1})) == [("coupon", "FOR-YOU", 5)], "all that its budget has"
    assert taken_off(await paid(shop, {"TEA-001": 1})) == []
    assert (await shop.do("GET", f"/v1/coupons/{coupon_id}"))["member_id"] == member
    nobody = COUPON | {"code": "NOBODY", "member_id": coupon_id}
    assert verdict(await shop.client.post("/v1/coupons", json=nobody, headers=shop.staff)) == (404, "member_not_found")
    await assert_books_in_order(app.state.database)


async def members(shop: Shop) -> list[str]:
    return [each["id"] for each in (await shop.do("GET", "/v1/members"))["items"]]
