"""The rounds of the night watch: who is inside for too long or after closing, whether anything moves, which devices
are silent. Each is one statement over the stores that have a rule for it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Interval,
    ScalarSelect,
    Select,
    SQLColumnExpression,
    Uuid,
    case,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.sql.selectable import LateralFromClause

from facepay.alerts.alerts import Evidence
from facepay.alerts.kinds import AlertKind, Severity
from facepay.channel.door_states import DoorSensor
from facepay.checkout.orders import Order
from facepay.entrance.house_rules import House, HouseRules
from facepay.entrance.visits import Visit
from facepay.kernel.database import Database
from facepay.nightwatch.cameras import CameraState
from facepay.nightwatch.findings import Found, follow_up
from facepay.schedules.schedules import Schedule
from facepay.shelves.events import ShelfEvent, ShelfMotion
from facepay.stores.devices import Device, DeviceRole
from facepay.stores.stores import Store

STAYED_TOO_LONG = AlertKind("stayed_too_long", Severity.WARNING, "Somebody has been inside for longer than they may.")
CLOSING_SOON = AlertKind("closing_soon", Severity.INFO, "The store closes soon, and somebody is inside.")
INSIDE_AFTER_CLOSING = AlertKind("inside_after_closing", Severity.WARNING, "Somebody is inside after closing.")
NOTHING_MOVES = AlertKind("nothing_moves", Severity.CRITICAL, "Somebody is inside, and nothing has moved for long.")
DEVICE_SILENT = AlertKind("device_silent", Severity.WARNING, "A device has stopped saying that it is alive.")
ALERT_KINDS = (STAYED_TOO_LONG, CLOSING_SOON, INSIDE_AFTER_CLOSING, NOTHING_MOVES, DEVICE_SILENT)


async def watch_stays(database: Database, *, now: datetime) -> None:
    """Of each visit that lasts for too long."""
    async with database.begin() as session:
        found = [
            Found(
                store_id,
                f"visit:{visit_id}",
                Evidence("visit", visit_id),
                details={"entered_at": entered_at.isoformat(), "people": 1 + guests},
            )
            for store_id, visit_id, entered_at, guests in await session.execute(long_stays(now))
        ]
        await follow_up(session, STAYED_TOO_LONG, found, now=now, note_of=lambda _: "They have left.")


async def watch_closing(database: Database, *, now: datetime) -> None:
    """Of stores that close soon, or have closed for longer than it takes to leave, with somebody inside."""
    soon, after = [], []
    async with database.begin() as session:
        for rules, opening, timezone, visits, people, first_id in await session.execute(occupied_with_hours()):
            house = House(rules, opening, timezone)
            details = {"visits": visits, "people": people}
            found = Found(rules.store_id, "store", Evidence("visit", first_id), details=details)
            if house.closes_within(timedelta(minutes=rules.closing_notice_minutes or 0), now):
                soon.append(found)
            elif house.was_closed_for(timedelta(minutes=rules.closing_grace_minutes), now):
                after.append(found)
        await follow_up(session, CLOSING_SOON, soon, now=now, note_of=lambda _: "It has closed, or nobody is inside.")
        await follow_up(
            session, INSIDE_AFTER_CLOSING, after, now=now, note_of=lambda _: "Nobody is inside, or it has opened."
        )


async def watch_stillness(database: Database, *, now: datetime) -> None:
    """Of stores with somebody inside in which nothing has moved for too long."""
    async with database.begin() as session:
        found = [
            Found(
                store_id,
                "store",
                Evidence("visit", first_id),
                details={"moved_at": moved_at.isoformat(), "visits": visits, "people": people},
            )
            for store_id, moved_at, visits, people, first_id in await session.execute(still_stores(now))
        ]
        await follow_up(
            session, NOTHING_MOVES, found, now=now, note_of=lambda _: "Something has moved, or nobody is inside."
        )


async def watch_devices(database: Database, *, now: datetime) -> None:
    """Of devices whose last heartbeat, or picture of a camera's, is too old; without any they have yet to be put up."""
    async with database.begin() as session:
        found = [
            Found(
                store_id,
                f"device:{device_id}",
                device_id=device_id,
                details={"role": role, "last_seen_at": last_seen_at.isoformat()},
            )
            for store_id, device_id, role, last_seen_at in await session.execute(silent_devices(now))
        ]
        await follow_up(session, DEVICE_SILENT, found, now=now, note_of=lambda _: "It is back, or nobody expects it.")


def long_stays(now: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(Visit.store_id, Visit.id, Visit.entered_at, Visit.guests)
        .join(HouseRules, HouseRules.store_id == Visit.store_id)
        .where(Visit.left_at.is_(None), Visit.entered_at <= before(now, HouseRules.stay_max_minutes * 60))
    )


def occupied_with_hours() -> Select[*tuple[Any, ...]]:
    inside = _people_inside()
    return (
        select(HouseRules, Schedule, Store.timezone, *inside.c)
        .select_from(HouseRules)
        .join(Store, Store.id == HouseRules.store_id)
        .join(Schedule, Schedule.id == HouseRules.opening_schedule_id)
        .join(inside, inside.c.visits > 0)
    )


def still_stores(now: datetime) -> Select[*tuple[Any, ...]]:
    """By whatever the store has that tells movement, the latest of it. It is looked for where somebody is inside."""
    inside = _people_inside()
    occupied = (
        select(HouseRules.store_id, HouseRules.still_max_minutes, *inside.c)
        .select_from(HouseRules)
        .join(inside, inside.c.visits > 0)
        .where(HouseRules.still_max_minutes.is_not(None))
        .cte("occupied")
        .prefix_with("materialized")
    )
    moved = (
        select(occupied, func.greatest(*_movements(occupied.c.store_id)).label("moved_at"))
        .cte("moved")
        .prefix_with("materialized")
    )
    columns = (moved.c.store_id, moved.c.moved_at, moved.c.visits, moved.c.people, moved.c.first_id)
    return select(*columns).where(moved.c.moved_at <= before(now, moved.c.still_max_minutes * 60))


def silent_devices(now: datetime) -> Select[*tuple[Any, ...]]:
    """A camera that beats and shows nothing any more is as silent as one that is cut off."""
    is_camera = Device.role == DeviceRole.CAMERA
    alive_at = case(
        (is_camera, func.coalesce(CameraState.last_frame_at, Device.last_seen_at)), else_=Device.last_seen_at
    )
    return (
        select(Device.store_id, Device.id, Device.role, alive_at)
        .join(HouseRules, HouseRules.store_id == Device.store_id)
        .join(Store, (Store.id == Device.store_id) & Store.closed_at.is_(None))
        .outerjoin(CameraState, CameraState.device_id == Device.id)
        .where(
            Device.revoked_at.is_(None),
            alive_at <= before(now, HouseRules.silent_after_seconds),
        )
    )


def before(now: datetime, seconds: SQLColumnExpression[Any]) -> ColumnElement[datetime]:
    """So long before now, by a rule; null where there is none."""
    ago: ColumnElement[datetime] = literal(now) - func.make_interval(0, 0, 0, 0, 0, 0, seconds, type_=Interval())
    return ago


def _people_inside() -> LateralFromClause:
    """Of a store with rules: how many visits are open, how many people those are, and which began first."""
    first = func.array_agg(aggregate_order_by(Visit.id, Visit.id), type_=ARRAY(Uuid()))[1]
    return (
        select(
            func.count().label("visits"),
            func.sum(1 + Visit.guests).cast(BigInteger).label("people"),
            first.label("first_id"),
        )
        .where(Visit.store_id == HouseRules.store_id, Visit.left_at.is_(None))
        .correlate(HouseRules)
        .lateral()
    )


def _movements(store_id: ColumnElement[UUID]) -> tuple[ScalarSelect[Any], ...]:
    """When each kind of movement was last seen in a store: somebody came, went or paid, a door or goods moved, a camera
    saw something move.
    """
    visits, shelf_events, orders = (
        # By both columns of the index: by the id alone, the table's last rows are looked through for one of this store.
        select(at).where(of.store_id == store_id).order_by(of.store_id.desc(), of.id.desc()).limit(1)
        for of, at in ((Visit, Visit.entered_at), (ShelfEvent, ShelfEvent.received_at), (Order, Order.created_at))
    )
    left = select(func.max(Visit.left_at)).where(Visit.store_id == store_id)
    doors, cameras, shelves = (
        select(func.max(at)).join(Device, Device.id == of.device_id).where(Device.store_id == store_id)
        for of, at in (
            (DoorSensor, DoorSensor.since),
            (CameraState, CameraState.last_motion_at),
            (ShelfMotion, ShelfMotion.ended_at),
        )
    )
    return tuple(each.scalar_subquery() for each in (visits, left, shelf_events, orders, doors, cameras, shelves))
