"""Money of a passage: put on hold as soon as payer and goods are known, so that the exit never waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.benefits import Offer, Wish
from facepay.checkout.limits import NeedsStepUp
from facepay.checkout.pricing import PricedBasket
from facepay.checkout.selling import NotSold, Sold, quote, sell
from facepay.checkout.sold_tags import Piece, claim_tags, unclaim_tags
from facepay.kernel.ids import new_id
from facepay.lanes.goods import Goods
from facepay.lanes.passages import HOLD_OUTLIVES, Passage, let_go
from facepay.lanes.policies import LanePolicy
from facepay.members.members import Member
from facepay.settings import Settings
from facepay.wallet.accounts import wallet_balance
from facepay.wallet.debts import owed
from facepay.wallet.payments import authorise


@dataclass(frozen=True, slots=True)
class Authorised:
    """`advance_max` is what the wallet may fall short of the offer: the rest of the money is on hold."""

    offer: Offer
    advance_max: int


@dataclass(frozen=True, slots=True)
class TagsSold:
    """Another lane has just sold these tags: nothing has changed here."""

    epcs: frozenset[str]


async def reserve(
    session: AsyncSession,
    *,
    passage: Passage,
    payer: Member,
    basket: PricedBasket,
    policy: LanePolicy,
    now: datetime,
    settings: Settings,
) -> Authorised | NotSold | NeedsStepUp:
    """Hold what the basket costs the payer, in place of what was held before; all that there is where that falls short
    by no more than the advance. A refusal holds nothing.
    """
    offered = await quote(
        session,
        member=payer,
        basket=basket,
        wish=Wish(),
        store_id=passage.store_id,
        now=now,
        settings=settings,
        proven=passage.proven,
    )
    if not isinstance(offered, Offer):
        await let_go(session, passage=passage, now=now)
        return offered
    if passage.held_of not in (None, offered.payer_id):  # their family has changed meanwhile
        await let_go(session, passage=passage, now=now)
    debt_max = settings.lane_debt_max if policy.debt_max is None else policy.debt_max
    advance_max = (
        max(0, debt_max - await owed(session, member_id=offered.payer_id, unit=basket.currency)) if debt_max else 0
    )
    wanted = offered.tender.wallet
    if advance_max and passage.held != wanted:
        there = await wallet_balance(session, member_id=offered.payer_id, unit=passage.currency)
        wanted = min(wanted, max(there.available + passage.held, wanted - advance_max))
    if passage.held != wanted:
        await let_go(session, passage=passage, now=now)
        if wanted and not await _hold(session, passage, offered.payer_id, wanted, now):
            return NotSold("insufficient_funds")
    return Authorised(offered, advance_max)


async def _hold(session: AsyncSession, passage: Passage, payer_id: UUID, amount: int, now: datetime) -> bool:
    held = await authorise(
        session,
        order_id=new_id(),
        member_id=payer_id,
        amount=amount,
        currency=passage.currency,
        actor=f"device:{passage.device_id}",
        now=now,
        expires_at=passage.expires_at + HOLD_OUTLIVES,
    )
    if held.ok:
        passage.hold_id, passage.held, passage.held_of = held.transfer_id, amount, payer_id
    return held.ok


async def claim_all(session: AsyncSession, *, pieces: Mapping[str, Piece], now: datetime) -> TagsSold | None:
    """All of these tags, or none of them."""
    lost = await claim_tags(session, pieces=pieces, now=now)
    if not lost:
        return None
    await unclaim_tags(session, epcs=pieces.keys() - lost)
    return TagsSold(frozenset(lost))


async def sell_goods(
    session: AsyncSession,
    *,
    passage: Passage,
    payer: Member,
    goods: Goods,
    authorised: Authorised,
    device_id: UUID,
    now: datetime,
    settings: Settings,
) -> Sold | NotSold | TagsSold:
    """Order, capture and tags together, or none of them: tags are sold once, whichever lane reads them."""
    order_id = new_id()
    pieces = {epc: Piece(product_id, order_id) for epc, product_id in goods.tags.items()} | dict(goods.paid)
    if lost := await claim_all(session, pieces=pieces, now=now):
        return lost
    sold = await sell(
        session,
        offered=authorised.offer,
        member=payer,
        store_id=passage.store_id,
        device_id=device_id,
        now=now,
        settings=settings,
        hold_id=passage.hold_id,
        advance_max=authorised.advance_max,
        in_hand=True,
        order_id=order_id,
    )
    if isinstance(sold, NotSold):
        await unclaim_tags(session, epcs=pieces.keys())
    else:
        passage.hold_id, passage.held, passage.held_of = None, 0, None
    return sold
