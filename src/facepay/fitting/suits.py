"""Which colours suit a person: a stylist's rules of thumb, not a measurement.

They are what Itten ("The Art of Color", 1961) calls light-dark and cold-warm contrast, and his finding that people wear
best what repeats their own. How light skin and hair are and how warm the skin is count, nothing else, and none is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians

from facepay.fitting.colour_names import COLOURS
from facepay.fitting.harmony import is_neutral, itten_degrees
from facepay.vision.colours import Appearance, Lab

# Skin's hue in daylight pictures, and how far to either side nine of ten lie (benchmarks/appearance.py).
SKIN_HUE_DEGREES, _SKIN_HUE_SPREAD = 55.0, 30.0
_OWN_CONTRAST = 30.0  # in lightness, where no hair is seen
_CONTRAST_REACH = 50.0
_GREY_CHROMA = 6.0
_APART = 16.0  # CIEDE2000 between suggestions
_BLENDS_BELOW = 14.0  # CIEDE2000 from the skin
_WARMEST = 90.0  # on Itten's circle: red-orange
_WARMTH_WEIGHT = 0.35


@dataclass(frozen=True, slots=True)
class Suit:
    """How well a colour suits a person (`score`, 0 to 1), and what says so most, if anything does."""

    score: float
    words: str | None


def suits(colour: Lab, appearance: Appearance) -> Suit:
    """Whether a colour worn near the face has the contrast and the warmth that the person's own colours have."""
    skin, hair = appearance.skin, appearance.hair
    own = abs(skin.lightness - hair.lightness) if hair else _OWN_CONTRAST
    worn = abs(skin.lightness - colour.lightness)
    contrast = 1 - min(1.0, abs(worn - own) / _CONTRAST_REACH)
    alike = _warmth_of_skin(skin) * _warmth(colour)
    score = (1 - _WARMTH_WEIGHT) * contrast + _WARMTH_WEIGHT * (0.5 + 0.5 * alike)
    apart = skin.difference(colour)
    if apart < _BLENDS_BELOW:
        return Suit(round(score * (0.4 + 0.6 * apart / _BLENDS_BELOW), 4), None)
    return Suit(round(score, 4), _words(contrast, own, alike, _warmth(colour)))


def suggested(appearance: Appearance, *, count: int = 6) -> list[Lab]:
    """Of the colours that have a name those that suit best, none much like another."""
    best = sorted(COLOURS.values(), key=lambda colour: -suits(colour, appearance).score)
    chosen: list[Lab] = []
    for colour in best:
        if len(chosen) < count and all(colour.difference(other) >= _APART for other in chosen):
            chosen.append(colour)
    return chosen


def _words(contrast: float, own: float, alike: float, warmth: float) -> str | None:
    if alike > 0.3:
        return f"as {'warm' if warmth > 0 else 'cool'} as your own colours"
    if contrast > 0.7:
        return (
            "as clear a contrast as your own colours make"
            if own > 40
            else "as soft a contrast as your own colours make"
        )
    return None


def _warmth(colour: Lab) -> float:
    """1 for a vivid red-orange, -1 for a vivid blue-green, 0 for neutrals."""
    if is_neutral(colour):
        return 0.0
    return cos(radians(itten_degrees(colour) - _WARMEST)) * min(1.0, colour.chroma / 40)


def _warmth_of_skin(skin: Lab) -> float:
    """More yellow than most is warm, more pink cool: -1 to 1; nothing can be said of a camera's greys."""
    if skin.chroma < _GREY_CHROMA:
        return 0.0
    return max(-1.0, min(1.0, (skin.hue_degrees - SKIN_HUE_DEGREES) / _SKIN_HUE_SPREAD))
