"""How long the access log is kept, and what is left in it of somebody who was erased."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access_log.log import LOG, NewEvent, write
from facepay.kernel.database import Database
from facepay.kernel.ids import new_id

PORTION = 5_000
ACTOR = "system:retention"
_UNLINK = text(
    "select access_log.unlink(cast(:member_id as uuid), cast(:id as uuid), cast(:at as timestamptz),"
    " cast(:event as jsonb))"
)
# By the time that it was written at, which grows with the position: what a device told late is kept as long.
_LAST_OLD = text("""
    select l.number, l.position, encode(l.hash, 'hex') as hash
      from access_event e join chain.links l on l.record_id = e.id
     where e.position < coalesce((select k.position from access_event k where k.created_at >= :before
         order by k.position limit 1), 9223372036854775807)
     order by e.position desc limit 1
""")
_FORGET = text("select access_log.forget(:most)")


async def unlink_member(session: AsyncSession, *, member_id: UUID, actor: str, now: datetime) -> int:
    """Take what it says of a member out of the log, for good, and write down that it was done; answers how many rows.

    The chain stays whole. Until the log is cut, the rows of one erasure can be told to be of one person.
    """
    event = to_json(NewEvent("erasure", None, "erased", actor)).decode()
    parameters = {"member_id": member_id, "id": new_id(), "at": now, "event": event}
    return await session.scalar(_UNLINK, parameters) or 0


async def forget_events(database: Database, *, lasts: timedelta, now: datetime) -> int:
    """Delete what is older, some at a time; answers how many events.

    First a record of it is sealed: where the chain is cut, and the hash it is cut at. Then what the newest such record
    says may go, and goes, whenever it was that somebody stopped halfway.
    """
    async with database.begin() as session:
        last = (await session.execute(_LAST_OLD, {"before": now - lasts})).one_or_none()
        if last is not None:
            await write(session, NewEvent("retention", None, "cut", ACTOR, details=dict(last._mapping)), now=now)
    if last is not None:
        await LOG.seal_all(database)
    forgotten = 0
    while True:
        async with database.begin() as session:
            gone = await session.scalar(_FORGET, {"most": PORTION}) or 0
        forgotten += gone
        if gone < PORTION:
            return forgotten
