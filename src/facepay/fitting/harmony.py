"""Which colours go together: the rules of the colour circle, and one published measurement.

Rules: the harmonies of Itten, "The Art of Color" (1961), on his circle of twelve hues, which CIELAB's are placed on; as
wide as Matsuda's templates make them (Cohen-Or et al., "Color Harmonization", SIGGRAPH 2006: sectors of 18 and 93.6
degrees). Measurement: Ou & Luo, "A colour harmony model for two-colour combinations" (Color Research & Application 31,
2006), fitted to how 17 people judged 1,431 pairs on grey. It likes what is alike; the rules allow for contrast too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import exp, hypot, radians, sin, sqrt, tanh
from typing import Literal

from facepay.fitting.colour_names import name_of
from facepay.vision.colours import Lab, hue_turn

Rule = Literal[
    "neutral", "one_accent", "monochromatic", "analogous", "complementary", "split_complementary", "triadic", "free"
]

WORDS: dict[Rule, str] = {
    "neutral": "neutral colours, which go with each other",
    "one_accent": "one colour among neutrals",
    "monochromatic": "shades of one colour",
    "analogous": "neighbours on the colour circle",
    "complementary": "opposites on the colour circle",
    "split_complementary": "a colour and the two beside its opposite",
    "triadic": "three colours evenly round the colour circle",
    "free": "a free mix",
}

# Itten's circle from yellow by red and blue back to yellow, 30 degrees apart.
_ITTEN = (
    *("#f4e500", "#fdc60b", "#f18e1c", "#ea621f", "#e32322", "#c4037d"),
    *("#6d398b", "#444e99", "#2a71b0", "#0696bb", "#008e5b", "#8cbb26"),
)
_ITTEN_DEGREES = sorted((Lab.from_hex(colour).hue_degrees, 30.0 * step) for step, colour in enumerate(_ITTEN))

_NARROW, _WIDE = 9.0, 46.8  # half of Matsuda's sectors, in degrees
# Of each rule: how much it is worth, where the sectors are that must all be filled, and half their width.
_TEMPLATES: tuple[tuple[Rule, float, tuple[float, ...], float], ...] = (
    ("monochromatic", 0.95, (0.0,), _NARROW),
    ("analogous", 0.85, (0.0,), _WIDE),
    ("complementary", 0.9, (0.0, 180.0), _NARROW),
    ("split_complementary", 0.8, (0.0, 150.0, 210.0), _NARROW),
    ("triadic", 0.75, (0.0, 120.0, 240.0), _NARROW),
)
_FREE = 0.3
# So far outside, on average, a rule isn't named any more; so far (with its sector one of Itten's steps) it is broken.
_NAMED_DEGREES, _BROKEN_DEGREES = 9.0, 21.0
_RULE_WEIGHT = 0.6  # the rest is the measurement's
_CH_MIN, _CH_MAX = -0.8, 0.8  # what nearly all pairs of a screen's colours lie between


@dataclass(frozen=True, slots=True)
class Harmony:
    """How well colours go together (`score`, 0 to 1), by which rule, and that in words."""

    score: float
    rule: Rule
    words: str


def harmony(colours: Sequence[Lab]) -> Harmony:
    """Judge one or more colours together; their order doesn't matter. Raises ValueError for none."""
    if not colours:
        raise ValueError("there are no colours to judge")
    score, rule = judge(colours)
    names = list(dict.fromkeys(name_of(colour) for colour in colours))
    return Harmony(score, rule, f"{_listed(names)}: {WORDS[rule]}")


def judge(colours: Sequence[Lab]) -> tuple[float, Rule]:
    """`harmony` without its words, for whoever compares many; `colours` are one or more."""
    rule, worth = _rule_of(tuple(sorted(round(itten_degrees(colour)) for colour in colours if not is_neutral(colour))))
    pairs = [pair_harmony(one, two) for one, two in combinations(colours, 2)]
    measured = (sum(pairs) / len(pairs) - _CH_MIN) / (_CH_MAX - _CH_MIN) if pairs else worth
    score = _RULE_WEIGHT * worth + (1 - _RULE_WEIGHT) * min(1.0, max(0.0, measured))
    return round(score, 4), rule


def is_neutral(colour: Lab) -> bool:
    """Worn as one, by a shop's habit: greys, what is nearly black, as navy, and what is sandy and pale, as beige."""
    dark = colour.lightness < 30 and colour.chroma < 25
    sandy = colour.lightness > 80 and colour.chroma < 20 and 60 < colour.hue_degrees < 110
    return dark or sandy or colour.chroma < 10


def itten_degrees(colour: Lab) -> float:
    """The colour's hue as a place on Itten's circle: 0 is yellow, 120 red, 240 blue."""
    hue = colour.hue_degrees
    after = bisect_right(_ITTEN_DEGREES, (hue, 360.0)) % len(_ITTEN_DEGREES)
    (low, start), (high, end) = _ITTEN_DEGREES[after - 1], _ITTEN_DEGREES[after]
    share = ((hue - low) % 360) / ((high - low) % 360)
    return (start + share * _turn(start, end)) % 360


@lru_cache(maxsize=65536)
def _rule_of(hues: tuple[int, ...]) -> tuple[Rule, float]:
    """The rule that these places on the circle keep best, and what that is worth, 0 to 1."""
    if len(hues) < 2:
        return ("one_accent", 0.9) if hues else ("neutral", 0.8)
    best: tuple[Rule, float] = ("free", _FREE)
    for rule, worth, sectors, half_width in _TEMPLATES:
        if len(sectors) > len(hues) or worth <= best[1]:
            continue
        outside = min(_outside(hues, start, sectors, half_width) for start in _starts(hues, sectors))
        kept = worth - (worth - _FREE) * outside / _BROKEN_DEGREES
        if kept > best[1]:
            best = (rule if outside <= _NAMED_DEGREES else "free", kept)
    return best


def _starts(hues: Sequence[float], sectors: tuple[float, ...]) -> list[float]:
    """Ways to turn a template that are worth trying: each hue, and each middle of two, in each sector's middle."""
    middles = [one + _turn(one, two) / 2 for one, two in combinations(hues, 2)]
    return [hue - sector for hue in (*hues, *middles) for sector in sectors]


def _outside(hues: Sequence[float], start: float, sectors: tuple[float, ...], half_width: float) -> float:
    """How far hues are outside a turned template, in degrees on average; without end where a sector stays empty."""
    filled, total = set(), 0.0
    for hue in hues:
        away, sector = min((abs(_turn(start + sector, hue)), sector) for sector in sectors)
        filled.add(sector)
        total += max(0.0, away - half_width)
    return total / len(hues) if len(filled) == len(sectors) else float("inf")


def _turn(start: float, end: float) -> float:
    return (end - start + 180) % 360 - 180


@lru_cache(maxsize=65536)
def pair_harmony(one: Lab, two: Lab) -> float:
    """Ou & Luo's CH: -1.3 (disharmonious) to 1.5 (harmonious) for a screen's colours."""
    hue_apart = 2 * sqrt(one.chroma * two.chroma) * sin(radians(hue_turn(one, two) / 2))
    colour_apart = hypot(hue_apart, (one.chroma - two.chroma) / 1.46)
    by_chroma = 0.04 + 0.53 * tanh(0.8 - 0.045 * colour_apart)
    by_lightness = 0.28 + 0.54 * tanh(-3.88 + 0.029 * (one.lightness + two.lightness))
    by_contrast = 0.14 + 0.15 * tanh(-2 + 0.2 * abs(one.lightness - two.lightness))
    return by_chroma + by_lightness + by_contrast + _hue_effect(one) + _hue_effect(two)


def _hue_effect(colour: Lab) -> float:
    """Ou & Luo's HSY: bright yellows please more than dark ones, reds least; greys have none of it."""
    hue = colour.hue_degrees
    vivid = 0.5 + 0.5 * tanh(-2 + 0.5 * colour.chroma)
    by_hue = -0.08 - 0.14 * sin(radians(hue + 50)) - 0.07 * sin(radians(2 * hue + 90))
    from_yellow = (90 - hue) / 10
    by_yellow = (0.22 * colour.lightness - 12.8) / 10 * exp(from_yellow - exp(from_yellow))
    return vivid * (by_hue + by_yellow)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
