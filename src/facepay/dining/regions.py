"""Which part of a table's picture belongs to which seat. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from facepay.kernel.schemas import Request

# Sums of shares that were rounded to so many places may be above 1 by as much.
ROUNDING = 1e-6
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Extent = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class Region(Request):
    """A box, in shares of the picture's width and height."""

    left: Share
    top: Share = 0.0
    width: Extent
    height: Extent = 1.0

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.left + self.width > 1 + ROUNDING or self.top + self.height > 1 + ROUNDING:
            raise ValueError("a region ends within the picture")
        return self

    def holds(self, x: float, y: float) -> bool:
        """Whether a point, in shares, lies in it; its edges do."""
        return self.left <= x <= self.left + self.width and self.top <= y <= self.top + self.height

    def apart(self, x: float, y: float) -> float:
        """How far from its middle a point is, squared."""
        return (x - self.left - self.width / 2) ** 2 + (y - self.top - self.height / 2) ** 2


def slices(seats: int) -> list[Region]:
    """Equal ones, from left to right."""
    return [Region(left=index / seats, width=1 / seats) for index in range(seats)]


def seat_at(x: float, y: float, regions: Sequence[Region]) -> int | None:
    """The seat, counted from 1, whose region holds a point: of several, the one whose middle is nearest."""
    holding = [index for index, region in enumerate(regions) if region.holds(x, y)]
    return min(holding, key=lambda index: regions[index].apart(x, y)) + 1 if holding else None
