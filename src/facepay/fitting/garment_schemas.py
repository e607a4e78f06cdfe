"""Garments as the API shows them, and as files bring them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from facepay.catalog.schemas import BadLine, listed
from facepay.fitting.outfits import Kind
from facepay.kernel.schemas import Answer, Code, Request

GARMENTS_MAX = 1000
OCCASIONS_MAX = 20
Size = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9./ -]{1,16}$", strip_whitespace=True)]
SizeSystem = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 -]{1,16}$")]
Occasion = Annotated[str, StringConstraints(pattern=r"^[^\W_][\w -]{0,39}$", strip_whitespace=True, to_lower=True)]
Occasions = Annotated[
    list[Occasion],
    AfterValidator(lambda given: sorted(set(given))),
    Field(max_length=OCCASIONS_MAX, description="What it is worn for, in the shop's words.", examples=[["work"]]),
]


class NewGarment(Request):
    """What a product is, worn. Its colour is the catalogue's."""

    sku: Annotated[Code, Field(examples=["SHIRT-NAVY-M"])]
    style: Annotated[Code, Field(description="Shared by all sizes and colours of one model.", examples=["SHIRT"])]
    kind: Kind
    size: Annotated[Size | None, Field(description="Null of what comes in one size.", examples=["M"])] = None
    size_system: Annotated[SizeSystem | None, Field(examples=["EU"])] = None
    occasions: Occasions = Field(default_factory=list)


class GarmentLine(Request):
    """A line of a CSV file. Cells are text, and an empty one is None."""

    sku: Code
    style: Code
    kind: Kind
    size: Size | None = None
    size_system: SizeSystem | None = None
    occasions: Annotated[Occasions, BeforeValidator(lambda cell: listed(cell) or [])] = Field(default_factory=list)


class GarmentAnswer(Answer):
    sku: str
    name: str
    style: str
    kind: Kind
    size: str | None
    size_system: str | None
    colour: Annotated[str | None, Field(description="sRGB; without one, no mirror advises it.")]
    occasions: list[str]


class GarmentReport(Answer):
    """What became of a file, or with `dry_run` what would."""

    imported: bool
    lines: int
    garments: int
    bad_lines: int
    bad: list[BadLine]
