"""What a basket costs: pure arithmetic in minor units, no database and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from facepay.catalog.products import Product
from facepay.kernel.schemas import AMOUNT_MAX

BASIS_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class PricedLine:
    product_id: UUID
    sku: str
    name: str
    quantity: int
    unit_price: int
    tax_rate_basis_points: int

    @property
    def total(self) -> int:
        return self.unit_price * self.quantity

    @property
    def tax(self) -> int:
        """The tax inside a tax-inclusive total, rounded half up."""
        rate = self.tax_rate_basis_points
        return (2 * self.total * rate + BASIS_POINTS + rate) // (2 * (BASIS_POINTS + rate))


@dataclass(frozen=True, slots=True)
class PricedBasket:
    lines: tuple[PricedLine, ...]
    currency: str

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
    quantities: Mapping[str, int], products: Mapping[str, Product], *, currency: str
) -> PricedBasket | Unpriceable:
    """Price a basket of sku -> quantity from the products of the same skus."""
    if unknown := _skus(sku for sku in quantities if sku not in products):
        return Unpriceable("unknown_sku", unknown)
    if gone := _skus(sku for sku in quantities if not products[sku].active):
        return Unpriceable("not_for_sale", gone)
    if foreign := _skus(sku for sku in quantities if products[sku].currency != currency):
        return Unpriceable("currency_mismatch", foreign)
    basket = PricedBasket(
        lines=tuple(_line(products[sku], quantity) for sku, quantity in quantities.items()), currency=currency
    )
    if basket.total > AMOUNT_MAX:
        return Unpriceable("amount_too_large", _skus(quantities))
    return basket


def _skus(skus: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(skus))


def _line(product: Product, quantity: int) -> PricedLine:
    return PricedLine(
        product_id=product.id,
        sku=product.sku,
        name=product.name,
        quantity=quantity,
        unit_price=product.price,
        tax_rate_basis_points=product.tax_rate_basis_points,
    )


def tax_of_refund(*, total: int, tax: int, refunded_before: int, amount: int) -> int:
    """The tax inside a partial refund: the shares of any sequence of refunds add up to the order's tax."""
    return tax * (refunded_before + amount) // total - tax * refunded_before // total
