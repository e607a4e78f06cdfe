"""Tier, coupons and wins together, as arithmetic: no total below zero, nobody worse off for what they have won."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from facepay.checkout.benefits import take_off, with_own
from facepay.checkout.coupon_costs import costs_of
from facepay.checkout.pricing import PricedBasket
from facepay.rewards.coupons import Coupon
from facepay.rewards.picking import Picked
from facepay.rewards.rules import Tier
from tests.rewards.test_arithmetic import baskets

ids = st.uuids(version=4)
amounts = st.integers(1, 10**6)


@st.composite
def coupons(draw: st.DrawFn, *, won: bool) -> Picked:
    by_rate = draw(st.booleans())
    coupon = Coupon(
        id=draw(ids),
        code="CODE",
        label="Smile week" if won else None,
        basis_points=draw(st.integers(1, 10_000)) if by_rate else None,
        amount=None if by_rate else draw(amounts),
        skus=[],
        categories=draw(st.lists(st.sampled_from(("Drinks", "Food")), max_size=1)),
        stacks_with_tier=draw(st.booleans()),
        stacks_with_coupons=draw(st.booleans()),
        campaign_id=UUID(int=1) if won else None,
        hold_id=draw(ids) if won else None,
    )
    return Picked(coupon, amount_max=draw(amounts) if won else None)


tiers = st.none() | st.builds(Tier, name=st.just("Gold"), discount_basis_points=st.integers(0, 10_000))
said = st.lists(coupons(won=False), max_size=2)
wins = st.lists(coupons(won=True), max_size=4)


@settings(max_examples=50)
@given(baskets(), tiers, said, wins)
def test_what_is_taken_off_adds_up_and_never_more_than_was_put_aside(
    basket: PricedBasket, tier: Tier | None, picked: list[Picked], own: list[Picked]
) -> None:
    before, after = take_off(basket, tier, picked), with_own(basket, tier, picked, own)
    assert 0 <= after.total <= before.total <= basket.total
    assert basket.total - after.total == sum(amount for _, amount in after.discounts)
    assert all(line.total >= 0 and 0 <= line.tax <= line.total for line in after.lines)
    aside = {each.coupon.id: each.amount_max for each in own}
    used = {discount.coupon_id: amount for discount, amount in after.discounts if discount.reason == "smile"}
    assert all(0 < amount <= (aside[coupon_id] or 0) for coupon_id, amount in used.items() if coupon_id)
    costs = costs_of(after)
    assert sum(amount for _, amount in costs.moves) == 0
    assert all(sum(amount for _, amount in part.moves) == 0 for part in costs.captures.values())
    assert len(costs.captures) == len(used)


@settings(max_examples=50)
@given(baskets(), tiers, said, wins)
def test_coupons_that_are_said_stay_as_they_were_and_only_what_stacks_joins_them(
    basket: PricedBasket, tier: Tier | None, picked: list[Picked], own: list[Picked]
) -> None:
    after = with_own(basket, tier, picked, own)
    used = {discount.coupon_id for discount, _ in after.discounts if discount.reason == "smile"}
    joined = [each.coupon for each in own if each.coupon.id in used]
    said_now = [discount.coupon_id for discount, _ in after.discounts if discount.reason == "coupon"]
    assert said_now == [each.coupon.id for each in picked]
    if joined and len(joined) + len(picked) > 1:
        assert all(each.stacks_with_coupons for each in (*joined, *(one.coupon for one in picked)))
    if any(discount.reason == "tier" for discount, _ in after.discounts):
        assert all(each.stacks_with_tier for each in joined)
