"""Members whose template took in somebody who is no member: their face alone lets nobody through until staff say so."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, SQLColumnExpression, String, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound
from facepay.kernel.ids import new_id


class Watch(Identified, Base):
    """The row stays when the watch is lifted: who set it, who lifted it, and why."""

    __tablename__ = "watch"
    __table_args__ = (
        CheckConstraint("num_nulls(lifted_at, lifted_by, lifting) in (0, 3)", name="lifted_with_reason"),
        Index("uq_watch_member_id", "member_id", unique=True, postgresql_where=text("lifted_at is null")),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    reason: Mapped[str] = mapped_column(String(200))
    watched_at: Mapped[datetime]
    watched_by: Mapped[UUID] = mapped_column(ForeignKey("staff_account.id"))
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_account.id"))
    lifting: Mapped[str | None] = mapped_column(String(200))


class WatchNotFound(NotFound):
    """No such watch is set."""

    code = "watch_not_found"
    title = "No such watch"


async def watch(session: AsyncSession, *, member_id: UUID, reason: str, staff_id: UUID, now: datetime) -> None:
    """From now on the member always proves who they are. Nothing changes for one who is watched already.

    The caller holds the member's row lock.
    """
    await session.execute(
        insert(Watch)
        .values(id=new_id(), member_id=member_id, reason=reason, watched_at=now, watched_by=staff_id)
        .on_conflict_do_nothing()
    )


async def lift(session: AsyncSession, *, watch_id: UUID, reason: str, staff_id: UUID, now: datetime) -> Watch:
    """The member is let through on their face again. Raises WatchNotFound."""
    found = await session.get(Watch, watch_id, with_for_update=True)
    if found is None or found.lifted_at is not None:
        raise WatchNotFound("There is no watch with this id.")
    found.lifted_at, found.lifted_by, found.lifting = now, staff_id, reason
    await session.flush()
    return found


def is_watched(member_id: UUID | SQLColumnExpression[UUID]) -> ColumnElement[bool]:
    """As a column of another query."""
    return select(Watch.id).where(Watch.member_id == member_id, Watch.lifted_at.is_(None)).exists()
