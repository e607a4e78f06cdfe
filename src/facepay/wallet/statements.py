"""What happened to an account: its entries with the running balance, and its balance at any past instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.wallet.accounts import Balance

# A hot account's entries carry no balance: it's what they sum up to, from the last fold before the page on.
_PAGE = text("""
    with page as (
        select * from ledger.entries
         where account_id = cast(:id as uuid) and position < coalesce(cast(:before as bigint), 9223372036854775807)
         order by position desc limit :limit
    ), top as (
        select max(position) as position from page where posted_after is null
    ), base as (
        select (coalesce(f.posted, 0) + coalesce(sum(e.amount), 0))::bigint as posted
          from top
          left join lateral (
            select * from ledger.folds where account_id = cast(:id as uuid) and position <= top.position
             order by position desc limit 1) f on true
          left join ledger.entries e on e.account_id = cast(:id as uuid)
           and e.position > coalesce(f.position, 0) and e.position <= top.position
         group by f.posted
    )
    select p.position, t.id, t.kind::text, t.cause, t.cause_id, t.actor, t.event_at, t.created_at, p.unit,
           p.amount, p.held,
           coalesce(p.posted_after, (base.posted - sum(p.amount) over (order by p.position desc) + p.amount)::bigint),
           coalesce(p.held_after, 0)
      from page p join ledger.transfers t on t.id = p.transfer_id left join base on true
     order by p.position desc
""")


@dataclass(frozen=True, slots=True)
class Line:
    """One entry, newest first: what changed, why, by whom, and what was there after it, in minor units."""

    position: int
    transfer_id: UUID
    kind: str
    cause: str
    cause_id: UUID
    actor: str
    event_at: datetime
    created_at: datetime
    unit: str
    amount: int
    held: int
    posted_after: int
    held_after: int


@dataclass(frozen=True, slots=True)
class Statement:
    lines: tuple[Line, ...]
    next_before: int | None


async def statement(
    session: AsyncSession, account_id: UUID, *, before: int | None = None, limit: int = 50
) -> Statement:
    """A page of entries, newest first; `next_before` is where the next one starts."""
    rows = await session.execute(_PAGE, {"id": account_id, "before": before, "limit": limit + 1})
    lines = [Line(*row) for row in rows]
    more = len(lines) > limit
    return Statement(tuple(lines[:limit]), lines[limit - 1].position if more else None)


async def balance_at(session: AsyncSession, account_id: UUID, instant: datetime) -> Balance:
    """The balance as it was, by the time that the database wrote its entries."""
    query = text("select posted, held from ledger.balance_at(cast(:id as uuid), :instant)")
    return Balance(*(await session.execute(query, {"id": account_id, "instant": instant})).one())
