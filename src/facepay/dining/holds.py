"""Money for what a table orders: on hold on a wallet before the kitchen hears of it, and free again once it is paid.

Each member answers for what they order, with the wallet that pays for them; their host for guests and for the table. A
hold grows with every order: another one takes its place, in one step, so that its money is never free in between. What
may be held is judged as if it were paid now: limits, age and a family's rules are heard of before the kitchen is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.checkout.benefits import Offer, Wish
from facepay.checkout.limits import Declined, NeedsStepUp
from facepay.checkout.pricing import PricedBasket
from facepay.checkout.selling import NotSold, quote
from facepay.dining.bills import lines_of, total_of
from facepay.dining.items import PartyItem
from facepay.dining.parties import Cover, Party
from facepay.dining.tabs import Tab, tab_of
from facepay.kernel.database import Base, Database
from facepay.kernel.ids import new_id
from facepay.members.members import get_member
from facepay.settings import Settings
from facepay.wallet.accounts import wallet_balance
from facepay.wallet.payments import find_hold, reauthorise, void

HOLD_LASTS = timedelta(hours=8)
RENEWED_BEFORE = timedelta(hours=4)  # it would expire
RENEWED_AT_ONCE_MAX = 200


class Guarantee(Base):
    """What a cover answers for: the hold on the wallet that pays for it, and up to how much its member has agreed to at
    the table, by their face and, where limits ask for it, a second factor.
    """

    __tablename__ = "dining_guarantee"
    __table_args__ = (
        CheckConstraint("(hold_id is null) = (held = 0) and held >= 0", name="hold_has_amount"),
        CheckConstraint("(hold_id is null) = (expires_at is null)", name="hold_expires"),
        CheckConstraint("agreed_max >= 0", name="agreed_not_negative"),
        Index("ix_dining_guarantee_expires_at", "expires_at", postgresql_where=text("hold_id is not null")),
    )

    cover_id: Mapped[UUID] = mapped_column(ForeignKey("dining_cover.id"), primary_key=True)
    payer_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), index=True)
    currency: Mapped[str] = mapped_column(String(3))
    hold_id: Mapped[UUID | None]
    held: Mapped[int] = mapped_column(server_default="0")
    expires_at: Mapped[datetime | None]
    agreed_max: Mapped[int] = mapped_column(server_default="0")


@dataclass(frozen=True, slots=True)
class Held:
    """All that is on hold now for whoever answers for the item, in minor units; nobody does where a store trusts."""

    cover_id: UUID | None
    amount: int


@dataclass(frozen=True, slots=True)
class NotHeld:
    """Why the item can't go to the kitchen: nothing has changed. `seat` is whose wallet it would have been.

    `amount_needs_step_up` asks for a face and a second factor at the table: `POST /v1/tables/{id}/guarantees`.
    """

    code: str
    seat: int | None = None
    over: Declined | NeedsStepUp | None = None


async def cover(
    session: AsyncSession, *, party: Party, item: PartyItem, now: datetime, settings: Settings
) -> Held | NotHeld:
    """Hold what the item costs, before it goes to the kitchen: on the wallet of whoever sits there, or of the host.

    The party is locked, the item new or changed in this session, flushed or not. After NotHeld take it out again.
    """
    tab = await tab_of(session, party=party, new=item)
    answering = tab.answers_for(item.cover_id, item.answering_id)
    if answering is None:
        trusted = total_of(tab.answered_by(None)) <= tab.policy.unsecured_max
        return Held(None, 0) if trusted else NotHeld("nobody_pays")
    held = await secure(session, tab=tab, cover=answering, now=now, settings=settings)
    if isinstance(held, Held):
        item.answering_id = answering.id
    return held


async def secure(session: AsyncSession, *, tab: Tab, cover: Cover, now: datetime, settings: Settings) -> Held | NotHeld:
    """Hold all that a cover answers for, in place of what is held for it; with the margin, as far as there is money."""
    assert cover.member_id is not None, "only members answer for anything"
    member = await get_member(session, cover.member_id, lock=True)
    guarantee = await session.get(Guarantee, cover.id, with_for_update=True)
    shares = tab.answered_by(cover)
    offered = await quote(
        session,
        member=member,
        basket=PricedBasket(lines_of(shares), tab.currency),
        wish=Wish(),
        store_id=tab.party.store_id,
        now=now,
        settings=settings,
        proven=guarantee is not None and total_of(shares) <= guarantee.agreed_max,
    )
    if isinstance(offered, NeedsStepUp):
        return NotHeld(offered.code, cover.seat, offered)
    if isinstance(offered, NotSold):
        return NotHeld(offered.code, cover.seat, offered.over)
    guarantee = guarantee or Guarantee(cover_id=cover.id, currency=tab.currency, held=0, agreed_max=0)
    if guarantee.payer_id is not None and guarantee.payer_id != offered.payer_id:
        await let_go(session, guarantee=guarantee, now=now)  # of a family that they have left
    guarantee.payer_id = offered.payer_id
    session.add(guarantee)
    wanted = await _within_means(session, tab, guarantee, offered)
    if wanted > guarantee.held and not await _hold(session, guarantee, wanted, now):
        return NotHeld("insufficient_funds", cover.seat)
    await session.flush()
    return Held(cover.id, guarantee.held)


async def _within_means(session: AsyncSession, tab: Tab, guarantee: Guarantee, offered: Offer) -> int:
    """The offer with the margin on it, or as much of that as there is: the offer itself is asked for in any case."""
    least = offered.tender.wallet
    there = await wallet_balance(session, member_id=guarantee.payer_id, unit=tab.currency)
    return min(tab.policy.with_margin(least), max(least, there.available + guarantee.held))


async def _hold(session: AsyncSession, guarantee: Guarantee, amount: int, now: datetime) -> bool:
    """This much in place of what is held; a refusal changes nothing."""
    made = await reauthorise(
        session,
        hold_id=guarantee.hold_id,
        order_id=new_id(),
        member_id=guarantee.payer_id,
        amount=amount,
        currency=guarantee.currency,
        actor="system:dining",
        now=now,
        expires_at=now + HOLD_LASTS,
    )
    if made.ok:
        guarantee.hold_id, guarantee.held, guarantee.expires_at = made.transfer_id, amount, now + HOLD_LASTS
    return made.ok


async def lower(session: AsyncSession, *, party: Party, now: datetime) -> None:
    """Let go of what is held for more than the party owes: after an item was cancelled or made smaller, or shares paid.

    The party is locked, and the change flushed.
    """
    tab = await tab_of(session, party=party)
    here = {each.id: each for each in (*tab.present, *tab.gone)}
    for guarantee in await guarantees_of(session, party_id=party.id):
        answering = here.get(guarantee.cover_id)
        needed = tab.policy.with_margin(total_of(tab.answered_by(answering))) if answering else 0
        if not needed:
            await let_go(session, guarantee=guarantee, now=now)
        elif needed < guarantee.held:
            await _hold(session, guarantee, needed, now)
    await session.flush()


async def let_go(session: AsyncSession, *, guarantee: Guarantee, now: datetime) -> None:
    if guarantee.hold_id is not None:
        await void(session, hold_id=guarantee.hold_id, order_id=new_id(), actor="system:dining", now=now)
        captured(guarantee)


def captured(guarantee: Guarantee) -> None:
    """Nothing is on hold any more: a payment took it, or it was let go."""
    guarantee.hold_id, guarantee.held, guarantee.expires_at = None, 0, None


async def guarantees_of(session: AsyncSession, *, party_id: UUID) -> Sequence[Guarantee]:
    """Those with a hold, locked, in one order."""
    query = select(Guarantee).join(Cover, Cover.id == Guarantee.cover_id).where(Cover.party_id == party_id)
    query = query.where(Guarantee.hold_id.is_not(None)).order_by(Guarantee.cover_id).with_for_update(of=Guarantee)
    return (await session.scalars(query)).all()


async def renew_holds(database: Database, *, now: datetime) -> int:
    """Before they expire, while the party sits there; answers how many. Each in a transaction of its own."""
    due = select(Guarantee.cover_id).where(Guarantee.expires_at <= now + RENEWED_BEFORE)
    async with database.begin() as session:
        found = await session.scalars(due.order_by(Guarantee.expires_at).limit(RENEWED_AT_ONCE_MAX))
        cover_ids = found.all()
    for cover_id in cover_ids:
        async with database.begin() as session:
            await _renew(session, cover_id, now)
    return len(cover_ids)


async def _renew(session: AsyncSession, cover_id: UUID, now: datetime) -> None:
    """A hold that has expired in spite of all is made anew, where the money is still there."""
    party_id = select(Cover.party_id).where(Cover.id == cover_id).scalar_subquery()
    party = await session.scalar(select(Party).where(Party.id == party_id).with_for_update())
    guarantee = await session.get(Guarantee, cover_id, with_for_update=True)
    if party is None or guarantee is None or guarantee.hold_id is None:
        return
    if party.is_open:
        hold = await find_hold(session, guarantee.hold_id)
        if not await _hold(session, guarantee, hold.remaining if hold else guarantee.held, now):
            captured(guarantee)
    else:
        await let_go(session, guarantee=guarantee, now=now)
