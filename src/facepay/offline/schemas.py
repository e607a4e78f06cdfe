"""What goes over the wire for a store without network."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator

from facepay.checkout.schemas import LINES_MAX, BasketLine
from facepay.kernel.schemas import AMOUNT_MAX, Amount, Answer, Code, Currency, DeviceClock, Line, Request
from facepay.offline.clocks import DeviceTime
from facepay.offline.documents import DocumentUnreadable, Mode, Pass, Policy, Reader
from facepay.offline.posts import Kind, Told
from facepay.offline.resolutions import Outcome
from facepay.offline.taking import Batch

POSTS_MAX = 50
UPTIME_MS_MAX = 10 * 366 * 24 * 3_600_000
UpTo = Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True)]
Signed = StringConstraints(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")
SignedPolicy = Annotated[str, Signed, Field(max_length=800_000)]
ShownPass = Annotated[str, Field(max_length=4096, description="What the QR code said.")]


class StorePolicy(Request):
    """Amounts in minor units of the store's currency."""

    mode: Annotated[Mode, Field(description="`deny`, or trust passes that members carry.")]
    payment_max: Annotated[UpTo, Field(description="Of one payment.", examples=[10_000])] = 0
    pass_max: Annotated[UpTo, Field(description="Of all payments with one pass at one device.", examples=[20_000])] = 0

    @model_validator(mode="after")
    def _within(self) -> StorePolicy:
        if self.payment_max > self.pass_max:
            raise ValueError("payment_max can't be above pass_max")
        return self


class StorePolicyAnswer(Answer):
    store_id: UUID
    mode: Mode
    payment_max: int
    pass_max: int
    changed_by: str | None
    changed_at: datetime | None


class PolicyAnswer(Answer):
    policy: Annotated[str, Field(description="A compact JWS; its claims are documented in docs/offline.md.")]
    expires_at: datetime


class KeysAnswer(Answer):
    """A JWK Set (RFC 7517); the key in force is the first."""

    keys: list[dict[str, str]]


class NewPass(Request):
    amount_max: Annotated[Amount, Field(examples=[5_000])]
    hours: Annotated[int, Field(ge=1, le=24 * 7, strict=True)] = 12
    currency: Annotated[Currency | None, Field(description="The chain's where it is left out.")] = None


class OfflinePassAnswer(Answer):
    id: UUID
    signed: Annotated[str, Field(serialization_alias="pass", description="What the QR code says.")]
    amount_max: int
    currency: str
    expires_at: datetime
    qr_svg: Annotated[str, Field(description="The QR code, to show as it is.")]


class Moment(Request):
    """When, as the device sees it."""

    at: Annotated[DeviceClock, Field(description="By its wall clock, right or wrong.")]
    boot: Annotated[Code, Field(description="Another after each start, such as Linux's boot_id.")]
    uptime_ms: Annotated[int, Field(ge=0, le=UPTIME_MS_MAX, strict=True, description="Since that start.")]

    def read(self) -> DeviceTime:
        return DeviceTime(self.at, self.boot, self.uptime_ms)


class NewPost(Request):
    """A thing that the device did. A sale has lines, and the total that the customer was shown."""

    sequence: Annotated[int, Field(ge=1, le=2**53, strict=True)]
    kind: Kind
    time: Moment
    shown: Annotated[ShownPass, Field(alias="pass")]
    lines: list[BasketLine] = Field(default=[], max_length=LINES_MAX)
    total: UpTo = 0

    @model_validator(mode="after")
    def _of_its_kind(self) -> NewPost:
        if (self.kind == "sale") != bool(self.lines) or (self.total and self.kind != "sale"):
            raise ValueError("a sale has lines and a total, and nothing else has")
        return self

    def read(self, reader: Reader) -> Told:
        quantities: dict[str, int] = {}
        for line in self.lines:
            quantities[line.sku] = quantities.get(line.sku, 0) + line.quantity
        shown = readable(reader, Pass, self.shown)
        return Told(self.sequence, self.kind, self.time.read(), self.shown, shown, quantities, self.total)


class NewBatch(Request):
    """Posts in the order in which they happened, under the policy that decided them."""

    run: Annotated[UUID, Field(description="Drawn when the device's queue begins, and again should it be lost.")]
    policy: SignedPolicy
    sent: Annotated[Moment, Field(description="Now.")]
    posts: Annotated[list[NewPost], Field(min_length=1, max_length=POSTS_MAX)]

    def read(self, reader: Reader, *, skew_before: timedelta) -> Batch:
        policy = readable(reader, Policy, self.policy)
        return Batch(self.run, policy, self.policy, self.sent.read(), skew_before)


def readable(reader: Reader, kind: type[Any], text: str) -> Any:
    """The document, or None where it isn't one of ours."""
    try:
        return reader.read(kind, text)
    except DocumentUnreadable:
        return None


class Verdict(Answer):
    """What became of a post."""

    sequence: int
    id: UUID
    verdict: Literal["accepted", "accepted_with_debt", "disputed"]
    code: Annotated[str, Field(description="Why it is disputed.", examples=["pass_overdrawn"])]
    owed: Annotated[int, Field(description="What of it the wallet couldn't pay.")]
    order_id: UUID | None
    visit_id: UUID | None


class BatchAnswer(Answer):
    verdicts: list[Verdict]
    waiting_for: Annotated[int | None, Field(description="Nothing from the gap on was taken: send this one first.")]
    next_sequence: int


class Good(BaseModel):
    sku: str
    quantity: int
    price: Annotated[int | None, Field(description="Of one, by the policy; null where it has no such product.")] = None


class OfflinePostAnswer(Verdict):
    """All that is kept of a post."""

    store_id: UUID
    device_id: UUID
    run: UUID
    kind: Kind
    policy_id: UUID | None
    pass_id: UUID | None
    member_id: UUID | None
    goods: list[Good] | None
    total: Annotated[int | None, Field(description="What the customer was shown.")]
    currency: str | None
    happened_at: Annotated[datetime, Field(description="By our clock, as well as could be told.")]
    said_at: Annotated[datetime, Field(description="By the device's clock.")]
    received_at: datetime
    outcome: Annotated[
        Literal["charged", "waived", "explained"] | None,
        Field(description="How it was settled; `explained`, by what another device told later."),
    ]
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None


class Settlement(Request):
    outcome: Annotated[Outcome, Field(description="`charged`: at the listed prices, now. `waived`: let it go.")]
    note: Annotated[Line, Field(examples=["On camera; the member agrees"])]
