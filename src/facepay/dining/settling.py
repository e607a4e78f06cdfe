"""Settling a tab: money moves, what it paid for is noted, holds that are needed no more end, and the table is free."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.benefits import Offer
from facepay.checkout.selling import NotSold, Sold, sell
from facepay.dining.holds import Guarantee, captured, lower
from facepay.dining.items import items_of
from facepay.dining.ordering import hold_members
from facepay.dining.owing import Owed
from facepay.dining.parties import Cover, Party, close_party, tell
from facepay.dining.tabs import SettledBy, Tab, note_paid, tab_of
from facepay.members.members import Member
from facepay.settings import Settings


async def take_money(
    session: AsyncSession,
    *,
    tab: Tab,
    owed: Owed,
    guarantor: Cover | None,
    offered: Offer,
    member: Member,
    device_id: UUID,
    by: SettledBy,
    now: datetime,
    settings: Settings,
    advance_max: int | None = 0,
) -> Sold | NotSold:
    """Out of what is held for the guarantor, where that is of the wallet that pays. What was cooked, and counted out of
    the stock, stays so.
    """
    guarantee = await session.get(Guarantee, guarantor.id, with_for_update=True) if guarantor else None
    if guarantee is not None and guarantee.payer_id != offered.payer_id:
        guarantee = None
    sold = await sell(
        session,
        offered=offered,
        member=member,
        store_id=tab.party.store_id,
        device_id=device_id,
        now=now,
        settings=settings,
        hold_id=guarantee.hold_id if guarantee else None,
        advance_max=advance_max,
        served=True,
        counted_out=True,
    )
    if isinstance(sold, Sold):
        if guarantee is not None:
            captured(guarantee)
        await note_paid(
            session,
            tab=tab,
            shares=owed.shares,
            covers=owed.covers,
            order=sold.order,
            split=owed.split,
            by=by,
            now=now,
        )
    return sold


async def go_on(session: AsyncSession, *, party: Party, now: datetime) -> int:
    """After somebody has paid: holds for what is paid are let go, and once all of it is, the table is free; answers of
    what is left to pay.
    """
    await session.flush()
    left = (await tab_of(session, party=party)).left
    await lower(session, party=party, now=now)
    if left == 0:
        await close_party(session, party=party, now=now)
    else:
        await tell(session, party)
    return left


async def give_up(session: AsyncSession, *, party: Party, reason: str, by: str, now: datetime) -> None:
    """Take off the tab what nobody pays any more, or has paid in another way; holds are let go and the table is free.

    The party is locked.
    """
    await hold_members(session, party)
    left = {charge.item_id for charge in (await tab_of(session, party=party)).charges if charge.left}
    for item in await items_of(session, party_id=party.id):
        if item.id in left:
            item.cancelled_at, item.cancelled_by, item.cancelled_why = now, by, reason
    await session.flush()
    await lower(session, party=party, now=now)
    await close_party(session, party=party, now=now)
