"""What a member usually orders in a store at this time of day: what they bought together most often around it.

Nothing is kept of it: it is found in their orders each time, and only of a member who agreed to profiling.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product
from facepay.catalog.stock import Stock
from facepay.checkout.orders import Order, OrderLine
from facepay.members.members import Member
from facepay.recommender.consents import standing_agreement
from facepay.recommender.diets import conflicts, diet_of
from facepay.stores.stores import Store

LOOKED_BACK = timedelta(days=180)
ORDERS_MAX = 100
AROUND = timedelta(hours=2)
TIMES_MIN = 2
# A weekly shopping is no usual order, however often it comes out the same.
PRODUCTS_MAX = 8
DAY = timedelta(days=1)

Together = frozenset[tuple[UUID, int]]  # products, and how many of each


@dataclass(frozen=True, slots=True)
class PastOrder:
    at: datetime  # as clocks showed it there
    together: Together


@dataclass(frozen=True, slots=True)
class Habit:
    """What was bought together `times` of the `of` times that the member bought anything around this hour."""

    together: Together
    times: int
    of: int


@dataclass(frozen=True, slots=True)
class UsualItem:
    sku: str
    name: str
    quantity: int
    price: int  # of one, now


@dataclass(frozen=True, slots=True)
class UsualOrder:
    items: tuple[UsualItem, ...]
    total: int  # before discounts
    times: int
    of: int

    @property
    def words(self) -> str:
        """Why, to the member."""
        return f"You had this {self.times} of the last {self.of} times that you were here around this hour."


def habit_of(orders: Iterable[PastOrder], *, at: datetime) -> Habit | None:
    """The most frequent of all around this time of day, of equals the latest; None where nothing came twice."""
    around = [order for order in orders if _apart(order.at, at) <= AROUND]
    times = Counter(order.together for order in around)
    latest: dict[Together, datetime] = {}
    for order in around:
        latest[order.together] = max(order.at, latest.get(order.together, order.at))
    best = max(times, key=lambda together: (times[together], latest[together]), default=None)
    if best is None or times[best] < TIMES_MIN:
        return None
    return Habit(best, times[best], len(around))


def _apart(one: datetime, other: datetime) -> timedelta:
    """By time of day: 23:30 and 00:30 are an hour apart."""
    seconds = abs(_seconds(one) - _seconds(other))
    return min(timedelta(seconds=seconds), DAY - timedelta(seconds=seconds))


def _seconds(at: datetime) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second


async def usual_order(session: AsyncSession, *, member: Member, store: Store, now: datetime) -> UsualOrder | None:
    """None without consent to profiling, without a habit, or where the store can't sell all of it to them now."""
    agreed = await standing_agreement(session, member_id=member.id)
    if agreed is None:
        return None
    zone, since = ZoneInfo(store.timezone), max(agreed.evidence_since, now - LOOKED_BACK)
    habit = habit_of(await _past_orders(session, member.id, store.id, since, zone), at=now.astimezone(zone))
    return await _as_sold(session, habit, member, store, now.astimezone(zone)) if habit else None


async def _past_orders(
    session: AsyncSession, member_id: UUID, store_id: UUID, since: datetime, zone: ZoneInfo
) -> list[PastOrder]:
    """The latest that they bought themselves, whoever paid, and all of whose goods are sold by piece."""
    latest = (
        select(Order.id, Order.created_at)
        .where(
            or_(and_(Order.member_id == member_id, Order.buyer_id.is_(None)), Order.buyer_id == member_id),
            Order.store_id == store_id,
            Order.created_at >= since,
            Order.cancelled_at.is_(None),
            Order.supplements_id.is_(None),
        )
        .order_by(Order.created_at.desc())
        .limit(ORDERS_MAX)
        .subquery()
    )
    rows = await session.execute(
        select(latest.c.id, latest.c.created_at, OrderLine.product_id, OrderLine.quantity, OrderLine.sold_by).join(
            latest, latest.c.id == OrderLine.order_id
        )
    )
    bought: dict[tuple[UUID, datetime], Counter[UUID]] = defaultdict(Counter)
    weighed: set[UUID] = set()
    for order_id, created_at, product_id, quantity, sold_by in rows:
        bought[order_id, created_at][product_id] += quantity
        weighed |= {order_id} if sold_by == "weight" else set()
    return [
        PastOrder(created_at.astimezone(zone), frozenset(goods.items()))
        for (order_id, created_at), goods in bought.items()
        if order_id not in weighed and len(goods) <= PRODUCTS_MAX
    ]


async def _as_sold(
    session: AsyncSession, habit: Habit, member: Member, store: Store, at: datetime
) -> UsualOrder | None:
    quantities = dict(habit.together)
    products = await _sold_here(session, quantities, store)
    if len(products) < len(quantities):
        return None
    diet, age = await diet_of(session, member_id=member.id), member.age_at(at.date())
    if any(conflicts(diet, each) or not _old_enough(age, each) for each in products):
        return None
    items = [UsualItem(each.sku, each.name, quantities[each.id], each.price) for each in products]
    total = sum(item.price * item.quantity for item in items)
    return UsualOrder(tuple(items), total, habit.times, habit.of)


async def _sold_here(session: AsyncSession, quantities: dict[UUID, int], store: Store) -> Collection[Product]:
    """Those of these products that the store sells, and has as many of; by name."""
    rows = await session.execute(
        select(Product, Stock.quantity)
        .outerjoin(Stock, and_(Stock.product_id == Product.id, Stock.store_id == store.id))
        .where(Product.id.in_(quantities), Product.active, Product.currency == store.currency)
        .order_by(Product.name, Product.sku)
    )
    return [product for product, stock in rows if stock is None or stock >= quantities[product.id]]


def _old_enough(age: int | None, product: Product) -> bool:
    return product.age_min is None or (age is not None and age >= product.age_min)
