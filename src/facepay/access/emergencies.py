"""Emergencies: all doors of a store or a zone stand open (fire), or let nobody in (lockdown), until somebody ends it.

In ONVIF's words a released door is LockedOpen, one in a lockdown LockedDown. A release beats a lockdown. Both lie over
what staff have said of a door (`channel.doors`), so that each door is again as it was once nothing holds it. A lockdown
locks nobody in: exits open as before.

What a door is under is worked out from the emergencies that are declared, so it is the same after a restart; whoever
registers a door (a trigger) or sets up an access point (`keep_up`) later has it under the emergency, too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    case,
    func,
    null,
    or_,
    select,
    text,
    union,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.access.points import AccessPoint
from facepay.access.zones import Zone, ZoneNotFound
from facepay.access_log.log import NewEvent, write
from facepay.alerts.alerts import Evidence, raise_alert, resolve_about
from facepay.alerts.kinds import AlertKind, Severity
from facepay.channel.commands import hold
from facepay.channel.door_states import HAVE_DOORS, DoorSensor
from facepay.channel.doors import DeviceChannel
from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.errors import NotFound
from facepay.kernel.ids import new_id
from facepay.stores.devices import Device
from facepay.stores.stores import get_open_store

EMERGENCY_DECLARED = AlertKind(
    "emergency_declared", Severity.CRITICAL, "Somebody has released doors or locked them down, and said why."
)
Kind = Literal["release", "lockdown"]
LIVE = "ended_at is null"
CODES = {"release": "released", "lockdown": "locked_down"}
AT_ONCE_MAX = 20  # stores


class Emergency(Identified, Base):
    __tablename__ = "emergency"
    __table_args__ = (
        CheckConstraint(f"kind in {get_args(Kind)}", name="kind_known"),
        CheckConstraint(
            "(ended_at is null) = (ended_by is null) and (ended_at is null) = (ended_why is null)", name="ended_whole"
        ),
        Index(
            "uq_emergency_live",
            "store_id",
            "zone_id",
            "kind",
            unique=True,
            postgresql_where=text(LIVE),
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_emergency_store_id_id", "store_id", "id"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    zone_id: Mapped[UUID | None] = mapped_column(ForeignKey("zone.id"))  # none: the whole store
    kind: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(String(200))
    declared_by: Mapped[str] = mapped_column(String(80))
    declared_at: Mapped[datetime]
    ended_by: Mapped[str | None] = mapped_column(String(80))
    ended_at: Mapped[datetime | None]
    ended_why: Mapped[str | None] = mapped_column(String(200))


def _is_under(kind: Kind) -> ColumnElement[bool]:
    """Whether a door is of a store or a zone in which this is declared: a zone's doors lead into it or out of it."""
    leads_there = select(AccessPoint.id).where(
        AccessPoint.device_id == Device.id,
        or_(AccessPoint.from_zone_id == Emergency.zone_id, AccessPoint.to_zone_id == Emergency.zone_id),
    )
    declared = select(Emergency.id).where(
        Emergency.store_id == Device.store_id,
        Emergency.kind == kind,
        Emergency.ended_at.is_(None),
        or_(Emergency.zone_id.is_(None), leads_there.correlate(Device, Emergency).exists()),
    )
    return declared.correlate(Device).exists()


# What holds a door, and which doors are to be told.
_HOLDS: ColumnElement[Kind | None] = case(
    (_is_under("release"), "release"), (_is_under("lockdown"), "lockdown"), else_=null()
)
_DIFFERING = (
    Device.role.in_(HAVE_DOORS),
    Device.revoked_at.is_(None),
    DeviceChannel.emergency.is_distinct_from(_HOLDS),
)


class EmergencyNotFound(NotFound):
    """There is no emergency with this id."""

    code = "emergency_not_found"
    title = "No such emergency"


async def declare(
    session: AsyncSession, *, store_id: UUID, zone_id: UUID | None, kind: Kind, reason: str, by: str, now: datetime
) -> Emergency:
    """Put every door concerned under it, in this transaction; where the same is declared already, that one stands.

    Raises StoreNotFound, StoreClosed and ZoneNotFound.
    """
    store = await get_open_store(session, store_id)
    zone = await session.get(Zone, zone_id) if zone_id else None
    if zone_id and (zone is None or zone.store_id != store.id):
        raise ZoneNotFound("There is no zone with this id in this store.")
    await _alone(session, store_id)
    row = {"store_id": store_id, "zone_id": zone_id, "kind": kind}
    made = insert(Emergency).values(row | {"id": new_id(), "reason": reason, "declared_by": by, "declared_at": now})
    emergency: Emergency | None = await session.scalar(made.on_conflict_do_nothing().returning(Emergency))
    if emergency is None:
        live = select(Emergency).where(
            Emergency.store_id == store_id,
            Emergency.zone_id.is_not_distinct_from(zone_id),
            Emergency.kind == kind,
            Emergency.ended_at.is_(None),
        )
        return (await session.scalars(live)).one()
    told = await _tell_doors(session, store_id=store_id, by=by, reason=reason, now=now)
    await _write(session, emergency, CODES[kind], by, reason, told, now)
    await raise_alert(
        session,
        EMERGENCY_DECLARED,
        store_id=store_id,
        subject=str(emergency.id),
        now=now,
        evidence=Evidence("emergency", emergency.id),
        emergency=kind,
        doors=told,
    )
    return emergency


async def end(session: AsyncSession, *, emergency_id: UUID, by: str, why: str, now: datetime) -> Emergency:
    """Every door that nothing else holds is again as it was; ending it twice changes nothing. Raises
    EmergencyNotFound.
    """
    emergency = await get_emergency(session, emergency_id)
    await _alone(session, emergency.store_id)
    await session.refresh(emergency)
    if emergency.ended_at is None:
        emergency.ended_by, emergency.ended_at, emergency.ended_why = by, now, why
        await session.flush()
        told = await _tell_doors(session, store_id=emergency.store_id, by=by, reason=why, now=now)
        await _write(session, emergency, "ended", by, why, told, now)
        await resolve_about(
            session,
            EMERGENCY_DECLARED,
            store_id=emergency.store_id,
            subject=str(emergency.id),
            by=by,
            note=why,
            now=now,
        )
    return emergency


async def get_emergency(session: AsyncSession, emergency_id: UUID) -> Emergency:
    """Raises EmergencyNotFound."""
    emergency = await session.get(Emergency, emergency_id)
    if emergency is None:
        raise EmergencyNotFound("There is no emergency with this id.")
    return emergency


async def keep_up(database: Database, *, now: datetime) -> None:
    """Put doors under what holds them that aren't yet: their access points have come, gone or moved since."""
    with_doors = select(Device.store_id).join(DeviceChannel, DeviceChannel.device_id == Device.id)
    # No other store has a door that differs, and few have any of this: not every door there is is looked at.
    concerned = union(
        select(Emergency.store_id).where(Emergency.ended_at.is_(None)),
        with_doors.where(DeviceChannel.emergency.is_not(None)),
    )
    differing = with_doors.where(Device.store_id.in_(concerned), *_DIFFERING)
    async with database.read() as session:
        store_ids = list(await session.scalars(differing.distinct().limit(AT_ONCE_MAX)))
    for store_id in store_ids:
        async with database.begin() as session:
            await _alone(session, store_id)
            by, reason = "system:emergencies", "Its access points have changed"
            await _tell_doors(session, store_id=store_id, by=by, reason=reason, now=now)


async def _tell_doors(session: AsyncSession, *, store_id: UUID, by: str, reason: str, now: datetime) -> int:
    """Command each of the store's doors that is under something else than holds it; how many."""
    bolted = select(DoorSensor.device_id).where(DoorSensor.device_id == Device.id, DoorSensor.aspect == "bolt").exists()
    doors = await session.execute(
        select(Device.id, _HOLDS, bolted)
        .join(DeviceChannel, DeviceChannel.device_id == Device.id)
        .where(Device.store_id == store_id, *_DIFFERING)
        .order_by(Device.id)
        .with_for_update(of=DeviceChannel)
    )
    told = doors.all()
    for emergency in {each for _, each, _ in told}:
        await hold(
            session,
            device_ids=[device_id for device_id, each, _ in told if each == emergency],
            emergency=emergency,
            by=by,
            reason=reason,
            now=now,
            have_sensors=[device_id for device_id, _, has_bolt in told if has_bolt],
        )
    return len(told)


async def _alone(session: AsyncSession, store_id: UUID) -> None:
    """One after the other in each store, and no door is registered there meanwhile. The trigger takes the same lock."""
    key = func.hashtextextended(f"emergency:{store_id}", 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def _write(
    session: AsyncSession, emergency: Emergency, code: str, by: str, reason: str, doors: int, now: datetime
) -> None:
    event = NewEvent(
        kind="emergency",
        store_id=emergency.store_id,
        zone_id=emergency.zone_id,
        code=code,
        actor=by,
        details={"emergency_id": str(emergency.id), "kind": emergency.kind, "reason": reason, "doors": doors},
    )
    await write(session, event, now=now)
