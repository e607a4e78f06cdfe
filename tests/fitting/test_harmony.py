"""Colours together: the rules by name, the published measurement by its parts, and what suits whom."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepay.fitting.colour_names import COLOURS, name_of
from facepay.fitting.harmony import Rule, harmony, is_neutral, itten_degrees, pair_harmony
from facepay.fitting.suits import suggested, suits
from facepay.vision.colours import Appearance, Illuminant, Lab

COLOUR = st.integers(0, 0xFFFFFF).map(lambda number: Lab.from_hex(f"#{number:06x}"))
DAYLIGHT = Illuminant(Lab(100, 0, 0))
HIGH_CONTRAST = Appearance(Lab(80, 8, 16), Lab(12, 2, 3), (), DAYLIGHT)
LOW_CONTRAST = Appearance(Lab(70, 8, 18), Lab(62, 4, 24), (), DAYLIGHT)


def together(*names: str) -> list[Lab]:
    return [COLOURS[name] for name in names]


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        (("black", "white", "grey"), "neutral"),
        (("navy", "cream"), "neutral"),
        (("black", "red"), "one_accent"),
        (("blue", "sky blue", "white"), "monochromatic"),
        (("red", "orange"), "analogous"),
        (("red", "green"), "complementary"),
        (("blue", "orange", "black"), "complementary"),
        (("yellow", "purple"), "complementary"),
        (("red", "blue", "yellow"), "triadic"),
        (("red", "blue"), "free"),
    ],
)
def test_colours_keep_a_painter_s_rule(names: tuple[str, ...], rule: Rule) -> None:
    found = harmony(together(*names))
    assert found.rule == rule
    assert found.words.lower().startswith(names[0])


def test_a_colour_and_the_two_beside_its_opposite_are_told_from_the_opposite_alone() -> None:
    yellow = COLOURS["yellow"]
    beside = [colour for colour in COLOURS.values() if not is_neutral(colour)]
    violets = [min(beside, key=lambda colour: abs(itten_degrees(colour) - degrees)) for degrees in (150, 210)]
    assert harmony([yellow, *violets]).rule == "split_complementary"
    assert harmony([yellow, violets[0]]).rule != "split_complementary"


def test_rules_are_worth_more_than_none() -> None:
    assert harmony(together("red", "green")).score > harmony(together("red", "olive")).score
    assert harmony(together("navy", "white")).score > harmony(together("magenta", "teal")).score


@settings(max_examples=40)
@given(st.lists(COLOUR, min_size=1, max_size=5))
def test_any_colours_are_judged_between_0_and_1_whatever_their_order(colours: list[Lab]) -> None:
    judged = {(found.score, found.rule) for found in map(harmony, list(permutations(colours))[:6])}
    scores = [score for score, _ in judged]
    assert max(scores) - min(scores) < 2e-4  # sums in another order, rounded
    assert len({rule for _, rule in judged}) == 1
    assert all(0 <= score <= 1 for score in scores)


def test_no_colours_are_no_harmony() -> None:
    with pytest.raises(ValueError):
        harmony([])


# Worked out by hand: two greys, where only lightness counts, and a pair a quarter of the hue circle apart,
# one of whose colours is the yellow (hue 90) that Ou & Luo's EY rewards with (0.22 * 90 - 12.8) / 10 / e.
GREY = 0.5 + 0.5 * -0.964028, -0.08 - 0.14 * 0.766044 - 0.07  # EC and HS at hue 0 and chroma 0
YELLOW_EFFECT = 1.0 * (-0.08 - 0.14 * 0.642788 - 0.07 * -1.0 + 0.7 / 2.718282)
RED_EFFECT = 1.0 * (-0.08 - 0.14 * 0.766044 - 0.07 * 1.0)


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (Lab(50, 0, 0), Lab(50, 0, 0), 0.04 + 0.53 * 0.664037 + 0.28 + 0.54 * -0.753153 + 0.14 + 0.15 * -0.964028
            + 2 * GREY[0] * GREY[1]),
        (Lab(90, 0, 60), Lab(40, 60, 0), 0.04 + 0.53 * -0.995233 + 0.28 + 0.54 * -0.109558 + 0.14 + 0.15 * 1.0
            + YELLOW_EFFECT + RED_EFFECT),
    ],
)  # fmt: skip
def test_two_colours_are_measured_as_published(one: Lab, two: Lab, expected: float) -> None:
    assert pair_harmony(one, two) == pytest.approx(expected, abs=1e-4)
    assert pair_harmony(two, one) == pytest.approx(expected, abs=1e-4)


def test_itten_s_circle_has_painters_opposites() -> None:
    degrees = {name: itten_degrees(COLOURS[name]) for name in ("yellow", "red", "blue", "green", "orange", "purple")}
    for one, two in (("red", "green"), ("blue", "orange"), ("yellow", "purple")):
        assert abs(abs(degrees[one] - degrees[two]) - 180) < 25
    assert itten_degrees(Lab(50, 60, -0.001)) == pytest.approx(itten_degrees(Lab(50, 60, 0.001)), abs=0.1)


def test_clear_contrasts_suit_who_has_them() -> None:
    black, sage = COLOURS["black"], COLOURS["sage"]
    assert suits(black, HIGH_CONTRAST).score > suits(sage, HIGH_CONTRAST).score
    assert suits(black, LOW_CONTRAST).score < suits(sage, LOW_CONTRAST).score
    assert suits(black, HIGH_CONTRAST).words == "as clear a contrast as your own colours make"


def test_warm_colours_suit_warm_skin_and_cool_ones_cool() -> None:
    warm, cool = (Appearance(Lab(68, *ab), None, (), DAYLIGHT) for ab in ((6.0, 24.0), (17.0, 9.0)))
    rust, teal = Lab(45, 35, 40), Lab(45, -30, -10)
    assert suits(rust, warm).score > suits(teal, warm).score
    assert suits(rust, cool).score < suits(teal, cool).score
    assert suits(rust, warm).words == "as warm as your own colours"
    assert suits(teal, cool).words == "as cool as your own colours"


def test_a_colour_like_the_skin_itself_is_not_advised() -> None:
    assert suits(LOW_CONTRAST.skin, LOW_CONTRAST).score < 0.5
    assert all(colour.difference(LOW_CONTRAST.skin) > 10 for colour in suggested(LOW_CONTRAST))


@settings(max_examples=40)
@given(COLOUR, COLOUR, st.none() | COLOUR)
def test_whatever_is_worn_by_whomever_is_judged_between_0_and_1(colour: Lab, skin: Lab, hair: Lab | None) -> None:
    assert 0 <= suits(colour, Appearance(skin, hair, (), DAYLIGHT)).score <= 1


def test_colours_have_a_shop_s_names() -> None:
    assert name_of(Lab.from_hex("#1b2a4a")) == "navy"
    assert name_of(Lab.from_hex("#fdfdfb")) == "white"
    assert all(name_of(colour) == name for name, colour in COLOURS.items())
