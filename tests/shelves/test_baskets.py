"""The virtual basket of a visit: what it holds, what was paid of it, and who sees it."""

from __future__ import annotations

import asyncio
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.shelves.baskets import BasketChange, Standing, claims_of, close_basket, live_basket, lock_visits
from facepay.shelves.rule import reconcile
from tests.channel.line import Stream
from tests.locks import somebody_waits
from tests.server import on_a_socket
from tests.shelves.shelf import Shelf, go_out, let_in, pay_at_kiosk
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def close(database: Database, *visits: str, order: str | None = None) -> None:
    """By the rule, as a lane without tags does."""
    ids = [UUID(visit) for visit in visits]
    async with database.begin() as session:
        await lock_visits(session, visit_ids=ids)
        verdict = reconcile(claims_of(await live_basket(session, visit_ids=ids)), favour_max=500)
        await close_basket(
            session, visit_ids=ids, order_id=UUID(order) if order else None, now=utc_now(), verdict=verdict
        )


async def test_a_basket_that_was_paid_is_empty_and_fills_anew_and_staff_get_what_the_rule_leaves_them(
    shop: Shop, database: Database
) -> None:
    member, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A1", -512.0, hand=False), shelf.event("A3", -410.0, hand=False))
    await close(database, visit)
    assert await shelf.basket(visit) == {}
    (review,) = await shelf.reviews()
    assert (review["sku"], review["quantity"], review["visit_id"]) == ("UMB-003", 1, visit)
    assert review["sources"]["disagreement"] == {"charged": 0, "possible": 1}
    await shelf.tell(shelf.event("A1", -1024.0), shelf.event("A2", -130.0))
    assert await shelf.basket(visit) == {"TEA-001": (2, 2), "BAO-002": (1, 1)}
    await pay_at_kiosk(shop, member, {"TEA-001": 1, "BAO-002": 1})
    assert await shelf.basket(visit) == {"TEA-001": (1, 1)}
    await close(database, visit)
    assert await shelf.basket(visit) == {}


async def test_several_visits_are_one_basket(shop: Shop, database: Database) -> None:
    _, one = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A1", -512.0))
    await go_out(shop, one)
    _, two = await let_in(shop)
    await shelf.tell(shelf.event("A1", -512.0), shelf.event("A2", -130.0))
    async with database.begin() as session:
        basket = await live_basket(session, visit_ids=[UUID(one), UUID(two)])
    assert {sku: held.count.sure for sku, held in basket.items()} == {"BAO-002": 1, "TEA-001": 2}


async def test_no_take_slips_in_between_the_bill_and_the_payment(shop: Shop, database: Database) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    async with database.begin() as session:
        await lock_visits(session, visit_ids=[UUID(visit)])
        telling = asyncio.create_task(shelf.tell(shelf.event("A1", -512.0)))
        await somebody_waits(database)
        assert await live_basket(session, visit_ids=[UUID(visit)]) == {}
        await close_basket(session, visit_ids=[UUID(visit)], order_id=None, now=utc_now())
    await telling
    async with database.begin() as session:
        change = (await session.scalars(select(BasketChange))).one()
    assert (change.late, change.standing, change.settled_at) == (True, Standing.SURE, None)


async def test_staff_follow_a_basket_live(shop: Shop, app: FastAPI) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    path = f"/v1/visits/{visit}/basket/stream"
    async with on_a_socket(app) as address, httpx.AsyncClient(base_url=address) as client:
        async with client.stream("GET", path, headers=shop.staff) as response:
            stream = Stream(response.aiter_lines())
            assert (await stream.next())[2]["lines"] == []
            await shelf.tell(shelf.event("A1", -512.0))
            kind, seen, basket = await stream.next()
            (line,) = basket["lines"]
            assert (kind, line["sku"], line["quantity"], line["sure"]) == ("basket", "TEA-001", 1, 1)
        async with client.stream("GET", path, headers=shop.staff | {"Last-Event-ID": str(seen)}) as response:
            stream = Stream(response.aiter_lines())
            await shelf.tell(shelf.event("A2", -130.0))
            assert [line["sku"] for line in (await stream.next())[2]["lines"]] == ["BAO-002", "TEA-001"]


async def test_no_basket_is_shown_without_leave_or_visit(shop: Shop) -> None:
    nowhere = "0199f7a1-0000-7000-8000-000000000000"
    for path in (f"/v1/visits/{nowhere}/basket", f"/v1/visits/{nowhere}/basket/stream"):
        assert (await shop.client.get(path, headers=shop.staff)).json()["code"] == "visit_not_found"
        assert (await shop.client.get(path, headers=shop.kiosk)).status_code == 401
