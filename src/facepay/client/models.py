"""What the API answers, made from its OpenAPI by tests/client/make_models.py: don't edit.

Unknown fields are passed over, and closed sets are strings, so that a client goes on when the server learns more.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class TokenAnswer(Answer):
    access_token: str
    token_type: str = "bearer"
    expires_in: int
    scope: str


class PairingOffered(Answer):
    code: str
    url: str | None
    qr_svg: str | None
    expires_at: datetime


class PairedDevice(Answer):
    device_id: UUID
    role: str
    store_id: UUID
    name: str
    token: str
    expires_at: datetime | None


class StoreAnswer(Answer):
    id: UUID
    name: str
    code: str
    timezone: str
    currency: str
    address: str | None
    region: str | None
    guests_max: int | None
    created_at: datetime
    closed_at: datetime | None


class Camera(Answer):
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    depth_unit_mm: float = 1.0


class DeviceWithToken(Answer):
    id: UUID
    store_id: UUID
    role: str
    name: str
    token_expires_at: datetime | None
    created_at: datetime
    revoked_at: datetime | None
    last_seen_at: datetime | None
    clock_skew_ms: int | None
    status: str | None
    presentation_checks: tuple[str, ...]
    public_key: str | None
    exchange_key: str | None
    edge_matching: bool
    camera: Camera | None
    token: str


class ProductAnswer(Answer):
    id: UUID
    sku: str
    gtin: str | None
    name: str
    category: str | None
    price: int
    tax_rate_basis_points: int
    currency: str
    sold_by: str
    tare_grams: int | None
    active: bool
    prepared: bool
    allergens: tuple[str, ...] | None
    ingredients: tuple[str, ...]
    colour: str | None
    age_min: int | None
    created_at: datetime
    updated_at: datetime


class StockAnswer(Answer):
    store_id: UUID
    product_id: UUID
    sku: str
    name: str
    sold_by: str
    quantity: int
    updated_at: datetime


class RecognisedMember(Answer):
    id: UUID
    display_name: str


class AdviceAnswer(Answer):
    code: str
    message: str


class StepUpAsked(Answer):
    factor: str
    expires_at: datetime


class GateAnswer(Answer):
    decision: str
    code: str
    timings_ms: dict[str, float] = Field(default_factory=dict)
    identified_by: str = "face"
    member: RecognisedMember | None = None
    similarity: float | None = None
    threshold: float | None = None
    false_positive_rate: float | None = None
    margin: float | None = None
    narrowed_by: str | None = None
    faces: int = 0
    feedback: tuple[AdviceAnswer, ...] = ()
    step_up: StepUpAsked | None = None
    answers_left: int | None = None
    visit_id: UUID | None = None
    command_number: int | None = None
    tailgate_suspected: bool = False
    basket_unpaid: bool = False
    amount_owed: int | None = None
    currency: str | None = None
    retry_after: int | None = None
    opens_at: datetime | None = None
    attempt_id: UUID


class DiscountAnswer(Answer):
    reason: str
    label: str
    amount: int


class WeighingAnswer(Answer):
    gross_grams: int
    tare_grams: int
    net_grams: int
    amount: int
    scale: str
    weighed_at: datetime


class OrderLineAnswer(Answer):
    sku: str
    name: str
    sold_by: str
    quantity: int
    unit_price: int
    weighings: tuple[WeighingAnswer, ...]
    tax_rate_basis_points: int
    discount: int
    total: int
    tax: int
    returned: int


class OrderAnswer(Answer):
    id: UUID
    store_id: UUID
    device_id: UUID
    member_id: UUID
    buyer_id: UUID | None
    status: str
    currency: str
    total: int
    tax: int
    discount: int
    discounts: tuple[DiscountAnswer, ...]
    wallet: int
    gift: int
    points_value: int
    points: int
    points_earned: int
    advance: int
    tip: int
    tip_refunded: int
    refunded: int
    description: str | None
    payment_intent_id: UUID | None
    supplements_id: UUID | None
    reason: str | None
    pickup_number: str | None
    transfer_id: UUID | None
    cancelled_at: datetime | None
    created_at: datetime
    lines: tuple[OrderLineAnswer, ...]


class Payment(Answer):
    transfer_id: UUID | None
    amount: int
    currency: str
    balance: int | None


class CheckoutAnswer(Answer):
    decision: str
    code: str
    timings_ms: dict[str, float] = Field(default_factory=dict)
    identified_by: str = "face"
    member: RecognisedMember | None = None
    similarity: float | None = None
    threshold: float | None = None
    false_positive_rate: float | None = None
    margin: float | None = None
    narrowed_by: str | None = None
    faces: int = 0
    feedback: tuple[AdviceAnswer, ...] = ()
    step_up: StepUpAsked | None = None
    answers_left: int | None = None
    checkout_id: UUID
    total: int | None = None
    currency: str
    skus: tuple[str, ...] = ()
    coupon: str | None = None
    order: OrderAnswer | None = None
    payment: Payment | None = None
    limit: int | None = None
    measured: int | None = None


class QuotedLine(Answer):
    sku: str
    name: str
    sold_by: str
    quantity: int
    unit_price: int
    total: int
    age_min: int | None


class QuoteAnswer(Answer):
    total: int
    tax: int
    currency: str
    lines: tuple[QuotedLine, ...]


class ProductOnSale(Answer):
    sku: str
    gtin: str | None
    name: str
    price: int
    currency: str
    sold_by: str
    age_min: int | None


class ProductsOnSale(Answer):
    items: tuple[ProductOnSale, ...]


class AuthenticationAnswer(Answer):
    status: str
    code: str


class ItemAnswer(Answer):
    sku: str
    name: str
    quantity: int
    unit_price: int
    total: int


class PassageAnswer(Answer):
    decision: str
    code: str
    timings_ms: dict[str, float] = Field(default_factory=dict)
    identified_by: str = "face"
    member: RecognisedMember | None = None
    similarity: float | None = None
    threshold: float | None = None
    false_positive_rate: float | None = None
    margin: float | None = None
    narrowed_by: str | None = None
    faces: int = 0
    feedback: tuple[AdviceAnswer, ...] = ()
    step_up: StepUpAsked | None = None
    answers_left: int | None = None
    passage_id: UUID
    trip_id: str
    lane_id: UUID
    message: str
    authentication: AuthenticationAnswer
    items: tuple[ItemAnswer, ...] = ()
    unknown_tags: tuple[str, ...] = ()
    disputed_tags: tuple[str, ...] = ()
    sold_tags: tuple[str, ...] = ()
    total: int | None = None
    currency: str
    money: str | None = None
    skus: tuple[str, ...] = ()
    held: int = 0
    order: OrderAnswer | None = None
    limit: int | None = None
    measured: int | None = None
    expires_at: datetime
    command_number: int = 0


class ChallengeStep(Answer):
    action: str
    words: str


class ChallengeAnswer(Answer):
    id: UUID
    steps: tuple[ChallengeStep, ...]
    expires_at: datetime


class HeartbeatAnswer(Answer):
    server_time: datetime
    clock_skew_ms: int


class DeliveredCommand(Answer):
    number: int
    command: dict[str, Any]
    issued_at: datetime
    expires_at: datetime


class DoorAnswer(Answer):
    locked: bool
    exits_locked: bool
    released: bool
    command_number: int


class CommandsAnswer(Answer):
    items: tuple[DeliveredCommand, ...]
    door: DoorAnswer


class AcknowledgementAnswer(Answer):
    number: int
    outcome: str
    late: bool


class EventVerdict(Answer):
    sequence: int
    verdict: str


class Gap(Answer):
    first: int
    last: int


class EventsAnswer(Answer):
    events: tuple[EventVerdict, ...]
    highest: int
    missing: tuple[Gap, ...]


class CommandAnswer(Answer):
    number: int
    command: dict[str, Any]
    issued_at: datetime
    expires_at: datetime
    id: UUID
    device_id: UUID
    status: str
    issued_by: str
    reason: str
    deliveries: int
    first_delivered_at: datetime | None
    last_delivered_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_late: bool
    failure: str | None
    effect_expected: str | None
    effect_observed_at: datetime | None
    effect_missed_at: datetime | None


class KeysAnswer(Answer):
    keys: tuple[dict[str, str], ...]


class PolicyAnswer(Answer):
    policy: str
    expires_at: datetime


class Verdict(Answer):
    sequence: int
    id: UUID
    verdict: str
    code: str
    owed: int
    order_id: UUID | None
    visit_id: UUID | None


class BatchAnswer(Answer):
    verdicts: tuple[Verdict, ...]
    waiting_for: int | None
    next_sequence: int


class ConsentAnswer(Answer):
    id: UUID
    policy_version: str
    jurisdiction: str | None
    keeps_photo: bool
    accepted_at: datetime
    expires_at: datetime | None
    withdrawn_at: datetime | None


class MemberAnswer(Answer):
    id: UUID
    display_name: str
    phone: str | None
    home_region: str | None
    born_on: date | None
    age_checked_at: datetime | None
    status: str
    consent: ConsentAnswer | None
    has_pin: bool
    created_at: datetime
    updated_at: datetime


class PhotoQuality(Answer):
    eye_distance_px: float
    yaw_degrees: float
    pitch_degrees: float
    roll_degrees: float
    detection_score: float
    sharpness: float
    brightness: float
    contrast: float
    light_uniformity: float | None = None
    under_exposed: float | None = None
    over_exposed: float | None = None
    mouth_colour_shift: float | None = None
    mouth_detail: float | None = None
    mouth_points_shift: float | None = None
    eyes_light: float | None = None
    eyes_open: float | None = None
    mouth_open: float | None = None
    smile: float | None = None
    embedding_norm: float


class EnrolledFace(Answer):
    member_id: UUID
    pack: str
    templates: int
    learned: int
    enrolled_at: datetime
    photos: tuple[PhotoQuality, ...]


class ReceiptAnswer(Answer):
    id: UUID
    scope: str
    reason: str
    erased: dict[str, int]
    given_up: dict[str, int]
    erased_by: str
    erased_at: datetime
    public_key: str
    signature: str


class PassAnswer(Answer):
    pass_: str = Field(alias="pass")
    code: str
    expires_at: datetime
    qr_svg: str


class OfflinePassAnswer(Answer):
    id: UUID
    pass_: str = Field(alias="pass")
    amount_max: int
    currency: str
    expires_at: datetime
    qr_svg: str


class FreezeAnswer(Answer):
    reason: str
    frozen_by: str
    frozen_at: datetime


class WalletAnswer(Answer):
    currency: str
    posted: int
    held: int
    available: int
    frozen: FreezeAnswer | None = None


class TopUpAnswer(Answer):
    id: UUID
    amount: int
    currency: str
    status: str
    failure_code: str | None
    transfer_id: UUID | None
    created_at: datetime
    settled_at: datetime | None
    charge_id: str | None


class StatementLine(Answer):
    position: int
    transfer_id: UUID
    kind: str
    cause: str
    cause_id: UUID
    actor: str
    event_at: datetime
    amount: int
    held: int
    posted_after: int
    held_after: int


class StatementAnswer(Answer):
    currency: str
    items: tuple[StatementLine, ...]
    next_cursor: int | None


class RefundAnswer(Answer):
    kind: str
    amount: int
    tax: int
    gift: int
    points_value: int
    points: int
    points_taken: int
    tip: int
    points_owed: int
    currency: str
    goods: dict[str, int]
    id: UUID
    order_id: UUID
    reason: str
    transfer_id: UUID | None
    created_at: datetime


class EndpointAnswer(Answer):
    id: UUID
    url: str
    types: tuple[str, ...]
    description: str | None
    device_id: UUID | None
    status: str
    failing_since: datetime | None
    former_secret_until: datetime | None
    created_at: datetime


class EndpointWithSecret(Answer):
    id: UUID
    url: str
    types: tuple[str, ...]
    description: str | None
    device_id: UUID | None
    status: str
    failing_since: datetime | None
    former_secret_until: datetime | None
    created_at: datetime
    secret: str


class EventTypeAnswer(Answer):
    type: str
    words: str
    data_schema: dict[str, Any]


class EventTypesAnswer(Answer):
    items: tuple[EventTypeAnswer, ...]


class EventAnswer(Answer):
    id: UUID
    type: str
    subject_id: UUID
    device_id: UUID | None
    occurred_at: datetime
