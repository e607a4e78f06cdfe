"""Money is on hold before the kitchen hears of a dish, on the wallet of whoever answers for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from facepay.dining.holds import HOLD_LASTS, Guarantee, renew_holds
from facepay.dining.items import PartyItem
from facepay.dining.ordering import NotCovered
from facepay.kernel.clock import utc_now
from facepay.wallet.accounts import Balance
from facepay.wallet.payments import expire_due_holds
from tests.dining.dinner import DUCK, SOUP, TEA, Dinner
from tests.rewards.till import give

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def items(dinner: Dinner) -> int:
    async with dinner.database.begin() as session:
        return await session.scalar(select(func.count()).select_from(PartyItem)) or 0


async def test_each_members_dishes_are_held_on_their_wallet_and_all_others_on_the_hosts(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=1000)
    await dinner.sit(3)
    await dinner.order("TEA-001", seat=2)
    assert (await dinner.held(1), await dinner.held(2)) == (0, TEA)
    duck = await dinner.order("DUCK")
    await dinner.order("TEA-001", 2, seat=3)
    assert (await dinner.held(1), await dinner.held(2)) == (DUCK + 2 * TEA, TEA)
    await dinner.order("BAO-002", seat=1)
    assert await dinner.held(1) == DUCK + 2 * TEA + SOUP
    before = await dinner.hold_ids()
    assert len(before) == 2
    assert await dinner.refused("DUCK", seat=2) == "insufficient_funds"  # and nothing changes
    assert await dinner.wallet(2) == Balance(1000, TEA)
    assert (await dinner.hold_ids(), await items(dinner)) == (before, 4)
    await dinner.cancel(duck)
    assert (await dinner.held(1), await dinner.held(2)) == (2 * TEA + SOUP, TEA)
    await dinner.books_agree()


async def test_a_margin_is_held_for_service_and_a_tip_where_there_is_money_for_it(dinner: Dinner) -> None:
    await dinner.set_policy(margin_basis_points=1000)
    await dinner.sit(1, balance=TEA + 20)
    await dinner.order("TEA-001", seat=1)
    assert await dinner.held(1) == TEA + 20
    await dinner.sit(2, balance=5000)
    await dinner.order("TEA-001", seat=2)
    assert await dinner.held(2) == TEA + TEA // 10


async def test_service_is_held_with_the_dishes(dinner: Dinner) -> None:
    await dinner.serve(1000, service_from_covers=2)
    await dinner.sit(1, balance=20_000)
    await dinner.order("TEA-001", seat=1)
    assert await dinner.held(1) == TEA
    await dinner.sit(2)
    await dinner.order("DUCK")
    assert await dinner.held(1) == DUCK + TEA + (DUCK + TEA) // 10


async def test_gift_balance_needs_no_hold(dinner: Dinner) -> None:
    member = await dinner.sit(1, balance=100)
    assert member
    await give(dinner.shop, member, TEA)
    await dinner.order("TEA-001", seat=1)
    assert await dinner.wallet(1) == Balance(100, 0)


async def test_nobody_orders_where_no_member_answers_but_on_a_stores_trust(dinner: Dinner) -> None:
    await dinner.sit(1)
    assert await dinner.refused("TEA-001", seat=1) == "nobody_pays"
    await dinner.set_policy(unsecured_max=2 * TEA)
    await dinner.order("TEA-001", seat=1)
    await dinner.order("TEA-001")
    assert await dinner.refused("TEA-001") == "nobody_pays"


async def test_limits_are_asked_for_when_it_is_ordered_and_a_second_factor_once(dinner: Dinner) -> None:
    member = await dinner.sit(1, balance=50_000)
    await dinner.shop.do("PUT", f"/v1/members/{member}/limits", json={"step_up_above": 5000, "payment_max": 25_000})
    await dinner.order("TEA-001", seat=1)
    assert await dinner.refused("DUCK", seat=1) == "amount_needs_step_up"
    agreed = await dinner.agree(1, up_to=22_000)
    assert (agreed["decision"], agreed["held"]) == ("agreed", TEA), agreed
    await dinner.order("DUCK", 2, seat=1)
    assert await dinner.held(1) == TEA + 2 * DUCK
    assert await dinner.refused("TEA-001", 4, seat=1) == "amount_needs_step_up"
    assert await dinner.refused("DUCK", seat=1) == "payment_limit"
    assert (await dinner.agree(1, up_to=30_000))["code"] == "payment_limit"
    stranger = await dinner.shop.add_member_without_face(balance=50_000)
    assert (await dinner.agree(stranger, up_to=1000))["code"] == "not_of_party"


async def test_typed_digits_prove_less_than_a_scanned_pass_and_the_pin_completes_them(dinner: Dinner) -> None:
    member = await dinner.shop.add_member_without_face(balance=50_000, pin="739150")
    await dinner.sit(1, member=member)
    await dinner.shop.do("PUT", f"/v1/members/{member}/limits", json={"step_up_above": 5000})
    digits = (await dinner.shop.issue_pass(member))["code"]
    asked = await dinner.table.do(
        "POST", "/guarantees/pass", json={"pass": digits, "guarantee": {"up_to": 20_000, "as_host": True}}
    )
    assert (asked["decision"], asked["code"], asked["limit"]) == ("step_up", "amount_needs_step_up", 5000), asked
    path = f"/guarantees/{asked['agreement_id']}/step-up"
    assert (await dinner.table.do("POST", path, json={"answer": "0000"}))["code"] == "wrong_answer"
    assert (await dinner.table.do("POST", path, json={"answer": "739150"}))["decision"] == "agreed"
    await dinner.order("DUCK", seat=1)


async def test_a_new_host_takes_over_what_guests_and_the_table_had_or_nothing_changes(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=20_000)
    await dinner.sit(3)
    await dinner.sit(4, balance=100)
    await dinner.order("DUCK")
    await dinner.order("TEA-001", seat=3)
    await dinner.order("TEA-001", seat=1)
    assert (await dinner.agree(4, up_to=50_000, as_host=True))["code"] == "insufficient_funds"
    assert (await dinner.held(1), await dinner.held(4)) == (DUCK + 2 * TEA, 0)
    assert (await dinner.table.party())["host_seat"] == 1
    assert (await dinner.agree(2, up_to=50_000, as_host=True))["held"] == DUCK + TEA
    assert (await dinner.held(1), await dinner.held(2)) == (TEA, DUCK + TEA)
    assert (await dinner.table.party())["host_seat"] == 2
    await dinner.books_agree()


async def test_of_many_orders_at_once_no_more_is_held_than_there_is(dinner: Dinner) -> None:
    await dinner.sit(1, balance=3 * TEA)
    await dinner.sit(2)
    done = await asyncio.gather(
        *(dinner.order("TEA-001", seat=seat) for seat in (1, 2, None, 1, 2, None)), return_exceptions=True
    )
    assert sorted(isinstance(each, NotCovered) for each in done) == [False] * 3 + [True] * 3, done
    assert await dinner.wallet(1) == Balance(3 * TEA, 3 * TEA)
    assert await items(dinner) == 3
    await dinner.books_agree()


async def test_a_hold_is_renewed_while_they_sit_and_made_anew_where_it_expired(dinner: Dinner) -> None:
    await dinner.sit(1, balance=1000)
    await dinner.order("TEA-001", seat=1)
    (first,) = await dinner.hold_ids()
    assert await renew_holds(dinner.database, now=utc_now()) == 0
    later = utc_now() + HOLD_LASTS - timedelta(hours=1)
    assert await renew_holds(dinner.database, now=later) == 1
    (second,) = await dinner.hold_ids()
    assert second != first
    after = later + HOLD_LASTS + timedelta(hours=1)
    async with dinner.database.begin() as session:
        assert await expire_due_holds(session, now=after) == 1
    assert await dinner.wallet(1) == Balance(1000, 0)
    await renew_holds(dinner.database, now=after)
    assert await dinner.wallet(1) == Balance(1000, TEA)
    await dinner.books_agree()


async def test_a_familys_payer_answers_for_whom_they_pay(dinner: Dinner) -> None:
    parent = await dinner.shop.add_member_without_face(balance=20_000)
    child = await dinner.shop.add_member_without_face(name="Xiao")
    family = await dinner.shop.do("POST", "/v1/families", json={"payer_id": parent})
    body = {"member_id": child, "role": "child"}
    await dinner.shop.do("POST", f"/v1/families/{family['id']}/members", json=body)
    await dinner.sit(1, member=child)
    await dinner.order("TEA-001", seat=1)
    assert await dinner.held(parent) == TEA
    async with dinner.database.begin() as session:
        assert str(await session.scalar(select(Guarantee.payer_id))) == parent
