"""Departures: whoever leaves the table for longer than the store allows has paid, as by walking out of its door.

Their own items come out of what is held for them, and of their part of the table's as much as that still covers: the
rest stays with the table. What a guest had falls to their host.
Back in time, nothing happened. What can't be charged stays on the tab, and staff are called.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import ForeignKey, String, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.checkout.benefits import Offer, Wish, offer
from facepay.checkout.pricing import PricedBasket
from facepay.checkout.selling import NotSold, Sold
from facepay.dining.bills import Share, lines_of, together, total_of
from facepay.dining.changing import ItemPaid, cancel_item
from facepay.dining.holds import Guarantee, lower
from facepay.dining.items import ItemState, items_of
from facepay.dining.ordering import hold_members
from facepay.dining.owing import Owed
from facepay.dining.parties import Cover, Party, PartyState, close_party, cover_at, leave_seat, tell
from facepay.dining.policies import policy_of
from facepay.dining.settling import take_money
from facepay.dining.tables import DiningTable
from facepay.dining.tabs import Tab, note_paid, tab_of
from facepay.families.purses import purse_of
from facepay.kernel.database import Base, Database
from facepay.kitchen.courses import AlreadyCooking
from facepay.members.freezes import current_freeze
from facepay.members.members import get_member
from facepay.notices.notices import NoticeKind, notify_member
from facepay.rewards.discounts import share_out
from facepay.settings import Settings
from facepay.wallet.debts import owed as owed_already

log = structlog.get_logger()
TABLE_UNPAID = AlertKind("table_unpaid", Severity.WARNING, "Somebody left a table, and nobody answers for their part.")
ALERT_KINDS = (TABLE_UNPAID,)
AT_ONCE_MAX = 200


class Departure(Base):
    """A seat that is empty for now. Whoever sits down again takes it back, until it is settled."""

    __tablename__ = "dining_departure"

    cover_id: Mapped[UUID] = mapped_column(ForeignKey("dining_cover.id"), primary_key=True)
    party_id: Mapped[UUID] = mapped_column(ForeignKey("dining_party.id"), index=True)
    gone_at: Mapped[datetime]
    settles_at: Mapped[datetime] = mapped_column(index=True)
    told_by: Mapped[str] = mapped_column(String(80))


async def depart(
    session: AsyncSession, *, party: Party, seats: Collection[int], told_by: str, now: datetime
) -> list[Departure]:
    """That these seats are empty; who was said to be gone before is so since then. The party is locked.

    Raises CoverNotFound.
    """
    policy = await policy_of(session, store_id=party.store_id)
    covers = [await cover_at(session, party_id=party.id, seat=seat) for seat in sorted(set(seats))]
    gone = {"party_id": party.id, "gone_at": now, "settles_at": now + policy.unattended_for, "told_by": told_by}
    rows = [{"cover_id": cover.id} | gone for cover in covers]
    await session.execute(insert(Departure).values(rows).on_conflict_do_nothing())
    await tell(session, party)
    found = await session.scalars(select(Departure).where(Departure.cover_id.in_([cover.id for cover in covers])))
    return list(found)


async def come_back(session: AsyncSession, *, party: Party, seats: Collection[int]) -> None:
    """In time: nothing happened. The party is locked. Raises CoverNotFound: a seat that was settled has nobody."""
    covers = [await cover_at(session, party_id=party.id, seat=seat) for seat in sorted(set(seats))]
    await session.execute(delete(Departure).where(Departure.cover_id.in_([cover.id for cover in covers])))
    await tell(session, party)


async def departures_of(session: AsyncSession, *, party_id: UUID) -> list[Departure]:
    return list(await session.scalars(select(Departure).where(Departure.party_id == party_id)))


async def settle_departures(database: Database, *, settings: Settings, now: datetime) -> int:
    """Whoever is gone for too long, each in a transaction of its own: guests first, and hosts, who answer for them,
    last; how many were settled.
    """
    due = (
        select(Departure.cover_id)
        .join(Cover, Cover.id == Departure.cover_id)
        .join(Party, Party.id == Departure.party_id)
        .where(Departure.settles_at <= now)
        .order_by(Cover.member_id.is_not(None), Cover.id == Party.host_cover_id, Departure.settles_at)
        .limit(AT_ONCE_MAX)
    )
    async with database.begin() as session:
        cover_ids = (await session.scalars(due)).all()
    settled = 0
    for cover_id in cover_ids:
        try:
            async with database.begin() as session:
                settled += await settle_departure(session, cover_id=cover_id, settings=settings, now=now)
        except Exception as error:  # one that fails holds up no other
            log.error("departure_not_settled", cover_id=str(cover_id), exc_info=error)
    return settled


async def settle_departure(session: AsyncSession, *, cover_id: UUID, settings: Settings, now: datetime) -> bool:
    """Once, however many replicas try: whoever comes second finds no departure any more."""
    party_id = await session.scalar(select(Departure.party_id).where(Departure.cover_id == cover_id))
    if party_id is None:
        return False
    party, device_id = await lock_party(session, party_id)
    gone = delete(Departure).where(Departure.cover_id == cover_id, Departure.settles_at <= now)
    if await session.scalar(gone.returning(Departure.cover_id)) is None:
        return False
    cover = await session.get_one(Cover, cover_id, populate_existing=True)
    if cover.left_at is not None or not party.is_open:
        return True
    await hold_members(session, party)
    await _cancel_untouched(session, party, cover, now)
    tab = await tab_of(session, party=party)
    refused = None
    if cover.member_id is not None and cover.id not in tab.settlements:
        refused = await _charge(session, tab, cover, device_id, settings, now)
    await leave_seat(session, cover=cover, now=now)
    await _go_on(session, party, cover, refused, now)
    return True


async def _cancel_untouched(session: AsyncSession, party: Party, cover: Cover, now: datetime) -> None:
    """Of their own dishes, those that the kitchen hasn't begun with: nobody would eat them."""
    if party.state != PartyState.SEATED:
        return
    for item in await items_of(session, party_id=party.id):
        if item.cover_id == cover.id and item.state in (ItemState.ORDERED, ItemState.SENT):
            with suppress(AlreadyCooking, ItemPaid):  # the kitchen was first
                await cancel_item(session, party=party, item_id=item.id, by="system:departures", now=now)


async def lock_party(session: AsyncSession, party_id: UUID) -> tuple[Party, UUID]:
    """The party, its table before it, and the device that stands there."""
    leads = select(Party.table_id).where(Party.id == party_id).scalar_subquery()
    tables = select(DiningTable).where((DiningTable.id == leads) | (DiningTable.merged_into_id == leads))
    found = (await session.scalars(tables.order_by(DiningTable.id).with_for_update())).all()
    party = await session.get_one(Party, party_id, with_for_update=True, populate_existing=True)
    device_id = next((table.device_id for table in found if table.id == party.table_id), None)
    if device_id is None:  # moved meanwhile
        device_id = (await session.get_one(DiningTable, party.table_id)).device_id
    return party, device_id


async def _charge(
    session: AsyncSession, tab: Tab, cover: Cover, device_id: UUID, settings: Settings, now: datetime
) -> str | None:
    """Out of their hold, and what they ordered also on credit, as far as the store lends; None where nothing is left of
    it, or why not.
    """
    assert cover.member_id is not None
    member = await get_member(session, cover.member_id, lock=True)
    payer = (await purse_of(session, member=member)).payer
    guarantee = await session.get(Guarantee, cover.id, with_for_update=True)
    held = guarantee.held if guarantee is not None and guarantee.payer_id == payer.id else 0
    owed = _part_of(tab, cover, held)
    if not owed.shares:
        await note_paid(
            session, tab=tab, shares=(), covers=owed.covers, order=None, split=owed.split, by="departure", now=now
        )
        return None
    if await current_freeze(session, member_id=payer.id) is not None:
        return "wallet_frozen"
    # They had it already: limits, age and a family's rules were asked for when it was ordered.
    basket = PricedBasket(lines_of(owed.shares), tab.currency)
    offered = await offer(
        session,
        member_id=payer.id,
        store_id=tab.party.store_id,
        basket=basket,
        wish=Wish(),
        now=now,
        settings=settings,
    )
    assert isinstance(offered, Offer), "only coupons and points that are asked for are refused"
    debt_max = settings.lane_debt_max if tab.policy.debt_max is None else tab.policy.debt_max
    sold = await take_money(
        session,
        tab=tab,
        owed=owed,
        guarantor=cover,
        offered=offered,
        member=member,
        device_id=device_id,
        by="departure",
        now=now,
        settings=settings,
        advance_max=max(0, debt_max - await owed_already(session, member_id=payer.id, unit=tab.currency)),
    )
    if isinstance(sold, NotSold):
        return sold.code
    await _tell(session, sold, cover, now)
    return None


def _part_of(tab: Tab, cover: Cover, held: int) -> Owed:
    """As by seat, within what is held; a host whom no other member stays behind for answers for the guests as well."""
    covers = [cover]
    others = [each for each in tab.present if each.id != cover.id]
    if cover is tab.host and not any(each.member_id for each in others):
        covers += others
    shares = tab.shares("seat")
    whole = together(share for each in covers for share in shares.get(each.id, ()))
    return Owed(
        _within(whole, held, answered={share.charge.item_id for share in tab.answered_by(cover)}), covers, "seat"
    )


def _within(shares: Sequence[Share], held: int, *, answered: Collection[UUID | None]) -> list[Share]:
    """What they answer for, and its service, in any case; of what others ordered, no more than the hold still covers.

    Nobody asked them for it, and whoever did is asked for what is left.
    """
    items = [share for share in shares if share.charge.item_id is not None]
    own = [share for share in items if share.charge.item_id in answered]
    others = [share for share in items if share.charge.item_id not in answered]
    service = [share for share in shares if share.charge.item_id is None]
    on_own = [share_out(share.amount, [total_of(own), total_of(others)])[0] for share in service]
    due = total_of(own) + sum(on_own)
    wanted = [each.amount for each in others] + [each.amount - part for each, part in zip(service, on_own, strict=True)]
    within = share_out(min(sum(wanted), max(0, held - due)), wanted)
    parts = within[: len(others)]
    served = [part + more for part, more in zip(on_own, within[len(others) :], strict=True)]
    taken = [*own, *(replace(each, amount=part) for each, part in zip(others, parts, strict=True))]
    taken += [replace(each, amount=part) for each, part in zip(service, served, strict=True)]
    return [each for each in taken if each.amount or not each.charge.left]


async def _tell(session: AsyncSession, sold: Sold, cover: Cover, now: datetime) -> None:
    order = sold.order
    for member_id in {order.member_id, cover.member_id or order.member_id}:
        await notify_member(
            session,
            member_id=member_id,
            kind=NoticeKind.TABLE_SETTLED,
            order_id=order.id,
            amount=order.total,
            currency=order.currency,
            seat=cover.seat,
            now=now,
        )


async def _go_on(session: AsyncSession, party: Party, cover: Cover, refused: str | None, now: datetime) -> None:
    """The last to leave, or to pay, frees the table, once nothing is left to pay."""
    tab = await tab_of(session, party=party)
    goes_on = party.state == PartyState.SEATED and any(each.left_at is None for each in tab.covers)
    await lower(session, party=party, now=now)
    if not goes_on and not tab.left:
        await close_party(session, party=party, now=now)
        return
    await tell(session, party)
    nobody_answers = tab.left > 0 and not any(each.member_id for each in tab.present)
    if refused or nobody_answers:
        await raise_alert(
            session,
            TABLE_UNPAID,
            store_id=party.store_id,
            subject=str(party.id),
            now=now,
            evidence=Evidence("party", party.id),
            seat=cover.seat,
            code=refused or "nobody_pays",
            amount=tab.left,
        )
