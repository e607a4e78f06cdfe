"""What lanes send and hear, and what staff see of passages and purchases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from facepay.checkout.pricing import PricedBasket
from facepay.checkout.schemas import LINES_MAX, BasketLine, OrderAnswer
from facepay.identity.schemas import Cosine, DecisionAnswer, Narrowed, PassShown
from facepay.identity.sighting import Sighting
from facepay.identity.verdicts import Means
from facepay.kernel.schemas import AMOUNT_MAX, Answer, Code, DeviceClock, Request
from facepay.lanes.deciding import PassageDecision
from facepay.lanes.goods import TAGS_MAX
from facepay.lanes.passages import Authentication, PassageState
from facepay.lanes.policies import GoodsFrom
from facepay.lanes.reads import TagRead
from facepay.lanes.words import words_for

READS_MAX = 5_000  # of one part: 100 tags, each read ten times a second for five seconds
PARTS_MAX = 1_000
Epc = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{4,124}$")]
Part = Annotated[int, Field(ge=1, le=PARTS_MAX, strict=True)]


class PassageStart(Request):
    """`trip_id` names the purchase for good: the same one again is the same passage."""

    trip_id: Annotated[Code, Field(examples=["0199f7a1-7d0e-7c3a-9a54-2f6f0e7d1c11"])]
    started_at: Annotated[DeviceClock, Field(description="By the lane's own clock, as the times of its reads are.")]


class ReadOfTag(Request):
    epc: Annotated[Epc, Field(description="In hex.", examples=["3074257BF7194E4000001A85"])]
    antenna: Annotated[int | None, Field(ge=0, le=65_535)] = None
    rssi_dbm: Annotated[float, Field(ge=-128, le=30)]
    read_at: Annotated[DeviceClock, Field(description="By the lane's own clock.")]

    def read(self) -> TagRead:
        return TagRead(self.epc, self.rssi_dbm, self.read_at)


class ReadsPart(Request):
    """A part of what the portal reads, from number 1 on. Parts may come in any order, late, and more than once."""

    sequence: Part
    reads: Annotated[list[ReadOfTag], Field(max_length=READS_MAX)]


class PassageFinish(Request):
    """`parts` is how many parts of reads there were, 0 without a portal: until all have come, nothing is decided."""

    parts: Annotated[int, Field(ge=0, le=PARTS_MAX, strict=True)]
    finished_at: Annotated[
        DeviceClock | None, Field(description="By the lane's own clock; one that can't be the passage's doesn't count.")
    ] = None


class KioskGoods(Request):
    """What a kiosk knows better than the lane: what an unknown tag is on, and what was put down."""

    lines: list[BasketLine] = Field(default=[], max_length=LINES_MAX)
    left_behind: list[Epc] = Field(default=[], max_length=TAGS_MAX)

    def named(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for line in self.lines:
            total[line.sku] = total.get(line.sku, 0) + line.quantity
        return total


class KioskPass(PassShown):
    goods: KioskGoods = KioskGoods()


class AuthenticationAnswer(Answer):
    status: Authentication
    code: Annotated[str, Field(description="`accepted`, or why not: `unknown_face`, `face_left`, `low_quality`, …")]


class ItemAnswer(Answer):
    sku: str
    name: str
    quantity: int
    unit_price: int
    total: int


class PassageAnswer(DecisionAnswer):
    """How a passage stands. Amounts are in minor units, and shown before the exit opens."""

    passage_id: UUID
    trip_id: str
    lane_id: UUID
    decision: PassageState
    code: Annotated[
        str, Field(description="Why: `paid`, `paid_before`, `nothing_taken`, `unknown_tag`, `several_people`, …")
    ]
    message: Annotated[str, Field(description="To show to whoever stands there.")]
    authentication: AuthenticationAnswer
    items: list[ItemAnswer] = Field(default=[], description="What is charged, for all that is known by now.")
    unknown_tags: list[str] = Field(default=[], description="Tags that are here, and nothing that is sold here.")
    disputed_tags: list[str] = Field(default=[], description="Tags that may be the neighbouring lane's: not charged.")
    sold_tags: list[str] = Field(
        default=[], description="Tags that were paid for before, here or at a kiosk: not charged."
    )
    total: int | None = None
    currency: str
    money: Annotated[str | None, Field(description="`authorised`, or why not: `insufficient_funds`, …")] = None
    skus: list[str] = Field(default=[], description="The skus at fault for that, where some are.")
    held: Annotated[int, Field(description="What is on hold of the payer's wallet.")] = 0
    order: OrderAnswer | None = None
    limit: Annotated[int | None, Field(description="The limit that was hit.")] = None
    measured: Annotated[int | None, Field(description="What this payment would have brought it to.")] = None
    expires_at: datetime
    command_number: Annotated[int, Field(description="The last command that this decision knew of.")] = 0

    @classmethod
    def of(cls, decision: PassageDecision, sighting: Sighting | None = None) -> PassageAnswer:
        passage, goods, order = decision.record, decision.goods, decision.order
        return cls(
            **cls.shared(decision, sighting),
            passage_id=passage.id,
            trip_id=passage.trip_id,
            lane_id=passage.device_id,
            message=words_for(passage.code),
            authentication=AuthenticationAnswer(status=passage.authentication, code=passage.authentication_code),
            items=_items(decision.priced, order),
            unknown_tags=list(passage.unknown_tags),
            disputed_tags=list(goods.disputed) if goods else [],
            sold_tags=sorted({*goods.sold_before, *goods.paid}) if goods else [],
            total=order.total if order else passage.total,
            currency=passage.currency,
            money=None if order else decision.money,
            skus=[] if order else list(decision.skus),
            held=passage.held,
            order=OrderAnswer.model_validate(order) if order else None,
            limit=decision.over.limit if decision.over else None,
            measured=decision.over.measured if decision.over else None,
            expires_at=passage.expires_at,
            command_number=decision.command_number,
        )


def _items(priced: PricedBasket | None, order: object | None) -> list[ItemAnswer]:
    lines = getattr(order, "lines", None) or (priced.lines if priced else ())
    return [ItemAnswer.model_validate(line) for line in lines]


class PassageRecord(Answer):
    """A stranger's says when, with what and why not, and nothing about the face."""

    id: UUID
    lane_id: Annotated[UUID, Field(validation_alias="device_id")]
    trip_id: str
    decision: PassageState
    code: str
    basket: Annotated[dict[str, int], Field(description="Quantities by sku.")]
    unknown_tags: list[str]
    total: int | None
    currency: str
    identified_by: Means
    member_id: UUID | None
    payer_id: UUID | None
    order_id: UUID | None
    similarity: Cosine | None
    threshold: Cosine | None
    narrowed_by: Narrowed
    started_at: datetime
    ended_at: datetime | None


class PurchaseAnswer(Answer):
    """What was bought on a trip, and what became of it since."""

    trip_id: str
    passage: PassageRecord
    order: OrderAnswer | None
    supplements: list[OrderAnswer] = Field(default=[], description="Orders that were charged after it.")


class LanePolicyAnswer(Answer):
    lane_id: Annotated[UUID, Field(validation_alias="device_id")]
    goods_from: GoodsFrom
    debt_max: int | None
    epochs_min: int
    rssi_min_dbm: float
    door_sensor: bool


class LanePolicyRequest(Request):
    """Set as a whole."""

    goods_from: Annotated[GoodsFrom, Field(description="Where the lane knows the goods from.")] = "rfid"
    debt_max: Annotated[
        int | None,
        Field(ge=0, le=AMOUNT_MAX, strict=True, description="What a member may owe; null: FACEPAY_LANE_DEBT_MAX."),
    ] = None
    epochs_min: Annotated[
        int, Field(ge=1, le=100, strict=True, description="Tenths of a second in which a tag must be read.")
    ] = 3
    rssi_min_dbm: Annotated[float, Field(ge=-128, le=0, description="How strong a tag must be read that often.")] = -65
    door_sensor: Annotated[
        bool, Field(strict=True, description="Whether something shows that the door has opened, as it was told to.")
    ] = True
