"""Visit groups: families and friends whose host pays for what they take.

A group lasts for as long as its host is inside. Then, or where the host is taken out of it, the others pay for
themselves. Nothing has to be written when the host leaves, so that no exit waits for a group.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Select, String, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from facepay.entrance.visits import Visit, VisitNotInside
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound

JOINED_WITHIN = timedelta(minutes=10)  # at the gate: a family at the door, and nobody who comes later


class VisitGroupNotFound(NotFound):
    """This store has had no visit group with this id."""

    code = "visit_group_not_found"
    title = "No such group"


class VisitGrouped(Conflict):
    """One of these visits is in a group whose host is inside: take it out of that one first."""

    code = "visit_grouped"
    title = "Visit in a group"


class VisitGroupOver(Conflict):
    """Nobody in this group pays for the others any more: the host has left."""

    code = "visit_group_over"
    title = "Group over"


class VisitGroup(Identified, Base):
    """What visits are linked by. `opened_by` and `host_named_by` are staff or a device on record: `staff:<id>`."""

    __tablename__ = "visit_group"

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    gate_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"))  # at which it can be joined on entering
    opened_by: Mapped[str] = mapped_column(String(80))
    opened_at: Mapped[datetime]
    # Null where the host made themselves one, by coming in first with their own face or pass.
    host_named_by: Mapped[str | None] = mapped_column(String(80))


async def open_at_gate(session: AsyncSession, *, gate: Principal, now: datetime) -> VisitGroup:
    """A group that whoever comes in here next can join, and whoever is first pays for."""
    group = VisitGroup(store_id=gate.store, gate_id=gate.id, opened_by=f"device:{gate.id}", opened_at=now)
    session.add(group)
    await session.flush()
    return group


async def link(
    session: AsyncSession,
    *,
    store_id: UUID,
    visit_ids: Collection[UUID],
    host_visit_id: UUID,
    actor: str,
    now: datetime,
) -> VisitGroup:
    """Staff link visits; the host's is one of them. Raises VisitNotInside and VisitGrouped."""
    visits = await _held(session, Visit.id.in_({*visit_ids, host_visit_id}) & (Visit.store_id == store_id))
    if len(visits) != len({*visit_ids, host_visit_id}):
        raise VisitNotInside("One of these visits isn't one of this store, or has ended.")
    await _refuse_grouped(session, visits)
    group = VisitGroup(store_id=store_id, opened_by=actor, opened_at=now, host_named_by=actor)
    session.add(group)
    await session.flush()
    for visit in visits:
        visit.group_id, visit.is_host = group.id, visit.id == host_visit_id
    await session.flush()
    return group


async def add_visit(session: AsyncSession, *, store_id: UUID, group_id: UUID, visit_id: UUID) -> VisitGroup:
    """Raises VisitGroupNotFound, VisitGroupOver, VisitNotInside and VisitGrouped."""
    group = await _lock_group(session, store_id, group_id)
    visits = await _held(session, (Visit.group_id == group_id) | (Visit.id == visit_id))
    _require_host(visits, group_id)
    added = _one_of(visits, visit_id)
    if added.store_id != store_id:
        raise VisitNotInside("This visit is one of another store.")
    if added.group_id != group_id:
        await _refuse_grouped(session, [added])
        added.group_id = group_id
        await session.flush()
    return group


async def remove_visit(session: AsyncSession, *, store_id: UUID, group_id: UUID, visit_id: UUID) -> None:
    """From now on they pay for themselves; without its host, so does everybody in the group.

    Raises VisitGroupNotFound and VisitNotInside.
    """
    await _lock_group(session, store_id, group_id)
    visits = await _held(session, Visit.group_id == group_id)
    removed = _one_of(visits, visit_id)
    for visit in visits if removed.is_host else [removed]:
        visit.group_id, visit.is_host = None, False
    await session.flush()


async def name_host(session: AsyncSession, *, store_id: UUID, group_id: UUID, visit_id: UUID, actor: str) -> VisitGroup:
    """Staff say who pays, and stay on record for it. Raises VisitGroupNotFound, VisitGroupOver and VisitNotInside."""
    group = await _lock_group(session, store_id, group_id)
    visits = await _held(session, Visit.group_id == group_id)
    _require_host(visits, group_id)
    host = _one_of(visits, visit_id)
    for visit in visits:
        visit.is_host = False
    await session.flush()  # there is one host at any time
    host.is_host, group.host_named_by = True, actor
    await session.flush()
    return group


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
        together = list(await _held(session, Visit.group_id == visit.group_id))
        if any(each.is_host for each in together) and any(each.id == visit.id for each in together):
            return together
    await session.refresh(visit, with_for_update=True)
    return [visit]


async def payer_of(session: AsyncSession, *, visit: Visit) -> UUID:
    """The member who pays for what this visit takes: the host, or the visit's own where no host is inside.

    Nothing is locked, since members are locked before visits: ask again, or hold `group_of`, once the payer is locked.
    """
    payer_id: UUID = (await session.execute(payer_query(Visit.id == visit.id))).scalar_one()
    return payer_id


def payer_query(which: ColumnElement[bool]) -> Select[UUID]:
    """The same of some visits, as a statement to build on: who pays for each of them."""
    host = aliased(Visit)
    stays = (host.group_id == Visit.group_id) & host.is_host & host.left_at.is_(None)
    return select(func.coalesce(host.member_id, Visit.member_id)).select_from(Visit).outerjoin(host, stays).where(which)


async def _lock_group(session: AsyncSession, store_id: UUID, group_id: UUID) -> VisitGroup:
    """Groups are locked before visits."""
    group = await session.get(VisitGroup, group_id, with_for_update=True)
    if group is None or group.store_id != store_id:
        raise VisitGroupNotFound("This store has had no visit group with this id.")
    return group


async def _held(session: AsyncSession, which: ColumnElement[bool]) -> Sequence[Visit]:
    """The open visits among these, locked in id order until the transaction ends."""
    found = await session.scalars(
        select(Visit)
        .where(which, Visit.left_at.is_(None))
        .order_by(Visit.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found.all()


def _one_of(visits: Sequence[Visit], visit_id: UUID) -> Visit:
    for visit in visits:
        if visit.id == visit_id:
            return visit
    raise VisitNotInside("This visit has ended, or isn't in this group.")


def _require_host(visits: Sequence[Visit], group_id: UUID) -> None:
    if not any(visit.is_host and visit.group_id == group_id for visit in visits):
        raise VisitGroupOver("The host of this group has left.")


async def _refuse_grouped(session: AsyncSession, visits: Sequence[Visit]) -> None:
    hosts = select(Visit.id).where(
        Visit.group_id.in_([visit.group_id for visit in visits if visit.group_id]),
        Visit.is_host,
        Visit.left_at.is_(None),
    )
    if await session.scalar(hosts.limit(1)):
        raise VisitGrouped("One of these visits is in a group whose host is inside.")
