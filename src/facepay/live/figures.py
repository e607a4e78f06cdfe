"""A store's day in figures, and each store's present in two or three."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ScalarSelect, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Alert
from facepay.checkout.kiosk import Checkout
from facepay.checkout.orders import Order
from facepay.entrance.gates import GateAttempt
from facepay.entrance.house_rules import HouseRules
from facepay.entrance.visits import Visit, people_inside
from facepay.kernel.clock import day_start
from facepay.lanes.passages import Passage
from facepay.nightwatch.patrol import silent_devices
from facepay.shelves.baskets import IN_REVIEW, BasketChange
from facepay.stores.devices import Device
from facepay.stores.stores import Store


@dataclass(frozen=True, slots=True)
class Today:
    """Since midnight by the store's clock; `inside` and `disputed` are as of now.

    `turnover` is of today's orders in the store's currency, in minor units and less what was refunded of them. Both
    are None for whoever may not see orders. `refusals` are of gates, kiosks and lanes.
    """

    inside: int
    visits: int
    capacity_max: int | None
    entries: int
    people: int
    refusals: int
    disputed: int
    orders: int | None
    turnover: int | None


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """`alerts` are those that are open, and None for whoever may not see them."""

    store_id: UUID
    inside: int
    silent: int
    alerts: int | None


async def today_of(session: AsyncSession, *, store: Store, money: bool, now: datetime) -> Today:
    """One statement. Whoever came in today is inside still, or left today: there are indexes of both."""
    since = day_start(now, time_zone=store.timezone)
    inside = Visit.store_id == store.id, Visit.left_at.is_(None)
    entered = (
        Visit.store_id == store.id,
        or_(Visit.left_at.is_(None), Visit.left_at >= since),
        Visit.entered_at >= since,
    )
    in_review = BasketChange.store_id == store.id, text(IN_REVIEW)
    columns: dict[str, Any] = {
        "inside": _whole(people_inside(store_id=store.id)),
        "visits": _count(Visit, *inside),
        "capacity_max": select(HouseRules.capacity_max).where(HouseRules.store_id == store.id).scalar_subquery(),
        "entries": _count(Visit, *entered),
        "people": select(_whole(func.coalesce(func.sum(1 + Visit.guests), 0))).where(*entered).scalar_subquery(),
        "refusals": _refusals(store.id, since),
        "disputed": _count(BasketChange, *in_review),
    }
    if money:
        taken = Order.store_id == store.id, Order.created_at >= since
        kept = func.coalesce(func.sum(Order.total - Order.refunded), 0)
        columns["orders"] = _count(Order, *taken)
        columns["turnover"] = select(_whole(kept)).where(*taken, Order.currency == store.currency).scalar_subquery()
    row = (await session.execute(select(*(each.label(name) for name, each in columns.items())))).one()
    return Today(**{"orders": None, "turnover": None} | dict(row._mapping))


def _refusals(store_id: UUID, since: datetime) -> Any:
    gates = select(Device.id).where(Device.store_id == store_id, Device.role == "gate")
    return (
        _count(
            GateAttempt,
            GateAttempt.gate_id.in_(gates),
            GateAttempt.decided_at >= since,
            GateAttempt.decision == "deny",
        )
        + _count(
            Checkout,
            Checkout.store_id == store_id,
            Checkout.decided_at >= since,
            Checkout.decision == "declined",
        )
        + _count(
            Passage,
            Passage.store_id == store_id,
            Passage.decided_at >= since,
            Passage.decision == "closed",
        )
    )


def _count(table: Any, *where: Any) -> ScalarSelect[int]:
    return select(func.count()).select_from(table).where(*where).scalar_subquery()


def _whole(total: Any) -> Any:
    """A sum of bigints is numeric, and comes as a Decimal."""
    return total.cast(BigInteger)


async def figures_of(
    session: AsyncSession, *, store_ids: Collection[UUID], alerts: bool, now: datetime
) -> dict[UUID, StoreFigures]:
    """Of each of these stores."""
    inside = select(Visit.store_id, _whole(func.sum(1 + Visit.guests))).where(Visit.left_at.is_(None))
    silent = silent_devices(now).with_only_columns(Device.store_id, func.count())
    opened = select(Alert.store_id, func.count()).where(Alert.resolved_at.is_(None))
    people = await _by_store(session, inside, Visit.store_id, store_ids)
    quiet = await _by_store(session, silent, Device.store_id, store_ids)
    open_alerts = await _by_store(session, opened, Alert.store_id, store_ids) if alerts else None
    return {
        each: StoreFigures(
            each, people.get(each, 0), quiet.get(each, 0), None if open_alerts is None else open_alerts.get(each, 0)
        )
        for each in store_ids
    }


async def _by_store(session: AsyncSession, query: Any, store_id: Any, store_ids: Collection[UUID]) -> dict[UUID, int]:
    found = await session.execute(query.where(store_id.in_(store_ids)).group_by(store_id))
    return {each: int(count) for each, count in found}
