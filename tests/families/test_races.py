"""A family that does several things at once: no limit is exceeded, nothing bought twice, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from facepay.kernel.database import Database
from facepay.members.members import Member, holding
from tests.families.household import BALANCE, TEA, Household
from tests.locks import somebody_waits
from tests.rewards.till import assert_books_in_order
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
PRICE = PRICES["TEA-001"]


@pytest.fixture
def database(app: FastAPI) -> Database:
    database: Database = app.state.database
    return database


def codes(answers: list[Any]) -> Counter[str]:
    return Counter(answer["code"] for answer in answers)


async def test_a_child_at_several_kiosks_at_once_stays_within_its_day(shop: Shop, database: Database) -> None:
    household = await Household.of(shop, face=0, daily_max=2 * PRICE)
    answers = await asyncio.gather(*(household.buy(TEA) for _ in range(4)))
    assert codes(answers) == {"paid": 2, "family_limit": 2}
    assert await shop.balance(household.payer) == BALANCE - 2 * PRICE
    await assert_books_in_order(database)


async def test_children_who_buy_at_once_stay_within_the_payers_day(shop: Shop, database: Database) -> None:
    household = await Household.with_faces(shop)
    await shop.do("PUT", f"/v1/members/{household.payer}/limits", json={"daily_spend_max": 3 * PRICE})
    children = [household.child, await household.another(face=2), await household.another(face=3, daily_max=PRICE)]
    buyers = [*children, *children, household.payer]
    answers = await asyncio.gather(*(household.buy(TEA, who) for who in buyers))
    assert codes(answers)["paid"] == 3
    assert codes(answers).keys() <= {"paid", "daily_limit", "family_limit"}
    assert (await household.see("/spending"))["amount"] == 3 * PRICE
    await assert_books_in_order(database)


async def test_an_approval_is_used_once_by_whichever_purchase_is_first(shop: Shop) -> None:
    household = await Household.of(shop, face=0, payment_max=0)
    await household.approve(PRICE)
    answers = await asyncio.gather(*(household.buy(TEA) for _ in range(3)))
    assert codes(answers) == {"paid": 1, "family_limit": 2}


async def test_an_approval_that_is_taken_back_meanwhile_is_used_or_gone(shop: Shop) -> None:
    household = await Household.of(shop, payment_max=0)
    approved = await household.approve(PRICE)
    path = f"/v1/families/{household.id}/approvals/{approved['id']}"
    bought, gone = await asyncio.gather(household.buy(TEA), shop.client.delete(path, headers=shop.staff))
    assert (bought["code"], gone.status_code) in (("paid", 404), ("family_limit", 204))


async def test_whoever_is_taken_out_meanwhile_buys_on_one_wallet_or_the_other(shop: Shop, database: Database) -> None:
    """The purchase waits until the change is committed, and then knows of it."""
    household = await Household.of(shop)
    await shop.top_up(household.child, 1000)
    async with database.begin() as session:
        await session.execute(holding([UUID(household.child)]))
        changing = asyncio.create_task(shop.do("DELETE", f"/v1/families/{household.id}/members/{household.child}"))
        await somebody_waits(database)
        buying = asyncio.create_task(household.buy(TEA))
        await somebody_waits(database, least=2)
    await changing
    bought = await buying
    assert (bought["code"], bought["order"]["member_id"]) == ("paid", household.child)
    assert await shop.balance(household.payer) == BALANCE


async def test_a_family_that_shops_while_it_is_changed_never_waits_for_ever(shop: Shop, database: Database) -> None:
    """Everybody pays, the payer too, while members come and go, are refunded, erased, and the family ends: no deadlock,
    which would be an error of the server's, and not a fen is lost.
    """
    household = await Household.with_faces(shop)
    children = [household.child, *[await household.another(face=face) for face in (2, 3, 4)]]
    order = (await household.buy(TEA))["order"]["id"]
    path = f"/v1/families/{household.id}"

    async def again(member_id: str) -> int:
        left = await shop.client.delete(f"{path}/members/{member_id}", headers=shop.staff)
        body = {"member_id": member_id, "role": "child", "daily_max": 10 * PRICE}
        back = await shop.client.post(f"{path}/members", json=body, headers=shop.staff)
        return max(left.status_code, back.status_code)

    async def refunded() -> int:
        headers = shop.staff | {"Idempotency-Key": uuid4().hex}
        body = {"amount": 10, "reason": "torn"}
        return (await shop.client.post(f"/v1/orders/{order}/refunds", json=body, headers=headers)).status_code

    async def limited(member_id: str) -> int:
        body = {"role": "child", "daily_max": 5 * PRICE}
        return (await shop.client.put(f"{path}/members/{member_id}", json=body, headers=shop.staff)).status_code

    async def ended(where: str) -> int:
        return (await shop.client.delete(where, headers=shop.staff)).status_code

    async def bought(member_id: str) -> int:
        return (await household.at_kiosk(TEA, member_id)).status_code

    work = [bought(who) for who in (*children, household.payer, children[0], household.payer)]
    work[3:3] = [again(children[1]), limited(children[2]), refunded(), ended(f"/v1/members/{children[3]}")]
    statuses = await asyncio.gather(*work)
    assert max(statuses) < 500, statuses
    statuses = await asyncio.gather(*(bought(who) for who in children[:3]), ended(path), bought(household.payer))
    assert max(statuses) < 500, statuses
    await assert_books_in_order(database)
    async with database.begin() as session:
        assert (await session.scalars(select(Member.id).where(Member.payer_id.is_not(None)))).all() == []


async def test_whoever_locks_a_payer_and_their_child_takes_the_child_first(shop: Shop, database: Database) -> None:
    """As the child's own purchase does, whichever of them was a member first."""
    household = await Household.of(shop)
    assert household.payer < household.child
    async with database.begin() as session:
        both = holding([UUID(household.payer), UUID(household.child)])
        assert [str(each.id) for each in await session.scalars(both)] == [household.child, household.payer]
    async with database.begin() as session:
        child = await session.scalars(holding([UUID(household.child)]))
        assert [str(each.id) for each in child] == [household.child, household.payer]
