"""Access points: a way through a door in one direction, the policy that guards it, and the readers beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.access.policies import get_policy
from facepay.access.setting_up import SetUp, note_setting
from facepay.access.zones import Zone, ZoneNotFound
from facepay.kernel.database import Base, saved
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.stores.devices import Device, DeviceNotFound, DeviceRole
from facepay.stores.stores import get_open_store


class AccessPoint(SetUp, Base):
    """A door has one each way, where both ways are guarded. It is changed and never deleted: the log names it."""

    __tablename__ = "access_point"
    __table_args__ = (
        CheckConstraint("from_zone_id is distinct from to_zone_id", name="leads_somewhere_else"),
        CheckConstraint("least(open_seconds, open_seconds_extended) > 0", name="opens"),
        Index("uq_access_point_name", "store_id", "name", unique=True),
        Index(
            "uq_access_point_way",
            "device_id",
            "from_zone_id",
            "to_zone_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_access_point_from_zone_id", "from_zone_id"),
        Index("ix_access_point_to_zone_id", "to_zone_id"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))  # the door
    from_zone_id: Mapped[UUID | None] = mapped_column(ForeignKey("zone.id"))  # none: outside
    to_zone_id: Mapped[UUID | None] = mapped_column(ForeignKey("zone.id"))
    policy_id: Mapped[UUID] = mapped_column(ForeignKey("authentication_policy.id"))
    enabled: Mapped[bool]
    open_seconds: Mapped[int] = mapped_column(default=5)
    open_seconds_extended: Mapped[int] = mapped_column(default=15)  # for whoever needs more time


class AccessPointReader(Base):
    """A reader that signs what it found for this point, as a fingerprint reader does."""

    __tablename__ = "access_point_reader"

    access_point_id: Mapped[UUID] = mapped_column(ForeignKey("access_point.id"), primary_key=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True, index=True)


class AccessPointNotFound(NotFound):
    """There is no access point with this id."""

    code = "access_point_not_found"
    title = "No such access point"


class AccessPointTaken(Conflict):
    """Another access point of this store has this name, or leads the same way through this door."""

    code = "access_point_taken"
    title = "Access point taken"


class LeadsNowhere(Problem):
    """An access point leads from one zone, or from outside, to another."""

    status = 422
    code = "leads_nowhere"
    title = "Leads nowhere"


async def add_access_point(
    session: AsyncSession,
    *,
    store_id: UUID,
    fields: Mapping[str, Any],
    reader_ids: Sequence[UUID] = (),
    actor: str,
    now: datetime,
) -> AccessPoint:
    """`fields` are its columns. Raises StoreNotFound, StoreClosed, DeviceNotFound, ZoneNotFound, PolicyNotFound,
    LeadsNowhere and AccessPointTaken: all of it is of one store.
    """
    store = await get_open_store(session, store_id)
    point = AccessPoint(store_id=store.id, created_at=now, **fields)
    await _check(session, point, reader_ids)
    session.add(point)
    await _save(session, point, reader_ids)
    await note_setting(session, point, "access_point_added", actor=actor, now=now, access_point_id=point.id)
    return point


async def change_access_point(
    session: AsyncSession,
    *,
    access_point_id: UUID,
    changes: Mapping[str, Any],
    reader_ids: Sequence[UUID] | None,
    actor: str,
    now: datetime,
) -> AccessPoint:
    """Readers that are given take the place of all there were. Raises AccessPointNotFound, and what adding does."""
    point = await get_access_point(session, access_point_id, lock=True)
    with session.no_autoflush:
        for name, value in changes.items():
            setattr(point, name, value)
        await _check(session, point, reader_ids or ())
    await _save(session, point, reader_ids)
    fields = sorted([*changes, *(["reader_ids"] if reader_ids is not None else [])])
    await note_setting(
        session, point, "access_point_changed", actor=actor, now=now, access_point_id=point.id, fields=fields
    )
    return point


async def get_access_point(session: AsyncSession, access_point_id: UUID, *, lock: bool = False) -> AccessPoint:
    """Raises AccessPointNotFound."""
    point = await session.get(AccessPoint, access_point_id, with_for_update=lock or None)
    if point is None:
        raise AccessPointNotFound("There is no access point with this id.")
    return point


async def leads_out(session: AsyncSession, point: AccessPoint) -> bool:
    """Whether it leads outside, or through fewer doors to it than there are from where it begins. Doors that people
    leave by unasked have no access point of that way, so that each is counted both ways.
    """
    if point.from_zone_id is None or point.to_zone_id is None:
        return point.to_zone_id is None
    of_store = AccessPoint.store_id == point.store_id
    ways = (await session.execute(select(AccessPoint.from_zone_id, AccessPoint.to_zone_id).where(of_store))).all()
    neighbours = {(here, there) for way in ways for here, there in (way, reversed(way))}
    doors: dict[UUID | None, int] = {None: 0}
    while further := {here for here, there in neighbours if there in doors and here not in doors}:
        doors |= dict.fromkeys(further, max(doors.values()) + 1)
    return doors.get(point.to_zone_id, inf) < doors.get(point.from_zone_id, inf)


async def readers_of(session: AsyncSession, *, access_point_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """The readers' device ids, by access point."""
    of_points = select(AccessPointReader).where(AccessPointReader.access_point_id.in_(access_point_ids))
    found: dict[UUID, list[UUID]] = {each: [] for each in access_point_ids}
    for reader in await session.scalars(of_points.order_by(AccessPointReader.device_id)):
        found[reader.access_point_id].append(reader.device_id)
    return found


async def _check(session: AsyncSession, point: AccessPoint, reader_ids: Sequence[UUID]) -> None:
    if point.from_zone_id == point.to_zone_id:
        raise LeadsNowhere("An access point leads from one zone, or from outside, to another.")
    for zone_id in (point.from_zone_id, point.to_zone_id):
        zone = await session.get(Zone, zone_id) if zone_id else None
        if zone_id and (zone is None or zone.store_id != point.store_id):
            raise ZoneNotFound("There is no zone with this id in this store.")
    policy = await get_policy(session, point.policy_id)
    policy.must_be_of(point.store_id)
    wanted = {point.device_id: DeviceRole.DOOR} | dict.fromkeys(reader_ids, DeviceRole.READER)
    there = select(Device).where(Device.id.in_(wanted), Device.store_id == point.store_id, Device.revoked_at.is_(None))
    roles = {device.id: device.role for device in await session.scalars(there)}
    if any(roles.get(device_id) != role for device_id, role in wanted.items()):
        raise DeviceNotFound("There is no door, or no reader, with this id in this store.")


async def _save(session: AsyncSession, point: AccessPoint, reader_ids: Sequence[UUID] | None) -> None:
    await saved(session, AccessPointTaken("Another access point has this name, or leads the same way through it."))
    if reader_ids is not None:
        await session.execute(delete(AccessPointReader).where(AccessPointReader.access_point_id == point.id))
    if reader_ids:
        rows = [{"access_point_id": point.id, "device_id": each} for each in sorted(set(reader_ids))]
        await session.execute(insert(AccessPointReader), rows)
