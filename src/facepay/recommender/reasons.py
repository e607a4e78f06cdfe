"""Why something is suggested, in words to whom it is suggested. They name no other person."""

from __future__ import annotations

from enum import StrEnum

from facepay.recommender.evidence import Sign
from facepay.recommender.wanted import PartOfDay, Weather


class Reason(StrEnum):
    BOUGHT = "bought"
    LIKED = "liked"
    TRIED_ON = "tried_on"
    TOOK = "took"
    LOOKED_AT = "looked_at"
    BECAUSE = "because"
    GOES_WITH = "goes_with"
    ALIKE = "alike"
    BOUGHT_NOW = "bought_now"
    BOUGHT_IN_WEATHER = "bought_in_weather"
    BOUGHT_HERE = "bought_here"
    SOLD_HERE = "sold_here"


_THEIRS = {
    Sign.BOUGHT: "You have bought this before.",
    Sign.LIKED: "You said that you like this.",
    Sign.TRIED_ON: "You have tried this on.",
    Sign.TOOK: "You have had this in your hands.",
    Sign.LOOKED_AT: "You have looked at this.",
}
_BECAUSE = {
    Sign.BOUGHT: "Because you bought {}.",
    Sign.LIKED: "Because you like {}.",
    Sign.TRIED_ON: "Because you tried on {}.",
    Sign.TOOK: "Because you took {}.",
    Sign.LOOKED_AT: "Because you looked at {}.",
}
_IN_PART = {
    PartOfDay.MORNING: "in the morning",
    PartOfDay.NOON: "at noon",
    PartOfDay.AFTERNOON: "in the afternoon",
    PartOfDay.EVENING: "in the evening",
    PartOfDay.NIGHT: "at night",
}
_IN_WEATHER = {
    Weather.CLEAR: "when the sky is clear",
    Weather.CLOUDY: "when it is cloudy",
    Weather.RAIN: "when it rains",
    Weather.SNOW: "when it snows",
    Weather.HOT: "when it is hot",
    Weather.COLD: "when it is cold",
}


def words_of(
    reason: Reason,
    *,
    because: str | None = None,
    sign: Sign | None = None,
    part: PartOfDay | None = None,
    weather: Weather | None = None,
) -> str:
    """`because` is a product's name, and `sign` how the member showed that they like it."""
    match reason:
        case Reason.BECAUSE if because and sign:
            return _BECAUSE[sign].format(because)
        case Reason.GOES_WITH:
            return f"Goes with {because}."
        case Reason.ALIKE:
            return f"Much like {because}."
        case Reason.BOUGHT_NOW if part:
            return f"Often bought here {_IN_PART[part]}."
        case Reason.BOUGHT_IN_WEATHER if weather:
            return f"Often bought here {_IN_WEATHER[weather]}."
        case Reason.BOUGHT_HERE:
            return "Others often buy this here."
        case Reason.SOLD_HERE:
            return "You may not know this yet."
        case _:
            return _THEIRS[Sign(reason)]
