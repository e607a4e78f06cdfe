"""Shelves and baskets as the API shows them."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from facepay.kernel.schemas import Answer, Code, DeviceClock, Line, Request
from facepay.shelves.baskets import Basket, Standing
from facepay.shelves.drift import Reading
from facepay.shelves.fusion import Finding
from facepay.shelves.judging import Change
from facepay.shelves.planogram_schemas import GRAMS_MAX, PIECES_MAX

CHANGES_MAX = 200
SEQUENCE_MAX = 2**62
READINGS_MAX = 2_000
SLOTS_MAX = 100
SKUS_MAX = 30
Sequence = Annotated[int, Field(ge=1, le=SEQUENCE_MAX, strict=True)]
Pieces = Annotated[int, Field(ge=0, le=PIECES_MAX, strict=True)]
SignedPieces = Annotated[int, Field(ge=-PIECES_MAX, le=PIECES_MAX, strict=True)]


class WeightChange(Request):
    sequence: Annotated[Sequence, Field(description="One more with each change, from 1 on.")]
    slot: Annotated[Code, Field(examples=["A1"])]
    at: Annotated[DeviceClock, Field(description="When it settled, by the device's clock.")]
    delta_grams: Annotated[
        float,
        Field(
            ge=-GRAMS_MAX,
            le=GRAMS_MAX,
            allow_inf_nan=False,
            description="Negative where something was taken.",
            examples=[-512.4],
        ),
    ]
    noise_grams: Annotated[
        float | None,
        Field(gt=0, le=GRAMS_MAX, allow_inf_nan=False, description="Its standard deviation, where it was measured."),
    ] = None
    hand: Annotated[bool | None, Field(description="Whether the device itself saw a hand in the slot.")] = None
    took_ms: Annotated[
        int | None, Field(ge=0, le=86_400_000, strict=True, description="From the first movement until it settled.")
    ] = None

    def change(self) -> Change:
        took = None if self.took_ms is None else timedelta(milliseconds=self.took_ms)
        return Change(self.sequence, self.slot, self.at, self.delta_grams, self.noise_grams, self.hand, took)


class ShelfReport(Request):
    run: Annotated[Code, Field(description="Of the numbers: another one at each start of the device.")]
    events: Annotated[list[WeightChange], Field(min_length=1, max_length=CHANGES_MAX)]

    @model_validator(mode="after")
    def _tells_each_once(self) -> Self:
        if len({event.sequence for event in self.events}) < len(self.events):
            raise PydanticCustomError("sequence_twice", "a report has each sequence number once")
        return self


class WeightReading(Request):
    slot: Annotated[Code, Field(examples=["A1"])]
    at: Annotated[DeviceClock, Field(description="By the device's clock.")]
    grams: Annotated[
        float,
        Field(
            ge=-GRAMS_MAX,
            le=GRAMS_MAX,
            allow_inf_nan=False,
            description="All that lies there, and the scale's own zero.",
            examples=[6_151.3],
        ),
    ]


class ReadingBatch(Request):
    run: Annotated[Code, Field(description="Of the numbers: another one at each start of the device.")]
    sequence: Annotated[
        Sequence,
        Field(description="The first reading's number; each further one has one more, also in the next batch."),
    ]
    readings: Annotated[
        list[WeightReading],
        Field(min_length=1, max_length=READINGS_MAX, description="In the order in which they were taken."),
    ]

    @property
    def numbers(self) -> range:
        return range(self.sequence, self.sequence + len(self.readings))

    def samples(self) -> dict[str, list[Reading]]:
        by_slot: dict[str, list[Reading]] = defaultdict(list)
        for number, each in zip(self.numbers, self.readings, strict=True):
            by_slot[each.slot].append(Reading(each.at, each.grams, number))
        return by_slot


class FindingAnswer(Answer):
    sequence: int
    finding: Finding


class ReportAnswer(Answer):
    accepted: int
    repeated: Annotated[int, Field(description="Told before, and not counted again.")]
    findings: list[FindingAnswer]


class SettledAnswer(Answer):
    slot: str
    at: datetime
    delta_grams: float
    finding: Finding


class ReadingsAnswer(Answer):
    accepted: int
    repeated: Annotated[int, Field(description="Told before, and not weighed again.")]
    changes: Annotated[list[SettledAnswer], Field(description="That settled with this batch.")]
    unknown_slots: Annotated[list[str], Field(description="That the planogram doesn't have.")]


class MotionAnswer(Answer):
    slots: Annotated[list[str], Field(description="In whose zones something moves now.")]
    hands: Annotated[list[str], Field(description="Of those, where a hand is.")]
    people: Annotated[int, Field(description="Of those inside, who were recognised before the shelf.")]


class BasketLine(Answer):
    sku: str
    name: str
    quantity: Annotated[int, Field(description="The likeliest number of pieces.")]
    sure: Annotated[int, Field(description="Charged, should the visit pay now.")]
    possible: int
    confidence: Annotated[float, Field(description="Of the least sure of its takes and returns.")]
    unit_price: int


class BasketAnswer(Answer):
    visit_id: UUID
    lines: list[BasketLine]
    total: Annotated[int, Field(description="Of the likeliest quantities, before discounts.")]

    @classmethod
    def of(cls, visit_id: UUID, basket: Basket) -> BasketAnswer:
        lines = [
            BasketLine(
                sku=held.sku,
                name=held.name,
                quantity=held.quantity,
                sure=held.count.sure,
                possible=held.count.possible,
                confidence=held.confidence,
                unit_price=held.unit_price,
            )
            for held in basket.values()
        ]
        return cls(visit_id=visit_id, lines=lines, total=sum(each.quantity * each.unit_price for each in lines))


class ShelfEventAnswer(Answer):
    id: UUID
    device_id: UUID
    sequence: int
    slot: str
    at: datetime
    received_at: datetime
    delta_grams: float
    hand: bool | None
    finding: Finding


class ChangeAnswer(Answer):
    """Some pieces into a basket, or out of it."""

    id: UUID
    store_id: UUID
    visit_id: UUID | None
    event_id: UUID | None
    sku: str
    quantity: Annotated[int, Field(description="Negative where put back.")]
    confidence: float
    standing: Standing
    sources: Annotated[dict[str, object], Field(description="What it rests on.")]
    late: bool
    order_id: UUID | None
    event_at: datetime
    decided_by: str | None
    note: str | None


class ReviewDecision(Request):
    sku: Code
    quantity: Annotated[
        SignedPieces, Field(description="What it really was: pieces taken, negative where put back, 0 for nothing.")
    ]
    visit_id: Annotated[UUID | None, Field(description="Whose it was; left out: as it stands.")] = None
    note: Line


class Correction(Request):
    sku: Code
    quantity: Annotated[SignedPieces, Field(description="Pieces more in the basket, or fewer where negative; not 0.")]
    note: Line

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.quantity == 0:
            raise PydanticCustomError("nothing_to_correct", "a correction changes at least one piece")
        return self


class NewRestock(Request):
    slots: Annotated[
        list[Code], Field(max_length=SLOTS_MAX, description="None: the whole shelf.", default_factory=list)
    ]
    minutes: Annotated[int, Field(ge=1, le=240, strict=True)] = 15


class RestockAnswer(Answer):
    id: UUID
    device_id: UUID
    slots: list[str]
    begun_at: datetime
    ends_at: datetime


class SlotCount(Request):
    pieces: Annotated[
        dict[Code, Pieces], Field(min_length=1, max_length=SKUS_MAX, description="By sku.", examples=[{"TEA-001": 12}])
    ]


class SlotStockAnswer(Answer):
    slot: str
    sku: str
    pieces: int
    updated_at: datetime
