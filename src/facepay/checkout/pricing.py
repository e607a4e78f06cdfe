"""What a basket costs: pure arithmetic in minor units, no database and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from facepay.catalog.products import Product, SoldBy
from facepay.checkout.weighing import NOTHING_WEIGHED, Weighing, Weighings, price_of
from facepay.kernel.schemas import AMOUNT_MAX
from facepay.rewards.discounts import BASIS_POINTS, Discount, portion, share_out


@dataclass(frozen=True, slots=True)
class PricedLine:
    """`quantity` is pieces, or net grams of what is sold by weight: then `unit_price` is that of 100 g, and each
    weighing is priced by itself, as its scale showed it.
    """

    product_id: UUID
    sku: str
    name: str
    quantity: int
    unit_price: int
    tax_rate_basis_points: int
    category: str | None = None
    prepared: bool = False
    age_min: int | None = None  # in years: nobody younger may buy it
    sold_by: SoldBy = "piece"
    weighings: tuple[Weighing, ...] = ()
    discount: int = 0

    @property
    def total(self) -> int:
        """What is paid for it."""
        if self.sold_by == "piece":
            return self.unit_price * self.quantity - self.discount
        weighed = [weighing.net_grams for weighing in self.weighings] or [self.quantity]
        return sum(price_of(grams, self.unit_price) for grams in weighed) - self.discount

    @property
    def tax(self) -> int:
        """The tax inside a tax-inclusive total, rounded half up."""
        rate = self.tax_rate_basis_points
        return (2 * self.total * rate + BASIS_POINTS + rate) // (2 * (BASIS_POINTS + rate))


@dataclass(frozen=True, slots=True)
class PricedBasket:
    lines: tuple[PricedLine, ...]
    currency: str
    discounts: tuple[tuple[Discount, int], ...] = ()  # and how much each took off

    @property
    def total(self) -> int:
        return sum(line.total for line in self.lines)

    @property
    def tax(self) -> int:
        return sum(line.tax for line in self.lines)


@dataclass(frozen=True, slots=True)
class Unpriceable:
    """Why a basket can't be sold, and which skus are at fault."""

    code: str
    skus: tuple[str, ...]


def price_basket(
    quantities: Mapping[str, int],
    products: Mapping[str, Product],
    *,
    currency: str,
    weighings: Weighings = NOTHING_WEIGHED,
    vouched: bool = False,
) -> PricedBasket | Unpriceable:
    """Price a basket of sku -> quantity from the products of the same skus.

    Goods by weight come with their weighings, and their quantity is the sum of these; only where staff vouch for it is
    it taken as it is.
    """
    if unknown := _skus(sku for sku in quantities if sku not in products):
        return Unpriceable("unknown_sku", unknown)
    if gone := _skus(sku for sku in quantities if not products[sku].active):
        return Unpriceable("not_for_sale", gone)
    if foreign := _skus(sku for sku in quantities if products[sku].currency != currency):
        return Unpriceable("currency_mismatch", foreign)
    weighed = _skus(sku for sku in quantities if products[sku].sold_by == "weight")
    if not vouched and (unweighed := _skus(sku for sku in weighed if sku not in weighings)):
        return Unpriceable("sold_by_weight", unweighed)
    if pieces := _skus(weighings.keys() - set(weighed)):
        return Unpriceable("sold_by_piece", pieces)
    lines = (_line(products[sku], quantity, weighings.get(sku, ())) for sku, quantity in quantities.items())
    basket = PricedBasket(lines=tuple(lines), currency=currency)
    if basket.total > AMOUNT_MAX:
        return Unpriceable("amount_too_large", _skus(quantities))
    return basket


def _skus(skus: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(skus))


def _line(product: Product, quantity: int, weighings: tuple[Weighing, ...]) -> PricedLine:
    return PricedLine(
        product_id=product.id,
        sku=product.sku,
        name=product.name,
        quantity=quantity,
        unit_price=product.price,
        tax_rate_basis_points=product.tax_rate_basis_points,
        category=product.category,
        prepared=product.prepared,
        age_min=product.age_min,
        sold_by=product.sold_by,
        weighings=weighings,
    )


def discounted(basket: PricedBasket, discounts: Sequence[Discount]) -> PricedBasket:
    """Take off one discount after another, each shared out to the cent among the lines that it covers."""
    lines, taken_off = list(basket.lines), list(basket.discounts)
    for discount in discounts:
        bases = [line.total if discount.covers(line.sku, line.category) else 0 for line in lines]
        amount = discount.of(sum(bases))
        shares = share_out(amount, bases)
        lines = [replace(line, discount=line.discount + share) for line, share in zip(lines, shares, strict=True)]
        taken_off.append((discount, amount))
    return replace(basket, lines=tuple(lines), discounts=tuple(taken_off))


@dataclass(frozen=True, slots=True)
class Tender:
    """What a total is paid with, in minor units; `points_value` is what the points count for."""

    points: int
    points_value: int
    gift: int
    wallet: int

    @property
    def total(self) -> int:
        return self.points_value + self.gift + self.wallet


def split_tender(total: int, *, points: int, point_value: int, gift: int) -> Tender:
    """As many of the offered points as the total takes, then gift balance, then the wallet."""
    points = min(points, total // point_value)
    points_value = points * point_value
    gift = min(gift, total - points_value)
    return Tender(points, points_value, gift, total - points_value - gift)


def tender_of_refund(paid: Tender, *, refunded_before: int, amount: int) -> Tender:
    """What a partial refund gives back, in proportion: the parts of any sequence add up to what was paid."""
    before, after = _returned(paid, refunded_before), _returned(paid, refunded_before + amount)
    return Tender(
        points=after.points - before.points,
        points_value=after.points_value - before.points_value,
        gift=after.gift - before.gift,
        wallet=after.wallet - before.wallet,
    )


def _returned(paid: Tender, refunded: int) -> Tender:
    """All that is given back by the time this much is refunded. None of it ever falls as that grows."""
    gift = _part(paid.gift, refunded, paid.total)
    rest = refunded - gift
    points_value = _part(paid.points_value, rest, paid.total - paid.gift)
    points = _part(paid.points, points_value, paid.points_value)
    return Tender(points, points_value, gift, rest - points_value)


def _part(value: int, amount: int, of: int) -> int:
    return portion(value, of=of, done=0, amount=amount) if of else 0
