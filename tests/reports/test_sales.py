"""What a store sold: to the last unit what the ledger has, however it is told."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from facepay.checkout.orders import Order
from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.reports.sales import sales_of
from facepay.reports.spans import Span
from facepay.stores.stores import Store
from facepay.wallet.accounts import balance, store_sales, store_tax
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def sales(shop: Shop, **query: str) -> Any:
    return await shop.do("GET", f"/v1/stores/{shop.store_id}/sales", params=query)


async def buy(shop: Shop, member: str, **skus: int) -> str:
    basket = {sku.replace("_", "-"): quantity for sku, quantity in skus.items()}
    bought = (await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], basket)).json()
    assert bought["code"] == "paid", bought
    return str(bought["order"]["id"])


async def test_the_figures_are_the_ledgers(shop: Shop) -> None:
    member = await shop.add_member_without_face(balance=90_000)
    whole, part, _ = [await buy(shop, member, TEA_001=3, BAO_002=1) for _ in range(3)]
    await buy(shop, member, UMB_003=1)
    for order_id, amount in ((whole, None), (part, 777)):
        body = {"reason": "not fresh"} | ({"amount": amount} if amount else {})
        await shop.do("POST", f"/v1/orders/{order_id}/refunds", json=body, headers={"Idempotency-Key": uuid4().hex})

    report = await sales(shop)
    (books,) = report["books"]
    total = books["total"]
    assert (total["orders"], total["sales"], total["average"]) == (4, 3 * 2640 + 5900, 3455)
    assert (total["refunds"], total["turnover"]) == (2640 + 777, 3 * 2640 + 5900 - 2640 - 777)
    assert books["tenders"] == {"wallet": total["sales"], "gift": 0, "points": 0, "owed": 0}
    (kiosk,) = books["channels"]
    assert kiosk == total | {"channel": "kiosk"}
    assert [each["at"] for each in books["periods"]] == sorted(each["at"] for each in books["periods"])
    assert [each["turnover"] for each in books["periods"]] == [0] * 6 + [total["turnover"]]
    first, second, third = books["best_sellers"]
    assert (first["sku"], first["quantity"], first["sales"]) == ("UMB-003", 1, 5900)
    assert (second["sku"], second["quantity"], third["sku"], third["quantity"]) == ("TEA-001", 9, "BAO-002", 3)

    database: Database = shop.app.state.database
    async with database.begin() as session:
        store_id = UUID(shop.store_id)
        assert (await balance(session, store_sales(store_id).id)).posted == total["turnover"] - total["tax"]
        assert (await balance(session, store_tax(store_id).id)).posted == total["tax"]


async def test_a_tip_is_beside_the_turnover_and_a_free_order_counts(shop: Shop) -> None:
    member = await shop.add_member_without_face()
    database: Database = shop.app.state.database
    async with database.begin() as session:
        at = shop.app.state.clock()
        tipped = order(shop, member, at, 1_001, gift=1, tip=90, tip_transfer_id=new_id())
        await session.execute(insert(Order), [order(shop, member, at, 0, gift=0, tip=0, tip_transfer_id=None), tipped])
    (books,) = (await sales(shop))["books"]
    assert (books["total"]["orders"], books["total"]["average"], books["total"]["tips"]) == (2, 501, 90)
    assert books["tenders"] == {"wallet": 1_000, "gift": 1, "points": 0, "owed": 0}


async def test_currencies_are_never_mixed(shop: Shop) -> None:
    member = await shop.add_member_without_face()
    database: Database = shop.app.state.database
    async with database.begin() as session:
        at = shop.app.state.clock()
        rows = [order(shop, member, at, 500), order(shop, member, at, 70, currency="KRW")]
        await session.execute(insert(Order), rows)
    books = (await sales(shop))["books"]
    assert [(each["currency"], each["total"]["sales"]) for each in books] == [("CNY", 500), ("KRW", 70)]


async def test_who_may_not_see_orders_sees_no_sales_and_too_many_days_are_refused(shop: Shop) -> None:
    path = f"/v1/stores/{shop.store_id}/sales"
    assert (await shop.client.get(path, headers=shop.kiosk)).status_code in (401, 403)
    many = {"from": "2026-01-01", "to": "2026-12-31", "by": "hour"}
    refused = await shop.client.get(path, headers=shop.staff, params=many)
    assert (refused.status_code, refused.json()["code"], refused.json()["days_max"]) == (422, "span_invalid", 31)
    missing = await shop.client.get(f"/v1/stores/{uuid4()}/sales", headers=shop.staff)
    assert missing.json()["code"] == "store_not_found"


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Asia/Shanghai", date(2026, 5, 1)),
        ("America/New_York", date(2026, 11, 1)),  # 25 hours
        ("Europe/Berlin", date(2026, 3, 29)),  # 23 hours
        ("Asia/Kolkata", date(2026, 5, 1)),
    ],
)
async def test_hours_add_up_to_days_and_days_to_the_total(shop: Shop, zone: str, day: date) -> None:
    """Three days of orders, some of them in the first and the last second of one."""
    member = await shop.add_member_without_face()
    span = Span(day - timedelta(days=1), day + timedelta(days=1), zone)
    chance, seconds = random.Random(zone), int((span.end - span.start).total_seconds())
    edges = [at + timedelta(seconds=by) for at in span.periods("day") for by in (-1, 0)] + [span.end]
    times = edges + [span.start + timedelta(seconds=chance.randrange(seconds)) for _ in range(200)]
    rows = [order(shop, member, at, chance.randrange(100_000)) for at in times]
    database: Database = shop.app.state.database
    async with database.begin() as session:
        store = await session.get_one(Store, UUID(shop.store_id))
        await session.execute(insert(Order), rows)
        (hours,) = await sales_of(session, store=store, span=span, by="hour")
        (days,) = await sales_of(session, store=store, span=span, by="day")
    by_day = Counter[datetime]()
    for at, sums in hours.periods.items():
        by_day[at.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, fold=0).astimezone(UTC)] += sums.sales
    expected = sum(row["total"] for row in rows if span.start <= row["created_at"] < span.end)
    assert dict(by_day) == {at: sums.sales for at, sums in days.periods.items()}
    assert hours.total == days.total
    assert days.total.sales == expected
    assert set(hours.periods) == set(span.periods("hour"))


def order(shop: Shop, member: str, at: datetime, total: int, *, currency: str = "CNY", **more: Any) -> dict[str, Any]:
    """A row as a payment leaves it, without its lines."""
    return {
        "id": new_id(),
        "store_id": UUID(shop.store_id),
        "device_id": UUID(shop.kiosk_id),
        "member_id": UUID(member),
        "currency": currency,
        "total": total,
        "tax": total // 10,
        "created_at": at,
        "refunded": 0,
    } | more
