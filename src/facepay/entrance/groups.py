"""Visit groups: families and friends whose host pays for what they take.

A group lasts for as long as its host is inside. Then, or where the host is taken out of it, the others pay for
themselves. Nothing has to be written when the host leaves, so that no exit waits for a group.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.entrance.visits import Visit
from facepay.kernel.database import Base, Identified

JOINED_WITHIN = timedelta(minutes=10)  # at the gate: a family at the door, and nobody who comes later


class VisitGroup(Identified, Base):
    """What visits are linked by. `opened_by` and `host_named_by` are staff or a device on record: `staff:<id>`."""

    __tablename__ = "visit_group"

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    gate_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"))  # at which it can be joined on entering
    opened_by: Mapped[str] = mapped_column(String(80))
    opened_at: Mapped[datetime]
    # Null where the host made themselves one, by coming in first with their own face or pass.
    host_named_by: Mapped[str | None] = mapped_column(String(80))


async def join_on_entering(session: AsyncSession, *, group_id: UUID, gate_id: UUID, now: datetime) -> bool | None:
    """Whether whoever comes in next is the group's host; None where nobody can join it here any more.

    Locks the group, so that of two who come in at once one is the host. The host may be leaving at this moment: then
    whoever joins was in the group for a moment, and pays for themselves.
    """
    group = await session.get(VisitGroup, group_id, with_for_update=True)
    if group is None or group.gate_id != gate_id or now - group.opened_at > JOINED_WITHIN:
        return None
    host = await session.execute(select(Visit.left_at).where(Visit.group_id == group_id, Visit.is_host))
    found = host.one_or_none()
    if found is None:
        return True
    return None if found.left_at else False


async def group_of(session: AsyncSession, *, visit: Visit) -> list[Visit]:
    """The open visits of this one's group, this one among them; alone where it has none, or the host has left.

    Locked in id order until the transaction ends: whoever locks members, too, locks those first.
    """
    if visit.group_id is not None:
        found = await session.scalars(
            select(Visit)
            .where(Visit.group_id == visit.group_id, Visit.left_at.is_(None))
            .order_by(Visit.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        together = list(found)
        if any(each.is_host for each in together) and any(each.id == visit.id for each in together):
            return together
    await session.refresh(visit, with_for_update=True)
    return [visit]


async def payer_of(session: AsyncSession, *, visit: Visit) -> UUID:
    """The member who pays for what this visit takes: the host, or the visit's own where no host is inside.

    Nothing is locked, since members are locked before visits: ask again, or hold `group_of`, once the payer is locked.
    """
    host = select(Visit.member_id).where(Visit.group_id == visit.group_id, Visit.is_host, Visit.left_at.is_(None))
    return (await session.scalar(host)) or visit.member_id
