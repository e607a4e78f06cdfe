"""What somebody of a family buys: who pays, on which terms, and what is refused to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

from tests.answers import verdict
from tests.checkout.test_limits import finish
from tests.conftest import Clock
from tests.families.household import BALANCE, BAO, PIN, TEA, UMBRELLA, WINE, Household, add_wine, alerts
from tests.photos import people
from tests.rewards.till import (
    EARNING,
    add_coupon,
    assert_books_in_order,
    give,
    holdings,
    pass_by,
    refund,
    rewards,
    set_rules,
)
from tests.shop import PRICES, Shop

# Passes, which are scanned, prove enough of any amount: only the test whose face pays is asked for a PIN.
pytestmark = [pytest.mark.anyio, pytest.mark.reopened(step_up_above=1000)]
TEA_PRICE, BAO_PRICE = PRICES["TEA-001"], PRICES["BAO-002"]
EVERY_DAY = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
NEVER: dict[str, Any] = {"weekly": {}}
ALWAYS = {"weekly": {day: [["00:00", "24:00"]] for day in EVERY_DAY}}


async def test_what_a_child_buys_is_charged_to_the_payer_who_hears_of_it(shop: Shop, app: FastAPI) -> None:
    household = await Household.of(shop)
    await shop.top_up(household.child, 5000)
    paid = await household.buy(TEA)
    order = paid["order"]
    assert (order["member_id"], order["buyer_id"]) == (household.payer, household.child)
    assert paid["payment"]["balance"] is None, "what the family has is not for whoever stands behind a child"
    assert await shop.balance(household.payer) == BALANCE - TEA_PRICE
    assert await shop.balance(household.child) == 5000, "what is their own stays theirs"
    assert await household.notices() == [("family_purchase", TEA_PRICE)]
    assert await household.notices(household.child) == []
    adult = await household.another(role="adult")
    assert (await household.buy(TEA, adult))["code"] == "paid"
    assert len(await household.notices()) == 1, "an adult is not watched"
    own = await household.buy(TEA, household.payer)
    assert own["order"]["buyer_id"] is None
    found = await shop.do("GET", "/v1/orders", params={"buyer_id": household.child})
    assert [each["id"] for each in found["items"]] == [order["id"]]
    await assert_books_in_order(app.state.database)


async def test_tier_points_gift_and_coupons_are_the_familys(shop: Shop, app: FastAPI) -> None:
    await set_rules(shop, tiers=[{"name": "Gold", "min_spend": 5000, "discount_basis_points": 1000}], earning=EARNING)
    await add_coupon(shop)
    household = await Household.of(shop)
    assert (await household.buy(UMBRELLA, household.payer))["code"] == "paid"
    await give(shop, household.payer, 300)
    before = (await rewards(shop, household.payer))["points"]["available"]
    paid = await household.buy(TEA, coupons=["WELCOME10"])
    discounts = [each["reason"] for each in paid["order"]["discounts"]]
    assert discounts == ["tier", "coupon"], paid["order"]["discounts"]
    assert paid["order"]["gift"] == 300
    after = (await rewards(shop, household.payer))["points"]["available"]
    assert after == before + paid["order"]["points_earned"]
    assert (await rewards(shop, household.child))["tier"] is None
    again = await household.buy(TEA, household.payer, coupons=["WELCOME10"])
    assert again["code"] == "coupon_used", "once for the family"
    await refund(shop, paid["order"]["id"])
    assert (await holdings(shop, household.payer))[2] >= 300
    await assert_books_in_order(app.state.database)


async def test_a_child_spends_within_its_limits_and_the_payer_within_theirs(shop: Shop) -> None:
    household = await Household.of(shop, payment_max=TEA_PRICE * 2, daily_max=TEA_PRICE * 3)
    over = await household.buy(BAO)
    assert (over["code"], over["limit"], over["measured"]) == ("family_limit", TEA_PRICE * 2, BAO_PRICE)
    first = await household.buy({"TEA-001": 2})
    assert (await household.buy({"TEA-001": 2}))["code"] == "family_limit"
    assert (await household.buy(BAO, household.payer))["code"] == "paid", "theirs are another's limits"
    await refund(shop, first["order"]["id"], TEA_PRICE)
    assert (await household.buy({"TEA-001": 2}))["code"] == "paid", "what was given back counts no more"
    await household.set()
    spent = (await household.see("/spending"))["amount"]
    await shop.do("PUT", f"/v1/members/{household.payer}/limits", json={"daily_spend_max": spent + 10})
    assert (await household.buy(TEA))["code"] == "daily_limit"


async def test_a_childs_day_is_the_chains(shop: Shop, clock: Clock) -> None:
    household = await Household.of(shop, daily_max=TEA_PRICE)
    assert [(await household.buy(TEA))["code"] for _ in range(2)] == ["paid", "family_limit"]
    await pass_by(shop, clock, days=1)
    assert (await household.buy(TEA))["code"] == "paid"


async def test_a_limit_that_a_member_had_before_still_holds(shop: Shop) -> None:
    household = await Household.of(shop, payment_max=5000)
    await shop.do("PUT", f"/v1/members/{household.child}/limits", json={"payment_max": 1000})
    assert (await household.buy(BAO))["limit"] == 1000
    assert (await household.buy(TEA))["code"] == "paid"


async def test_what_rules_block_is_named_and_told_to_the_payer_once(shop: Shop) -> None:
    rules = {"blocked_skus": ["UMB-003"], "blocked_categories": ["Sweets"]}
    sweet = {"sku": "SWEET", "name": "sweet", "category": "Sweets", "price": 100, "tax_rate_basis_points": 0}
    await shop.do("POST", "/v1/products", json=sweet)
    household = await Household.of(shop, rules=rules)
    for _ in range(2):
        refused = await household.buy({"UMB-003": 1, "SWEET": 1, "TEA-001": 1})
        assert (refused["code"], refused["skus"]) == ("family_rule", ["SWEET", "UMB-003"])
    total = PRICES["UMB-003"] + 100 + TEA_PRICE
    assert await household.notices() == [("family_refused", total)]
    (told,) = (await household.see("/refusals"))["items"]
    assert (told["member_id"], told["code"], told["skus"]) == (household.child, "family_rule", ["SWEET", "UMB-003"])
    assert (await household.see(f"/refusals?member_id={household.payer}"))["items"] == []
    assert (await household.buy(TEA))["code"] == "paid"
    assert (await household.buy(UMBRELLA, household.payer))["code"] == "paid"


async def test_a_child_buys_at_the_hours_it_may(shop: Shop) -> None:
    household = await Household.of(shop, rules={"hours": NEVER})
    refused = await household.buy(TEA)
    assert (refused["code"], refused["skus"]) == ("family_rule", [])
    await household.set(rules={"hours": ALWAYS})
    assert (await household.see())["members"][0]["rules"]["hours"]["weekly"] == ALWAYS["weekly"]
    assert (await household.buy(TEA))["code"] == "paid"


async def test_goods_with_an_age_limit_take_a_document_and_years(shop: Shop) -> None:
    await add_wine(shop)
    member = await shop.add_member_without_face(balance=BALANCE)
    household = Household(shop, "", member, member)
    asked = await household.buy(WINE | TEA)
    assert (asked["code"], asked["skus"]) == ("age_check_needed", ["WINE"])
    (alert,) = await alerts(shop, "age_check_needed")
    assert alert["device_id"] == shop.kiosk_id
    assert member not in str(alert)
    await shop.do("PATCH", f"/v1/members/{member}", json={"born_on": "1980-01-01"})
    assert (await household.buy(WINE))["code"] == "age_check_needed", "what they say themselves shows nothing"
    await household.check_age("2015-06-01")
    young = await household.buy(WINE | TEA)
    assert (young["code"], young["skus"]) == ("age_restricted", ["WINE"])
    assert (await household.buy(TEA))["code"] == "paid"
    await household.check_age("1980-01-01")
    assert (await household.buy(WINE))["code"] == "paid"


async def test_a_birthday_begins_with_the_stores_own_day(shop: Shop, clock: Clock) -> None:
    await add_wine(shop, age_min=20)
    member = await shop.add_member_without_face(balance=BALANCE)
    household = Household(shop, "", member, member)
    today = clock().astimezone(ZoneInfo("Pacific/Kiritimati")).date()  # where each day begins
    await household.check_age(today.replace(year=today.year - 20).isoformat())
    for time_zone, code in (("Pacific/Pago_Pago", "age_restricted"), ("Pacific/Kiritimati", "paid")):
        await shop.do("PATCH", f"/v1/stores/{shop.store_id}", json={"timezone": time_zone})
        assert (await household.buy(WINE))["code"] == code


async def test_a_child_of_age_buys_what_has_a_limit_only_if_its_family_lets_it(shop: Shop) -> None:
    await add_wine(shop, age_min=16)
    household = await Household.of(shop)
    assert (await household.buy(WINE))["code"] == "family_rule", "no staff are called for what is refused anyway"
    assert await alerts(shop, "age_check_needed") == []
    await household.set(rules={"age_limited_goods": True})
    assert (await household.buy(WINE))["code"] == "age_check_needed"
    await household.check_age("2000-01-01")
    assert (await household.buy(WINE))["code"] == "paid"


async def test_a_payer_lets_one_purchase_pass_and_no_approval_makes_anybody_older(shop: Shop) -> None:
    await add_wine(shop)
    household = await Household.of(shop, payment_max=500, rules={"blocked_skus": ["BAO-002"], "hours": ALWAYS})
    assert (await household.buy(BAO))["code"] == "family_rule"
    await household.approve(BAO_PRICE - 1, "BAO-002")
    await household.approve(BAO_PRICE)
    assert (await household.buy(BAO))["code"] == "family_rule", "neither for so much nor for these goods"
    approved = await household.approve(BAO_PRICE, "BAO-002")
    assert (await household.buy(TEA))["code"] == "paid"
    paid = await household.buy(BAO)
    assert paid["code"] == "paid"
    used = {each["id"]: each["order_id"] for each in (await household.see("/approvals"))["items"]}
    assert used[approved["id"]] == paid["order"]["id"]
    assert sum(order is not None for order in used.values()) == 1, "what was allowed anyway used up none"
    assert (await household.buy(BAO))["code"] == "family_rule"
    await household.check_age("2015-01-01")
    await household.approve(100_000, "WINE")
    assert (await household.buy(WINE))["code"] == "age_restricted"


async def test_an_approval_ends_and_can_be_taken_back(shop: Shop, clock: Clock) -> None:
    household = await Household.of(shop, payment_max=0)
    approved = await household.approve(TEA_PRICE)
    path = f"/v1/families/{household.id}/approvals/{approved['id']}"
    await shop.do("DELETE", path)
    assert (await household.buy(TEA))["code"] == "family_limit"
    assert verdict(await shop.client.delete(path, headers=shop.staff)) == (404, "approval_not_found")
    await household.approve(TEA_PRICE, minutes=5)
    clock.ahead = timedelta(minutes=6)
    assert (await household.buy(TEA))["code"] == "family_limit"
    spent = await household.approve(TEA_PRICE)
    assert (await household.buy(TEA))["code"] == "paid"
    gone = await shop.client.delete(f"/v1/families/{household.id}/approvals/{spent['id']}", headers=shop.staff)
    assert verdict(gone) == (404, "approval_not_found")


async def test_an_approval_that_paid_for_nothing_is_still_there(shop: Shop) -> None:
    household = await Household.of(shop, balance=100, payment_max=0)
    await household.approve(TEA_PRICE)
    assert (await household.buy(TEA))["code"] == "insufficient_funds"
    await shop.top_up(household.payer, TEA_PRICE)
    assert (await household.buy(TEA))["code"] == "paid"


async def test_whoever_is_blocked_or_frozen_on_either_side_stops_it(shop: Shop) -> None:
    household = await Household.of(shop)
    await shop.do("PATCH", f"/v1/members/{household.payer}", json={"status": "blocked"})
    assert (await household.buy(TEA))["code"] == "payer_blocked"
    await shop.do("PATCH", f"/v1/members/{household.payer}", json={"status": "active"})
    for member_id in (household.payer, household.child):
        freeze = f"/v1/members/{member_id}/wallet/freeze"
        await shop.do("POST", freeze, json={"reason": "phone lost"})
        assert (await household.buy(TEA))["code"] == "wallet_frozen"
        await shop.do("DELETE", freeze)
    assert (await household.buy(TEA))["code"] == "paid"


async def test_a_large_amount_takes_the_pin_of_whoever_stands_there(shop: Shop) -> None:
    payer = await shop.add_member_without_face(balance=BALANCE, pin="485920")
    child = await shop.add_member(0, pin=PIN)
    household = await Household.made(shop, payer, child)
    asked = (await shop.at_kiosk(people()[0], BAO)).json()
    assert (asked["decision"], asked["code"]) == ("step_up", "amount_needs_step_up")
    wrong = await finish(shop, asked, "485920")
    assert wrong["code"] == "wrong_answer", "the payer's, who isn't there"
    paid = await finish(shop, asked, PIN)
    assert (paid["code"], paid["order"]["member_id"]) == ("paid", payer)
    assert (await household.notices())[0] == ("family_purchase", BAO_PRICE)


async def test_what_comes_back_goes_to_the_payer_and_what_was_left_out_is_theirs_to_pay(
    shop: Shop, app: FastAPI
) -> None:
    household = await Household.of(shop)
    order = (await household.buy(TEA))["order"]["id"]
    once = {"Idempotency-Key": uuid4().hex}
    body = {"lines": [{"sku": "BAO-002", "quantity": 1}], "reason": "left out"}
    more = await shop.do("POST", f"/v1/orders/{order}/supplements", json=body, headers=once)
    assert (more["member_id"], more["buyer_id"]) == (household.payer, household.child)
    await shop.do("DELETE", f"/v1/families/{household.id}")
    once = {"Idempotency-Key": uuid4().hex}
    late = await shop.do("POST", f"/v1/orders/{order}/supplements", json=body, headers=once)
    assert (late["member_id"], late["buyer_id"]) == (household.payer, household.child)
    once = {"Idempotency-Key": uuid4().hex}
    await shop.do("POST", f"/v1/orders/{order}/cancellation", json={"reason": "Spoilt"}, headers=once)
    assert await shop.balance(household.payer) == BALANCE - 2 * BAO_PRICE
    assert [kind for kind, _ in await household.notices()] == [
        "order_cancelled",
        "charged_later",
        "charged_later",
        "family_purchase",
    ]
    await assert_books_in_order(app.state.database)
