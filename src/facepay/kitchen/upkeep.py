"""What the kitchen forgot: tickets that wait too long, and those that nobody came for on their day."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Date, cast, func, select

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.kernel.database import Database
from facepay.kernel.hub import notify
from facepay.kitchen.tickets import Ticket, TicketState, topic_of
from facepay.settings import Settings
from facepay.stores.stores import Store

TICKET_LATE = AlertKind("ticket_late", Severity.WARNING, "Somebody waits for dishes for too long.")
TICKET_LAPSED = AlertKind("ticket_lapsed", Severity.WARNING, "Dishes were paid and never handed out.")
ALERT_KINDS = (TICKET_LATE, TICKET_LAPSED)
AT_ONCE_MAX = 500
# Whoever ordered before midnight may well eat after it.
LAPSES_AFTER = timedelta(hours=2)


async def alert_of_late(database: Database, *, settings: Settings, now: datetime) -> int:
    """Tell staff, once, of each ticket that isn't ready in time; answers of how many."""
    late = (
        select(Ticket)
        .where(
            Ticket.ended_at.is_(None),
            Ticket.ready_at.is_(None),
            Ticket.late_since.is_(None),
            Ticket.state != TicketState.HELD,
            Ticket.received_at <= now - timedelta(minutes=settings.kitchen_late_minutes),
        )
        .order_by(Ticket.id)
        .limit(AT_ONCE_MAX)
        .with_for_update(of=Ticket, skip_locked=True)
    )
    async with database.begin() as session:
        tickets = (await session.scalars(late)).all()
        for ticket in tickets:
            ticket.late_since = now
            await raise_alert(
                session,
                TICKET_LATE,
                store_id=ticket.store_id,
                subject=str(ticket.id),
                now=now,
                evidence=Evidence("ticket", ticket.id),
                number=ticket.called,
                state=ticket.state,
            )
    return len(tickets)


def of_days_over(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Tickets, joined with their stores, whose day is over there."""
    today = cast(func.timezone(Store.timezone, now), Date)
    return Ticket.received_at <= now - LAPSES_AFTER, Ticket.business_day < today


async def lapse_tickets(database: Database, *, now: datetime) -> int:
    """Close what is left of days that are over; answers how many. What was paid and never ready is worth a call."""
    left = (
        select(Ticket)
        .join(Store, Store.id == Ticket.store_id)
        .where(Ticket.ended_at.is_(None), *of_days_over(now))
        .order_by(Ticket.id)
        .limit(AT_ONCE_MAX)
        .with_for_update(of=Ticket, skip_locked=True)
    )
    async with database.begin() as session:
        lapsed = (await session.scalars(left)).all()
        for ticket in lapsed:
            if ticket.state == TicketState.HELD:
                ticket.state, ticket.ended_at, ticket.ended_by = TicketState.CANCELLED, now, "system:kitchen"
                continue
            await raise_alert(
                session,
                TICKET_LAPSED,
                store_id=ticket.store_id,
                severity=Severity.INFO if ticket.state == TicketState.READY else None,
                subject=str(ticket.id),
                now=now,
                evidence=Evidence("ticket", ticket.id),
                number=ticket.called,
                state=ticket.state,
            )
            ticket.state, ticket.ended_at, ticket.ended_by = TicketState.LAPSED, now, "system:kitchen"
        await notify(session, *{topic_of(ticket.store_id) for ticket in lapsed})
    return len(lapsed)
