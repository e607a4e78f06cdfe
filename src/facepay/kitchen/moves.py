"""A ticket's way through the kitchen: each step once, however many hands press for it, and none out of turn."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, column, func, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.errors import Conflict
from facepay.kernel.hub import notify
from facepay.kitchen.courses import fire_next
from facepay.kitchen.tickets import Ticket, TicketState, hold_ticket, topic_of
from facepay.members.members import Member, MemberStatus
from facepay.notices.notices import NoticeKind, notify_member

NEXT = {
    TicketState.RECEIVED: TicketState.PREPARING,
    TicketState.PREPARING: TicketState.READY,
    TicketState.READY: TicketState.COLLECTED,
}
BEFORE = {later: earlier for earlier, later in NEXT.items()}
# Orders belong to a room above, and only they know who waits.
ORDER = table("shop_order", *(column(name, Uuid()) for name in ("id", "member_id", "buyer_id")))


class TicketElsewhere(Conflict):
    """The ticket isn't where this step begins: `state` says where it is."""

    code = "ticket_elsewhere"
    title = "Ticket elsewhere"


async def advance(
    session: AsyncSession, *, store_id: UUID, ticket_id: UUID, to: TicketState, by: str, now: datetime
) -> Ticket:
    """One step on; a ticket that is there already stays as it is. Raises TicketNotFound and TicketElsewhere."""
    ticket = await hold_ticket(session, store_id=store_id, ticket_id=ticket_id)
    if ticket.state == to:
        return ticket
    if NEXT.get(ticket.state) != to:
        raise _elsewhere(ticket)
    match to:
        case TicketState.PREPARING:
            ticket.started_at, ticket.started_by = now, by
        case TicketState.READY:
            ticket.ready_at, ticket.ready_by = now, by
            await _tell_member(session, ticket, now)
        case TicketState.COLLECTED:
            ticket.ended_at, ticket.ended_by = now, by
    moved = await _moved(session, ticket, to)
    if not moved.is_open and moved.party_id is not None:
        await fire_next(session, party_id=moved.party_id, now=now)
    return moved


async def recall(session: AsyncSession, *, store_id: UUID, ticket_id: UUID, seen: TicketState) -> Ticket:
    """One step back from where it was `seen`, pressed by mistake; a ticket that is back already stays as it is.

    Nothing that was taken back is handed out again. Raises TicketNotFound and TicketElsewhere.
    """
    ticket = await hold_ticket(session, store_id=store_id, ticket_id=ticket_id)
    to = BEFORE[seen]
    if ticket.state == to:
        return ticket
    if ticket.state != seen or ticket.is_empty:
        raise _elsewhere(ticket)
    match seen:
        case TicketState.PREPARING:
            ticket.started_at = ticket.started_by = None
        case TicketState.READY:
            ticket.ready_at = ticket.ready_by = None
        case TicketState.COLLECTED:
            ticket.ended_at = ticket.ended_by = None
    return await _moved(session, ticket, to)


async def _moved(session: AsyncSession, ticket: Ticket, to: TicketState) -> Ticket:
    ticket.state = to
    await session.flush()
    await notify(session, topic_of(ticket.store_id))
    return ticket


async def _tell_member(session: AsyncSession, ticket: Ticket, now: datetime) -> None:
    """Whoever is erased is told nothing: no new row names them."""
    if ticket.order_id is None:
        return  # it is brought to them
    buyer = select(Member.id).join(ORDER, Member.id == func.coalesce(ORDER.c.buyer_id, ORDER.c.member_id))
    member_id = await session.scalar(buyer.where(ORDER.c.id == ticket.order_id, Member.status != MemberStatus.ERASED))
    if member_id is not None:
        await notify_member(
            session,
            member_id=member_id,
            kind=NoticeKind.DISHES_READY,
            order_id=ticket.order_id,
            now=now,
            pickup_number=ticket.number,
        )


def _elsewhere(ticket: Ticket) -> TicketElsewhere:
    return TicketElsewhere("The ticket is elsewhere by now: look again.", state=ticket.state)
