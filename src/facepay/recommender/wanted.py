"""What a suggestion is wanted for: among which products, for whom, and at what time of what day."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from facepay.recommender.diets import Diet


class PartOfDay(StrEnum):
    MORNING = "morning"
    NOON = "noon"
    AFTERNOON = "afternoon"
    EVENING = "evening"
    NIGHT = "night"

    @classmethod
    def of(cls, hour: int) -> PartOfDay:
        """By the hour that a clock shows, 0 to 23."""
        begins = {5: cls.MORNING, 11: cls.NOON, 14: cls.AFTERNOON, 17: cls.EVENING, 22: cls.NIGHT}
        return begins[max((first for first in begins if first <= hour), default=22)]


class Weather(StrEnum):
    CLEAR = "clear"
    CLOUDY = "cloudy"
    RAIN = "rain"
    SNOW = "snow"
    HOT = "hot"
    COLD = "cold"


@dataclass(frozen=True, slots=True)
class Context:
    """The hour of the day by the store's clocks, 0 to 23, and the weather there. None: as it is now, and as the store
    last reported it.
    """

    hour: int | None = None
    weather: Weather | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """`among` are the only products to choose from (a menu, an outfit's candidates), `without` are never chosen, and
    what goes with `beside` comes first: what is in the basket or on the table. `avoid` is a guest's diet, or what one
    says on top of what is kept of a member; `age` is a guest's, by a document. A member's own diet, age and family's
    rules hold in any case.
    """

    among: Collection[UUID] | None = None
    without: Collection[UUID] = ()
    beside: Collection[UUID] = ()
    categories: Collection[str] | None = None
    avoid: Diet | None = None
    age: int | None = None
