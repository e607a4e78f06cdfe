"""Where holders are, by the doors they passed last. A holder without a row hasn't passed any."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.access.holders import Holder, lock_holder
from facepay.access.zones import Zone, ZoneNotFound
from facepay.access_log.log import NewEvent, Person, write
from facepay.kernel.database import Base


class Presence(Base):
    """`event_id` is the line of the access log that says so."""

    __tablename__ = "presence"
    __table_args__ = (Index("ix_presence_zone_id_since", "zone_id", "since"),)

    holder_id: Mapped[UUID] = mapped_column(ForeignKey("access_holder.id", ondelete="cascade"), primary_key=True)
    zone_id: Mapped[UUID | None] = mapped_column(ForeignKey("zone.id"))  # none: outside
    since: Mapped[datetime]
    event_id: Mapped[UUID]


async def move(session: AsyncSession, *, holder_id: UUID, to_zone: UUID | None, event_id: UUID, now: datetime) -> None:
    """They are there from now on. The caller holds the holder's row, so that nobody is let in twice."""
    there = {"zone_id": to_zone, "since": now, "event_id": event_id}
    row = insert(Presence).values(holder_id=holder_id, **there)
    await session.execute(row.on_conflict_do_update(index_elements=["holder_id"], set_=there))


async def place(
    session: AsyncSession, *, holder_id: UUID, zone_id: UUID | None, why: str, actor: str, now: datetime
) -> Presence:
    """Staff say where somebody is, whom no door saw come or go. Raises HolderNotFound and ZoneNotFound."""
    zone = await session.get(Zone, zone_id) if zone_id else None
    if zone_id and zone is None:
        raise ZoneNotFound("There is no zone with this id.")
    holder = await lock_holder(session, holder_id)
    store_id = zone.store_id if zone else holder.store_id
    event = NewEvent(
        kind="presence",
        store_id=store_id,
        code="placed",
        actor=actor,
        zone_id=zone_id,
        persons=[Person(holder.member_id, holder.id, {"why": why})],
    )
    event_id = await write(session, event, now=now)
    await move(session, holder_id=holder.id, to_zone=zone_id, event_id=event_id, now=now)
    return await session.get_one(Presence, holder.id, populate_existing=True)


async def presence_of(session: AsyncSession, *, holder_id: UUID) -> Presence | None:
    """None where no door has seen them yet."""
    return await session.get(Presence, holder_id, populate_existing=True)


async def inside(session: AsyncSession, zone_id: UUID) -> list[Presence]:
    """Who is in a zone, whoever came first first."""
    there = select(Presence).where(Presence.zone_id == zone_id)
    return list(await session.scalars(there.order_by(Presence.since, Presence.holder_id)))


async def is_inside(session: AsyncSession, *, member_id: UUID) -> bool:
    """Whether a door, or staff, saw them in a zone last."""
    there = select(Presence.zone_id).join(Holder).where(Holder.member_id == member_id, Presence.zone_id.is_not(None))
    return await session.scalar(there) is not None


async def count_inside(session: AsyncSession, zone_id: UUID) -> int:
    return await session.scalar(select(func.count()).where(Presence.zone_id == zone_id)) or 0
