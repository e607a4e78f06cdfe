"""What every request and answer body has in common."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

BREAKS = frozenset({"Cc", "Zl", "Zp"})
# Overrides, embeddings and isolates, by which "001" reads as "100"; names written from right to left need none of them.
REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(value: str) -> str:
    """Raises ValueError for a character that controls, breaks the line, or has others read in another order."""
    if any(each in REORDERING or unicodedata.category(each) in BREAKS for each in value):
        raise ValueError("control characters are not allowed")
    return value


# Postgres stores no NUL, and no name, code or note has a use for the other control characters.
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(printable)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
# 10^13 minor units: a hundred billion yuan, far inside a bigint even when a ledger sums a billion rows of it.
AMOUNT_MAX = 10**13
Amount = Annotated[int, Field(gt=0, le=AMOUNT_MAX, strict=True, description="Minor units (fen, cents).")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]

# What a device's clock may show: one without a battery begins in 1970. Times outside can't be reckoned with.
CLOCK_FROM, CLOCK_TO = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
DeviceClock = Annotated[AwareDatetime, Field(ge=CLOCK_FROM, lt=CLOCK_TO)]


class Request(BaseModel):
    """A body that was sent to us: unknown fields are a mistake worth saying."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Answer(BaseModel):
    """A body we send; built from rows or dataclasses by attribute."""

    model_config = ConfigDict(from_attributes=True, frozen=True, defer_build=True)

    def stored(self) -> dict[str, Any]:
        """As JSON values, for the idempotency record."""
        return self.model_dump(mode="json")


class Change(Request):
    """A PATCH body: a field that is left out keeps its value, and null is only taken where a field allows it."""

    def sent(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_unset=True)


def unsent() -> Any:
    """The `default_factory` of a field of a Change, whose type then need not allow null. Never read."""
