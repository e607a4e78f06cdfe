"""Goods by weight: what a kiosk's scale read, signed with the kiosk's key (stores/signatures.py).

Beside the claims that every signature has, a weighing has these; weights are whole grams:

    sku            what lies on the scale
    unit_price     what the customer is shown for 100 g of it, in minor units
    gross_grams    with its container
    tare_grams     of the container
    stable         whether the scale had come to rest
    scale          `serial`, `capacity_grams` (Max) and `interval_grams` (the verification scale interval e)

By OIML R 76-1 (classes III, ordinary) a scale weighs in whole intervals, from 20 of them on up to its Max.
A weighing is sold once: a checkout that charges nothing leaves it good for the next, while it is fresh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from facepay.catalog.products import Product
from facepay.catalog.schemas import GRAMS_MAX
from facepay.kernel.auth import Principal
from facepay.kernel.errors import Problem
from facepay.kernel.schemas import AMOUNT_MAX, Code
from facepay.stores.signatures import Instant, Nonce, verified_claims

AUDIENCE = "facepay-weighing"
FRESH = timedelta(minutes=10)
AHEAD = timedelta(seconds=30)  # of our clock
MIN_INTERVALS = 20
PRICED_GRAMS = 100

Grams = Annotated[int, Field(ge=0, le=GRAMS_MAX, strict=True)]
SomeGrams = Annotated[int, Field(ge=1, le=GRAMS_MAX, strict=True)]


class WeighingInvalid(Problem):
    """What was signed is not a weighing as this interface takes it."""

    status = 422
    code = "weighing_invalid"
    title = "Weighing invalid"


class Scale(BaseModel):
    model_config = ConfigDict(frozen=True)

    serial: Code
    capacity_grams: SomeGrams
    interval_grams: SomeGrams

    def fault_of(self, grams: int) -> str | None:
        if grams > self.capacity_grams:
            return "overweight"
        if grams < MIN_INTERVALS * self.interval_grams:
            return "underweight"
        return None


class Weighing(BaseModel):
    """Once it is kept, its fields go by their names and no longer by JSON Web Tokens'."""

    model_config = ConfigDict(frozen=True)

    nonce: Nonce = Field(validation_alias=AliasChoices("jti", "nonce"))
    at: Instant = Field(validation_alias=AliasChoices("iat", "at"))
    sku: Code
    unit_price: Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True)]
    gross_grams: Grams
    tare_grams: Grams
    stable: Annotated[bool, Field(strict=True)]
    scale: Scale

    @property
    def net_grams(self) -> int:
        return self.gross_grams - self.tare_grams

    @property
    def weighed_at(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def on_receipt(self, unit_price: int) -> dict[str, Any]:
        """As law wants it of a price by weight; the price per 100 g is its line's."""
        return {
            "gross_grams": self.gross_grams,
            "tare_grams": self.tare_grams,
            "net_grams": self.net_grams,
            "amount": price_of(self.net_grams, unit_price),
            "scale": self.scale.serial,
            "weighed_at": self.weighed_at.isoformat(),
        }

    def fault(self, product: Product, *, now: datetime) -> str | None:
        """Why this much of the product can't be sold by it, whoever pays."""
        if self.sku != product.sku:
            return "weighing_of_other_goods"
        if not -AHEAD <= now - self.weighed_at <= FRESH:
            return "weighing_stale"
        if not self.stable:
            return "weighing_unstable"
        if self.gross_grams % self.scale.interval_grams or self.tare_grams % self.scale.interval_grams:
            return "weighing_between_intervals"
        if fault := self.scale.fault_of(self.gross_grams):
            return fault
        if self.net_grams <= 0:
            return "nothing_weighed"
        if self.tare_grams < (product.tare_grams or 0):
            return "tare_too_small"
        return "price_changed" if self.unit_price != product.price else None


Weighings = Mapping[str, tuple[Weighing, ...]]  # by the sku that they are for
NOTHING_WEIGHED: Weighings = {}


@dataclass(frozen=True, slots=True)
class Fault:
    code: str
    sku: str


def price_of(grams: int, unit_price: int) -> int:
    """At so much for 100 g, rounded half up."""
    return (2 * grams * unit_price + PRICED_GRAMS) // (2 * PRICED_GRAMS)


def read_weighings(texts: Mapping[str, Sequence[str]], *, device: Principal) -> dict[str, tuple[Weighing, ...]]:
    """Check who signed them and what for, by sku. Raises SignatureInvalid and WeighingInvalid."""
    return {sku: tuple(_read(text, device) for text in of_sku) for sku, of_sku in texts.items()}


def _read(text: str, device: Principal) -> Weighing:
    try:
        return Weighing.model_validate(verified_claims(text, device=device, audience=AUDIENCE))
    except ValidationError as error:
        fields = sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)})
        raise WeighingInvalid("Some claims are missing or malformed.", fields=fields) from None


def first_fault(weighings: Weighings, products: Mapping[str, Product], *, now: datetime) -> Fault | None:
    """Where a weighing can't be sold, or is in the basket twice."""
    seen = set[str]()
    for sku, of_sku in weighings.items():
        for weighing in of_sku:
            if fault := weighing.fault(products[sku], now=now):
                return Fault(fault, sku)
            if weighing.nonce in seen:
                return Fault("weighing_reused", sku)
            seen.add(weighing.nonce)
    return None
