"""Points, tiers and gift balance at the kiosk, over HTTP."""

from __future__ import annotations

import random
from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from facepay.checkout.audit import CHECKS
from facepay.rewards.expiry import expire_due
from facepay.wallet.verify import verify
from tests.answers import verdict
from tests.conftest import Clock, OpenShop
from tests.rewards.till import (
    EARNING,
    add_coupon,
    assert_books_in_order,
    buy,
    coupon,
    give,
    holdings,
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
GOLD = {"name": "Gold", "min_spend": 5000, "discount_basis_points": 500, "points_multiplier_basis_points": 20_000}


async def test_a_lot_that_disagrees_with_its_account_holds_no_other_up(app: FastAPI, shop: Shop, clock: Clock) -> None:
    wrong, right = [await shop.add_member(number, enrol=False) for number in (0, 1)]
    for member_id in (wrong, right):
        await give(shop, member_id, 1000, days=1)
    async with app.state.database.begin() as session:
        await session.execute(
            text("update value_lot set amount = 2000, remaining = 2000 where member_id = cast(:id as uuid)"),
            {"id": wrong},
        )
    clock.ahead += timedelta(days=2)
    assert await expire_due(app.state.database, now=clock()) == 1
    assert await ledger_of(app.state.database, "gift", right) == 0
    assert await ledger_of(app.state.database, "gift", wrong) == 1000


async def test_points_are_earned_on_money_and_pay_at_the_next_visit(app: FastAPI, shop: Shop) -> None:
    await set_rules(shop, earning=EARNING)
    member_id = await shop.add_member(0, balance=20_000)
    order = await paid(shop, {"UMB-003": 1})
    assert order["points_earned"] == UMBRELLA // 10 == 590
    order = await paid(shop, {"BAO-002": 1}, redeem_points=500)
    assert (order["points"], order["points_value"], order["wallet"]) == (500, 500, BAO - 500)
    assert order["points_earned"] == (BAO - 500) // 10
    assert await holdings(shop, member_id) == (20_000 - UMBRELLA - BAO + 500, 0, 590 - 500 + 79)
    assert await ledger_of(app.state.database, "points_pool") == -(590 - 500 + 79)
    await assert_books_in_order(app.state.database)


async def test_categories_earn_at_their_own_rate(shop: Shop) -> None:
    tea = (await shop.do("GET", "/v1/products", params={"search": "TEA-001"}))["items"][0]
    await shop.do("PATCH", f"/v1/products/{tea['id']}", json={"category": "Drinks"})
    await set_rules(shop, earning=[*EARNING, {"category": "Drinks", "points_per_100": 100}])
    await shop.add_member(0, balance=20_000)
    assert (await paid(shop, {"TEA-001": 1, "BAO-002": 1}))["points_earned"] == TEA + BAO // 10


async def test_no_more_points_are_taken_than_the_total_costs_and_none_that_are_not_there(open_shop: OpenShop) -> None:
    shop = await open_shop(point_value=4)
    await set_rules(shop, earning=[{"category": None, "points_per_100": 100}])
    member_id = await shop.add_member(0, balance=20_000)
    await paid(shop, {"UMB-003": 1})
    assert (await buy(shop, {"TEA-001": 1}, redeem_points=5901))["code"] == "insufficient_points"
    order = await paid(shop, {"TEA-001": 1}, redeem_points=5900)
    assert (order["points"], order["points_value"], order["wallet"]) == (TEA // 4, TEA // 4 * 4, TEA % 4)
    assert (await shop.balance(member_id)) == 20_000 - UMBRELLA - TEA % 4


async def test_a_tier_is_reached_by_spending_and_left_by_refunds(shop: Shop) -> None:
    await set_rules(shop, tiers=[GOLD], earning=EARNING)
    member_id = await shop.add_member(0, balance=50_000)
    first = await paid(shop, {"UMB-003": 1})
    assert first["discounts"] == []
    assert (await rewards(shop, member_id))["tier"]["name"] == "Gold"
    second = await paid(shop, {"TEA-001": 1})
    assert second["discounts"] == [{"reason": "tier", "label": "Gold", "amount": 23}]
    assert (second["total"], second["lines"][0]["discount"]) == (TEA - 23, 23)
    assert second["tax"] == round((TEA - 23) * 13 / 113)
    assert second["points_earned"] == (TEA - 23) * 2 // 10
    await refund(shop, first["id"])
    assert (await rewards(shop, member_id))["tier"] is None
    assert (await paid(shop, {"TEA-001": 1}))["total"] == TEA


async def test_a_year_later_the_spend_no_longer_counts(shop: Shop, clock: Clock) -> None:
    await set_rules(shop, tiers=[GOLD])
    member_id = await shop.add_member(0, balance=50_000)
    await paid(shop, {"UMB-003": 1})
    await pass_by(shop, clock, days=366)
    assert (await rewards(shop, member_id))["tier"] is None


async def test_gift_balance_is_spent_before_the_wallet_and_what_expires_first_before_the_rest(
    app: FastAPI, shop: Shop, clock: Clock
) -> None:
    member_id = await shop.add_member(0, balance=10_000)
    await give(shop, member_id, 300, days=60)
    await give(shop, member_id, 200, days=10)
    order = await paid(shop, {"TEA-001": 1})
    assert (order["gift"], order["wallet"]) == (TEA, 0)
    left = (await rewards(shop, member_id))["gift"]
    assert [part["amount"] for part in left["expiring"]] == [50]
    await pass_by(shop, clock, days=61)
    assert await holdings(shop, member_id) == (10_000, 0, 0)
    assert (await paid(shop, {"TEA-001": 1}))["wallet"] == TEA
    assert await expire_due(app.state.database, now=clock()) == 1
    assert await expire_due(app.state.database, now=clock()) == 0
    assert await ledger_of(app.state.database, "gift", member_id) == 0
    assert await ledger_of(app.state.database, "promotions") == -TEA
    await assert_books_in_order(app.state.database)


async def test_a_whole_basket_may_be_a_gift_and_is_refunded_as_one(app: FastAPI, shop: Shop) -> None:
    member_id = await shop.add_member(0)
    await give(shop, member_id, TEA)
    answer = await buy(shop, {"TEA-001": 1})
    assert (answer["code"], answer["payment"]["amount"], answer["payment"]["balance"]) == ("paid", 0, 0)
    made = await refund(shop, answer["order"]["id"])
    assert made["gift"] == TEA
    assert await holdings(shop, member_id) == (0, TEA, 0)
    await assert_books_in_order(app.state.database)


async def test_refunded_points_come_back_and_earned_ones_go(app: FastAPI, shop: Shop) -> None:
    await set_rules(shop, earning=EARNING)
    code_id = await add_coupon(shop, code="FIFTY", basis_points=None, amount=50)
    member_id = await shop.add_member(0, balance=20_000)
    await paid(shop, {"UMB-003": 1})
    await give(shop, member_id, 333)
    before = await holdings(shop, member_id)
    order = await paid(shop, {"BAO-002": 2, "TEA-001": 1}, redeem_points=217, coupons=["fifty"])
    assert (order["total"], order["gift"], order["points"]) == (2 * BAO + TEA - 50, 333, 217)
    for amount in (1, 7, 1000, 2, 499, None):
        await refund(shop, order["id"], amount)
    assert await holdings(shop, member_id) == before
    assert (await coupon(shop, code_id))["budget_left"] == 100_000
    assert (await paid(shop, {"TEA-001": 1}, coupons=["FIFTY"]))["discount"] == 50
    await assert_books_in_order(app.state.database)


async def test_earned_points_that_were_spent_before_the_refund_are_owed_and_paid_by_the_next(
    app: FastAPI, shop: Shop
) -> None:
    await set_rules(shop, earning=EARNING)
    member_id = await shop.add_member(0, balance=20_000)
    first = await paid(shop, {"UMB-003": 1})
    await paid(shop, {"UMB-003": 1}, redeem_points=590)  # earns 531
    await refund(shop, first["id"], 5900)
    made = await rewards(shop, member_id)
    assert (made["points"]["available"], made["points_owed"]) == (0, 590 - 531)
    await paid(shop, {"BAO-002": 1})
    after = await rewards(shop, member_id)
    assert (after["points"]["available"], after["points_owed"]) == (129 - 59, 0)
    await assert_books_in_order(app.state.database)


async def test_expired_points_go_back_to_the_pool_first_in_first_out(open_shop: OpenShop, clock: Clock) -> None:
    shop = await open_shop(points_expire_days=10)
    await set_rules(shop, earning=EARNING)
    member_id = await shop.add_member(0, balance=50_000)
    await paid(shop, {"UMB-003": 1})  # 590, gone on day 10
    await pass_by(shop, clock, days=5)
    await paid(shop, {"BAO-002": 1})  # 129, gone on day 15
    await paid(shop, {"TEA-001": 1}, redeem_points=100)  # of the 590; 35 more
    parts = (await rewards(shop, member_id))["points"]["expiring"]
    assert [part["amount"] for part in parts] == [490, 129, 35]
    await pass_by(shop, clock, days=6)
    assert (await rewards(shop, member_id))["points"]["available"] == 129 + 35


async def test_lots_that_differ_from_the_books_are_found(app: FastAPI, shop: Shop) -> None:
    member_id = await shop.add_member(0, enrol=False)
    await give(shop, member_id, 100)
    await assert_books_in_order(app.state.database)
    async with app.state.database.begin() as session:
        await session.execute(text("update value_lot set remaining = 99"))
    findings = (await verify(app.state.database, extra_checks=CHECKS)).findings
    assert [finding.check for finding in findings] == ["points and gifts", "lots"]


async def test_gifts_and_rules_that_make_no_sense_are_refused(shop: Shop) -> None:
    member_id = await shop.add_member(0, enrol=False)
    headers = shop.staff | {"Idempotency-Key": uuid4().hex}
    gift = {"amount": 1, "expires_at": "2001-01-01T00:00:00Z"}
    response = await shop.client.post(f"/v1/members/{member_id}/gifts", json=gift, headers=headers)
    assert verdict(response) == (422, "gift_expired")
    twice = {"tiers": [GOLD, GOLD | {"min_spend": 1}]}
    response = await shop.client.put("/v1/rewards/rules", json=twice, headers=shop.staff)
    assert verdict(response) == (422, "invalid_request")


async def test_a_random_life_with_rewards_leaves_the_books_in_order(app: FastAPI, shop: Shop, clock: Clock) -> None:
    dice = random.Random(1)
    await set_rules(shop, tiers=[GOLD], earning=EARNING)
    coupons = [
        await add_coupon(shop, code="A", per_member_max=99, stacks_with_coupons=True, budget=2500),
        await add_coupon(shop, code="B", basis_points=None, amount=77, per_member_max=99, stacks_with_coupons=True),
    ]
    member_id = await shop.add_member(0, balance=200_000)
    orders: list[dict[str, int]] = []
    for _ in range(40):
        act = dice.choice(("buy", "buy", "refund", "gift", "wait"))
        if act == "buy":
            basket = {sku: dice.randint(1, 2) for sku in dice.sample(sorted(PRICES), 2)}
            codes = dice.sample(["A", "B"], dice.randint(0, 2))
            answer = await buy(shop, basket, coupons=codes, redeem_points=dice.choice((0, 0, 50, 400)))
            orders += [answer["order"]] if answer["code"] == "paid" else []
        elif act == "refund" and orders:
            order = dice.choice(orders)
            left = order["total"] - (await shop.do("GET", f"/v1/orders/{order['id']}"))["refunded"]
            if left:
                await refund(shop, str(order["id"]), dice.randint(1, left))
        elif act == "gift":
            await give(shop, member_id, dice.randint(1, 500), days=dice.randint(1, 40), now=clock())
        else:
            await pass_by(shop, clock, days=dice.randint(1, 9))
            await expire_due(app.state.database, now=clock())
    assert len(orders) > 5
    await assert_books_in_order(app.state.database)
    for order in orders:
        left = order["total"] - (await shop.do("GET", f"/v1/orders/{order['id']}"))["refunded"]
        if left:
            await refund(shop, str(order["id"]), left)
    await assert_books_in_order(app.state.database)
    assert await shop.balance(member_id) == 200_000
    assert [(await coupon(shop, each))["budget_left"] for each in coupons] == [2500, 100_000]
    pool = await ledger_of(app.state.database, "points_pool")
    held = await ledger_of(app.state.database, "points", member_id)
    assert -pool == held + await ledger_of(app.state.database, "points_owed", member_id)
