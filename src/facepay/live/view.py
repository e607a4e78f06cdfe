"""What a store is like now: who is inside, how its devices are and what they last decided, what needs somebody.

It is looked at every second while somebody watches, so each part is one statement along an index, and has a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Select, String, Uuid, cast, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from facepay.alerts.records import Alert
from facepay.alerts.sightings import Uncounted, uncounted
from facepay.checkout.kiosk import Checkout
from facepay.entrance.gates import GateAttempt
from facepay.entrance.visits import Visit
from facepay.identity.verdicts import DeviceDecision
from facepay.kernel.auth import Principal
from facepay.lanes.passages import Passage
from facepay.live.figures import Today, today_of
from facepay.live.shelves import LowSlot, low_slots
from facepay.members.members import Member
from facepay.nightwatch.guard import AlertFigures, alert_figures, first_alerts
from facepay.nightwatch.patrol import silent_devices
from facepay.stores.devices import Device
from facepay.stores.stores import Store, get_store

PEOPLE_MAX, DEVICES_MAX = 200, 500
NO_MONEY = cast(null(), BigInteger).label("amount"), cast(null(), String).label("currency")
NOBODY = cast(null(), Uuid()).label("member_id"), cast(null(), String).label("name")


@dataclass(frozen=True, slots=True)
class Reader:
    """What of it somebody's role lets them see beside what everybody in the console does."""

    names: bool
    orders: bool
    alerts: bool

    @classmethod
    def of(cls, staff: Principal) -> Self:
        return cls(
            names="members:read" in staff.scopes,
            orders="orders:read" in staff.scopes,
            alerts="alerts:read" in staff.scopes,
        )


@dataclass(frozen=True, slots=True)
class Person:
    """A member inside, with guests who came in on the same visit. Who it is, where the reader may know."""

    visit_id: UUID
    entered_at: datetime
    entry_gate_id: UUID
    guests: int
    group_id: UUID | None
    is_host: bool
    basket_unpaid: bool
    member_id: UUID | None
    name: str | None


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """`silent`: by the store's rule for how old a last sign of life may be."""

    id: UUID
    name: str
    role: str
    last_seen_at: datetime | None
    clock_skew_ms: int | None
    status: str | None
    silent: bool


@dataclass(frozen=True, slots=True)
class LastDecision:
    """What a device decided last. What was measured is of a face; a pass leaves it empty."""

    device_id: UUID
    id: UUID
    decision: str
    code: str
    identified_by: str
    similarity: float | None
    threshold: float | None
    decided_at: datetime
    amount: int | None
    currency: str | None
    member_id: UUID | None
    name: str | None


@dataclass(frozen=True, slots=True)
class OpenAlerts:
    """The first of those that are open: what nobody looks after, the gravest, what has waited longest."""

    figures: AlertFigures
    first: Sequence[Alert]
    uncounted: Uncounted


@dataclass(frozen=True, slots=True)
class LiveView:
    """`alerts` are None where the reader may not see them."""

    at: datetime
    store: Store
    today: Today
    people: Sequence[Person]
    devices: Sequence[DeviceHealth]
    decisions: Sequence[LastDecision]
    low_slots: Sequence[LowSlot]
    alerts: OpenAlerts | None


async def view_of(session: AsyncSession, *, store_id: UUID, reader: Reader, now: datetime) -> LiveView:
    """Raises StoreNotFound."""
    store = await get_store(session, store_id)
    return LiveView(
        at=now,
        store=store,
        today=await today_of(session, store=store, money=reader.orders, now=now),
        people=[Person(*row) for row in await session.execute(_people(store_id, reader))],
        devices=[DeviceHealth(*row) for row in await session.execute(_devices(store_id, now))],
        decisions=[LastDecision(*row) for row in await session.execute(_decisions(store_id, reader))],
        low_slots=await low_slots(session, store_id=store_id),
        alerts=await _alerts(session, store_id) if reader.alerts else None,
    )


def _people(store_id: UUID, reader: Reader) -> Select[*tuple[Any, ...]]:
    """Whoever came in last comes first."""
    inside = (
        select(
            Visit.id,
            Visit.entered_at,
            Visit.entry_gate_id,
            Visit.guests,
            Visit.group_id,
            Visit.is_host,
            Visit.basket_unpaid,
            *_named(reader, Visit.member_id),
        )
        .where(Visit.store_id == store_id, Visit.left_at.is_(None))
        .order_by(Visit.entered_at.desc(), Visit.id.desc())
        .limit(PEOPLE_MAX)
    )
    return inside.join(Member, Member.id == Visit.member_id) if reader.names else inside


def _named(reader: Reader, member_id: InstrumentedAttribute[Any] | ColumnElement[Any]) -> tuple[Any, Any]:
    """Who it is, or nothing."""
    return (member_id, Member.display_name) if reader.names else NOBODY


def _devices(store_id: UUID, now: datetime) -> Select[*tuple[Any, ...]]:
    silent = silent_devices(now).with_only_columns(Device.id).where(Device.store_id == store_id)
    return (
        select(
            Device.id,
            Device.name,
            Device.role,
            Device.last_seen_at,
            Device.clock_skew_ms,
            Device.status,
            Device.id.in_(silent),
        )
        .where(Device.store_id == store_id, Device.revoked_at.is_(None))
        .order_by(Device.role, Device.name, Device.id)
        .limit(DEVICES_MAX)
    )


def _decisions(store_id: UUID, reader: Reader) -> Select[*tuple[Any, ...]]:
    """The latest of each gate, kiosk and lane; the newest first."""
    last = union_all(
        _last_of(GateAttempt, store_id, GateAttempt.gate_id, GateAttempt.decided_at, NO_MONEY),
        _last_of(Checkout, store_id, Checkout.kiosk_id, Checkout.id, (Checkout.total, Checkout.currency)),
        _last_of(Passage, store_id, Passage.device_id, Passage.id, (Passage.total, Passage.currency)),
    ).subquery()
    money = (last.c.amount, last.c.currency) if reader.orders else NO_MONEY
    seen = [column for column in last.c if column.key not in ("amount", "currency", "member_id")]
    query = select(*seen, *money, *_named(reader, last.c.member_id)).order_by(last.c.decided_at.desc(), last.c.id)
    return query.outerjoin(Member, Member.id == last.c.member_id) if reader.names else query


def _last_of(
    table: type[DeviceDecision],
    store_id: UUID,
    device_id: InstrumentedAttribute[UUID],
    order: InstrumentedAttribute[Any],
    money: tuple[Any, Any],
) -> Select[*tuple[Any, ...]]:
    """Of each device the last row of a table, found at the end of its index by device and `order`."""
    amount, currency = money
    last = (
        select(
            device_id.label("device_id"),
            table.id.label("id"),
            table.decision,
            table.code,
            table.identified_by,
            table.similarity,
            table.threshold,
            table.decided_at,
            table.member_id,
            amount.label("amount"),
            currency.label("currency"),
        )
        .where(device_id == Device.id)
        .order_by(device_id.desc(), order.desc())
        .limit(1)
        .lateral()
    )
    of_store = select(*last.c).select_from(Device).join(last, Device.id == last.c.device_id)
    return of_store.where(Device.store_id == store_id, Device.revoked_at.is_(None))


async def _alerts(session: AsyncSession, store_id: UUID) -> OpenAlerts:
    return OpenAlerts(
        figures=await alert_figures(session, store_id),
        first=await first_alerts(session, store_id),
        uncounted=await uncounted(session, store_id=store_id),
    )
