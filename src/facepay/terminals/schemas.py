"""What terminals see, as the API shows it."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from facepay.catalog.products import SoldBy
from facepay.kernel.auth import PresentationCheck
from facepay.kernel.schemas import Answer, Request
from facepay.stores.devices import DeviceRole

Language = Literal["en", "ko", "zh"]
# A valid e-mail address, as a browser's <input type="email"> has it (HTML, 4.10.5.1.5).
EMAIL = r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9-]{1,63}(\.[a-zA-Z0-9-]{1,63})+$"
Email = Annotated[str, StringConstraints(pattern=EMAIL, max_length=254)]


class TerminalAnswer(Answer):
    """What a device has to know of itself and its store, to speak to whoever stands before it."""

    id: UUID
    role: DeviceRole
    name: str
    store_name: str
    store_address: str | None
    timezone: str
    currency: str
    presentation_checks: Annotated[
        list[PresentationCheck], Field(description="With `challenge`, it draws one before it takes frames.")
    ]
    guests_max: Annotated[int, Field(description="How many guests somebody may bring in.")]
    mails_receipts: Annotated[bool, Field(description="Whether a receipt can be sent by mail.")]


class KeptAnswer(Answer):
    status: Annotated[int, Field(description="The HTTP status that it was answered with.")]
    answer: Annotated[dict[str, Any], Field(description="As that route answers.")]


class ProductOnSale(Answer):
    sku: str
    gtin: str | None
    name: str
    price: Annotated[int, Field(description="Minor units, tax included; of 100 g where it is sold by weight.")]
    currency: str
    sold_by: SoldBy
    age_min: int | None


class ProductsOnSale(Answer):
    items: list[ProductOnSale]


class QuotedLine(Answer):
    sku: str
    name: str
    sold_by: SoldBy
    quantity: Annotated[int, Field(description="Pieces, or net grams of what is sold by weight.")]
    unit_price: Annotated[int, Field(description="Of a piece, or of 100 g.")]
    total: int
    age_min: Annotated[int | None, Field(description="In years: nobody younger may buy it.")]


class QuoteAnswer(Answer):
    """Before anybody is recognised: their discounts come off when they pay."""

    total: int
    tax: int
    currency: str
    lines: list[QuotedLine]


class ReceiptRequest(Request):
    email: Annotated[Email, Field(description="Used for this mail and kept nowhere.", examples=["wei@example.com"])]
    language: Language = "en"
