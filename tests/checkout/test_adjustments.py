"""After the sale: cancelled, taken back, charged after."""

from __future__ import annotations

import asyncio
import os
import random
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import func, select

from facepay.catalog.epc import Sgtin, encode_sgtin96
from facepay.checkout.selling import NotSold, Sold
from facepay.checkout.sold_tags import Piece, claim_tags
from facepay.kernel.clock import utc_now
from facepay.notices.notices import Notice
from facepay.wallet.accounts import Balance
from tests.answers import verdict
from tests.checkout.counter import Counter, lines, sold_tags
from tests.rewards.till import EARNING, add_coupon, assert_books_in_order, coupon, give, holdings, set_rules
from tests.shop import PRICES

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TEA, BAO, _ = PRICES.values()
STEPS = int(os.environ.get("FACEPAY_MONEY_STEPS", "40"))


async def test_a_cancelled_order_gives_back_everything_and_tells_the_member(counter: Counter) -> None:
    shop, member = counter.shop, await counter.shop.add_member_without_face(balance=10_000)
    await set_rules(shop, earning=EARNING)
    coupon_id = await add_coupon(shop)
    await give(shop, member, 300)
    await counter.stock("TEA-001", 9)
    first = await counter.sold(member, {"BAO-002": 1})
    before = await holdings(shop, member)
    sold = await counter.sold(member, {"TEA-001": 4}, coupons=["WELCOME10"], redeem_points=50)
    assert (await counter.ask(sold.order.id, "refunds", amount=333)).status_code == 201
    await counter.returned(sold.order.id, {"TEA-001": 1})
    made = await counter.cancelled(sold.order.id, key="once")
    assert made["goods"] == {"TEA-001": 3}
    assert await counter.cancelled(sold.order.id, key="once") == made
    assert (await holdings(shop, member), await counter.stock("TEA-001")) == (before, 9)
    assert (await coupon(shop, coupon_id))["budget_left"] == 100_000
    order = await counter.order(sold.order.id)
    assert (order["status"], order["refunded"], order["lines"][0]["returned"]) == ("cancelled", order["total"], 4)
    assert verdict(await counter.ask(sold.order.id, "cancellation")) == (409, "order_cancelled")
    assert verdict(await counter.ask(sold.order.id, "refunds")) == (409, "refund_exceeds_order")
    assert verdict(await counter.ask(sold.order.id, "returns", lines=lines({"TEA-001": 1}))) == (
        409,
        "return_exceeds_order",
    )
    assert (await counter.order(first.order.id))["status"] == "paid"
    assert await counter.told(member) == ["goods_returned", "order_cancelled"]
    await assert_books_in_order(counter.database)


async def test_an_order_that_cost_nothing_is_cancelled_too_and_its_coupon_can_be_used_again(counter: Counter) -> None:
    shop, member = counter.shop, await counter.shop.add_member_without_face()
    free = await add_coupon(shop, code="FREE", basis_points=10_000, per_member_max=1)
    await counter.stock("TEA-001", 5)
    for _ in range(2):
        sold = await counter.sold(member, {"TEA-001": 2}, coupons=["FREE"])
        assert sold.order.total == 0
        assert (await coupon(shop, free))["budget_left"] == 100_000 - 2 * TEA
        made = await counter.cancelled(sold.order.id)
        assert (made["amount"], made["transfer_id"] is None) == (0, False)
        assert ((await coupon(shop, free))["budget_left"], await counter.stock("TEA-001")) == (100_000, 5)
    sold = await counter.sold(member, {"TEA-001": 2}, coupons=["FREE"])
    assert (await counter.returned(sold.order.id, {"TEA-001": 1}))["transfer_id"] is None
    assert (await coupon(shop, free))["budget_left"] == 100_000 - 2 * TEA
    await counter.returned(sold.order.id, {"TEA-001": 1})
    assert (await coupon(shop, free))["budget_left"] == 100_000
    await counter.cancelled(sold.order.id)

    sold = await counter.sold(member, {"TEA-001": 1}, coupons=["FREE"])
    await shop.do("DELETE", f"/v1/members/{member}")
    async with counter.database.begin() as session:
        told = await session.scalar(select(func.count()).select_from(Notice))
    await counter.cancelled(sold.order.id)
    async with counter.database.begin() as session:
        assert await session.scalar(select(func.count()).select_from(Notice)) == told, "no word to who was erased"
    await assert_books_in_order(counter.database)


async def test_whatever_the_order_of_returns_and_refunds_they_add_up_to_what_was_paid(counter: Counter) -> None:
    shop, member = counter.shop, await counter.shop.add_member_without_face(balance=1_000_000)
    odd = {"sku": "ODD", "name": "odd", "price": 333, "tax_rate_basis_points": 0}
    await shop.do("POST", "/v1/products", json=odd)
    await add_coupon(shop, basis_points=777, per_member_max=99)
    steps: list[tuple[str, Any]] = [("ODD", 2), ("TEA-001", 3), ("refund", 101), ("ODD", 1)]
    for sequence in random.Random(3).sample(list(permutations(steps)), 4):
        sold = await counter.sold(member, {"ODD": 3, "TEA-001": 3}, coupons=["WELCOME10"])
        parts = []
        for what, amount in sequence:
            if what == "refund":
                response = await counter.ask(sold.order.id, "refunds", amount=amount)
                parts += [response.json()] if response.status_code == 201 else []
            else:
                parts.append(await counter.returned(sold.order.id, {what: amount}))
        order = await counter.order(sold.order.id)
        assert order["status"] == "refunded"
        assert sum(part["amount"] for part in parts) == order["total"] == order["refunded"]
        assert sum(part["tax"] for part in parts) == order["tax"]
    assert (await counter.wallet(member)).posted == 1_000_000
    await assert_books_in_order(counter.database)


async def test_a_line_comes_back_at_what_was_paid_for_it_with_its_own_tax(counter: Counter) -> None:
    shop, member = counter.shop, await counter.shop.add_member_without_face(balance=10_000)
    await shop.do("POST", "/v1/products", json={"sku": "BOOK", "name": "b", "price": 1000, "tax_rate_basis_points": 0})
    sold = await counter.sold(member, {"BOOK": 2, "TEA-001": 1})
    made = await counter.returned(sold.order.id, {"BOOK": 1})
    assert (made["amount"], made["tax"], made["goods"], made["kind"]) == (1000, 0, {"BOOK": 1}, "return")
    made = await counter.returned(sold.order.id, {"TEA-001": 1})
    assert (made["amount"], made["tax"]) == (TEA, sold.order.tax)
    for wrong in ({"BOOK": 2}, {"TEA-001": 1}, {"UMB-003": 1}):
        refused = await counter.ask(sold.order.id, "returns", lines=lines(wrong))
        assert verdict(refused) == (409, "return_exceeds_order")

    await counter.stock("TEA-001", 3)
    left = await counter.wallet(member)
    sold = await counter.sold(member, {"TEA-001": 2})
    await counter.cancelled(sold.order.id, goods_kept=True)
    assert (await counter.wallet(member), await counter.stock("TEA-001")) == (left, 1)
    later = await counter.returned(sold.order.id, {"TEA-001": 2})
    assert later["amount"] == 0, "goods that were kept may still come back"
    assert (await counter.wallet(member), await counter.stock("TEA-001")) == (left, 3)


async def test_the_tags_of_goods_that_come_back_can_be_sold_again(counter: Counter) -> None:
    member = await counter.shop.add_member_without_face(balance=10_000)
    first, second, third = (encode_sgtin96(Sgtin("06901234567892", n, 1, 7)) for n in (1, 2, 3))
    sold = await counter.sold(member, {"TEA-001": 2, "BAO-002": 1})
    tea, bao = sold.order.lines
    tags = {epc: Piece(line.product_id, sold.order.id) for epc, line in ((first, tea), (second, tea), (third, bao))}
    async with counter.database.begin() as session:
        assert not await claim_tags(session, pieces=tags, now=utc_now())

    async def still_sold() -> set[str]:
        async with counter.database.begin() as session:
            return await sold_tags(session)

    for more in ([first, second], [third]):
        refused = await counter.ask(sold.order.id, "returns", lines=lines({"TEA-001": 1}), epcs=more)
        assert verdict(refused) == (409, "tags_not_of_order")
    await counter.returned(sold.order.id, {"TEA-001": 1}, epcs=[second.lower()])
    assert await still_sold() == {first, third}
    refused = await counter.ask(sold.order.id, "returns", lines=lines({"TEA-001": 1}), epcs=[second])
    assert verdict(refused) == (409, "tags_not_of_order")
    assert (await counter.order(sold.order.id))["lines"][0]["returned"] == 1
    await counter.returned(sold.order.id, {"TEA-001": 1})
    assert await still_sold() == {third}
    await counter.cancelled(sold.order.id)
    assert await still_sold() == set()


async def test_what_was_left_out_is_charged_after_and_what_is_missing_owed(counter: Counter) -> None:
    shop, member = counter.shop, await counter.shop.add_member_without_face(balance=TEA + 200)
    await counter.stock("BAO-002", 0)
    await shop.do("PUT", f"/v1/members/{member}/limits", json={"daily_spend_max": TEA})
    first = await counter.sold(member, {"TEA-001": 1})
    assert isinstance(await counter.sell(member, {"BAO-002": 1}, in_hand=True, advance_max=None), NotSold)
    refused = await counter.ask(first.order.id, "supplements", lines=lines({"BAO-002": 1}), advance_max=BAO - 201)
    assert (*verdict(refused), refused.json()["reason"]) == (409, "charge_refused", "insufficient_funds")
    made = await counter.ask(first.order.id, "supplements", key="once", lines=lines({"BAO-002": 1}))
    again = await counter.ask(first.order.id, "supplements", key="once", lines=lines({"BAO-002": 1}))
    assert made.json() == again.json()
    order = made.json()
    assert (order["supplements_id"], order["total"], order["advance"]) == (str(first.order.id), BAO, BAO - 200)
    assert order["reason"] == "as asked"
    more = await counter.charge_more(order["id"], {"TEA-001": 1})
    assert isinstance(more, Sold)
    assert more.order.supplements_id == first.order.id
    listed = (await shop.do("GET", f"/v1/orders?supplements_id={first.order.id}"))["items"]
    assert [each["id"] for each in listed] == [str(more.order.id), order["id"]]
    assert await counter.owed(member) == BAO - 200 + TEA
    assert await counter.told(member) == ["debt_incurred", "charged_later"] * 2
    await counter.cancelled(order["id"])
    # It had cost the wallet 200, and the rest was owed: what came back pays all that is owed, with the last tea's.
    assert (await counter.owed(member), await counter.wallet(member)) == (TEA - 200, Balance(0, 0))
    await assert_books_in_order(counter.database)


async def test_nothing_is_charged_after_a_cancelled_order_or_out_of_a_frozen_wallet(counter: Counter) -> None:
    shop, member = counter.shop, await counter.shop.add_member_without_face(balance=5000)
    sold = await counter.sold(member, {"TEA-001": 1})
    await shop.do("POST", f"/v1/members/{member}/wallet/freeze", json={"reason": "phone lost"})
    assert await counter.charge_more(sold.order.id, {"TEA-001": 1}) == NotSold("wallet_frozen")
    await shop.do("DELETE", f"/v1/members/{member}/wallet/freeze")
    assert await counter.charge_more(sold.order.id, {"NONE": 1}) == NotSold("unknown_sku", skus=("NONE",))
    await counter.cancelled(sold.order.id)
    refused = await counter.ask(sold.order.id, "supplements", lines=lines({"TEA-001": 1}))
    assert verdict(refused) == (409, "order_cancelled")


async def test_cancelling_returning_and_refunding_at_once_gives_back_no_more_than_was_paid(counter: Counter) -> None:
    member = await counter.shop.add_member_without_face(balance=30_000)
    await counter.stock("TEA-001", 4)
    for _ in range(3):
        sold = await counter.sold(member, {"TEA-001": 4, "BAO-002": 1})
        answers = await asyncio.gather(
            counter.ask(sold.order.id, "cancellation"),
            counter.ask(sold.order.id, "returns", lines=lines({"TEA-001": 3})),
            counter.ask(sold.order.id, "refunds", amount=2000),
            counter.ask(sold.order.id, "cancellation"),
            counter.ask(sold.order.id, "supplements", lines=lines({"BAO-002": 1})),
        )
        statuses = [answer.status_code for answer in answers]
        assert (statuses[0], statuses[3]) in ((201, 409), (409, 201))
        assert set(statuses) <= {201, 409}
        given = sum(answer.json()["amount"] for answer in answers[:4] if answer.status_code == 201)
        assert given == sold.order.total
        assert await counter.stock("TEA-001") == 4
        if answers[4].status_code == 201:
            await counter.cancelled(answers[4].json()["id"])
    assert await counter.wallet(member) == Balance(30_000, 0)
    await assert_books_in_order(counter.database)


async def test_a_random_life_of_sales_and_corrections_leaves_the_books_in_order(counter: Counter) -> None:
    """`FACEPAY_MONEY_STEPS` makes it longer."""
    dice, shop = random.Random(5), counter.shop
    member = await shop.add_member_without_face(balance=3000)
    await set_rules(shop, earning=EARNING)
    await add_coupon(shop, code="A", per_member_max=999, basis_points=3333)
    topped_up, written_off = 3000, 0
    orders: list[Any] = []
    for _ in range(STEPS):
        basket = {sku: dice.randint(1, 2) for sku in dice.sample(sorted(PRICES), dice.randint(1, 2))}
        order = dice.choice(orders) if orders else None
        match dice.choice(("sell", "sell", "hold", "top_up", "refund", "return", "cancel", "more", "collect", "write")):
            case "sell":
                outcome = await counter.sell(
                    member,
                    basket,
                    advance_max=dice.choice((0, 500, None)),
                    in_hand=True,
                    coupons=dice.choice(([], ["A"])),
                    redeem_points=dice.choice((0, 0, 60)),
                )
                orders += [outcome.order] if isinstance(outcome, Sold) else []
            case "hold":
                available = (await counter.wallet(member)).available
                hold_id = await counter.hold(member, dice.randint(1, available)) if available else None
                await counter.sold(member, basket, hold_id=hold_id, advance_max=None)
            case "top_up":
                topped_up += (amount := dice.randint(1, 9000))
                await shop.top_up(member, amount)
            case "refund" if order:
                await counter.ask(order.id, "refunds", amount=dice.randint(1, 900))
            case "return" if order:
                await counter.ask(order.id, "returns", lines=lines(basket))
            case "cancel" if order:
                await counter.ask(order.id, "cancellation", goods_kept=dice.choice((True, False)))
            case "more" if order:
                await counter.ask(order.id, "supplements", lines=lines(basket))
            case "collect":
                owed = await counter.owed(member)
                assert await counter.collect(member) <= owed
            case "write":
                written_off += await counter.owed(member)
                await counter.write_off(member)
        wallet, owed = await counter.wallet(member), await counter.owed(member)
        assert wallet.available >= 0
        assert not (owed and wallet.available), "money that came in pays the debt at once"
    paid, back = await counter.money(member)
    assert wallet.posted - owed == topped_up + written_off - paid + back
    await assert_books_in_order(counter.database)
