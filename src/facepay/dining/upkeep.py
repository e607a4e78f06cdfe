"""What tables forgot: courses that were never cooked, and parties that nobody closed."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.dining.changing import ItemNotFound, ItemPaid, cancel_item
from facepay.dining.departures import lock_party
from facepay.dining.items import PartyItem, items_of
from facepay.dining.parties import Party, PartyState
from facepay.kernel.database import Database
from facepay.kitchen.courses import AlreadyCooking
from facepay.kitchen.tickets import Ticket, TicketState
from facepay.kitchen.upkeep import of_days_over
from facepay.stores.stores import Store

log = structlog.get_logger()
PARTY_FORGOTTEN = AlertKind("party_forgotten", Severity.WARNING, "A table has been open for half a day.")
ALERT_KINDS = (PARTY_FORGOTTEN,)
FORGOTTEN_AFTER = timedelta(hours=12)
AT_ONCE_MAX = 200


async def cancel_uncooked(database: Database, *, now: datetime) -> int:
    """Take off the tab, before the kitchen ends their tickets, courses that were held back until their day was over:
    their money and stock are free. Answers for how many parties; each in a transaction of its own.
    """
    waiting = (
        select(PartyItem.party_id)
        .join(Ticket, Ticket.id == PartyItem.ticket_id)
        .join(Store, Store.id == Ticket.store_id)
        .join(Party, Party.id == PartyItem.party_id)
        .where(Ticket.state == TicketState.HELD, PartyItem.cancelled_at.is_(None), Party.state == PartyState.SEATED)
        .where(*of_days_over(now))
        .distinct()
        .limit(AT_ONCE_MAX)
    )
    async with database.begin() as session:
        party_ids = (await session.scalars(waiting)).all()
    for party_id in party_ids:
        try:
            async with database.begin() as session:
                await _cancel_held(session, party_id, now)
        except Exception as error:  # one that fails holds up no other
            log.error("courses_not_cancelled", party_id=str(party_id), exc_info=error)
    return len(party_ids)


async def _cancel_held(session: AsyncSession, party_id: UUID, now: datetime) -> None:
    """The last course first, or the end of one would have the next one cooked."""
    party, _ = await lock_party(session, party_id)
    if party.state != PartyState.SEATED:
        return
    over = select(Ticket.id).join(Store, Store.id == Ticket.store_id)
    over = over.where(Ticket.party_id == party_id, Ticket.state == TicketState.HELD, *of_days_over(now))
    tickets = set((await session.scalars(over)).all())
    items = [each for each in await items_of(session, party_id=party_id) if each.ticket_id in tickets]
    for item in sorted(items, key=lambda each: each.course, reverse=True):
        with suppress(AlreadyCooking, ItemNotFound, ItemPaid):  # somebody was first
            await cancel_item(session, party=party, item_id=item.id, by="system:dining", now=now)


async def alert_of_forgotten(database: Database, *, now: datetime) -> int:
    """Call staff to each table whose party nobody has closed; answers how many these are."""
    open_for_long = select(Party).where(Party.closed_at.is_(None), Party.opened_at <= now - FORGOTTEN_AFTER)
    async with database.begin() as session:
        parties = (await session.scalars(open_for_long.order_by(Party.id).limit(AT_ONCE_MAX))).all()
        for party in parties:
            await raise_alert(
                session,
                PARTY_FORGOTTEN,
                store_id=party.store_id,
                subject=str(party.id),
                now=now,
                evidence=Evidence("party", party.id),
                opened_at=party.opened_at.isoformat(),
            )
    return len(parties)
