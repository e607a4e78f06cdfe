"""Prices by weight, as arithmetic."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from facepay.catalog.products import Product
from facepay.checkout.pricing import PricedBasket, PricedLine, Unpriceable, discounted, price_basket
from facepay.checkout.weighing import Scale, Weighing, price_of
from facepay.rewards.discounts import Discount, portion

SCALE = Scale(serial="S-1", capacity_grams=15_000, interval_grams=1)
grams, prices, rates = st.integers(1, 15_000), st.integers(0, 10**6), st.integers(0, 10_000)


def line_of(bags: list[int], price: int, rate: int = 1300, *, number: int = 1) -> PricedLine:
    weighings = tuple(
        Weighing(
            nonce=f"nonce-of-sixteen-{number}-{position}",
            at=0,
            sku=f"S-{number}",
            unit_price=price,
            gross_grams=net + 10,
            tare_grams=10,
            stable=True,
            scale=SCALE,
        )
        for position, net in enumerate(bags)
    )
    return PricedLine(
        UUID(int=number), f"S-{number}", "Fruit", sum(bags), price, rate, sold_by="weight", weighings=weighings
    )


@given(grams, prices)
def test_a_weight_costs_its_share_of_the_price_rounded_half_up_once(net: int, price: int) -> None:
    exact = Decimal(price) * net / 100
    assert price_of(net, price) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@settings(max_examples=40)
@given(st.lists(grams, min_size=1, max_size=5), prices)
def test_a_line_is_the_sum_of_what_its_receipt_shows(bags: list[int], price: int) -> None:
    line = line_of(bags, price)
    shown = [weighing.on_receipt(price) for weighing in line.weighings]
    assert line.total == sum(each["amount"] for each in shown)
    assert line.quantity == sum(each["gross_grams"] - each["tare_grams"] for each in shown)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.lists(grams, min_size=1, max_size=3), prices, rates), min_size=1, max_size=4),
    st.integers(0, 10_000),
    st.data(),
)
def test_discounts_tax_and_any_sequence_of_returns_add_up_to_the_cent(
    goods: list[tuple[list[int], int, int]], basis_points: int, data: st.DataObject
) -> None:
    lines = tuple(line_of(*each, number=number) for number, each in enumerate(goods, start=1))
    before = PricedBasket(lines, "CNY")
    basket = discounted(before, [Discount("tier", "Gold", basis_points=basis_points)])
    assert before.total - basket.total == sum(off for _, off in basket.discounts)
    for line in basket.lines:
        assert 0 <= line.tax <= line.total
        done, back, tax = 0, 0, 0
        while done < line.quantity:
            part = data.draw(st.integers(max(1, line.quantity // 5), line.quantity))
            part = min(part, line.quantity - done)
            back += portion(line.total, of=line.quantity, done=done, amount=part)
            tax += portion(line.tax, of=line.quantity, done=done, amount=part)
            done += part
        assert (back, tax) == (line.total, line.tax)


def test_grams_that_nobody_weighed_or_vouches_for_have_no_price() -> None:
    fruit = Product(
        id=UUID(int=1), sku="S-1", name="Fruit", price=598, tax_rate_basis_points=0, currency="CNY", active=True
    )
    fruit.sold_by, fruit.prepared = "weight", False
    assert price_basket({"S-1": 305}, {"S-1": fruit}, currency="CNY") == Unpriceable("sold_by_weight", ("S-1",))
    vouched = price_basket({"S-1": 305}, {"S-1": fruit}, currency="CNY", vouched=True)
    assert isinstance(vouched, PricedBasket)
    assert vouched.total == 1824
