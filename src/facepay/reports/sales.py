"""What a store sold: exact sums of its orders and refunds, in whole minor units, each currency by itself.

Over all time they are what the ledger has on the store's accounts: turnover less tax on its sales, tax, and tips. Days
that are over have been summed up (closed_days); the others are read from their orders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, false, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product, SoldBy
from facepay.checkout.orders import Order, OrderDiscount, OrderLine
from facepay.checkout.refunds import Refund
from facepay.reports.closed_days import HourSales, ProductSales, split
from facepay.reports.spans import By, Span
from facepay.stores.devices import Device
from facepay.stores.stores import Store

BEST_SELLERS = 20
SUMS = ("orders", "sales", "tax", "tips", "gift", "points", "owed")


@dataclass(slots=True)
class Sums:
    """`sales` are what orders came to, discounts off and tax in it; `refunds` what was given back, of whichever orders.
    `tax` and `tips` are less what of them was given back.
    """

    orders: int = 0
    sales: int = 0
    refunds: int = 0
    tax: int = 0
    tips: int = 0

    @property
    def turnover(self) -> int:
        return self.sales - self.refunds

    @property
    def average(self) -> int | None:
        """What an order came to, to the nearest unit."""
        return (2 * self.sales + self.orders) // (2 * self.orders) if self.orders else None

    def add(self, *, orders: int = 0, sales: int = 0, refunds: int = 0, tax: int = 0, tips: int = 0) -> None:
        self.orders += orders
        self.sales += sales
        self.refunds += refunds
        self.tax += tax
        self.tips += tips


@dataclass(slots=True)
class Tenders:
    """What sales were paid with; `owed` is what wallets fell short of."""

    wallet: int = 0
    gift: int = 0
    points: int = 0
    owed: int = 0


@dataclass(frozen=True, slots=True)
class Seller:
    """`quantity` is in pieces or grams; refunds aren't taken off."""

    product_id: UUID
    sku: str
    name: str
    sold_by: SoldBy
    quantity: int
    sales: int


@dataclass(slots=True)
class Books:
    """Of one currency. `channels` are by the role of the device that sold, `discounts` by why they were given."""

    currency: str
    total: Sums = field(default_factory=Sums)
    periods: dict[datetime, Sums] = field(default_factory=lambda: defaultdict(Sums))
    channels: dict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    tenders: Tenders = field(default_factory=Tenders)
    discounts: dict[str, int] = field(default_factory=dict)
    best_sellers: list[Seller] = field(default_factory=list)

    def add(self, at: datetime, channel: str, **sums: int) -> None:
        for each in (self.total, self.periods[at], self.channels[channel]):
            each.add(**sums)


@dataclass(frozen=True, slots=True)
class _Sources:
    """Which of a store's days are read from their sums, by when they began, and between which times its orders are."""

    store: Store
    days: list[datetime]
    times: list[list[datetime]]

    def closed(self, table: type[HourSales] | type[ProductSales]) -> Iterable[ColumnElement[bool]]:
        return table.store_id == self.store.id, table.starts_at.in_(self.days)

    def open(self) -> Iterable[ColumnElement[bool]]:
        between = [(Order.created_at >= since) & (Order.created_at < until) for since, until in self.times]
        return Order.store_id == self.store.id, or_(false(), *between)


async def sales_of(session: AsyncSession, *, store: Store, span: Span, by: By) -> list[Books]:
    """The books of the store's own currency first. Periods in which nothing was sold have theirs too."""
    found: dict[str, Books] = {store.currency: Books(store.currency)}
    sources = _Sources(store, *await split(session, store=store, span=span))
    for query in (_closed_hours(sources, span, by), _orders(sources, span, by)):
        for row in await session.execute(query):
            books = found.setdefault(row.currency, Books(row.currency))
            books.add(row.at, row.role, orders=row.orders, sales=row.sales, tax=row.tax, tips=row.tips)
            books.tenders.gift += row.gift
            books.tenders.points += row.points
            books.tenders.owed += row.owed
            books.tenders.wallet += row.sales - row.gift - row.points - row.owed
    for row in await session.execute(_refunds(store, span, by)):
        books = found.setdefault(row.currency, Books(row.currency))
        books.add(row.at, row.role, refunds=row.refunds, tax=-row.tax, tips=-row.tips)
    for currency, reason, amount in await session.execute(_discounts(sources)):
        found[currency].discounts[reason] = amount
    for currency, *seller in await session.execute(_best_sellers(sources)):
        found[currency].best_sellers.append(Seller(*seller))
    starts = list(span.periods(by))
    for books in found.values():
        books.periods = {at: books.periods[at] for at in sorted({*starts, *books.periods})}
    return list(found.values())


def _closed_hours(sources: _Sources, span: Span, by: By) -> Any:
    return (
        select(
            HourSales.currency,
            func.date_trunc(by, HourSales.at, span.zone).label("at"),
            HourSales.role,
            *(_sum(getattr(HourSales, name)).label(name) for name in SUMS),
        )
        .where(*sources.closed(HourSales))
        .group_by(HourSales.currency, "at", HourSales.role)
    )


def _orders(sources: _Sources, span: Span, by: By) -> Any:
    columns = {
        "orders": func.count(),
        "sales": _sum(Order.total),
        "tax": _sum(Order.tax),
        "tips": _sum(Order.tip),
        "gift": _sum(Order.gift),
        "points": _sum(Order.points_value),
        "owed": _sum(Order.advance),
    }
    return (
        select(
            Order.currency,
            func.date_trunc(by, Order.created_at, span.zone).label("at"),
            Device.role,
            *(each.label(name) for name, each in columns.items()),
        )
        .join(Device, Device.id == Order.device_id)
        .where(*sources.open())
        .group_by(Order.currency, "at", Device.role)
    )


def _refunds(store: Store, span: Span, by: By) -> Any:
    """On the day that they were given back."""
    return (
        select(
            Refund.currency,
            func.date_trunc(by, Refund.created_at, span.zone).label("at"),
            Device.role,
            _sum(Refund.amount).label("refunds"),
            _sum(Refund.tax).label("tax"),
            _sum(Refund.tip).label("tips"),
        )
        .join(Order, Order.id == Refund.order_id)
        .join(Device, Device.id == Order.device_id)
        .where(Order.store_id == store.id, Refund.created_at >= span.start, Refund.created_at < span.end)
        .group_by(Refund.currency, "at", Device.role)
    )


def _discounts(sources: _Sources) -> Any:
    closed = (
        select(HourSales.currency, literal(reason).label("reason"), amount.label("amount")).where(
            *sources.closed(HourSales), amount > 0
        )
        for reason, amount in (("tier", HourSales.tier), ("coupon", HourSales.coupon), ("smile", HourSales.smile))
    )
    opened = (
        select(Order.currency, OrderDiscount.reason, OrderDiscount.amount)
        .join(OrderDiscount, OrderDiscount.order_id == Order.id)
        .where(*sources.open())
    )
    given = union_all(*closed, opened).subquery()
    return select(given.c.currency, given.c.reason, _sum(given.c.amount)).group_by(given.c.currency, given.c.reason)


def _best_sellers(sources: _Sources) -> Any:
    """By what was paid for them, the first of each currency. Their names are looked up last, of twenty alone."""
    lines = union_all(
        select(
            ProductSales.currency,
            ProductSales.product_id,
            ProductSales.sold_by,
            ProductSales.quantity,
            ProductSales.sales,
        ).where(*sources.closed(ProductSales)),
        select(Order.currency, OrderLine.product_id, OrderLine.sold_by, OrderLine.quantity, OrderLine.total)
        .join(OrderLine, OrderLine.order_id == Order.id)
        .where(*sources.open()),
    ).subquery()
    sold = (
        select(
            lines.c.currency,
            lines.c.product_id,
            lines.c.sold_by,
            _sum(lines.c.quantity).label("quantity"),
            _sum(lines.c.sales).label("sales"),
        )
        .group_by(lines.c.currency, lines.c.product_id, lines.c.sold_by)
        .subquery()
    )
    rank = func.row_number().over(partition_by=sold.c.currency, order_by=(sold.c.sales.desc(), sold.c.product_id))
    ranked = select(sold, rank.label("rank")).subquery()
    best = ranked.c
    return (
        select(best.currency, best.product_id, Product.sku, Product.name, best.sold_by, best.quantity, best.sales)
        .join(Product, Product.id == best.product_id)
        .where(best.rank <= BEST_SELLERS)
        .order_by(best.currency, best.rank)
    )


def _sum(amounts: Any) -> Any:
    """A sum of bigints is numeric, and comes as a Decimal."""
    return func.sum(amounts).cast(BigInteger)
