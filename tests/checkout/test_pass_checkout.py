"""A pass pays as a face does: the same prices, limits and records, once."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from tests.checkout.test_limits import finish
from tests.rewards.till import add_coupon
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TEA = PRICES["TEA-001"]
ONE = {"TEA-001": 1}


async def test_a_member_without_a_face_pays_once_a_pass_and_the_record_says_how(shop: Shop) -> None:
    member_id = await shop.add_member_without_face(balance=10 * TEA)
    issued, key = await shop.issue_pass(member_id), uuid4().hex
    paid, again = [(await shop.pass_at_kiosk(issued["pass"], ONE, key=key)).json() for _ in range(2)]
    assert again == paid, "a retry gets the first answer"
    assert (paid["decision"], paid["identified_by"], paid["similarity"]) == ("paid", "pass", None)
    assert paid["payment"]["balance"] == await shop.balance(member_id) == 9 * TEA
    (record,) = (await shop.do("GET", f"/v1/stores/{shop.store_id}/checkouts"))["items"]
    assert (record["identified_by"], record["member_id"], record["threshold"]) == ("pass", member_id, None)

    issued = await shop.issue_pass(member_id)
    answers = await asyncio.gather(*(shop.pass_at_kiosk(issued["pass"], ONE) for _ in range(4)))
    assert sorted(answer.json()["code"] for answer in answers) == ["paid"] + ["pass_spent"] * 3
    assert await shop.balance(member_id) == 8 * TEA


async def test_coupons_count_and_what_has_no_price_spends_no_pass(shop: Shop) -> None:
    await add_coupon(shop)
    issued = await shop.issue_pass(await shop.add_member_without_face(balance=10_000))
    assert (await shop.pass_at_kiosk(issued["pass"], {"NONE": 1})).json()["code"] == "unknown_sku"
    paid = (await shop.pass_at_kiosk(issued["pass"], {"UMB-003": 1}, coupons=["WELCOME10"])).json()
    assert paid["code"] == "paid"
    assert paid["total"] < PRICES["UMB-003"]


async def test_staffs_no_holds_for_a_pass(shop: Shop) -> None:
    member_id = await shop.add_member_without_face(balance=10 * TEA)
    issued = await shop.issue_pass(member_id)
    await shop.do("POST", f"/v1/members/{member_id}/wallet/freeze", json={"reason": "phone lost"})
    assert (await shop.pass_at_kiosk(issued["pass"], ONE)).json()["code"] == "wallet_frozen"
    issued = await shop.issue_pass(member_id)
    await shop.do("PATCH", f"/v1/members/{member_id}", json={"status": "blocked"})
    assert (await shop.pass_at_kiosk(issued["pass"], ONE)).json()["code"] == "member_blocked"
    assert await shop.balance(member_id) == 10 * TEA


async def test_a_scanned_pass_is_proof_enough_above_the_step_up_limit_and_typed_digits_are_asked_for_more(
    shop: Shop,
) -> None:
    member_id = await shop.add_member_without_face(balance=10 * TEA)
    await shop.do("PUT", f"/v1/members/{member_id}/limits", json={"step_up_above": 0, "payment_max": 2 * TEA})
    issued = await shop.issue_pass(member_id)
    three = (await shop.pass_at_kiosk(issued["pass"], {"TEA-001": 3})).json()
    assert (three["code"], three["limit"]) == ("payment_limit", 2 * TEA), "no other limit"
    issued = await shop.issue_pass(member_id)
    assert (await shop.pass_at_kiosk(issued["pass"], ONE)).json()["code"] == "paid"

    issued = await shop.issue_pass(member_id)
    asked = (await shop.pass_at_kiosk(issued["code"], ONE)).json()
    assert asked["step_up"]["factor"] == "pass", "where there is nothing else"
    assert (await finish(shop, asked, issued["pass"], factor="pass"))["code"] == "wrong_answer"
    again = await shop.issue_pass(member_id)
    assert (await finish(shop, asked, again["pass"], factor="pass"))["code"] == "paid"

    await shop.do("PUT", f"/v1/members/{member_id}/pin", json={"pin": "739150"})
    asked = (await shop.pass_at_kiosk((await shop.issue_pass(member_id))["code"], ONE)).json()
    assert (asked["code"], asked["step_up"]["factor"]) == ("amount_needs_step_up", "pin")
    assert (await finish(shop, asked, "739150"))["code"] == "paid"
    assert (await shop.do("GET", f"/v1/members/{member_id}/biometric-uses"))["items"] == []
    scanned = await shop.pass_at_kiosk((await shop.issue_pass(member_id))["pass"], ONE)
    assert scanned.json()["code"] == "paid", "whatever else could be asked for"
