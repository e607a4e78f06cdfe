"""No cent is lost or made: discounts, shares, tenders and what refunds give back of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from facepay.checkout.pricing import PricedBasket, PricedLine, Tender, discounted, split_tender, tender_of_refund
from facepay.rewards.discounts import Discount, portion, share_out
from facepay.rewards.lots import part_of
from facepay.rewards.rules import Rules, Tier

amounts = st.integers(0, 10**7)
rates = st.integers(0, 10_000)
CATEGORIES = ("Drinks", "Food", None)


@st.composite
def baskets(draw: st.DrawFn) -> PricedBasket:
    lines = draw(st.lists(st.tuples(st.integers(1, 9), amounts, rates, st.sampled_from(CATEGORIES)), max_size=6))
    return PricedBasket(
        tuple(
            PricedLine(UUID(int=n), f"SKU-{n}", "thing", quantity, price, rate, category)
            for n, (quantity, price, rate, category) in enumerate(lines)
        ),
        "CNY",
    )


discounts = st.builds(
    Discount,
    st.just("coupon"),
    st.just("C"),
    basis_points=rates,
    amount=amounts,
    categories=st.frozensets(st.sampled_from(("Drinks", "Food"))),
)


@given(baskets(), st.lists(discounts, max_size=3))
def test_discounts_are_shared_out_to_the_cent_and_no_line_costs_less_than_nothing(
    basket: PricedBasket, taken: list[Discount]
) -> None:
    after = discounted(basket, taken)
    assert basket.total - after.total == sum(amount for _, amount in after.discounts)
    for line in after.lines:
        assert 0 <= line.discount <= line.unit_price * line.quantity
        assert 0 <= line.tax <= line.total
        if line.discount:
            assert any(discount.covers(line.sku, line.category) for discount in taken)


@given(st.lists(amounts, min_size=1), st.data())
def test_a_share_is_within_one_of_its_due(weights: list[int], data: st.DataObject) -> None:
    whole = sum(weights)
    total = data.draw(st.integers(0, whole))
    parts = share_out(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert 0 <= part <= weight
        assert abs(part * whole - total * weight) < max(whole, 1)


def test_a_remainder_goes_where_it_is_largest() -> None:
    assert share_out(10, [5, 5, 5]) == [4, 3, 3]
    assert share_out(100, [333, 333, 334]) == [33, 33, 34]


@given(amounts, amounts, st.integers(1, 500), amounts)
def test_a_total_is_paid_with_points_then_gifts_then_money(total: int, points: int, value: int, gift: int) -> None:
    tender = split_tender(total, points=points, point_value=value, gift=gift)
    assert tender.total == total
    assert tender.points_value == tender.points * value
    assert tender.points <= points
    assert 0 <= tender.gift <= gift
    assert tender.wallet >= 0
    if tender.wallet:
        assert tender.gift == gift


@given(
    st.builds(split_tender, st.integers(1, 10**5), points=amounts, point_value=st.integers(1, 9), gift=amounts),
    amounts,
    amounts,
    st.data(),
)
def test_any_sequence_of_partial_refunds_gives_back_exactly_what_was_paid(
    paid: Tender, coupon: int, earned: int, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, paid.total), max_size=8)) | {0, paid.total})
    parts = [tender_of_refund(paid, refunded_before=low, amount=high - low) for low, high in pairwise(cuts)]
    for part, (low, high) in zip(parts, pairwise(cuts), strict=True):
        assert part.total == high - low
        assert min(part.points, part.points_value, part.gift, part.wallet) >= 0
    for name in ("points", "points_value", "gift", "wallet"):
        assert sum(getattr(part, name) for part in parts) == getattr(paid, name)
    for value in (coupon, earned):
        shares = [portion(value, of=paid.total, done=low, amount=high - low) for low, high in pairwise(cuts)]
        assert sum(shares) == value
        assert min(shares) >= 0


@given(st.lists(st.integers(1, 100), min_size=1, max_size=6), st.data())
def test_parts_of_what_was_drawn_cover_each_lot_once(lengths: list[int], data: st.DataObject) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    draws = [(length, start + timedelta(days=n)) for n, length in enumerate(lengths)]
    cuts = sorted(data.draw(st.sets(st.integers(0, sum(lengths)), max_size=8)) | {0, sum(lengths)})
    back: dict[datetime, int] = {}
    for low, high in pairwise(cuts):
        parts = part_of(draws, start=low, amount=high - low)
        assert sum(amount for amount, _ in parts) == high - low
        for amount, expires_at in parts:
            back[expires_at] = back.get(expires_at, 0) + amount
    assert back == {expires_at: length for length, expires_at in draws}


def test_points_follow_category_and_tier() -> None:
    gold = Tier(name="Gold", min_spend=1000, discount_basis_points=0, points_multiplier_basis_points=15_000)
    silver = Tier(name="Silver", min_spend=500, discount_basis_points=0, points_multiplier_basis_points=10_000)
    rules = Rules((gold, silver), {"Drinks": 3, None: 1})
    assert [rules.tier_at(spend) for spend in (499, 500, 999, 1000)] == [None, silver, silver, gold]
    paid = [("Drinks", 1050), ("Food", 250), (None, 99)]
    assert rules.points_for(paid, None) == (3150 + 250 + 99) // 100 == 34
    assert rules.points_for(paid, gold) == 3499 * 3 // 200 == 52
    assert Rules((), {}).points_for(paid, None) == 0
