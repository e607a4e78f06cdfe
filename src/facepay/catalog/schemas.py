"""Products and stock as the API shows them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from facepay.catalog.products import Allergen, SoldBy
from facepay.kernel.schemas import AMOUNT_MAX, Answer, Change, Code, Currency, Line, Request, unsent

QUANTITY_MAX = 10**9
GRAMS_MAX = 1_000_000


def _gtin_14(text: str) -> str:
    """A GTIN of 8, 12, 13 or 14 digits as a GTIN-14: GS1 pads them with zeros on the left."""
    if len(text) not in (8, 12, 13, 14):
        raise PydanticCustomError("gtin_length", "a GTIN has 8, 12, 13 or 14 digits")
    from biip import ParseError  # reads what all the world's prefixes mean, a tenth of a second
    from biip.gtin import Gtin

    try:
        return Gtin.parse(text).as_gtin_14()
    except ParseError as error:
        raise PydanticCustomError("gtin_check_digit", "the last digit of a GTIN is its check digit") from error


def _whole(cell: str) -> int:
    """What a CSV cell says, where JSON would have a number."""
    if not re.fullmatch(r"-?[0-9]{1,18}", cell):
        raise PydanticCustomError("whole_number", "a whole number is needed, without separators or decimals")
    return int(cell)


def _yes_or_no(cell: str | None) -> bool:
    """An empty cell is a no."""
    match (cell or "no").lower():
        case "yes" | "true" | "1":
            return True
        case "no" | "false" | "0":
            return False
    raise PydanticCustomError("yes_or_no", "yes or no is needed")


def listed(cell: str | None) -> list[str] | None:
    """`milk; eggs`, or `none`; of an empty cell nothing is known."""
    if cell is None:
        return None
    return [] if cell.lower() == "none" else [part.strip() for part in cell.split(";") if part.strip()]


def _piece_unless_said(cell: str | None) -> str:
    return (cell or "piece").lower()


def _one_line(cell: str | None) -> str | None:
    """Spreadsheets break long names into lines."""
    return cell and re.sub(r"\s+", " ", cell)


GtinCode = Annotated[
    str,
    Field(pattern=r"^[0-9]{8,14}$", description="GTIN-8, 12, 13 or 14; kept as 14.", examples=["6901234567892"]),
    AfterValidator(_gtin_14),
]
PRICE = "Minor units, tax included; of 100 g where it is sold by weight."
Price = Annotated[int, Field(ge=0, le=AMOUNT_MAX, description=PRICE, examples=[450])]
TaxRate = Annotated[int, Field(ge=0, le=10_000, description="Hundredths of a per cent: 1300 is 13 %.", examples=[1300])]
Quantity = Annotated[
    int, Field(ge=0, le=QUANTITY_MAX, description="Pieces, or grams of what is sold by weight.", examples=[20])
]
Tare = Annotated[
    int, Field(ge=1, le=GRAMS_MAX, description="Its usual container, in grams: what a scale takes off at least.")
]
Allergens = Annotated[
    list[Allergen],
    AfterValidator(lambda given: sorted(set(given))),
    Field(max_length=14, description="All that are in it; null where nobody has declared them.", examples=[["milk"]]),
]
Ingredients = Annotated[
    list[Annotated[Line, Field(max_length=80)]],
    AfterValidator(lambda given: sorted(set(given))),
    Field(max_length=50, examples=[["tea", "sugar"]]),
]
Colour = Annotated[
    str, Field(pattern=r"^#[0-9A-Fa-f]{6}$", description="sRGB.", examples=["#1f3a5f"]), AfterValidator(str.lower)
]
AgeMin = Annotated[int, Field(ge=1, le=99, description="In years: nobody younger may buy it.", examples=[18])]
Strict = Field(strict=True)
PREPARED = Field(description="A dish, made to order: its order gets a pick-up number.")


class NewProduct(Request):
    sku: Annotated[Code, Field(description="Unique; it stays.", examples=["TEA-001"])]
    gtin: GtinCode | None = None
    name: Annotated[Line, Field(examples=["Jasmine tea, 500 ml"])]
    category: Annotated[Line | None, Field(examples=["Drinks"])] = None
    price: Annotated[Price, Strict]
    tax_rate_basis_points: Annotated[TaxRate, Strict]
    currency: Annotated[
        Currency | None, Field(description="ISO 4217; `FACEPAY_CURRENCY` where none is given.", examples=["CNY"])
    ] = None
    sold_by: Annotated[SoldBy, Field(description="It stays: stock is counted in pieces, or in grams.")] = "piece"
    tare_grams: Annotated[Tare | None, Strict] = None
    active: Annotated[bool, Strict, Field(description="Whether it is for sale.")] = True
    prepared: Annotated[bool, Strict, PREPARED] = False
    allergens: Allergens | None = None
    ingredients: Ingredients = Field(default_factory=list)
    colour: Colour | None = None
    age_min: Annotated[AgeMin | None, Strict] = None

    @model_validator(mode="after")
    def _tares_what_is_weighed(self) -> Self:
        if self.tare_grams is not None and self.sold_by != "weight":
            raise PydanticCustomError("tare_of_pieces", "what is sold by piece has no tare")
        return self


class ProductChange(Change):
    """Sku, currency and by what it is sold stay: receipts and stock lists name them."""

    gtin: GtinCode | None = Field(default_factory=unsent)
    name: Line = Field(default_factory=unsent, examples=["Jasmine tea, 500 ml"])
    category: Line | None = Field(default_factory=unsent, examples=["Drinks"])
    price: Price = Field(default_factory=unsent, strict=True)
    tax_rate_basis_points: TaxRate = Field(default_factory=unsent, strict=True)
    tare_grams: Tare | None = Field(default_factory=unsent, strict=True)
    active: bool = Field(default_factory=unsent, strict=True)
    prepared: bool = Field(default_factory=unsent, strict=True)
    allergens: Allergens | None = Field(default_factory=unsent)
    ingredients: Ingredients = Field(default_factory=unsent)
    colour: Colour | None = Field(default_factory=unsent)
    age_min: AgeMin | None = Field(default_factory=unsent, strict=True)


class ProductAnswer(Answer):
    id: UUID
    sku: str
    gtin: str | None
    name: str
    category: str | None
    price: int
    tax_rate_basis_points: int
    currency: str
    sold_by: SoldBy
    tare_grams: int | None
    active: bool
    prepared: bool
    allergens: list[Allergen] | None
    ingredients: list[str]
    colour: str | None
    age_min: int | None
    created_at: datetime
    updated_at: datetime


class StockLevel(Request):
    quantity: Annotated[Quantity, Strict]


class StockAnswer(Answer):
    store_id: UUID
    product_id: UUID
    sku: str
    name: str
    sold_by: SoldBy
    quantity: int
    updated_at: Annotated[datetime, Field(description="When it was last counted, not when it was last sold from.")]


class ProductLine(Request):
    """A line of a CSV file. Cells are text, and an empty one is None."""

    sku: Code
    gtin: GtinCode | None = None
    name: Annotated[Line, BeforeValidator(_one_line)]
    category: Annotated[Line | None, BeforeValidator(_one_line)] = None
    price: Annotated[Price, BeforeValidator(_whole)]
    tax_rate_basis_points: Annotated[TaxRate, BeforeValidator(_whole)]
    prepared: Annotated[bool, BeforeValidator(_yes_or_no)] = False
    sold_by: Annotated[SoldBy, BeforeValidator(_piece_unless_said)] = "piece"
    allergens: Annotated[Allergens | None, BeforeValidator(listed)] = None
    ingredients: Annotated[Ingredients, BeforeValidator(lambda cell: listed(cell) or [])] = Field(default_factory=list)
    colour: Colour | None = None
    age_min: Annotated[AgeMin, BeforeValidator(_whole)] | None = None
    store_code: Code | None = None
    stock: Annotated[Quantity, BeforeValidator(_whole)] | None = None


class BadLine(Answer):
    line: Annotated[int, Field(description="Where it starts in the file; the header is line 1.")]
    field: str | None
    code: str
    detail: str


class ImportReport(Answer):
    """What became of a file, or with `dry_run` what would."""

    imported: Annotated[bool, Field(description="Whether anything was written.")]
    lines: Annotated[int, Field(description="Below the header, blank ones left out.")]
    created: int
    updated: int
    stock_set: int
    bad_lines: int
    bad: Annotated[list[BadLine], Field(description="What is wrong with them: the first 200 faults.")]
