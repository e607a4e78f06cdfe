from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from facepay.kernel.ids import new_id
from facepay.wallet import payments
from facepay.wallet.accounts import (
    CLEARING,
    POINTS_POOL,
    Account,
    close_account,
    house,
    member_wallet,
    store_sales,
    store_tax,
)
from facepay.wallet.ledger import Entry, post
from tests.wallet.books import NOW, Books, moves, posting

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]


async def test_a_payment_goes_to_the_stores_sales_and_the_tax_in_it_to_the_stores_tax(books: Books) -> None:
    await books.open(house(CLEARING))
    taken = (await books.balance(house(CLEARING))).posted
    member = await books.member(5_000)
    payment = await books.pay(member, 1_130, tax=130)
    assert (payment.code, payment.balance_after) == ("ok", 3_870)
    assert (await books.sales()).posted == 1_000
    assert (await books.balance(store_tax(books.store_id))).posted == 130
    assert (await books.balance(house(CLEARING))).posted == taken - 5_000


async def test_the_same_order_is_charged_once_and_answered_the_same(books: Books) -> None:
    member, order = await books.member(1_000), new_id()
    first = await books.pay(member, 300, order_id=order)
    again = await books.pay(member, 300, order_id=order)
    assert (again.code, again.transfer_id, again.balance_after) == ("replayed", first.transfer_id, 700)
    other = await books.pay(member, 301, order_id=order)
    assert (other.code, other.balance_after) == ("key_reused", 700)


async def test_nobody_spends_more_than_they_have(books: Books) -> None:
    member = await books.member(1_000)
    refused = await books.pay(member, 1_001)
    assert (refused.code, refused.balance_after) == ("insufficient_funds", 1_000)
    assert (await books.pay(member, 1_000)).balance_after == 0
    assert (await books.pay(await books.member(), 1)).code == "insufficient_funds"


async def test_what_is_on_hold_cannot_be_spent_until_it_is_released(books: Books) -> None:
    member = await books.member(1_000)
    hold = await books.authorise(member, 700)
    assert (hold.code, hold.balance_after) == ("ok", 300)
    assert (await books.pay(member, 301)).code == "insufficient_funds"
    assert (await books.authorise(member, 301)).code == "insufficient_funds"
    captured = await books.capture(member, hold, 450)
    assert (captured.code, captured.balance_after) == ("ok", 550)
    assert (await books.sales()).posted == 450
    assert (await books.capture(member, hold, 1)).code == "hold_not_open"


async def test_a_hold_is_captured_in_parts_but_never_beyond_it(books: Books) -> None:
    member = await books.member(1_000)
    hold = await books.authorise(member, 700)
    assert (await books.capture(member, hold, 300, keep_open=True)).balance_after == 300
    assert (await books.capture(member, hold, 401, keep_open=True)).code == "over_capture"
    assert (await books.capture(member, hold, 300, keep_open=True)).code == "ok"
    assert (await books.capture(member, hold, 100, keep_open=True)).code == "ok"
    assert (await books.capture(member, hold, 1, keep_open=True)).code == "hold_not_open"
    wallet = await books.wallet(member)
    assert (wallet.posted, wallet.held) == (300, 0)


async def test_a_hold_ends_with_its_time_and_its_money_comes_back(books: Books) -> None:
    member = await books.member(1_000)
    hold = await books.authorise(member, 700, expires_at=NOW + timedelta(minutes=5))
    async with books.database.begin() as session:
        assert await payments.expire_due_holds(session, now=NOW + timedelta(minutes=4)) == 0
    late = NOW + timedelta(minutes=5)
    assert (await books.capture(member, hold, 700, now=late)).code == "hold_expired"
    async with books.database.begin() as session:
        assert await payments.expire_due_holds(session, now=late) == 1
        assert await payments.expire_due_holds(session, now=late) == 0
    assert (await books.wallet(member)).available == 1_000


async def test_refunds_together_never_exceed_what_was_paid(books: Books) -> None:
    member = await books.member(1_000)
    payment = await books.pay(member, 600, tax=60)
    assert (await books.refund(member, payment, 400, tax=40)).balance_after == 800
    assert (await books.refund(member, payment, 201, tax=20)).code == "over_refund"
    refund = await books.refund(member, payment, 200, tax=20)
    assert refund.balance_after == 1_000
    assert (await books.refund(member, payment, 1)).code == "over_refund"
    assert (await books.refund(member, refund, 1)).code == "not_refundable"
    assert (await books.sales()).posted == 0


async def test_any_transfer_can_be_reversed_once_by_a_new_one(books: Books) -> None:
    member = await books.member(1_000)
    payment = await books.pay(member, 600, tax=60)

    async def reverse(transfer_id: UUID) -> str:
        async with books.database.begin() as session:
            outcome = await payments.reverse(
                session, reversal_id=new_id(), transfer_id=transfer_id, actor="admin", now=NOW
            )
            return outcome.code

    assert await reverse(payment.transfer_id) == "ok"
    assert await reverse(payment.transfer_id) == "over_refund"
    assert await reverse(new_id()) == "target_not_found"
    assert (await books.wallet(member)).available == 1_000
    assert (await books.balance(store_tax(books.store_id))).posted == 0


async def test_linked_transfers_are_all_made_or_none(books: Books) -> None:
    wallets = [member_wallet(await books.member(100)) for _ in range(3)]
    sales = store_sales(books.store_id)
    outcomes = await books.post(
        moves(wallets[0], sales, 60, linked=True),
        moves(wallets[1], sales, 101, linked=True),
        moves(wallets[2], sales, 60),
        moves(wallets[0], sales, 60, linked=True),
        moves(wallets[1], sales, 60),
    )
    assert [outcome.code for outcome in outcomes] == [
        "linked_failed",
        "insufficient_funds",
        "linked_failed",
        "ok",
        "ok",
    ]
    assert [(await books.balance(wallet)).posted for wallet in wallets] == [40, 40, 100]


async def test_points_and_money_pay_together_and_each_unit_must_balance(books: Books) -> None:
    member = await books.member(1_000)
    points, pool = member_wallet(member, "POINT"), house(POINTS_POOL, "POINT")
    await books.open(points, pool)
    await books.post(moves(pool, points, 50))
    money, sales = member_wallet(member), store_sales(books.store_id)
    mixed = [
        Entry(money.id, -400),
        Entry(sales.id, 400),
        Entry(points.id, -50, "POINT"),
        Entry(pool.id, 50, "POINT"),
    ]
    crossed = [Entry(money.id, -50), Entry(points.id, 50, "POINT")]
    wrong_unit = [Entry(money.id, -50), Entry(points.id, 50)]
    outcomes = await books.post(posting(*mixed), posting(*crossed), posting(*wrong_unit))
    assert [outcome.code for outcome in outcomes] == ["ok", "unbalanced", "unit_mismatch"]
    assert (await books.balance(points)).posted == 0


async def test_a_closed_account_takes_nothing_and_only_an_empty_one_closes(books: Books) -> None:
    member = await books.member(100)
    wallet = member_wallet(member)

    async def close(account: Account) -> str:
        async with books.database.begin() as session:
            return await close_account(session, account.id, now=NOW)

    assert await close(wallet) == "account_not_empty"
    assert await close(store_sales(new_id())) == "account_not_found"
    await books.pay(member, 100)
    assert await close(wallet) == "ok"
    assert (await books.top_up(member, 100)).code == "account_closed"
    other = new_id()
    await books.open(store_sales(other))
    assert await close(store_sales(other)) == "ok"
    rich = await books.member(100)
    assert (await books.post(moves(member_wallet(rich), store_sales(other), 1)))[0].code == "account_closed"


async def test_a_posting_that_makes_no_sense_is_refused(books: Books) -> None:
    wallet, sales = accounts = member_wallet(await books.member(100)), store_sales(books.store_id)
    for amounts in ((0, 0), (-(10**15) - 1, 10**15 + 1), (-5,), (), (5, -4)):
        entries = [Entry(account.id, amount) for account, amount in zip(accounts, amounts, strict=False)]
        assert (await books.post(posting(*entries)))[0].code in ("malformed", "unbalanced"), amounts
    twice = posting(Entry(wallet.id, -10), Entry(sales.id, 5), Entry(sales.id, 5))
    assert (await books.post(twice))[0].code == "malformed"
    assert (await books.balance(wallet)).posted == 100


async def test_a_batch_has_a_limit(books: Books) -> None:
    async with books.database.begin() as session:
        with pytest.raises(ValueError, match="1 to 1000"):
            await post(session, [])
