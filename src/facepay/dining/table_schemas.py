"""Tables as the API shows them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from facepay.dining.regions import Region
from facepay.dining.tables import SEATS_MAX
from facepay.kernel.schemas import Answer, Change, Line, Request, unsent

Name = Annotated[Line, StringConstraints(max_length=80), Field(examples=["Table 7"])]
Seats = Annotated[int, Field(ge=1, le=SEATS_MAX, strict=True)]
Regions = Annotated[
    list[Region] | None,
    Field(
        max_length=SEATS_MAX,
        description="What of the picture belongs to which seat, from the first on; null: equal slices, left to right.",
    ),
]


class NewTable(Request):
    name: Name
    device_id: Annotated[UUID, Field(description="Of the role `table`: its screen and camera.")]
    seats: Seats
    regions: Regions = None


class TableChange(Change):
    """Other seats have equal slices, unless regions come along."""

    name: Name = Field(default_factory=unsent)
    device_id: UUID = Field(default_factory=unsent)
    seats: Seats = Field(default_factory=unsent)
    regions: Regions = None


class TableAnswer(Answer):
    id: UUID
    store_id: UUID
    device_id: UUID
    name: str
    seats: int
    regions: Annotated[list[Region], Field(validation_alias="boxes")]
    merged_into_id: Annotated[UUID | None, Field(description="The table whose party sits at this one, too.")]
    seat_offset: Annotated[int, Field(description="This table's seats are counted on from it while it is merged.")]
