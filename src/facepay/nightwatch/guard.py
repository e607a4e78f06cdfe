"""What a guard sees of a store: who is inside, doors, cameras, silent devices, and alerts. It names no member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access.emergencies import Emergency
from facepay.access.presence import Presence
from facepay.access.zones import Zone
from facepay.alerts.alerts import Alert
from facepay.alerts.kinds import Severity
from facepay.alerts.sightings import Uncounted, count, uncounted
from facepay.channel.door_states import HAVE_DOORS, DoorState, states_of
from facepay.channel.doors import Door, doors_by_id
from facepay.entrance.house_rules import HouseRules
from facepay.entrance.visits import people_inside
from facepay.nightwatch.cameras import CameraState
from facepay.nightwatch.patrol import silent_devices
from facepay.stores.devices import Device
from facepay.watchlist.hits import WatchlistHit

ALERTS_MAX = 50


@dataclass(frozen=True, slots=True)
class ZoneCount:
    id: UUID
    name: str
    people: int
    capacity_max: int | None


@dataclass(frozen=True, slots=True)
class Inside:
    """On the shop floor, by visits, guests with them; and by doors, in each zone."""

    people: int
    capacity_max: int | None
    zones: Sequence[ZoneCount]


@dataclass(frozen=True, slots=True)
class DoorView:
    device: Device
    door: Door
    stands: DoorState


@dataclass(frozen=True, slots=True)
class AlertFigures:
    """Of open alerts. `unacknowledged_since` is of the one that has waited longest for somebody."""

    by_severity: Mapping[Severity, int]
    unacknowledged: int
    unacknowledged_since: datetime | None


@dataclass(frozen=True, slots=True)
class GuardView:
    """`alerts` are the first of those that are open: what nobody looks after, the gravest, what has waited longest."""

    at: datetime
    inside: Inside
    doors: Sequence[DoorView]
    cameras: Sequence[tuple[Device, CameraState]]
    silent: Sequence[Device]
    emergencies: Sequence[tuple[Emergency, str | None]]
    hits: Sequence[WatchlistHit]
    figures: AlertFigures
    alerts: Sequence[Alert]
    uncounted: Uncounted


async def view_of(session: AsyncSession, *, store_id: UUID, now: datetime) -> GuardView:
    await count(session, store_id=store_id, now=now)
    devices = await _devices(session, store_id)
    return GuardView(
        at=now,
        inside=await _inside(session, store_id),
        doors=await _doors(session, devices),
        cameras=await _cameras(session, devices),
        silent=await _silent(session, store_id, devices, now),
        emergencies=await _emergencies(session, store_id),
        hits=await _waiting(session, store_id, now),
        figures=await alert_figures(session, store_id),
        alerts=await first_alerts(session, store_id),
        uncounted=await uncounted(session, store_id=store_id),
    )


async def _devices(session: AsyncSession, store_id: UUID) -> dict[UUID, Device]:
    of_store = select(Device).where(Device.store_id == store_id, Device.revoked_at.is_(None))
    return {device.id: device for device in await session.scalars(of_store.order_by(Device.name, Device.id))}


async def _inside(session: AsyncSession, store_id: UUID) -> Inside:
    capacity = select(HouseRules.capacity_max).where(HouseRules.store_id == store_id)
    in_zones = (
        select(Zone.id, Zone.name, func.count(Presence.holder_id), Zone.capacity_max)
        .outerjoin(Presence, Presence.zone_id == Zone.id)
        .where(Zone.store_id == store_id)
        .group_by(Zone.id)
        .order_by(Zone.name)
    )
    on_the_floor, capacity_max = (
        await session.execute(select(people_inside(store_id=store_id), capacity.scalar_subquery()))
    ).one()
    zones = [ZoneCount(*zone) for zone in await session.execute(in_zones)]
    return Inside(int(on_the_floor), capacity_max, zones)


async def _doors(session: AsyncSession, devices: Mapping[UUID, Device]) -> list[DoorView]:
    ids = [device.id for device in devices.values() if device.role in HAVE_DOORS]
    doors, states = await doors_by_id(session, ids), await states_of(session, ids)
    return [DoorView(devices[each], doors[each], states[each]) for each in ids]


async def _cameras(session: AsyncSession, devices: Mapping[UUID, Device]) -> list[tuple[Device, CameraState]]:
    found = await session.scalars(select(CameraState).where(CameraState.device_id.in_(devices)))
    states = {state.device_id: state for state in found}
    return [(device, states[device.id]) for device in devices.values() if device.id in states]


async def _silent(session: AsyncSession, store_id: UUID, devices: Mapping[UUID, Device], now: datetime) -> list[Device]:
    """As the patrol sees it."""
    of_store = silent_devices(now).with_only_columns(Device.id).where(Device.store_id == store_id)
    silent = set(await session.scalars(of_store))
    return [device for device in devices.values() if device.id in silent]


async def _emergencies(session: AsyncSession, store_id: UUID) -> list[tuple[Emergency, str | None]]:
    """With the zone's name, or None for the whole store."""
    live = (
        select(Emergency, Zone.name)
        .outerjoin(Zone, Zone.id == Emergency.zone_id)
        .where(Emergency.store_id == store_id, Emergency.ended_at.is_(None))
        .order_by(Emergency.id)
    )
    return [(emergency, name) for emergency, name in await session.execute(live)]


async def _waiting(session: AsyncSession, store_id: UUID, now: datetime) -> Sequence[WatchlistHit]:
    """Who stands at a door until staff say what happens; the one whose time is over first, first."""
    waiting = select(WatchlistHit).where(
        WatchlistHit.store_id == store_id, WatchlistHit.answer.is_(None), WatchlistHit.expires_at > now
    )
    return (await session.scalars(waiting.order_by(WatchlistHit.expires_at, WatchlistHit.id))).all()


async def alert_figures(session: AsyncSession, store_id: UUID) -> AlertFigures:
    ignored = Alert.acknowledged_at.is_(None)
    rows = await session.execute(
        select(Alert.severity, func.count(), func.count().filter(ignored), func.min(Alert.raised_at).filter(ignored))
        .where(Alert.store_id == store_id, Alert.resolved_at.is_(None))
        .group_by(Alert.severity)
    )
    by_severity, unacknowledged, waiting = dict.fromkeys(Severity, 0), 0, []
    for severity, opened, ignored_of_them, since in rows:
        by_severity[Severity(severity)] = opened
        unacknowledged += ignored_of_them
        waiting += [since] if since else []
    return AlertFigures(by_severity, unacknowledged, min(waiting, default=None))


async def first_alerts(session: AsyncSession, store_id: UUID) -> Sequence[Alert]:
    first = (
        select(Alert)
        .where(Alert.store_id == store_id, Alert.resolved_at.is_(None))
        .order_by(Alert.acknowledged_at.is_not(None), Alert.severity.desc(), Alert.raised_at, Alert.id)
        .limit(ALERTS_MAX)
    )
    return (await session.scalars(first)).all()
