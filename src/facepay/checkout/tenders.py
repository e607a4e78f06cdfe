"""Money, gift balance, points and coupon budgets of one order: paid, and given back, in one call of the ledger.

A store is paid an order's total whatever it was paid with: for points the house pays, out of promotions. What a
coupon gave moves from its budget to its cost (see `coupon_costs`). Points are earned by a transfer of their own, linked
to the payment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.batches import Moves, Part, linked, post_linked, refusal
from facepay.checkout.benefits import Offer
from facepay.checkout.charges import Charge, charge
from facepay.checkout.coupon_costs import costs_of, exhausted, note_uses, used_in
from facepay.checkout.orders import Order
from facepay.checkout.pricing import Tender, tender_of_refund
from facepay.checkout.telling import tell_paid
from facepay.kernel.records import write_down
from facepay.rewards.discounts import portion
from facepay.rewards.lots import (
    POINT,
    add_lot,
    draw,
    draws_for,
    live_lots,
    member_gift,
    member_points,
    member_points_owed,
    part_of,
    points_owed,
    worth,
)
from facepay.wallet.accounts import (
    POINTS_POOL,
    PROMOTIONS,
    house,
    member_wallet,
    store_sales,
    store_tax,
    store_tips,
)
from facepay.wallet.ledger import Cause, Outcome

# Value that a refund brings back lasts at least this long, however little time it had left.
RETURNED_VALUE_LASTS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Paid:
    """`code` says why not where it isn't `ok`; `coupon` whose budget was too small.

    `available` is what the wallet may spend then, where it paid a part.
    """

    code: str
    available: int | None = None
    coupon: str | None = None

    @property
    def ok(self) -> bool:
        return self.code == "ok"


@dataclass(frozen=True, slots=True)
class PointsTaken:
    """Back for a refund: from what the member had, and the rest as owed."""

    taken: int = 0
    owed: int = 0


@dataclass(frozen=True, slots=True)
class GivenBack:
    """`refused` says why not; no transfer where there was nothing to move. The tip's is another one."""

    refused: Outcome | None
    transfer_id: UUID | None
    points: PointsTaken
    tip_transfer_id: UUID | None = None


async def pay(
    session: AsyncSession,
    *,
    order: Order,
    offer: Offer,
    actor: str,
    points_last: timedelta,
    now: datetime,
    hold_id: UUID | None = None,
    advance_max: int | None = 0,
) -> Paid:
    """Charge a placed order as it was offered, and record it. A refusal has posted and recorded nothing."""
    costs = costs_of(offer.basket)
    owed = 0
    if order.points_earned:
        owed = min(order.points_earned, await points_owed(session, member_id=order.member_id))
    sale = _sale(order, order.tender, order.tax) + costs.moves
    earning = _earning(order.member_id, order.points_earned - owed, owed)
    besides = costs.captures | {"tip": Part("transfer", _tip(order, order.tip), cause=Cause("tip", order.id))}
    charged = await charge(session, Charge(order, sale, earning, hold_id, advance_max, actor, now, besides))
    if charged.refused:
        return await _why(session, charged.refused, offer)
    order.transfer_id, order.points_transfer_id = charged.payment_id, charged.points_id
    order.advance, order.advance_transfer_id = charged.advance, charged.advance_id
    order.tip_transfer_id = charged.besides.get("tip")
    session.add(order)
    cause = Cause("order", order.id)
    draw(session, offer.gift_lots, order.gift, cause=cause, now=now)
    draw(session, offer.points_lots, order.points, cause=cause, now=now)
    if order.points_earned > owed:
        add_lot(
            session,
            member_points(order.member_id),
            amount=order.points_earned - owed,
            expires_at=now + points_last,
            cause=cause,
            now=now,
        )
    note_uses(session, order, offer.basket, captured=charged.besides, now=now)
    await write_down(session)  # before what refers to it
    await tell_paid(session, order, now=now)
    return Paid("ok", available=charged.available)


async def give_back(
    session: AsyncSession,
    *,
    order: Order,
    refund_id: UUID,
    tender: Tender,
    tax: int,
    is_last: bool,
    tip: int,
    actor: str,
    now: datetime,
) -> GivenBack:
    """Give back a part of an order, each thing in proportion, and this much of its tip.

    The caller has locked the order and its member.
    The last part frees the order's coupons: of an order that cost nothing they are all there is to give back.
    """
    amount, cause = tender.total, Cause("refund", refund_id)
    used = await used_in(session, order=order)
    coupons = used.given_back({use.coupon_id: _share(order, use.amount, amount, is_last) for use in used.uses})
    await _return_value(session, order, tender, cause, now)
    taken = await _take_points(session, order, _share(order, order.points_earned, amount, is_last), cause, now)
    sale = _reversed(_sale(order, tender, tax)) + coupons.moves
    earning = _reversed(_earning(order.member_id, taken.taken, taken.owed))
    parts = {
        "payment": Part("refund", sale, order.transfer_id),
        "points": Part("refund", earning, order.points_transfer_id),
        "tip": Part("refund", _reversed(_tip(order, tip)), order.tip_transfer_id, Cause("tip_refund", refund_id)),
        **coupons.captures,
    }
    batch = linked(f"refund:{refund_id}", cause, actor, now, parts)
    accounts = [account for account, _ in sale + earning]
    refused = refusal(await post_linked(session, batch, accounts, now))
    if is_last:
        for use in used.uses:
            use.returned_at = now
    made = {name: posting.id for name, posting in batch.items()}
    return GivenBack(refused, made.get("payment"), taken, made.get("tip"))


def _share(order: Order, value: int, amount: int, is_last: bool) -> int:
    """Of something that the whole order gave or took, for the next `amount` that is given back."""
    if order.total:
        return portion(value, of=order.total, done=order.refunded, amount=amount)
    return value if is_last else 0


def _sale(order: Order, tender: Tender, tax: int) -> Moves:
    member_id, store_id, unit = order.member_id, order.store_id, order.currency
    moves = [
        (member_wallet(member_id, unit), -tender.wallet),
        (member_gift(member_id, unit), -tender.gift),
        (house(PROMOTIONS, unit), -tender.points_value),
        (store_sales(store_id, unit), tender.total - tax),
        (store_tax(store_id, unit), tax),
        (member_points(member_id), -tender.points),
        (house(POINTS_POOL, POINT), tender.points),
    ]
    return [(account, amount) for account, amount in moves if amount]


def _tip(order: Order, amount: int) -> Moves:
    """In a transfer of its own, beside the payment: it is no part of the order's total."""
    wallet, tips = member_wallet(order.member_id, order.currency), store_tips(order.store_id, order.currency)
    return [(wallet, -amount), (tips, amount)] if amount else []


def _earning(member_id: UUID, points: int, owed: int) -> Moves:
    moves = [
        (house(POINTS_POOL, POINT), -points - owed),
        (member_points(member_id), points),
        (member_points_owed(member_id), owed),
    ]
    return [(account, amount) for account, amount in moves if amount]


def _reversed(moves: Moves) -> Moves:
    return [(account, -amount) for account, amount in moves]


async def _why(session: AsyncSession, refused: Outcome, offer: Offer) -> Paid:
    """Whose funds were too small. The refused posting still holds its accounts, so that this is what it saw."""
    if refused.code == "insufficient_funds" and (label := await exhausted(session, offer.basket)):
        return Paid("coupon_exhausted", coupon=label)
    return Paid(refused.code)


async def _return_value(session: AsyncSession, order: Order, tender: Tender, cause: Cause, now: datetime) -> None:
    """New lots with the expiry of those that the order drew, the last one drawn first."""
    paid = order.tender
    returned = tender_of_refund(paid, refunded_before=0, amount=order.refunded)
    for account, whole, start, amount in (
        (member_gift(order.member_id, order.currency), paid.gift, returned.gift, tender.gift),
        (member_points(order.member_id), paid.points, returned.points, tender.points),
    ):
        if not amount:
            continue
        draws = await draws_for(session, account, order.id)
        assert sum(length for length, _ in draws) == whole
        for part, expires_at in part_of(draws, start=start, amount=amount):
            lasts_until = max(expires_at, now + RETURNED_VALUE_LASTS)
            add_lot(session, account, amount=part, expires_at=lasts_until, cause=cause, now=now)
    await session.flush()


async def _take_points(session: AsyncSession, order: Order, amount: int, cause: Cause, now: datetime) -> PointsTaken:
    """From what the order earned, then from what expires first; what was spent already is owed."""
    if not amount:
        return PointsTaken()
    lots = await live_lots(session, (member_points(order.member_id),), now=now)
    lots.sort(key=lambda lot: lot.cause_id != order.id)
    taken = min(amount, worth(lots))
    draw(session, lots, taken, cause=cause, now=now)
    return PointsTaken(taken, amount - taken)
