"""Visits: who is inside a store, since when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    ScalarSelect,
    SQLColumnExpression,
    Uuid,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.entrance.telling import LEFT, VisitTold, tell_visit
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict


class Visit(Identified, Base):
    __tablename__ = "visit"
    __table_args__ = (
        # Anti-passback: nobody is inside one store twice.
        Index("uq_visit_inside", "store_id", "member_id", unique=True, postgresql_where=text("left_at is null")),
        Index("ix_visit_store_id_id", "store_id", "id"),
        # Who was inside at a time: still open, or ended since.
        Index("ix_visit_store_id_left_at", "store_id", "left_at"),
        Index("uq_visit_group_host", "group_id", unique=True, postgresql_where=text("is_host")),
        Index("ix_visit_group_id", "group_id", postgresql_where=text("group_id is not null")),
        CheckConstraint("guests >= 0", name="guests_counted"),
        CheckConstraint("group_id is not null or not is_host", name="host_of_a_group"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), index=True)
    entered_at: Mapped[datetime]
    entry_gate_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    left_at: Mapped[datetime | None]
    exit_gate_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"))
    # Set by a checkout that was not paid, cleared by the next one that was.
    basket_unpaid: Mapped[bool] = mapped_column(default=False)
    # Who came in on this visit without a face or pass of their own: what they take is the member's to pay.
    guests: Mapped[int] = mapped_column(server_default="0")
    group_id: Mapped[UUID | None] = mapped_column(ForeignKey("visit_group.id"))
    # Pays for the whole group, for as long as they are inside.
    is_host: Mapped[bool] = mapped_column(server_default="false")


class VisitNotInside(Conflict):
    """One of these visits isn't one of this store, or has ended, or isn't in this group."""

    code = "visit_not_inside"
    title = "Visit not inside"


def is_inside(
    *, store_id: UUID | SQLColumnExpression[UUID], member_id: UUID | SQLColumnExpression[UUID]
) -> ColumnElement[bool]:
    """Whether the member has an open visit to this store."""
    return (
        select(Visit.id)
        .where(Visit.store_id == store_id, Visit.member_id == member_id, Visit.left_at.is_(None))
        .exists()
    )


_STORE, _MEMBER = bindparam("store_id", type_=Uuid()), bindparam("member_id", type_=Uuid())
# Composed once, as every gate and kiosk asks them.
_CURRENT = (
    select(Visit).where(Visit.store_id == _STORE, Visit.member_id == _MEMBER, Visit.left_at.is_(None)).with_for_update()
)
_INSIDE = select(Visit.member_id).where(Visit.store_id == _STORE, Visit.left_at.is_(None))


async def current_visit(session: AsyncSession, *, store_id: UUID, member_id: UUID) -> Visit | None:
    """The member's open visit to this store, locked until the transaction ends."""
    found = await session.scalars(_CURRENT, {"store_id": store_id, "member_id": member_id})
    return found.one_or_none()


async def members_inside(session: AsyncSession, *, store_id: UUID) -> frozenset[UUID]:
    """Who is inside this store now."""
    return frozenset(await session.scalars(_INSIDE, {"store_id": store_id}))


def people_inside(*, store_id: UUID | SQLColumnExpression[UUID]) -> ScalarSelect[int]:
    """How many are inside this store now, guests with their members: as a column of another query."""
    people = func.coalesce(func.sum(1 + Visit.guests), 0)
    return select(people).where(Visit.store_id == store_id, Visit.left_at.is_(None)).scalar_subquery()


async def end_visit(session: AsyncSession, *, store_id: UUID, visit_id: UUID, now: datetime) -> Visit:
    """Staff saw that they are gone, by no gate. Raises VisitNotInside."""
    visit = await session.get(Visit, visit_id, with_for_update=True)
    if visit is None or visit.store_id != store_id or visit.left_at is not None:
        raise VisitNotInside("This visit isn't one of this store, or has ended.")
    await close_visit(session, visit, gate_id=None, now=now)
    await session.flush()
    return visit


async def close_visit(session: AsyncSession, visit: Visit, *, gate_id: UUID | None, now: datetime) -> None:
    """Somebody has left, by a gate or a lane, or without one. The caller holds the visit's row."""
    visit.left_at, visit.exit_gate_id = now, gate_id
    await tell_visit(session, LEFT, told_of(visit, gate_id), now=now)


def told_of(visit: Visit, gate_id: UUID | None) -> VisitTold:
    return VisitTold(id=visit.id, store_id=visit.store_id, gate_id=gate_id, guests=visit.guests)
