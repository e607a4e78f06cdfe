"""Taste as the API shows it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from facepay.kernel.schemas import Answer, Code, DeviceClock, Request
from facepay.taste.report import Attention
from facepay.vision.attention import Direction

PRODUCTS_MAX = 50
Degrees = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class ViewProduct(Request):
    """How a head is turned that looks at a product, seen by this camera: measured, not reckoned."""

    sku: Annotated[Code, Field(examples=["TEA-001"])]
    yaw_degrees: Annotated[Degrees, Field(description="To the picture's right; 0: at the camera.", examples=[20.0])]
    pitch_degrees: Annotated[Degrees, Field(description="Down; 0: at the camera.", examples=[10.0])]
    tolerance_degrees: Annotated[
        float, Field(gt=0, le=45, allow_inf_nan=False, description="The radius around it.", examples=[15.0])
    ] = 15.0

    @property
    def direction(self) -> Direction:
        return Direction(self.yaw_degrees, self.pitch_degrees, self.tolerance_degrees)


class NewView(Request):
    products: Annotated[list[ViewProduct], Field(max_length=PRODUCTS_MAX)]

    @model_validator(mode="after")
    def _lists_a_product_once(self) -> Self:
        if len({product.sku for product in self.products}) < len(self.products):
            raise PydanticCustomError("sku_twice", "a view lists each sku once")
        return self


class ViewAnswer(Answer):
    device_id: UUID
    products: list[ViewProduct]


class LooksFields(BaseModel):
    """A burst's parts that are text."""

    run: Annotated[Code, Field(description="What the device calls this run of numbers, say its start.")]
    sequence: Annotated[int, Field(ge=1, le=2**53, description="From 1 on in each run: each number counts once.")]
    captured_at: Annotated[DeviceClock, Field(description="When the first frame was taken, by the device's clock.")]
    interval_ms: Annotated[int, Field(ge=50, le=1000, description="From each frame to the next.")]


class Suggestion(Answer):
    """A product, without the reason: others can read the screen too."""

    sku: str
    name: str
    price: int
    currency: str


class LooksAnswer(Answer):
    counted: Annotated[bool, Field(description="False where the burst came before, or more than an hour late.")]
    lookers: Annotated[int, Field(description="People who stood there.")]
    skus: Annotated[list[str], Field(description="At what any of them looked.")]
    shown: Annotated[
        list[Suggestion],
        Field(description="On a display, for the nearest member who agreed to profiling: what to show them."),
    ]


class AttentionAnswer(Answer):
    sku: str
    name: str
    category: str | None
    since: Annotated[date, Field(description="The first of the days that are in these counts.")]
    until: Annotated[date, Field(description="The last of them.")]
    looks: Annotated[Count, Field(description="People who turned to it, one for each stay before a camera.")]
    smiles: Annotated[Count, Field(description="Those of them who smiled at it.")]
    dwell_seconds: Annotated[float, Field(description="How long they stood there, all together.")]
    attention_seconds: Annotated[float, Field(description="How long they were turned to it, all together.")]
    takes: Annotated[Count, Field(description="Times that some of it was taken from a shelf.")]
    orders: Annotated[Count, Field(description="Orders with it.")]
    conversion: Annotated[float, Field(description="Orders, or takes where there are more, over looks.")]


class AttentionReport(Answer):
    """Whatever is missing had too few people: it is added to later days, until they are enough."""

    store_id: UUID
    first: date
    last: date
    group_min: int
    products: list[AttentionAnswer]

    @classmethod
    def of(cls, store_id: UUID, rows: list[Attention], *, first: date, last: date, group_min: int) -> AttentionReport:
        products = [AttentionAnswer.model_validate(row) for row in rows]
        return cls(store_id=store_id, first=first, last=last, group_min=group_min, products=products)
