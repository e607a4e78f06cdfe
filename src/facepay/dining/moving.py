"""Moving: a party to another table, tables pushed together, and some of a party to a table of their own.

What is on hold stays on the wallets that it is on. Tables are locked before parties, each in id order, so that nobody
orders, pays or sits down in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.dining.departures import Departure
from facepay.dining.holds import NotHeld, lower, secure
from facepay.dining.items import PartyItem
from facepay.dining.ordering import hold_members
from facepay.dining.parties import (
    Cover,
    Party,
    PartyNotFound,
    PartyState,
    cover_at,
    covers_of,
    refuse_while_paying,
    tell,
    topic_of_party,
)
from facepay.dining.tables import DiningTable, TableNotFound, TableOccupied, tables_led_by
from facepay.dining.tabs import PaidShare, Settlement, tab_of
from facepay.kernel.errors import Conflict
from facepay.kernel.hub import notify
from facepay.kernel.ids import new_id
from facepay.kitchen.tickets import Ticket, topic_of
from facepay.settings import Settings


class TooFewSeats(Conflict):
    """The table has fewer seats than the party needs."""

    code = "too_few_seats"
    title = "Too few seats"


class CannotSplitOff(Conflict):
    """All or nobody would leave, or whoever leaves can't answer for what they had: `reason` says why."""

    code = "cannot_split_off"
    title = "Can't split off"


async def move_party(session: AsyncSession, *, store_id: UUID, party_id: UUID, table_id: UUID, now: datetime) -> Party:
    """To a free table, each to the seat of the same number; the tables that it had are free at once.

    Raises PartyNotFound, TableNotFound, TableOccupied and TooFewSeats.
    """
    party, tables = await _lock(session, store_id, [party_id], [table_id])
    (moved,), to = party, tables[table_id]
    await _refuse_occupied(session, to)
    seats = [cover.seat for cover in await covers_of(session, party_id=moved.id)]
    if max(seats, default=0) > to.seats:
        raise TooFewSeats("The party sits at more seats than this table has.", seats=to.seats, seat=max(seats))
    left = await tables_led_by(session, table_id=moved.table_id)
    for table in left:
        table.merged_into_id, table.seat_offset = None, 0
    moved.table_id = to.id
    await session.flush()
    await _serve_at(session, moved, to)
    await _wake(session, moved, left)
    return moved


async def merge_table(session: AsyncSession, *, store_id: UUID, party_id: UUID, table_id: UUID, now: datetime) -> Party:
    """Push another table to a party's, and whoever sits there joins it: one bill. Seats there are counted on.

    Raises PartyNotFound, PartyPaying (either), TableNotFound, and TableOccupied for its own table or a merged one.
    """
    (party,), tables = await _lock(session, store_id, [party_id], [table_id])
    joining = tables[table_id]
    refuse_while_paying(party)
    if joining.leads_id in (party.table_id, joining.merged_into_id):
        raise TableOccupied("That table is pushed to another already.")
    lead = tables[party.table_id]
    offset = max(each.seat_offset + each.seats for each in await tables_led_by(session, table_id=lead.id))
    other = await session.scalar(
        select(Party).where(Party.table_id == joining.id, Party.closed_at.is_(None)).with_for_update()
    )
    if other is not None:
        await _join(session, party, other, offset, now)
    for table in await tables_led_by(session, table_id=joining.id):
        table.merged_into_id, table.seat_offset = lead.id, table.seat_offset + offset
    await session.flush()
    await _serve_at(session, party, lead)
    await _wake(session, party, [joining])
    return party


async def _join(session: AsyncSession, party: Party, other: Party, offset: int, now: datetime) -> None:
    """All that is of the other party becomes this one's; its own hosts go on answering for what they do."""
    refuse_while_paying(other)
    for cover in await session.scalars(select(Cover).where(Cover.party_id == other.id)):
        cover.party_id, cover.seat = party.id, cover.seat + offset
    for table in (PartyItem, Departure, Settlement, PaidShare, Ticket):
        await session.execute(update(table).where(table.party_id == other.id).values(party_id=party.id))
    other.state, other.closed_at = PartyState.CLOSED, now
    await session.flush()


async def split_off(
    session: AsyncSession,
    *,
    store_id: UUID,
    party_id: UUID,
    seats: Collection[int],
    table_id: UUID,
    now: datetime,
    settings: Settings,
) -> Party:
    """Some of a party become one of their own at a free table, with what they had; what was for the whole table stays.

    What is under way comes to the old table. Raises PartyNotFound, PartyPaying, CoverNotFound, TableNotFound,
    TableOccupied, TooFewSeats and CannotSplitOff.
    """
    (party,), tables = await _lock(session, store_id, [party_id], [table_id])
    to = tables[table_id]
    refuse_while_paying(party)
    await _refuse_occupied(session, to)
    covers = [await cover_at(session, party_id=party.id, seat=seat) for seat in sorted(set(seats))]
    if len(covers) == len(await covers_of(session, party_id=party.id)):
        raise CannotSplitOff("All of the party would leave: move it instead.", reason="all_leave")
    if len(covers) > to.seats:
        raise TooFewSeats("More would sit there than the table has seats.", seats=to.seats)
    await hold_members(session, party)
    leaving = Party(
        id=new_id(), store_id=party.store_id, table_id=to.id, state=PartyState.SEATED, opened_at=now, host_cover_id=None
    )
    session.add(leaving)
    await session.flush()
    ids = [cover.id for cover in covers]
    for seat, cover in enumerate(covers, start=1):
        cover.party_id, cover.seat = leaving.id, seat
    for table in (PartyItem, Departure, Settlement):
        await session.execute(update(table).where(table.cover_id.in_(ids)).values(party_id=leaving.id))
    theirs = select(PartyItem.id).where(PartyItem.party_id == leaving.id)
    await session.execute(update(PaidShare).where(PaidShare.item_id.in_(theirs)).values(party_id=leaving.id))
    await _name_hosts(session, party, leaving, covers)
    await session.flush()
    await _answer_for(session, leaving, now, settings)
    await _answer_for(session, party, now, settings, held_on=ids)
    for each in (leaving, party):
        await lower(session, party=each, now=now)
    await _wake(session, party, [to])
    return leaving


async def _name_hosts(session: AsyncSession, party: Party, leaving: Party, covers: Sequence[Cover]) -> None:
    """Where the host is among those who leave, the first who stays takes their place."""
    members = [cover for cover in covers if cover.member_id]
    leaving.host_cover_id = next(iter(members), covers[0]).id
    if party.host_cover_id in {cover.id for cover in covers}:
        staying = await covers_of(session, party_id=party.id)
        party.host_cover_id = next((each for each in staying if each.member_id), staying[0]).id


async def _answer_for(
    session: AsyncSession,
    party: Party,
    now: datetime,
    settings: Settings,
    *,
    held_on: Collection[UUID] | None = None,
) -> None:
    """What was held on a wallet that is at the other table now: on that of these covers, or on whosever it was."""
    tab = await tab_of(session, party=party)
    moved = [each for each in tab.charges if each.left and (held_on is None or each.answering_id in held_on)]
    answering = {tab.answers_for(each.cover_id, each.answering_id) for each in moved}
    if None in answering:
        raise CannotSplitOff("Nobody at one of the tables answers for what they had.", reason="nobody_pays")
    for cover in sorted((each for each in answering if each is not None), key=lambda each: str(each.member_id)):
        held = await secure(session, tab=tab, cover=cover, now=now, settings=settings)
        if isinstance(held, NotHeld):
            raise CannotSplitOff("What they had can't be put on hold.", reason=held.code, seat=held.seat)


async def _lock(
    session: AsyncSession, store_id: UUID, party_ids: Sequence[UUID], table_ids: Sequence[UUID]
) -> tuple[list[Party], dict[UUID, DiningTable]]:
    """These tables and the parties' own, then the parties. Raises PartyNotFound and TableNotFound."""
    own = select(Party.table_id).where(Party.id.in_(party_ids))
    asked = (
        DiningTable.id.in_(own)
        | DiningTable.merged_into_id.in_(own)
        | DiningTable.id.in_(table_ids)
        | DiningTable.merged_into_id.in_(table_ids)
    )
    query = select(DiningTable).where(asked, DiningTable.store_id == store_id, DiningTable.removed_at.is_(None))
    query = query.order_by(DiningTable.id).with_for_update()
    tables = {each.id: each for each in await session.scalars(query, execution_options={"populate_existing": True})}
    if missing := set(table_ids) - tables.keys():
        raise TableNotFound("This store has no table with this id.", table_ids=sorted(map(str, missing)))
    ids = select(Party).where(Party.id.in_(party_ids), Party.store_id == store_id, Party.closed_at.is_(None))
    found = await session.scalars(
        ids.order_by(Party.id).with_for_update(), execution_options={"populate_existing": True}
    )
    parties = [each for each in found if each.table_id in tables]
    if len(parties) < len(party_ids):
        raise PartyNotFound("There is no such party at a table of this store, or it was moved at this moment.")
    return parties, tables


async def _refuse_occupied(session: AsyncSession, table: DiningTable) -> None:
    """Its row is locked, so that nobody sits down meanwhile."""
    sits = select(Party.id).where(Party.table_id == table.id, Party.closed_at.is_(None))
    if table.merged_into_id or await session.scalar(sits):
        raise TableOccupied("Somebody sits at that table.")


async def _serve_at(session: AsyncSession, party: Party, table: DiningTable) -> None:
    """Dishes under way come to where the party sits now."""
    tickets = update(Ticket).where(Ticket.party_id == party.id, Ticket.ended_at.is_(None))
    await session.execute(tickets.values(place=table.name))


async def _wake(session: AsyncSession, party: Party, tables: Iterable[DiningTable]) -> None:
    await tell(session, party)
    await notify(session, topic_of(party.store_id), *(topic_of_party(table.id) for table in tables))
