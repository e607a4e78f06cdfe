"""Payment intents as the API shows them: all of one to its shop and to staff, next to nothing of it to a payer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import UUID

from pydantic import AfterValidator, Field, HttpUrl, StringConstraints, model_validator

from facepay.checkout.refunds import Refund
from facepay.kernel.schemas import AMOUNT_MAX, Amount, Answer, Currency, Line, Request, printable
from facepay.online.attempts import PaymentAttempt
from facepay.online.intents import FAILURES_MAX, CancellationReason, PaymentIntent, Status
from facepay.online.ways import Way, Ways

EXPIRES_IN_MIN, EXPIRES_IN_MAX = 60, 24 * 3600
RETURN_URL_MAX = 1900
LOCAL = ("localhost", "127.0.0.1", "[::1]")


def _safe_to_return_to(text: str) -> str:
    """As browsers read it. Raises ValueError."""
    url = HttpUrl(text)
    if url.username or url.password:
        raise ValueError("a return_url holds no credentials")
    if url.scheme != "https" and url.host not in LOCAL:
        raise ValueError("a return_url is https, but on localhost")
    if len(str(url)) > RETURN_URL_MAX:
        raise ValueError(f"a return_url has at most {RETURN_URL_MAX} characters")
    return str(url)


ReturnUrl = Annotated[
    str,
    StringConstraints(max_length=RETURN_URL_MAX),
    AfterValidator(_safe_to_return_to),
    Field(
        description="Where the payer's browser goes in the end, with `payment_intent` and `payment_intent_status` added"
        " to its query: `https`, or `http` on localhost.",
        examples=["https://shop.example.com/orders/1042"],
        json_schema_extra={"format": "uri"},
    ),
]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(printable)]
MetadataValue = Annotated[str, StringConstraints(max_length=500), AfterValidator(printable)]
Metadata = Annotated[
    dict[MetadataKey, MetadataValue],
    Field(max_length=50, description="The shop's own notes, never shown to the payer.", examples=[{"order": "1042"}]),
]
Tax = Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True, description="What of the amount is tax, in minor units.")]


class NewPaymentIntent(Request):
    amount: Annotated[Amount, Field(examples=[12900])]
    currency: Annotated[Currency, Field(description="The store's.", examples=["CNY"])]
    member_id: Annotated[UUID, Field(description="Who is to pay: nobody else's face or PIN is taken.")]
    description: Annotated[
        Line, Field(description="What the payer, and later their statement, is shown.", examples=["Order 1042"])
    ]
    return_url: ReturnUrl
    tax: Tax = 0
    expires_in: Annotated[
        int,
        Field(ge=EXPIRES_IN_MIN, le=EXPIRES_IN_MAX, strict=True, description="Seconds until it ends unpaid."),
    ] = 300
    metadata: Metadata = Field(default={})
    confirm: Annotated[bool, Field(strict=True, description="Confirm it in the same request.")] = False

    @model_validator(mode="after")
    def _tax_is_within(self) -> Self:
        if self.tax > self.amount:
            raise ValueError("the tax is a part of the amount")
        return self


class CancelRequest(Request):
    cancellation_reason: Literal["requested_by_customer", "abandoned", "duplicate", "fraudulent"] = (
        "requested_by_customer"
    )


class NextAction(Answer):
    """Send the payer's browser there. The secret is in the fragment, which no server and no log is sent."""

    type: Literal["redirect_to_url"] = "redirect_to_url"
    url: Annotated[str, Field(examples=["https://pay.example.com/pay#fpi_…_secret_…"])]


class PaymentError(Answer):
    code: Annotated[str, Field(examples=["insufficient_funds"])]
    message: Annotated[str, Field(description="For people.")]


class PaymentIntentAnswer(Answer):
    object: Literal["payment_intent"] = "payment_intent"
    id: UUID
    status: Status
    amount: int
    amount_received: Annotated[int, Field(description="All of the amount once it has succeeded.")]
    amount_refunded: int
    tax: int
    currency: str
    store_id: UUID
    device_id: Annotated[UUID, Field(description="The shop on the web that asked for it.")]
    member_id: Annotated[UUID | None, Field(description="null once they were erased.")]
    description: str | None
    return_url: str | None
    metadata: dict[str, str]
    attempts_left: Annotated[int, Field(ge=0, le=FAILURES_MAX)]
    last_payment_error: PaymentError | None
    cancellation_reason: CancellationReason | None
    order_id: Annotated[UUID | None, Field(description="The order that paid it.")]
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, intent: PaymentIntent) -> Self:
        return cls(
            **{name: getattr(intent, name) for name in _SAME},
            amount_received=intent.amount if intent.status == "succeeded" else 0,
            amount_refunded=intent.refunded or 0,
            metadata=intent.intent_metadata or {},
            last_payment_error=_error_of(intent),
        )


_SAME = (
    "id",
    "status",
    "amount",
    "tax",
    "currency",
    "store_id",
    "device_id",
    "member_id",
    "description",
    "return_url",
    "attempts_left",
    "cancellation_reason",
    "order_id",
    "created_at",
    "expires_at",
    "ended_at",
)


class ShopIntentAnswer(PaymentIntentAnswer):
    """With the secret, for the shop that made it and nobody else: kept nowhere, it follows from the id."""

    client_secret: Annotated[str | None, Field(examples=["fpi_0199f7a1c0de7000a000000000000000_secret_…"])] = None
    next_action: NextAction | None = None

    def with_secret(self, secret: str, *, public_base: str) -> ShopIntentAnswer:
        leads_on = self.status == "requires_action"
        action = NextAction(url=f"{public_base}/pay#{secret}") if leads_on else None
        return self.model_copy(update={"client_secret": secret, "next_action": action})


class PaymentAttemptAnswer(Answer):
    """What somebody tried to prove, and what came of it: neither frames nor anything that was measured of a face but
    how alike it was to the one member it was compared with.
    """

    id: UUID
    way: Way
    code: Annotated[str, Field(examples=["succeeded", "face_not_verified"])]
    similarity: float | None
    threshold: float | None
    basis: str | None
    pack: str | None
    created_at: datetime


class StaffIntentAnswer(PaymentIntentAnswer):
    attempts: list[PaymentAttemptAnswer]

    @classmethod
    def with_attempts(cls, intent: PaymentIntent, attempts: list[PaymentAttempt]) -> StaffIntentAnswer:
        shown = [PaymentAttemptAnswer.model_validate(each) for each in attempts]
        return cls(**PaymentIntentAnswer.of(intent).model_dump(), attempts=shown)


class IntentRefundRequest(Request):
    """Without an amount, all that is left is given back."""

    amount: Amount | None = None
    reason: Annotated[Line, Field(examples=["Sent back unopened"])]


class IntentRefundAnswer(Answer):
    object: Literal["refund"] = "refund"
    id: UUID
    payment_intent: UUID
    order_id: UUID
    amount: int
    tax: Annotated[int, Field(description="What of the amount was tax.")]
    currency: str
    reason: str
    created_at: datetime

    @classmethod
    def of(cls, refund: Refund, intent_id: UUID) -> IntentRefundAnswer:
        same = ("id", "order_id", "amount", "tax", "currency", "reason", "created_at")
        return cls(payment_intent=intent_id, **{name: getattr(refund, name) for name in same})


class PayerIntentAnswer(Answer):
    """What whoever was sent to pay has to know, and nothing of the member: who has the link may be somebody else."""

    object: Literal["payment_intent"] = "payment_intent"
    id: UUID
    status: Status
    amount: int
    currency: str
    shop: Annotated[str, Field(description="The store's name.", examples=["Xixi Road"])]
    description: str | None
    expires_at: datetime
    ways: Annotated[list[Way], Field(description="How it can be proven who pays; empty where that isn't possible now.")]
    ways_needed: Annotated[int, Field(ge=1, le=2, description="How many of these ways it takes: 2 for large amounts.")]
    attempts_left: Annotated[int, Field(ge=0, le=FAILURES_MAX)]
    last_payment_error: PaymentError | None
    cancellation_reason: CancellationReason | None
    return_url: Annotated[str | None, Field(description="Once it has ended: where to go, with what came of it.")]

    @classmethod
    def of(cls, intent: PaymentIntent, *, shop: str, ways: Ways) -> PayerIntentAnswer:
        same = ("id", "status", "amount", "currency", "description", "expires_at", "attempts_left")
        return cls(
            **{name: getattr(intent, name) for name in same},
            shop=shop,
            ways=list(ways.open),
            ways_needed=ways.needed,
            last_payment_error=_error_of(intent),
            cancellation_reason=intent.cancellation_reason,
            return_url=_way_back(intent),
        )


class PinConfirmation(Request):
    pin: Annotated[str, StringConstraints(pattern=r"^[0-9]{4,12}$"), Field(examples=["739150"])]


def _error_of(intent: PaymentIntent) -> PaymentError | None:
    if intent.error_code is None or intent.error_message is None:
        return None
    return PaymentError(code=intent.error_code, message=intent.error_message)


def _way_back(intent: PaymentIntent) -> str | None:
    if intent.ended_at is None or intent.return_url is None:
        return None
    parts = urlsplit(intent.return_url)
    added = urlencode({"payment_intent": intent.id, "payment_intent_status": intent.status})
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))
