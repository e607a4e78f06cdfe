"""What a store sold on days that are over, summed up once: by hour and device role, and by product.

What an order came to and what was on it never changes, and no order goes away, though one that was paid offline may
come days later. So a day whose sums are of as many orders as it has now is whole; any other is read from its orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ForeignKey, ForeignKeyConstraint, String, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.products import SoldBy
from facepay.kernel.database import Base, Database
from facepay.reports.spans import Span
from facepay.stores.stores import Store

# Orders of the last minutes may be under way still, and would only have the day closed again.
CLOSES_AFTER = timedelta(hours=1)
# How late an order may come and have its day closed again.
REOPENED_DAYS = 7
# A statement counts the orders of so many stores, a few millions at most.
STORES_AT_ONCE = 500


class ClosedDay(Base):
    """From midnight to midnight in `zone`; `orders` is how many are in its sums."""

    __tablename__ = "closed_day"

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    zone: Mapped[str] = mapped_column(String(64))
    orders: Mapped[int]


class _OfClosedDay:
    store_id: Mapped[UUID] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)


def _goes_with_its_day() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["store_id", "starts_at"], ["closed_day.store_id", "closed_day.starts_at"], ondelete="CASCADE"
    )


class HourSales(_OfClosedDay, Base):
    """Of the hour that begins at `at`, by the role of the device that sold. The last three are discounts."""

    __tablename__ = "hour_sales"
    __table_args__ = (_goes_with_its_day(),)

    at: Mapped[datetime] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    orders: Mapped[int]
    sales: Mapped[int]
    tax: Mapped[int]
    tips: Mapped[int]
    gift: Mapped[int]
    points: Mapped[int]
    owed: Mapped[int]
    tier: Mapped[int]
    coupon: Mapped[int]
    smile: Mapped[int]


class ProductSales(_OfClosedDay, Base):
    __tablename__ = "product_sales"
    __table_args__ = (_goes_with_its_day(),)

    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True)
    sold_by: Mapped[SoldBy] = mapped_column(String(8), primary_key=True)
    quantity: Mapped[int]
    sales: Mapped[int]


# Of each day asked for and each store, whether its sums are of all its orders.
_DAYS = text("""
    select s.id as store_id, :zone as zone, d.starts_at, d.ends_at, coalesce(c.orders, 0) as summed, (
               select count(*) from shop_order o
                where o.store_id = s.id and o.created_at >= d.starts_at and o.created_at < d.ends_at) as orders
      from unnest(cast(:store_ids as uuid[])) s (id)
     cross join unnest(cast(:starts as timestamptz[]), cast(:ends as timestamptz[])) d (starts_at, ends_at)
      left join closed_day c on (c.store_id, c.starts_at, c.zone) = (s.id, d.starts_at, :zone)
     order by s.id, d.starts_at
""")
_REOPEN = text("delete from closed_day where store_id = :store_id and starts_at >= :starts_at and starts_at < :ends_at")
# One statement, so that all sums are of the same orders.
_CLOSE = text("""
    with taken as materialized (
        select o.*, d.role from shop_order o join device d on d.id = o.device_id
         where o.store_id = :store_id and o.created_at >= :starts_at and o.created_at < :ends_at
    ), closed as (
        insert into closed_day (store_id, starts_at, zone, orders)
        select :store_id, :starts_at, :zone, count(*) from taken
    ), hours as (
        insert into hour_sales (store_id, starts_at, currency, at, role, orders, sales, tax, tips, gift, points, owed,
               tier, coupon, smile)
        select :store_id, :starts_at, currency, date_trunc('hour', created_at, :zone), role, count(*), sum(total),
               sum(tax), sum(tip), sum(gift), sum(points_value), sum(advance),
               coalesce(sum(tier), 0), coalesce(sum(coupon), 0), coalesce(sum(smile), 0)
          from taken left join (
            select order_id, sum(amount) filter (where reason = 'tier') as tier,
                   sum(amount) filter (where reason = 'coupon') as coupon,
                   sum(amount) filter (where reason = 'smile') as smile
              from order_discount where order_id in (select id from taken) group by order_id) d on d.order_id = id
         group by currency, 4, role
    )
    insert into product_sales (store_id, starts_at, currency, product_id, sold_by, quantity, sales)
    select :store_id, :starts_at, currency, product_id, sold_by, sum(l.quantity), sum(l.total)
      from taken join order_line l on l.order_id = taken.id
     group by currency, product_id, sold_by
""")


async def split(session: AsyncSession, *, store: Store, span: Span) -> tuple[list[datetime], list[list[datetime]]]:
    """When its whole days began, and from when until when the others are, those in a row as one."""
    whole: list[datetime] = []
    others: list[list[datetime]] = []
    for day in await session.execute(_DAYS, _days([store.id], span)):
        if day.summed == day.orders:
            whole.append(day.starts_at)
        elif others and others[-1][1] == day.starts_at:
            others[-1][1] = day.ends_at
        else:
            others.append([day.starts_at, day.ends_at])
    return whole, others


async def close_days(database: Database, *, now: datetime, days: int = REOPENED_DAYS) -> int:
    """Sum up the days before today, of every store, that aren't whole, each by itself; answers how many they were."""
    async with database.read() as session:
        zones = (await session.execute(select(Store.timezone, func.array_agg(Store.id)).group_by(Store.timezone))).all()
    closed = 0
    for zone, store_ids in zones:
        today = (now - CLOSES_AFTER).astimezone(ZoneInfo(zone)).date()
        span = Span(today - timedelta(days=days), today - timedelta(days=1), zone)
        for first in range(0, len(store_ids), STORES_AT_ONCE):
            async with database.read() as session:
                found = await session.execute(_DAYS, _days(store_ids[first : first + STORES_AT_ONCE], span))
                unequal = [day._asdict() for day in found if day.summed != day.orders]
            for day in unequal:
                async with database.begin() as session:
                    await session.execute(_REOPEN, day)
                    await session.execute(_CLOSE, day)
            closed += len(unequal)
    return closed


def _days(store_ids: Sequence[UUID], span: Span) -> dict[str, Any]:
    starts = list(span.periods("day"))
    return {"store_ids": store_ids, "zone": span.zone, "starts": starts, "ends": [*starts[1:], span.end]}
