"""Days that are over are summed up, and a report is the same to the last unit whether they are or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product
from facepay.checkout.orders import Order, OrderDiscount, OrderLine
from facepay.checkout.refunds import Refund
from facepay.kernel.database import Base, Database
from facepay.kernel.ids import new_id
from facepay.members.members import Member
from facepay.reports import closed_days
from facepay.reports.closed_days import ClosedDay, HourSales, ProductSales, close_days
from facepay.reports.sales import Books, sales_of
from facepay.reports.spans import By, Span
from facepay.stores.stores import Store
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
NOW = datetime(2026, 3, 31, 9, 30, tzinfo=UTC)
ZONES = ("Asia/Shanghai", "Asia/Kolkata", "Europe/Berlin")  # by halves of hours, and through a day of 23

sale = st.fixed_dictionaries(
    {
        "minutes": st.integers(0, 4 * 24 * 60),
        "goods": st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(0, 500)), max_size=3),
        "discount": st.sampled_from([None, "tier", "coupon", "smile"]),
        "refunded": st.booleans(),
        "currency": st.sampled_from(["CNY", "KRW"]),
        "device": st.integers(0, 1),
    }
)


@given(
    first=st.lists(sale, max_size=12),
    late=st.lists(sale, max_size=4),
    zone=st.sampled_from(ZONES),
    moved_to=st.sampled_from(ZONES),
    by=st.sampled_from(["hour", "day"]),
)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_report_of_closed_days_is_that_of_their_orders(
    shop: Shop, first: list[Any], late: list[Any], zone: str, moved_to: str, by: By
) -> None:
    """Also where orders come late to a closed day, something is given back, or the store's clock becomes another."""
    database: Database = shop.app.state.database
    await forget(database)
    async with database.begin() as session:
        await session.execute(update(Store).where(Store.id == UUID(shop.store_id)).values(timezone=zone))
        await sell(session, shop, first)
    await close_days(database, now=NOW)
    await the_same(database, shop, by)
    async with database.begin() as session:
        await sell(session, shop, late)
    await the_same(database, shop, by)
    await close_days(database, now=NOW)
    await the_same(database, shop, by)
    async with database.begin() as session:
        await session.execute(update(Store).where(Store.id == UUID(shop.store_id)).values(timezone=moved_to))
    await the_same(database, shop, by)


async def test_a_closed_day_is_read_from_its_sums(shop: Shop) -> None:
    """Falsified sums are what is told: so it isn't the orders that are read. A late order has them read again."""
    database: Database = shop.app.state.database
    each = {
        "minutes": 1500,
        "goods": [(0, 1, 500)],
        "discount": None,
        "refunded": False,
        "currency": "CNY",
        "device": 0,
    }
    async with database.begin() as session:
        await sell(session, shop, [each])
    assert await close_days(database, now=NOW) == 1
    assert await close_days(database, now=NOW) == 0
    async with database.begin() as session:
        await session.execute(update(HourSales).values(sales=1))
        await session.execute(update(ProductSales).values(sales=2))
        (books,) = await report(session, shop, "day")
        assert (books.total.sales, books.best_sellers[0].sales) == (1, 2)
        await sell(session, shop, [each])
        (books,) = await report(session, shop, "day")
        assert (books.total.sales, books.best_sellers[0].sales) == (1000, 1000)
    assert await close_days(database, now=NOW) == 1
    async with database.begin() as session:
        assert await session.scalar(select(ClosedDay.orders)) == 2
        assert await session.scalar(select(func.sum(ProductSales.sales))) == 1000


async def test_every_store_closes_its_own_days(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several at once, more than a statement counts, by the midnight of where they are."""
    monkeypatch.setattr(closed_days, "STORES_AT_ONCE", 2)
    database: Database = shop.app.state.database
    await forget(database)
    at = NOW.replace(hour=20) - timedelta(days=2)  # the 30th in Shanghai, the 29th in Berlin
    each = {"minutes": (NOW - at) // timedelta(minutes=1), "goods": [(0, 1, 500)], "discount": None}
    each |= {"refunded": False, "currency": "CNY", "device": 0}
    zones = {new_id(): zone for zone in ["Asia/Shanghai"] * 3 + ["Europe/Berlin"]}
    async with database.begin() as session:
        for number, (store_id, zone) in enumerate(zones.items()):
            row = {"id": store_id, "name": f"Far {number}", "code": f"FAR{number}", "timezone": zone}
            await session.execute(insert(Store).values(row | {"currency": "CNY", "created_at": NOW}))
            await sell(session, shop, [each] * (number + 1), store_id)
    assert await close_days(database, now=NOW) == len(zones)
    async with database.begin() as session:
        closed = (await session.scalars(select(ClosedDay).order_by(ClosedDay.store_id))).all()
        sold = {row.store_id: row.sales for row in await session.scalars(select(HourSales))}
    days = [(day.store_id, day.starts_at.astimezone(ZoneInfo(day.zone)).day, day.orders) for day in closed]
    assert days == list(zip(zones, [30, 30, 30, 29], [1, 2, 3, 4], strict=True))
    assert sold == {store_id: 500 * orders for store_id, _, orders in days}


async def the_same(database: Database, shop: Shop, by: By) -> None:
    """As with the sums, without them."""
    async with database.begin() as session:
        told = await report(session, shop, by)
        await session.execute(delete(ClosedDay))
        assert told == await report(session, shop, by)
        await session.rollback()


async def report(session: AsyncSession, shop: Shop, by: By) -> list[Books]:
    store = await session.get_one(Store, UUID(shop.store_id), populate_existing=True)
    span = Span(NOW.date() - timedelta(days=5), NOW.date(), store.timezone)
    return await sales_of(session, store=store, span=span, by=by)


async def forget(database: Database) -> None:
    async with database.begin() as session:
        for table in (ClosedDay, Refund, OrderDiscount, OrderLine, Order):
            await session.execute(delete(table))


async def sell(session: AsyncSession, shop: Shop, sales: list[Any], store_id: UUID | None = None) -> None:
    """Rows as payments and refunds leave them."""
    products = (await session.scalars(select(Product).order_by(Product.sku))).all()
    member = await session.scalar(select(Member.id)) or UUID(await shop.add_member_without_face())
    rows: dict[type[Base], list[dict[str, Any]]] = {table: [] for table in (Order, OrderLine, OrderDiscount, Refund)}
    for each in sales:
        at, order_id = NOW - timedelta(minutes=each["minutes"]), new_id()
        total = sum(amount for _, _, amount in each["goods"])
        row = {
            "id": order_id,
            "store_id": store_id or UUID(shop.store_id),
            "device_id": UUID([shop.kiosk_id, shop.gate_id][each["device"]]),
            "member_id": member,
            "currency": each["currency"],
            "total": total,
            "tax": total // 10,
            "refunded": total if each["refunded"] else 0,
            "created_at": at,
        }
        rows[Order].append(row)
        for position, (number, quantity, amount) in enumerate(each["goods"]):
            product = products[number]
            line = {"order_id": order_id, "position": position, "product_id": product.id, "sku": product.sku}
            cost = {"quantity": quantity, "unit_price": amount, "total": amount, "tax": 0, "tax_rate_basis_points": 0}
            rows[OrderLine].append(line | cost | {"name": product.name})
        if each["discount"]:
            taken = {"order_id": order_id, "position": 1, "reason": each["discount"], "label": "x", "amount": 7}
            rows[OrderDiscount].append(taken)
        if each["refunded"]:
            rows[Refund].append(refund_of(row))
    for table, those in rows.items():
        if those:
            await session.execute(insert(table), those)


def refund_of(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": new_id(),
        "order_id": order["id"],
        "amount": order["total"],
        "tax": order["tax"],
        "currency": order["currency"],
        "reason": "stale",
        "actor": "staff",
        "transfer_id": new_id(),
        "created_at": order["created_at"] + timedelta(hours=20),
    }
