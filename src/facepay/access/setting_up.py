"""What all that is set up has in common: a name of its own in its store, and a line in the access log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.access_log.log import NewEvent, write
from facepay.kernel.database import Identified


class SetUp(Identified):
    """Something that is set up in a store, under a name that nothing else of its kind has there. It can be changed and
    is never deleted: the log, policies and profiles name it.
    """

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


async def note_setting(
    session: AsyncSession,
    thing: SetUp,
    code: str,
    *,
    actor: str,
    now: datetime,
    fields: Sequence[str] = (),
    access_point_id: UUID | None = None,
    zone_id: UUID | None = None,
    policy: str | None = None,
) -> None:
    """Write down that somebody has set this up, or changed these fields of it."""
    event = NewEvent(
        kind="configuration",
        store_id=thing.store_id,
        code=code,
        actor=actor,
        access_point_id=access_point_id,
        zone_id=zone_id,
        policy=policy,
        details={"id": str(thing.id)} | ({"fields": list(fields)} if fields else {}),
    )
    await write(session, event, now=now)
