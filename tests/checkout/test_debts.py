"""What a wallet is short of at a sale: lent, owed, collected, written off."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from facepay.checkout.selling import NotSold, Sold
from facepay.wallet.accounts import Balance
from tests.answers import verdict
from tests.checkout.counter import Counter
from tests.rewards.till import add_coupon, assert_books_in_order, ledger_of
from tests.shop import PRICES

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TEA = PRICES["TEA-001"]


def once() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


async def debts(counter: Counter, member: str) -> Any:
    return (await counter.shop.do("GET", f"/v1/members/{member}/debts"))["items"]


async def test_what_a_wallet_is_short_of_is_owed_and_the_next_top_up_pays_it(counter: Counter) -> None:
    member = await counter.shop.add_member_without_face(balance=100)
    assert await counter.sell(member, {"TEA-001": 1}, advance_max=TEA - 101) == NotSold("insufficient_funds")
    assert await debts(counter, member) == []
    sold = await counter.sold(member, {"TEA-001": 1}, advance_max=TEA - 100)
    assert (sold.order.advance, sold.balance) == (TEA - 100, 0)
    assert await debts(counter, member) == [{"currency": "CNY", "owed": TEA - 100}]
    await counter.shop.top_up(member, 50)
    assert (await counter.wallet(member), await counter.owed(member)) == (Balance(0, 0), TEA - 150)
    await counter.shop.top_up(member, 1000)
    assert (await counter.wallet(member), await counter.owed(member)) == (Balance(1150 - TEA, 0), 0)
    assert await counter.told(member) == ["debt_incurred", "debt_settled"]
    await assert_books_in_order(counter.database)


async def test_somebody_without_any_money_can_owe_all_of_it_with_a_hold_or_without_and_reads_so_once(
    counter: Counter,
) -> None:
    shop, member = counter.shop, await counter.shop.add_member_without_face()
    sold = await counter.sold(member, {"UMB-003": 2}, advance_max=None)
    assert await counter.owed(member) == 2 * PRICES["UMB-003"]
    other = await shop.add_member_without_face(balance=300, name="Lin")
    notices = f"/v1/members/{member}/notices"
    (notice,) = (await shop.do("GET", f"{notices}?unread=true"))["items"]
    assert (notice["kind"], notice["amount"]) == ("debt_incurred", 2 * PRICES["UMB-003"])
    assert notice["order_id"] == str(sold.order.id)
    read = await shop.do("POST", f"{notices}/{notice['id']}/read")
    assert await shop.do("POST", f"{notices}/{notice['id']}/read") == read
    assert (await shop.do("GET", f"{notices}?unread=true"))["items"] == []
    foreign = await shop.client.post(f"/v1/members/{other}/notices/{notice['id']}/read", headers=shop.staff)
    assert verdict(foreign) == (404, "notice_not_found")

    hold_id = await counter.hold(other, 200)
    sold = await counter.sold(other, {"TEA-001": 1}, hold_id=hold_id, advance_max=None)
    assert sold.order.advance == TEA - 300
    assert await counter.wallet(other) == Balance(0, 0)
    await assert_books_in_order(counter.database)


async def test_nothing_is_lent_where_it_is_the_coupon_that_fell_short(counter: Counter) -> None:
    member = await counter.shop.add_member_without_face()
    await add_coupon(counter.shop, code="SMALL", budget=10)
    refused = await counter.sell(member, {"UMB-003": 1}, coupons=["SMALL"], advance_max=None)
    assert refused == NotSold("coupon_exhausted", coupon="SMALL")
    assert await counter.owed(member) == 0


async def test_a_refund_pays_the_debt_before_it_can_be_spent(counter: Counter) -> None:
    member = await counter.shop.add_member_without_face(balance=TEA)
    tea = await counter.sold(member, {"TEA-001": 1})
    await counter.sold(member, {"BAO-002": 1}, advance_max=None)
    refund = await counter.ask(tea.order.id, "refunds", amount=200)
    assert refund.status_code == 201
    assert (await counter.wallet(member), await counter.owed(member)) == (Balance(0, 0), PRICES["BAO-002"] - 200)
    await counter.cancelled(tea.order.id)
    assert await counter.owed(member) == PRICES["BAO-002"] - TEA


async def test_a_debt_is_collected_once_however_many_ask_and_while_the_member_pays(counter: Counter) -> None:
    member = await counter.shop.add_member_without_face()
    await counter.sold(member, {"TEA-001": 4}, advance_max=None)
    await counter.shop.top_up(member, 2 * TEA)
    for _ in range(4):
        outcomes = await asyncio.gather(
            counter.collect(member),
            counter.shop.top_up(member, 700),
            counter.sell(member, {"TEA-001": 1}, advance_max=None),
            counter.collect(member),
        )
        assert isinstance(outcomes[2], Sold)
    spent, brought = (4 + 4) * TEA, 2 * TEA + 4 * 700
    assert (await counter.wallet(member)).posted - await counter.owed(member) == brought - spent
    await assert_books_in_order(counter.database)


async def test_staff_collect_a_debt_or_write_it_off_and_until_then_nobody_who_owes_is_erased(counter: Counter) -> None:
    shop, member = counter.shop, await counter.shop.add_member_without_face()
    await counter.sold(member, {"TEA-001": 1}, advance_max=None)
    path = f"/v1/members/{member}"
    refused = await shop.client.delete(path, params={"forfeit": True}, headers=shop.staff | once())
    assert verdict(refused) == (409, "debt_outstanding")
    assert refused.json()["owed"] == {"CNY": TEA}
    export = await shop.client.get(f"{path}/export", headers=shop.staff)
    assert {"kind": "debt", "unit": "CNY", "posted": -TEA}.items() <= next(
        account.items() for account in export.json()["accounts"] if account["kind"] == "debt"
    )
    collected = await shop.do("POST", f"{path}/debts/collection", json={}, headers=once())
    assert collected == {"currency": "CNY", "owed": TEA}
    key = once()
    written = await shop.do("POST", f"{path}/debts/write-off", json={"reason": "moved abroad"}, headers=key)
    assert (written["amount"], written["reason"], written["actor"][:6]) == (TEA, "moved abroad", "staff:")
    assert await shop.do("POST", f"{path}/debts/write-off", json={"reason": "moved abroad"}, headers=key) == written
    assert await debts(counter, member) == []
    assert await ledger_of(counter.database, "bad_debts") == -TEA
    again = await shop.client.post(f"{path}/debts/write-off", json={"reason": "x"}, headers=shop.staff | once())
    assert verdict(again) == (409, "nothing_owed")
    await shop.do("DELETE", path, headers=once())
    await assert_books_in_order(counter.database)


async def test_goods_in_hand_are_sold_where_the_count_says_none_and_staff_hear_of_it(counter: Counter) -> None:
    shop, member = counter.shop, await counter.shop.add_member_without_face(balance=10 * TEA)
    await counter.stock("TEA-001", 1)
    assert await counter.sell(member, {"TEA-001": 3}) == NotSold("sold_out", skus=("TEA-001",))
    sold = await counter.sold(member, {"TEA-001": 3}, in_hand=True)
    assert await counter.stock("TEA-001") == 0
    (alert,) = (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts"))["items"]
    assert (alert["kind"], alert["subject"], alert["details"]) == (
        "stock_miscounted",
        "TEA-001",
        {"sold": 3, "missing": 2},
    )
    await counter.returned(sold.order.id, {"TEA-001": 2})
    assert await counter.stock("TEA-001") == 2
