"""The board that customers look at: which numbers are being prepared, and which are ready. It says nothing of whose,
and nothing of what is brought to tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import extract, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kitchen.tickets import Ticket, TicketState

NUMBERS_MAX = 200
# How long is waited now is told by the last tickets, unless they are too few, or of another time of the day.
WAITS_MAX, WAITS_MIN, WAITS_SINCE = 20, 5, timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Board:
    """`preparing` from the oldest on, `ready` from the newest; `wait_seconds` is None where nobody can tell."""

    preparing: list[str]
    ready: list[str]
    wait_seconds: int | None
    at: datetime


async def board_of(session: AsyncSession, *, store_id: UUID, now: datetime) -> Board:
    opened = (
        select(Ticket.number, Ticket.state)
        .where(Ticket.store_id == store_id, Ticket.ended_at.is_(None), Ticket.number.is_not(None))
        .order_by(Ticket.ready_at.desc(), Ticket.id)
        .limit(2 * NUMBERS_MAX)
    )
    tickets = (await session.execute(opened)).all()
    ready = [number for number, state in tickets if number and state == TicketState.READY]
    preparing = [number for number, state in tickets if number and state != TicketState.READY]
    wait = await wait_seconds(session, store_id=store_id, now=now)
    return Board(preparing[:NUMBERS_MAX], ready[:NUMBERS_MAX], wait, now)


async def wait_seconds(session: AsyncSession, *, store_id: UUID, now: datetime) -> int | None:
    """From order to ready: the median of the store's last tickets, or None where there are too few of late."""
    last = (
        select(extract("epoch", Ticket.ready_at - Ticket.received_at).label("seconds"))
        .where(Ticket.store_id == store_id, Ticket.ready_at > now - WAITS_SINCE, Ticket.number.is_not(None))
        .order_by(Ticket.ready_at.desc())
        .limit(WAITS_MAX)
        .subquery()
    )
    median = func.percentile_cont(0.5).within_group(last.c.seconds)
    count, seconds = (await session.execute(select(func.count(), median).select_from(last))).one()
    return round(seconds) if count >= WAITS_MIN else None
