"""What kiosks send and hear, and what staff see of orders."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from facepay.catalog.products import SoldBy
from facepay.catalog.schemas import GRAMS_MAX
from facepay.checkout.benefits import Wish
from facepay.checkout.kiosk import CheckoutDecision
from facepay.checkout.orders import OrderStatus
from facepay.checkout.refunds import RefundKind
from facepay.checkout.weighing import Weighings, read_weighings
from facepay.identity.schemas import DecisionAnswer, PassShown
from facepay.identity.sighting import Sighting
from facepay.kernel.auth import Principal
from facepay.kernel.schemas import AMOUNT_MAX, Amount, Answer, Code, Line, Request
from facepay.rewards.discounts import Reason
from facepay.rewards.schemas import CouponCode

LINES_MAX = 100
EPCS_MAX = 500
Epc = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{24}$", to_upper=True)]
COUPONS_MAX = 5


class BasketLine(Request):
    sku: Code
    quantity: Annotated[int, Field(ge=1, le=999, strict=True)]


class WeighedLine(Request):
    sku: Code
    weighing: Annotated[str, Field(max_length=2000, description="What the kiosk's scale read, signed: a compact JWS.")]


class GoodsLine(Request):
    sku: Code
    quantity: Annotated[
        int, Field(ge=1, le=GRAMS_MAX, strict=True, description="Pieces, or net grams of what is sold by weight.")
    ]


class Goods(Request):
    """Lines of the same sku are added up."""

    lines: Annotated[list[GoodsLine], Field(min_length=1, max_length=LINES_MAX)]

    def quantities(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for line in self.lines:
            total[line.sku] = total.get(line.sku, 0) + line.quantity
        return total


@dataclass(frozen=True, slots=True)
class BasketGoods:
    """Quantities by sku, in pieces or net grams, and what the latter were weighed by."""

    quantities: dict[str, int]
    weighings: Weighings


class Basket(Request):
    """What is bought, by pieces or by weight. Lines of the same sku are added up."""

    lines: Annotated[list[BasketLine | WeighedLine], Field(min_length=1, max_length=LINES_MAX)]
    coupons: list[CouponCode] = Field(default=[], max_length=COUPONS_MAX)
    redeem_points: Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True)] = 0

    @model_validator(mode="after")
    def _weighs_all_of_a_sku(self) -> Self:
        if self._pieces().keys() & self._weighed().keys():
            raise PydanticCustomError("weighed_in_part", "a sku is weighed in all of its lines, or in none")
        return self

    def goods(self, device: Principal) -> BasketGoods:
        """Raises SignatureInvalid and WeighingInvalid."""
        weighings = read_weighings(self._weighed(), device=device)
        grams = {sku: sum(each.net_grams for each in of_sku) for sku, of_sku in weighings.items()}
        return BasketGoods(quantities=self._pieces() | grams, weighings=weighings)

    def _pieces(self) -> dict[str, int]:
        pieces = Counter[str]()
        for line in self.lines:
            if isinstance(line, BasketLine):
                pieces[line.sku] += line.quantity
        return dict(pieces)

    def _weighed(self) -> dict[str, list[str]]:
        texts: dict[str, list[str]] = {}
        for line in self.lines:
            if isinstance(line, WeighedLine):
                texts.setdefault(line.sku, []).append(line.weighing)
        return texts

    def wish(self) -> Wish:
        """A coupon that is named twice counts once."""
        return Wish(tuple(dict.fromkeys(self.coupons)), self.redeem_points)


class PassCheckout(PassShown):
    """A one-time pass, and what is bought with it."""

    basket: Basket


class WeighingAnswer(Answer):
    gross_grams: int
    tare_grams: int
    net_grams: int
    amount: Annotated[int, Field(description="At the line's price per 100 g, rounded half up.")]
    scale: Annotated[str, Field(description="Its serial number.")]
    weighed_at: datetime


class OrderLineAnswer(Answer):
    sku: str
    name: str
    sold_by: SoldBy
    quantity: Annotated[int, Field(description="Pieces, or net grams of what is sold by weight.")]
    unit_price: Annotated[int, Field(description="Of a piece, or of 100 g.")]
    weighings: Annotated[list[WeighingAnswer], Field(description="None where staff vouched for the grams.")]
    tax_rate_basis_points: int
    discount: int
    total: int
    tax: int
    returned: Annotated[int, Field(description="How much of the quantity came back.")]


class DiscountAnswer(Answer):
    reason: Reason
    label: Annotated[str, Field(description="The tier's name, the coupon's code, or the campaign's name.")]
    amount: int


class OrderAnswer(Answer):
    """An order; amounts in minor units. The total is what was paid: discounts off, tax included."""

    id: UUID
    store_id: UUID
    device_id: UUID
    member_id: Annotated[UUID, Field(description="Who paid.")]
    buyer_id: Annotated[UUID | None, Field(description="Who bought it, where another member of their family paid.")]
    status: OrderStatus
    currency: str
    total: int
    tax: int
    discount: int
    discounts: list[DiscountAnswer]
    wallet: Annotated[int, Field(description="What of the total was paid in money.")]
    gift: Annotated[int, Field(description="What of it was paid with gift balance.")]
    points_value: Annotated[int, Field(description="What of it was paid with points.")]
    points: Annotated[int, Field(description="How many points that took.")]
    points_earned: int
    advance: Annotated[int, Field(description="What of the money the wallet was short of: a debt since.")]
    tip: Annotated[int, Field(description="Beside the total, for the staff: untaxed, from the wallet.")]
    tip_refunded: int
    refunded: int
    description: Annotated[str | None, Field(description="What was bought in a shop on the web, which has the lines.")]
    payment_intent_id: Annotated[UUID | None, Field(description="What had asked for it, in a shop on the web.")]
    supplements_id: Annotated[UUID | None, Field(description="The order that this one was charged after.")]
    reason: Annotated[str | None, Field(description="Why it was charged after another.")]
    pickup_number: Annotated[str | None, Field(description="Under which its dishes are called out.")]
    transfer_id: UUID | None
    cancelled_at: datetime | None
    created_at: datetime
    lines: list[OrderLineAnswer]


class Payment(Answer):
    """The wallet after the charge."""

    transfer_id: UUID | None
    amount: int
    currency: str
    balance: Annotated[int | None, Field(description="None where another member of their family pays.")]


class CheckoutAnswer(DecisionAnswer):
    checkout_id: UUID
    decision: Literal["paid", "declined", "step_up"]
    code: Annotated[str, Field(description="`paid`, or why not: `unknown_face`, `insufficient_funds`, `sold_out`, …")]
    total: Annotated[int | None, Field(description="What the basket costs, in minor units.")] = None
    currency: str
    skus: list[str] = Field(default=[], description="The skus at fault, where some are.")
    coupon: Annotated[str | None, Field(description="The coupon at fault, where one is.")] = None
    order: OrderAnswer | None = None
    payment: Payment | None = None
    limit: Annotated[int | None, Field(description="The limit that was hit: an amount, or a number of payments.")] = (
        None
    )
    measured: Annotated[int | None, Field(description="What this payment would have brought it to.")] = None

    @classmethod
    def of(cls, decision: CheckoutDecision, sighting: Sighting | None = None) -> CheckoutAnswer:
        checkout, order = decision.record, decision.order
        return cls(
            **cls.shared(decision, sighting),
            checkout_id=checkout.id,
            total=checkout.total,
            currency=checkout.currency,
            skus=list(decision.skus),
            coupon=decision.coupon,
            order=OrderAnswer.model_validate(order) if order else None,
            payment=Payment(
                transfer_id=order.transfer_id,
                amount=order.wallet,
                currency=order.currency,
                balance=decision.balance,
            )
            if order
            else None,
            limit=decision.over.limit if decision.over else None,
            measured=decision.over.measured if decision.over else None,
        )


class RefundRequest(Request):
    """Without an amount, all that is left is refunded; where nothing was before, the goods go back into stock."""

    amount: Amount | None = None
    reason: Annotated[Line, Field(examples=["Damaged on the shelf"])]
    tip: Annotated[bool, Field(description="The tip too.")] = False


class Cancellation(Request):
    reason: Annotated[Line, Field(examples=["Charged to the wrong family"])]
    goods_kept: Annotated[bool, Field(description="The goods don't come back into stock.")] = False
    tip: Annotated[bool, Field(description="The tip is given back too.")] = False


class Return(Goods):
    """The tags of what comes back, where it has some: without them only the tags of whole lines are freed."""

    reason: Annotated[Line, Field(examples=["Wrong size"])]
    epcs: list[Epc] = Field(default=[], max_length=EPCS_MAX)


class SupplementRequest(Goods):
    reason: Annotated[Line, Field(examples=["The shelf camera shows two more"])]
    advance_max: Annotated[
        int | None, Field(ge=0, le=AMOUNT_MAX, strict=True, description="What may become a debt; null: any amount.")
    ] = None


class RefundPreview(Answer):
    """What is given back, and what is taken for it."""

    kind: RefundKind
    amount: int
    tax: int
    gift: Annotated[int, Field(description="What of the amount went back to gift balance.")]
    points_value: Annotated[int, Field(description="What of it went back as points.")]
    points: Annotated[int, Field(description="Points given back.")]
    points_taken: Annotated[int, Field(description="Points that the order had earned, taken back.")]
    tip: Annotated[int, Field(description="What of the tip went back, beside the amount.")]
    points_owed: Annotated[int, Field(description="Such points that were spent already: the next ones pay for them.")]
    currency: str
    goods: Annotated[dict[str, int], Field(description="What came back with it: quantities by sku.")]


class RefundAnswer(RefundPreview):
    id: UUID
    order_id: UUID
    reason: str
    transfer_id: Annotated[UUID | None, Field(description="None where nothing had been paid.")]
    created_at: datetime
