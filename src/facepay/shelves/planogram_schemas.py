"""Planograms as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from facepay.kernel.schemas import Answer, Code, Request
from facepay.shelves.planogram import Good, Slot
from facepay.vision.motion import ZONES_MAX, Zone, area_of

GOODS_MAX = 30
PIECES_MAX = 1_000
GRAMS_MAX = 100_000.0
ZONE_AREA_MIN = 0.0005  # of the frame: a dozen pixels each way, where the frame has 640 by 480


def _polygon(points: list[tuple[float, float]]) -> Zone:
    """Two points are opposite corners of a rectangle."""
    if len(points) == 2:
        (left, top), (right, bottom) = points
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    if area_of(tuple(points)) < ZONE_AREA_MIN:
        raise PydanticCustomError("zone_too_small", "a zone covers at least a two-thousandth of the frame")
    return tuple(points)


Share = Annotated[float, Field(ge=0, le=1)]
ZonePoints = Annotated[
    list[tuple[Share, Share]],
    Field(
        min_length=2,
        max_length=32,
        description="Corners of a polygon in the camera's frame, as shares of its width and height from the upper "
        "left; two are opposite corners of a rectangle. None: no camera sees the slot.",
        examples=[[[0.1, 0.2], [0.45, 0.6]]],
    ),
    AfterValidator(_polygon),
]
Grams = Annotated[float, Field(gt=0, le=GRAMS_MAX, allow_inf_nan=False)]


class SlotGood(Request):
    sku: Annotated[Code, Field(examples=["TEA-001"])]
    unit_weight_grams: Annotated[Grams, Field(description="What a piece weighs.", examples=[512.0])]
    tolerance_grams: Annotated[
        float,
        Field(
            ge=0, le=GRAMS_MAX, allow_inf_nan=False, description="Standard deviation between pieces.", examples=[3.0]
        ),
    ]
    full_quantity: Annotated[
        int,
        Field(ge=1, le=PIECES_MAX, strict=True, description="Pieces that lie there when it is full.", examples=[12]),
    ]

    @model_validator(mode="after")
    def _is_told_from_two(self) -> Self:
        if self.tolerance_grams > self.unit_weight_grams / 4:
            raise PydanticCustomError("tolerance_too_wide", "the tolerance is at most a quarter of the unit weight")
        return self


class NewSlot(Request):
    code: Annotated[Code, Field(description="Unique on the shelf.", examples=["A1"])]
    noise_grams: Annotated[
        Grams,
        Field(description="Standard deviation of a settled change in weight that no goods explain.", examples=[2.0]),
    ]
    capacity_grams: Annotated[Grams | None, Field(description="What the slot can bear.", examples=[20_000.0])] = None
    restock_below: Annotated[
        int,
        Field(
            ge=0, le=PIECES_MAX, strict=True, description="Pieces; with fewer, the slot wants filling.", examples=[3]
        ),
    ] = 0
    zone: ZonePoints | None = None
    goods: Annotated[list[SlotGood], Field(min_length=1, max_length=GOODS_MAX)]

    @model_validator(mode="after")
    def _lists_a_product_once(self) -> Self:
        if len({good.sku for good in self.goods}) < len(self.goods):
            raise PydanticCustomError("sku_twice", "a slot lists each sku once")
        return self

    def as_slot(self, ids: Mapping[str, UUID]) -> Slot:
        """`ids` are the products' by sku."""
        goods = tuple(Good(product_id=ids[good.sku], **good.model_dump()) for good in self.goods)
        return Slot(**self.model_dump(exclude={"goods", "zone"}), zone=self.zone, goods=goods)  # type: ignore[arg-type]


class NewPlanogram(Request):
    slots: Annotated[list[NewSlot], Field(min_length=1, max_length=ZONES_MAX)]

    @model_validator(mode="after")
    def _has_a_slot_once(self) -> Self:
        if len({slot.code for slot in self.slots}) < len(self.slots):
            raise PydanticCustomError("slot_twice", "a shelf has each slot code once")
        return self


class GoodAnswer(Answer):
    product_id: UUID
    sku: str
    unit_weight_grams: float
    tolerance_grams: float
    full_quantity: int


class SlotAnswer(Answer):
    code: str
    noise_grams: float
    capacity_grams: float | None
    restock_below: int
    zone: list[tuple[float, float]] | None
    goods: list[GoodAnswer]


class PlanogramAnswer(Answer):
    device_id: UUID
    version: int
    valid_from: datetime
    slots: list[SlotAnswer]
