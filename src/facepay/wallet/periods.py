"""An account over a period: what was there, every movement with what caused it, what was left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Of a strict account, whose entries carry the balance after them. A hold moves nothing yet, so it's left out.
_OPENING = text("""
    select position, posted_after from ledger.entries
     where account_id = cast(:id as uuid) and created_at < :since order by position desc limit 1
""")
_MOVEMENTS = text("""
    select t.id, t.cause, t.cause_id, e.created_at, e.amount, e.posted_after, (
        select a.owner_id from ledger.entries x join ledger.accounts a on a.id = x.account_id
         where x.transfer_id = t.id and a.kind in ('sales', 'tax', 'tips') limit 1)
      from ledger.entries e join ledger.transfers t on t.id = e.transfer_id
     where e.account_id = cast(:id as uuid) and e.position > :after and e.created_at < :until and e.amount <> 0
     order by e.position
""")


@dataclass(frozen=True, slots=True)
class Movement:
    """In minor units; `store_id` is whose sales it went to or came from, where it did."""

    transfer_id: UUID
    cause: str
    cause_id: UUID
    created_at: datetime
    amount: int
    posted_after: int
    store_id: UUID | None


@dataclass(frozen=True, slots=True)
class Period:
    """The oldest movement first."""

    opening: int
    movements: tuple[Movement, ...]

    @property
    def closing(self) -> int:
        return self.movements[-1].posted_after if self.movements else self.opening


async def period(session: AsyncSession, account_id: UUID, *, since: datetime, until: datetime) -> Period:
    """From `since` on, up to and without `until`, by the time that the database wrote the entries."""
    before = (await session.execute(_OPENING, {"id": account_id, "since": since})).one_or_none()
    position, opening = (before.position, before.posted_after) if before else (0, 0)
    rows = await session.execute(_MOVEMENTS, {"id": account_id, "after": position, "until": until})
    return Period(opening, tuple(Movement(*row) for row in rows))
