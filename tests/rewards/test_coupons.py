"""Coupons: whom they serve, what they may cost, and that the last cent is given once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI

from tests.answers import verdict
from tests.rewards.till import (
    COUPON,
    EARNING,
    add_coupon,
    assert_books_in_order,
    buy,
    coupon,
    ledger_of,
    paid,
    refund,
    set_rules,
)
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TEA, BAO, UMBRELLA = PRICES["TEA-001"], PRICES["BAO-002"], PRICES["UMB-003"]
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"code": "OTHER"}, "coupon_invalid"),
    ({"active": False}, "coupon_invalid"),
    ({"currency": "EUR"}, "coupon_invalid"),
    ({"starts_at": "2998-01-01T00:00:00Z"}, "coupon_not_yet"),
    ({"starts_at": "2001-01-01T00:00:00Z", "ends_at": "2002-01-01T00:00:00Z"}, "coupon_expired"),
    ({"min_basket": TEA + 1}, "coupon_min_basket"),
    ({"skus": ["BAO-002"]}, "coupon_not_applicable"),
    ({"categories": ["Drinks"]}, "coupon_not_applicable"),
    ({"budget": 44}, "coupon_exhausted"),
]


async def test_a_coupon_takes_its_share_off_and_says_so_on_the_order(app: FastAPI, shop: Shop) -> None:
    coupon_id = await add_coupon(shop)
    member_id = await shop.add_member(0, balance=10_000)
    order = await paid(shop, {"TEA-001": 1, "BAO-002": 1}, coupons=["welcome10"])
    assert order["discounts"] == [{"reason": "coupon", "label": "WELCOME10", "amount": 174}]
    assert order["total"] == TEA + BAO - 174 == sum(line["total"] for line in order["lines"])
    assert order["discount"] == sum(line["discount"] for line in order["lines"]) == 174
    assert await shop.balance(member_id) == 10_000 - order["total"]
    assert (await shop.do("GET", f"/v1/orders/{order['id']}"))["discounts"] == order["discounts"]
    assert (await coupon(shop, coupon_id))["budget_left"] == 100_000 - 174
    assert await ledger_of(app.state.database, "promotions", coupon_id) == 174
    await assert_books_in_order(app.state.database)


async def test_a_coupon_that_does_not_hold_charges_nothing(shop: Shop) -> None:
    member_id = await shop.add_member(0, balance=10_000)
    for number, (changes, code) in enumerate(FAULTS):
        named = f"WELCOME{number}"
        await add_coupon(shop, **({"code": named} | changes))
        answer = await buy(shop, {"TEA-001": 1}, coupons=[named])
        assert (answer["decision"], answer["code"], answer["coupon"]) == ("declined", code, named), changes
    assert await shop.balance(member_id) == 10_000


async def test_a_member_uses_a_coupon_once_unless_the_order_comes_back(shop: Shop) -> None:
    await add_coupon(shop)
    await shop.add_member(0, balance=10_000)
    order = await paid(shop, {"TEA-001": 1}, coupons=["WELCOME10"])
    assert (await buy(shop, {"TEA-001": 1}, coupons=["WELCOME10"]))["code"] == "coupon_used"
    await refund(shop, order["id"], 5)
    assert (await buy(shop, {"TEA-001": 1}, coupons=["WELCOME10"]))["code"] == "coupon_used"
    await refund(shop, order["id"])
    await paid(shop, {"TEA-001": 1}, coupons=["WELCOME10"])


async def test_coupons_stack_only_where_both_allow_it(shop: Shop) -> None:
    await set_rules(shop, tiers=[{"name": "All", "min_spend": 0, "discount_basis_points": 1000}])
    await add_coupon(shop, code="ALONE", stacks_with_tier=False)
    await add_coupon(shop, code="ONE", stacks_with_coupons=True)
    await add_coupon(shop, code="TWO", stacks_with_coupons=True, basis_points=None, amount=100)
    await shop.add_member(0, balance=10_000)
    refused = await buy(shop, {"TEA-001": 1}, coupons=["ONE", "ALONE"])
    assert (refused["code"], refused["coupon"]) == ("coupon_not_stackable", "ALONE")
    both = await paid(shop, {"TEA-001": 1}, coupons=["ONE", "TWO"])
    assert [(d["label"], d["amount"]) for d in both["discounts"]] == [("All", 45), ("ONE", 41), ("TWO", 100)]
    alone = await paid(shop, {"TEA-001": 1}, coupons=["ALONE"])
    assert [(d["label"], d["amount"]) for d in alone["discounts"]] == [("ALONE", 45)]


async def test_a_basket_that_costs_nothing_any_more_is_sold(app: FastAPI, shop: Shop) -> None:
    await add_coupon(shop, basis_points=None, amount=TEA)
    await shop.add_member(0)
    order = await paid(shop, {"TEA-001": 1}, coupons=["WELCOME10"])
    assert (order["total"], order["tax"], order["wallet"]) == (0, 0, 0)
    await assert_books_in_order(app.state.database)


async def test_many_kiosks_give_the_last_cent_of_a_budget_once(app: FastAPI, shop: Shop) -> None:
    await set_rules(shop, earning=EARNING)  # so that they open the pool's account side by side, too
    coupon_id = await add_coupon(shop, basis_points=None, amount=100, budget=399, per_member_max=2)
    for number in range(4):
        await shop.add_member(number, balance=10_000)
    answers = await asyncio.gather(
        *(buy(shop, {"TEA-001": 1}, who=number % 4, coupons=["WELCOME10"]) for number in range(8))
    )
    assert sorted(answer["code"] for answer in answers) == ["coupon_exhausted"] * 5 + ["paid"] * 3
    assert (await coupon(shop, coupon_id))["budget_left"] == 99
    await assert_books_in_order(app.state.database)


async def test_a_budget_can_grow_and_shrink_but_not_below_what_was_given(shop: Shop) -> None:
    coupon_id = await add_coupon(shop, basis_points=None, amount=100, budget=100)
    await shop.add_member(0, balance=10_000)
    await paid(shop, {"TEA-001": 1}, coupons=["WELCOME10"])
    path = f"/v1/coupons/{coupon_id}"
    assert (await shop.do("PATCH", path, json={"budget": 150}))["budget_left"] == 50
    refused = await shop.client.patch(path, json={"budget": 99}, headers=shop.staff)
    assert verdict(refused) == (409, "coupon_budget_given")
    assert (await coupon(shop, coupon_id))["budget"] == 150
    again = await shop.client.post("/v1/coupons", json=COUPON, headers=shop.staff)
    assert verdict(again) == (409, "coupon_code_taken")
    ended = await shop.client.patch(path, json={"ends_at": "2001-01-01T00:00:00Z"}, headers=shop.staff)
    assert verdict(ended) == (422, "coupon_period")


async def test_a_step_up_charges_the_basket_with_its_coupons(shop: Shop) -> None:
    await add_coupon(shop)
    member_id = await shop.add_member(0, balance=10_000, pin="739150")
    await shop.do("PUT", f"/v1/members/{member_id}/limits", json={"step_up_above": 0})
    asked = await buy(shop, {"TEA-001": 1}, coupons=["WELCOME10"])
    assert asked["decision"] == "step_up"
    path = f"/v1/kiosks/{shop.kiosk_id}/checkouts/{asked['checkout_id']}/step-up"
    headers = shop.kiosk | {"Idempotency-Key": "answer-1"}
    answer = (await shop.client.post(path, json={"answer": "739150"}, headers=headers)).json()
    assert (answer["code"], answer["order"]["total"]) == ("paid", TEA - 45)
