"""What an order's coupons cost, and who pays for it: their own budgets, or the campaign that they were won in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.batches import Moves, Part
from facepay.checkout.orders import Order
from facepay.checkout.pricing import PricedBasket
from facepay.rewards.coupons import Coupon, CouponUse, coupon_budget, coupon_cost
from facepay.rewards.reserves import campaign_budget, campaign_cost
from facepay.wallet.accounts import balances


@dataclass(frozen=True, slots=True)
class Costs:
    """`moves` are a part of the payment, or of its refund; `captures` stand beside it, one for each hold."""

    moves: Moves = field(default_factory=list)
    captures: dict[str, Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Used:
    """An order's uses of coupons that have not been given back, and which campaigns pay for those that were won."""

    uses: Sequence[CouponUse]
    campaigns: Mapping[UUID, UUID]
    unit: str

    def given_back(self, amounts: Mapping[UUID, int]) -> Costs:
        """These amounts, by coupon, back to where they came from."""
        back = Costs()
        for use in self.uses:
            coupon_id, amount = use.coupon_id, amounts[use.coupon_id]
            campaign_id = self.campaigns.get(coupon_id)
            if not amount:
                continue
            if campaign_id is None:
                back.moves.extend(_coupon_moves(coupon_id, -amount, self.unit))
            else:
                moves = _campaign_moves(campaign_id, -amount, self.unit)
                back.captures[_part_name(coupon_id)] = Part("refund", moves, use.transfer_id)
        return back


def costs_of(basket: PricedBasket) -> Costs:
    """What pays for a basket's coupons."""
    costs = Costs()
    for discount, amount in basket.discounts:
        if discount.coupon_id is None:
            continue
        if discount.reserve is None:
            costs.moves.extend(_coupon_moves(discount.coupon_id, amount, basket.currency))
        else:
            moves = _campaign_moves(discount.reserve.campaign_id, amount, basket.currency)
            costs.captures[_part_name(discount.coupon_id)] = Part("capture", moves, discount.reserve.hold_id)
    return costs


def note_uses(
    session: AsyncSession, order: Order, basket: PricedBasket, *, captured: Mapping[str, UUID], now: datetime
) -> None:
    """That an order, which has been paid, used its coupons; `captured` are the transfers of `Costs.captures`."""
    session.add_all(
        CouponUse(
            coupon_id=discount.coupon_id,
            order_id=order.id,
            member_id=order.member_id,
            amount=amount,
            used_at=now,
            transfer_id=captured.get(_part_name(discount.coupon_id)),
        )
        for discount, amount in basket.discounts
        if discount.coupon_id is not None
    )


async def used_in(session: AsyncSession, *, order: Order) -> Used:
    rows = await session.execute(
        select(CouponUse, Coupon.campaign_id)
        .join(Coupon, Coupon.id == CouponUse.coupon_id)
        .where(CouponUse.order_id == order.id, CouponUse.returned_at.is_(None))
        .order_by(CouponUse.coupon_id)
    )
    found = [(use, campaign_id) for use, campaign_id in rows]
    campaigns = {use.coupon_id: campaign_id for use, campaign_id in found if campaign_id is not None}
    return Used([use for use, _ in found], campaigns, order.currency)


async def exhausted(session: AsyncSession, basket: PricedBasket) -> str | None:
    """The coupon, by what it's called, whose own budget has less than this basket would cost it."""
    given = [
        (coupon_budget(discount.coupon_id, basket.currency).id, discount.label, amount)
        for discount, amount in basket.discounts
        if discount.coupon_id is not None and discount.reserve is None
    ]
    left = await balances(session, [budget_id for budget_id, _, _ in given])
    return next((label for budget_id, label, amount in given if left[budget_id].available < amount), None)


def _coupon_moves(coupon_id: UUID, amount: int, unit: str) -> Moves:
    return [(coupon_budget(coupon_id, unit), -amount), (coupon_cost(coupon_id, unit), amount)]


def _campaign_moves(campaign_id: UUID, amount: int, unit: str) -> Moves:
    return [(campaign_budget(campaign_id, unit), -amount), (campaign_cost(campaign_id, unit), amount)]


def _part_name(coupon_id: UUID) -> str:
    return f"coupon:{coupon_id}"
