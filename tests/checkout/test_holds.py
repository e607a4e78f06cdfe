"""Sales that are paid out of a hold, as a lane makes them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from facepay.checkout.selling import NotSold, Sold
from facepay.kernel.clock import utc_now
from facepay.wallet.accounts import Balance
from facepay.wallet.payments import expire_due_holds
from tests.checkout.counter import Counter
from tests.rewards.till import add_coupon, assert_books_in_order, give, ledger_of
from tests.shop import PRICES

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TEA = PRICES["TEA-001"]


async def kind_of(counter: Counter, sold: Sold) -> str:
    lines = (await counter.shop.do("GET", f"/v1/members/{sold.order.member_id}/wallet/statement"))["items"]
    return next(str(line["kind"]) for line in lines if line["transfer_id"] == str(sold.order.transfer_id))


async def test_a_hold_pays_for_the_sale_and_what_it_is_short_of_or_over_is_settled(counter: Counter) -> None:
    member = await counter.shop.add_member_without_face(balance=1000)
    for held, kind in ((TEA, "capture"), (TEA + 200, "capture"), (TEA - 1, "transfer"), (1, "transfer")):
        hold_id = await counter.hold(member, held)
        sold = await counter.sold(member, {"TEA-001": 1}, hold_id=hold_id)
        assert sold.balance == 1000 - TEA, held
        assert await counter.wallet(member) == Balance(1000 - TEA, 0), held
        assert await kind_of(counter, sold) == kind, held
        made = await counter.returned(sold.order.id, {"TEA-001": 1})
        assert made["amount"] == TEA, held
        assert await counter.wallet(member) == Balance(1000, 0), held
    await assert_books_in_order(counter.database)


async def test_all_that_a_member_has_may_be_on_hold_for_what_they_buy_and_no_two_sales_or_members_take_one_hold(
    counter: Counter,
) -> None:
    member = await counter.shop.add_member_without_face(balance=2 * TEA)
    hold_id = await counter.hold(member, 2 * TEA - 1)
    assert await counter.sell(member, {"TEA-001": 1}) == NotSold("insufficient_funds")
    await counter.sold(member, {"TEA-001": 2}, hold_id=hold_id)
    assert await counter.wallet(member) == Balance(0, 0)

    await counter.shop.top_up(member, TEA + 100)
    hold_id = await counter.hold(member, TEA)
    outcomes = await asyncio.gather(*(counter.sell(member, {"TEA-001": 1}, hold_id=hold_id) for _ in range(4)))
    assert sum(isinstance(outcome, Sold) for outcome in outcomes) == 1
    assert outcomes.count(NotSold("insufficient_funds")) == 3
    assert await counter.wallet(member) == Balance(100, 0)

    other = await counter.shop.add_member_without_face(balance=1000, name="Lin")
    hold_id = await counter.hold(other, 700)
    with pytest.raises(ValueError, match="isn't of the wallet"):
        await counter.sell(member, {"TEA-001": 1}, hold_id=hold_id)
    assert await counter.wallet(other) == Balance(1000, 700)


async def test_a_hold_is_void_where_gift_balance_or_a_coupon_pays_for_everything(counter: Counter) -> None:
    member = await counter.shop.add_member_without_face(balance=1000)
    await give(counter.shop, member, 2 * TEA)
    hold_id = await counter.hold(member, 700)
    await counter.sold(member, {"TEA-001": 2}, hold_id=hold_id)
    assert await counter.wallet(member) == Balance(1000, 0)
    await add_coupon(counter.shop, code="FREE", basis_points=10_000)
    hold_id = await counter.hold(member, 700)
    sold = await counter.sold(member, {"TEA-001": 1}, coupons=["FREE"], hold_id=hold_id)
    assert (sold.order.total, sold.balance) == (0, 1000)
    assert await counter.wallet(member) == Balance(1000, 0)
    await assert_books_in_order(counter.database)


async def test_a_refused_sale_leaves_its_hold_and_the_stock_as_they_were(counter: Counter) -> None:
    member = await counter.shop.add_member_without_face(balance=1000)
    await counter.stock("UMB-003", 1)
    hold_id = await counter.hold(member, 600)
    for means in ({}, {"in_hand": True}, {"advance_max": 100}):
        refused = await counter.sell(member, {"UMB-003": 2}, hold_id=hold_id, **({"in_hand": True} | means))
        assert refused == NotSold("insufficient_funds")
    assert await counter.wallet(member) == Balance(1000, 600)
    assert await counter.stock("UMB-003") == 1
    assert await counter.told(member) == []
    assert await ledger_of(counter.database, "sales", counter.shop.store_id) == 0


async def test_a_hold_that_has_expired_or_is_gone_does_not_stop_a_sale_that_the_wallet_can_pay(
    counter: Counter,
) -> None:
    member = await counter.shop.add_member_without_face(balance=1000)
    now = utc_now()
    expired = await counter.hold(member, 900, expires_at=now - timedelta(seconds=1))
    await counter.sold(member, {"TEA-001": 1}, hold_id=expired)  # nobody has released it yet
    assert await counter.wallet(member) == Balance(1000 - TEA, 0)
    await counter.sold(member, {"TEA-001": 1}, hold_id=expired)  # captured before
    assert await counter.wallet(member) == Balance(1000 - 2 * TEA, 0)


async def test_a_hold_that_expires_while_it_is_captured_is_taken_or_released_once(counter: Counter) -> None:
    member = await counter.shop.add_member_without_face(balance=20 * TEA)

    async def expire() -> int:
        async with counter.database.begin() as session:
            return await expire_due_holds(session, now=utc_now())

    for _ in range(6):
        due = utc_now() - timedelta(milliseconds=1)
        hold_id = await counter.hold(member, TEA, expires_at=due)
        sold, _ = await asyncio.gather(
            counter.sell(member, {"TEA-001": 1}, hold_id=hold_id, now=due - timedelta(seconds=1)), expire()
        )
        assert isinstance(sold, Sold)
    assert await counter.wallet(member) == Balance(14 * TEA, 0)
    await assert_books_in_order(counter.database)
