"""What staff put right: who sits where, who hosts, and somebody who was seen and isn't there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.dining.items import PartyItem
from facepay.dining.parties import Cover, CoverNotFound, Party, cover_at, leave_seat, refuse_while_paying, tell
from facepay.dining.seating import NoSuchSeat
from facepay.dining.tables import tables_led_by
from facepay.kernel.database import saved
from facepay.kernel.errors import Conflict
from facepay.members.members import get_member


class SeatTaken(Conflict):
    """Somebody else sits there, or the member sits somewhere already."""

    code = "seat_taken"
    title = "Seat taken"


class CoverHasOrdered(Conflict):
    """They have ordered, and it was put on hold: cancel that first, or let them pay."""

    code = "cover_has_ordered"
    title = "Has ordered"


async def correct_cover(session: AsyncSession, *, party: Party, cover_id: UUID, changes: Mapping[str, Any]) -> None:
    """Set `seat` or `member_id`, None for a guest; the party is locked.

    Raises PartyPaying, CoverNotFound, NoSuchSeat, SeatTaken, MemberNotFound, and CoverHasOrdered for another member.
    """
    cover = await _hold(session, party, cover_id)
    member_id = changes.get("member_id", cover.member_id)
    if member_id != cover.member_id:
        await _refuse_ordered(session, cover)
        if member_id is not None:
            await get_member(session, member_id, lock=True)
    seat = changes.get("seat", cover.seat)
    if seat > sum(table.seats for table in await tables_led_by(session, table_id=party.table_id)):
        raise NoSuchSeat("The table has fewer seats.")
    cover.member_id, cover.seat = member_id, seat
    await saved(session, SeatTaken("Somebody sits there, or they sit somewhere already."))
    await tell(session, party)


async def remove_cover(session: AsyncSession, *, party: Party, cover_id: UUID, now: datetime) -> None:
    """Nobody sits there, whatever the camera saw. Raises PartyPaying, CoverNotFound and CoverHasOrdered."""
    cover = await _hold(session, party, cover_id)
    await _refuse_ordered(session, cover)
    await leave_seat(session, cover=cover, now=now)
    await tell(session, party)


async def name_host(session: AsyncSession, *, party: Party, seat: int) -> None:
    """From the next order on. Raises PartyPaying and CoverNotFound."""
    refuse_while_paying(party)
    cover = await cover_at(session, party_id=party.id, seat=seat)
    party.host_cover_id = cover.id
    await session.flush()
    await tell(session, party)


async def _hold(session: AsyncSession, party: Party, cover_id: UUID) -> Cover:
    refuse_while_paying(party)
    cover = await session.get(Cover, cover_id, populate_existing=True)
    if cover is None or cover.party_id != party.id or cover.left_at is not None:
        raise CoverNotFound("Nobody of this party has this place.")
    return cover


async def _refuse_ordered(session: AsyncSession, cover: Cover) -> None:
    ordered = select(PartyItem.id).where(PartyItem.cover_id == cover.id, PartyItem.cancelled_at.is_(None))
    if await session.scalar(ordered.limit(1)):
        raise CoverHasOrdered("Cancel first what they ordered.")
