"""Zones: the parts of a store that doors keep apart (ONVIF's areas). Outside is no zone.

A zone is changed and never deleted: access points, emergencies and the access log name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.access.setting_up import SetUp, note_setting
from facepay.kernel.database import Base, saved
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.stores.stores import get_open_store

AntiPassback = Literal["none", "soft", "hard", "timed"]


class Zone(SetUp, Base):
    """At most `capacity_max` holders are inside. Anti-passback: whoever is in can't come in again; softly, it is only
    noted; timed, they can after `anti_passback_minutes`.
    """

    __tablename__ = "zone"
    __table_args__ = (
        CheckConstraint("anti_passback in ('none', 'soft', 'hard', 'timed')", name="anti_passback_known"),
        CheckConstraint("(anti_passback = 'timed') = (anti_passback_minutes is not null)", name="minutes_if_timed"),
        CheckConstraint("capacity_max > 0", name="capacity_positive"),
        Index("uq_zone_name", "store_id", "name", unique=True),
    )

    capacity_max: Mapped[int | None]
    anti_passback: Mapped[str] = mapped_column(String(8))
    anti_passback_minutes: Mapped[int | None]


class ZoneNotFound(NotFound):
    """There is no zone with this id."""

    code = "zone_not_found"
    title = "No such zone"


class ZoneNameTaken(Conflict):
    """Another zone of this store has this name."""

    code = "zone_name_taken"
    title = "Zone name taken"


class PassbackUnclear(Problem):
    """Timed anti-passback says after how many minutes, and no other kind does."""

    status = 422
    code = "anti_passback_unclear"
    title = "Anti-passback unclear"


async def add_zone(
    session: AsyncSession, *, store_id: UUID, fields: Mapping[str, Any], actor: str, now: datetime
) -> Zone:
    """`fields` are its columns. Raises StoreNotFound, StoreClosed, ZoneNameTaken and PassbackUnclear."""
    store = await get_open_store(session, store_id)
    zone = Zone(store_id=store.id, created_at=now, **fields)
    session.add(zone)
    await _save(session, zone)
    await note_setting(session, zone, "zone_added", actor=actor, now=now, zone_id=zone.id)
    return zone


async def change_zone(
    session: AsyncSession, *, zone_id: UUID, changes: Mapping[str, Any], actor: str, now: datetime
) -> Zone:
    """Raises ZoneNotFound, ZoneNameTaken and PassbackUnclear."""
    zone = await get_zone(session, zone_id, lock=True)
    for name, value in changes.items():
        setattr(zone, name, value)
    await _save(session, zone)
    await note_setting(session, zone, "zone_changed", actor=actor, now=now, zone_id=zone.id, fields=sorted(changes))
    return zone


async def get_zone(session: AsyncSession, zone_id: UUID, *, lock: bool = False) -> Zone:
    """Raises ZoneNotFound."""
    zone = await session.get(Zone, zone_id, with_for_update=lock or None)
    if zone is None:
        raise ZoneNotFound("There is no zone with this id.")
    return zone


async def _save(session: AsyncSession, zone: Zone) -> None:
    if (zone.anti_passback == "timed") != (zone.anti_passback_minutes is not None):
        raise PassbackUnclear("Timed anti-passback needs anti_passback_minutes, and no other kind takes any.")
    await saved(session, ZoneNameTaken("Another zone of this store has this name."))
