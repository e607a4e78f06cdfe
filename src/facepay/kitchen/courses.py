"""What a table has ordered, course by course: each is held back until those before it are eaten, or staff say so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.errors import Conflict
from facepay.kernel.hub import notify
from facepay.kernel.ids import new_id
from facepay.kitchen.numbers import business_day
from facepay.kitchen.tickets import Dish, Ticket, TicketDish, TicketState, end_if_empty, listed, topic_of
from facepay.stores.stores import Store

UNTOUCHED = (TicketState.HELD, TicketState.RECEIVED)


class AlreadyCooking(Conflict):
    """The kitchen has begun: only staff may still take it off, and say why."""

    code = "already_cooking"
    title = "Already cooking"


async def open_course(
    session: AsyncSession,
    *,
    store: Store,
    party_id: UUID,
    place: str,
    course: int,
    dishes: Sequence[Dish],
    now: datetime,
) -> Ticket:
    """Tell the kitchen; held back while the party has something of an earlier course to come, unless the kitchen has
    this one already.
    """
    tickets = await _tickets_of(session, party_id)
    begun = any(each.course == course and each.state != TicketState.HELD for each in tickets)
    waits = any(each.course is not None and each.course < course for each in tickets if each.is_open)
    ticket = Ticket(
        id=new_id(),
        store_id=store.id,
        party_id=party_id,
        place=place,
        course=course,
        business_day=business_day(now, time_zone=store.timezone),
        state=TicketState.HELD if waits and not begun else TicketState.RECEIVED,
        received_at=now,
        dishes=listed(dishes),
    )
    session.add(ticket)
    await session.flush()
    await notify(session, topic_of(store.id))
    return ticket


async def fire(session: AsyncSession, *, party_id: UUID, course: int, now: datetime) -> int:
    """Have a course cooked now, whatever is still to come before it; answers how many tickets that was."""
    held = [each for each in await _tickets_of(session, party_id) if _is_held(each, course)]
    for ticket in held:
        ticket.state, ticket.received_at = TicketState.RECEIVED, now
    await session.flush()
    await notify(session, *{topic_of(ticket.store_id) for ticket in held})
    return len(held)


async def fire_next(session: AsyncSession, *, party_id: UUID, now: datetime) -> None:
    """Once nothing is to come of the courses before it. Whoever ends a ticket of a party calls this."""
    left = [each for each in await _tickets_of(session, party_id) if each.is_open]
    held = [each.course for each in left if each.state == TicketState.HELD and each.course is not None]
    if held and all(each.state == TicketState.HELD for each in left if each.course and each.course <= min(held)):
        await fire(session, party_id=party_id, course=min(held), now=now)


async def change_dish(
    session: AsyncSession, *, ticket: Ticket, position: int, quantity: int, options: Sequence[str]
) -> None:
    """Of a ticket that `hold_ticket` has locked. Raises AlreadyCooking."""
    dish = dish_at(ticket, position)
    if ticket.state not in UNTOUCHED:
        raise AlreadyCooking("The kitchen has begun with it.", state=ticket.state)
    dish.quantity, dish.options = quantity, list(options)
    await session.flush()
    await notify(session, topic_of(ticket.store_id))


async def take_off(
    session: AsyncSession, *, ticket: Ticket, position: int, by: str, now: datetime, cooking: bool = False
) -> None:
    """Nobody wants that dish of a locked ticket any more; `cooking` where it may have been begun.

    Raises AlreadyCooking.
    """
    dish = dish_at(ticket, position)
    if ticket.state not in UNTOUCHED and not cooking:
        raise AlreadyCooking("The kitchen has begun with it.", state=ticket.state)
    dish.taken_back = dish.quantity
    end_if_empty(ticket, by=by, now=now)
    await session.flush()
    if not ticket.is_open and ticket.party_id is not None:
        await fire_next(session, party_id=ticket.party_id, now=now)
    await notify(session, topic_of(ticket.store_id))


def dish_at(ticket: Ticket, position: int) -> TicketDish:
    return next(dish for dish in ticket.dishes if dish.position == position)


def _is_held(ticket: Ticket, course: int) -> bool:
    return ticket.state == TicketState.HELD and ticket.course == course


async def _tickets_of(session: AsyncSession, party_id: UUID) -> Sequence[Ticket]:
    """All that weren't cancelled, those that there are by now, locked in id order."""
    found = await session.scalars(
        select(Ticket)
        .where(Ticket.party_id == party_id, Ticket.state != TicketState.CANCELLED)
        .order_by(Ticket.id)
        .with_for_update(of=Ticket)
        .execution_options(populate_existing=True)
    )
    return found.all()
