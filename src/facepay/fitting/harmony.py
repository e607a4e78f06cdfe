"""Which colours go together, and which suit a person: rules of the colour circle, and one published measurement.

Rules: the harmonies of Itten, "The Art of Color" (1961), with the widths that Matsuda's templates give them (Cohen-Or
et al., "Color Harmonization", SIGGRAPH 2006, appendix: sectors of 18 and 93.6 degrees), on CIELAB's hue circle; Itten's
painters' circle has its complements up to 40 degrees elsewhere. Measurement: Ou & Luo, "A colour harmony model for
two-colour combinations" (Color Research & Application 31, 2006), fitted to 1,431 pairs that 17 people judged on grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from facepay.vision.colours import Appearance, Lab

Rule = Literal[
    "neutral", "one_accent", "monochromatic", "analogous", "complementary", "split_complementary", "triadic", "free"
]

WORDS: dict[Rule, str] = {
    "neutral": "Neutral colours, which go with each other",
    "one_accent": "One colour among neutrals",
    "monochromatic": "Shades of one colour",
    "analogous": "Neighbours on the colour circle",
    "complementary": "Opposites on the colour circle",
    "split_complementary": "A colour and the two beside its opposite",
    "triadic": "Three colours evenly round the colour circle",
    "free": "No rule of the colour circle",
}


@dataclass(frozen=True, slots=True)
class Harmony:
    """How well colours go together (`score`, 0 to 1), by which rule, and that in words."""

    score: float
    rule: Rule
    words: str


def harmony(colours: Sequence[Lab]) -> Harmony:
    """Judge one or more colours together. Raises ValueError for none."""
    raise NotImplementedError


def pair_harmony(one: Lab, two: Lab) -> float:
    """Ou & Luo's CH: about -1.2 (disharmonious) to 1.4 (harmonious)."""
    raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Suit:
    """How well a colour suits a person (`score`, 0 to 1), and why, in words."""

    score: float
    words: str


def suits(colour: Lab, appearance: Appearance) -> Suit:
    """Whether a colour near the face has the contrast and the warmth that the person's own colours have."""
    raise NotImplementedError
