"""What kiosks send and hear, and what staff see of orders."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from facepay.checkout.kiosk import CheckoutDecision
from facepay.identity.desk import Decision
from facepay.identity.recognition import Sighting
from facepay.identity.schemas import RecognisedMember, StepUpAsked
from facepay.kernel.schemas import Amount, Answer, Code, Line, Request

LINES_MAX = 100


class BasketLine(Request):
    sku: Code
    quantity: Annotated[int, Field(ge=1, le=999, strict=True)]


class Basket(Request):
    """What is bought. Lines of the same sku are added up."""

    lines: Annotated[list[BasketLine], Field(min_length=1, max_length=LINES_MAX)]

    def quantities(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for line in self.lines:
            total[line.sku] = total.get(line.sku, 0) + line.quantity
        return total


class OrderLineAnswer(Answer):
    sku: str
    name: str
    quantity: int
    unit_price: int
    tax_rate_basis_points: int
    total: int
    tax: int


class OrderAnswer(Answer):
    """An order; amounts in minor units, tax included in the total."""

    id: UUID
    store_id: UUID
    kiosk_id: UUID
    member_id: UUID
    status: Literal["paid", "partly_refunded", "refunded"]
    currency: str
    total: int
    tax: int
    refunded: int
    transfer_id: UUID | None
    created_at: datetime
    lines: list[OrderLineAnswer]


class Payment(Answer):
    """The wallet after the charge."""

    transfer_id: UUID | None
    amount: int
    currency: str
    balance: int


class CheckoutAnswer(Decision):
    checkout_id: UUID
    decision: Literal["paid", "declined", "step_up"]
    code: Annotated[str, Field(description="`paid`, or why not: `unknown_face`, `insufficient_funds`, `sold_out`, …")]
    total: Annotated[int | None, Field(description="What the basket costs, in minor units.")] = None
    currency: str
    skus: list[str] = Field(default=[], description="The skus at fault, where some are.")
    member: RecognisedMember | None = None
    order: OrderAnswer | None = None
    payment: Payment | None = None
    similarity: float | None = None
    threshold: float | None = None
    margin: float | None = None
    faces: int = 1
    step_up: StepUpAsked | None = None
    answers_left: int | None = None
    limit: Annotated[int | None, Field(description="The limit that was hit: an amount, or a number of payments.")] = (
        None
    )
    measured: Annotated[int | None, Field(description="What this payment would have brought it to.")] = None

    @classmethod
    def of(cls, decision: CheckoutDecision, sighting: Sighting | None = None) -> CheckoutAnswer:
        checkout, order = decision.checkout, decision.order
        return cls(
            checkout_id=checkout.id,
            decision=checkout.decision,
            code=checkout.code,
            total=checkout.total,
            currency=checkout.currency,
            skus=list(decision.skus),
            member=RecognisedMember.model_validate(decision.member) if decision.member else None,
            order=OrderAnswer.model_validate(order) if order else None,
            payment=Payment(
                transfer_id=order.transfer_id,
                amount=order.total,
                currency=order.currency,
                balance=decision.balance or 0,
            )
            if order
            else None,
            similarity=checkout.similarity,
            threshold=checkout.threshold,
            margin=decision.margin,
            faces=sighting.faces if sighting else 1,
            step_up=StepUpAsked.model_validate(decision.step_up) if decision.step_up else None,
            answers_left=decision.answers_left,
            limit=decision.over.limit if decision.over else None,
            measured=decision.over.measured if decision.over else None,
        )


class RefundRequest(Request):
    """Without an amount, all that is left is refunded and the goods go back into stock."""

    amount: Amount | None = None
    reason: Annotated[Line, Field(examples=["Damaged on the shelf"])]


class RefundAnswer(Answer):
    id: UUID
    order_id: UUID
    amount: int
    tax: int
    currency: str
    reason: str
    transfer_id: UUID
    created_at: datetime
