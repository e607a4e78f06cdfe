"""Whole outfits: what they never hold, and what they are ranked by."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepay.fitting.colour_names import COLOURS
from facepay.fitting.harmony import Rule, judge
from facepay.fitting.outfits import Candidate, Kind, Outfit, Owned, outfits
from facepay.vision.colours import Appearance, Illuminant, Lab, Swatch

OCCASIONS = ("work", "weekend", "evening")
DARK_HAIRED = Appearance(Lab(74, 9, 17), Lab(14, 2, 4), (Swatch(COLOURS["navy"], 1.0),), Illuminant(Lab(100, 0, 0)))

CANDIDATES = st.builds(
    Candidate,
    product_id=st.uuids(),
    style=st.sampled_from([f"style {number}" for number in range(8)]),
    kind=st.sampled_from(Kind),
    name=st.just("a garment"),
    colour=st.sampled_from(list(COLOURS.values())),
    occasions=st.sets(st.sampled_from(OCCASIONS)).map(frozenset),
    price=st.integers(0, 100_000),
    liking=st.floats(-1, 2),
    in_stock=st.booleans(),
)


def garment(number: int, kind: Kind, colour: str, **changes: object) -> Candidate:
    plain = Candidate(
        UUID(int=number),
        f"style {number}",
        kind,
        f"{colour} {kind}",
        COLOURS[colour],
        frozenset(OCCASIONS),
        10_000,
        0.5,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def shop(count: int) -> list[Candidate]:
    chance = random.Random(1)
    return [
        garment(
            number,
            chance.choice(list(Kind)),
            chance.choice(list(COLOURS)),
            occasions=frozenset(chance.sample(OCCASIONS, 2)),
            price=chance.randrange(5_000, 90_000),
            liking=chance.random(),
        )
        for number in range(count)
    ]


def names(found: list[Outfit]) -> list[set[str]]:
    return [{piece.name for piece in outfit.pieces} for outfit in found]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(CANDIDATES, min_size=5, max_size=30, unique_by=lambda candidate: candidate.product_id),
    st.none() | st.sampled_from(OCCASIONS),
    st.none() | st.integers(0, 200_000),
    st.sets(st.sampled_from([f"style {number}" for number in range(8)]), max_size=3),
    st.sampled_from([None, DARK_HAIRED]),
)
def test_an_outfit_can_be_worn_and_bought_as_it_is(
    candidates: list[Candidate], occasion: str | None, budget: int | None, had: set[str], appearance: Appearance | None
) -> None:
    owned = [Owned(style, Kind.TOP, "an old top", COLOURS["white"]) for style in sorted(had)]
    found = outfits(candidates, occasion=occasion, appearance=appearance, owned=owned, budget=budget, limit=4)
    for outfit in found:
        kinds = Counter(piece.kind for piece in outfit.pieces)
        assert max(kinds.values()) == 1
        assert (kinds[Kind.DRESS], kinds[Kind.TOP], kinds[Kind.BOTTOM]) in {(1, 0, 0), (0, 1, 1)}
        assert all(piece.in_stock and piece.style not in had for piece in outfit.pieces)
        assert occasion is None or all(occasion in piece.occasions for piece in outfit.pieces)
        assert budget is None or outfit.total <= budget
        assert 0 <= outfit.score <= 1
        assert outfit.reasons
    main = [
        frozenset((piece.style, piece.colour) for piece in outfit.pieces if piece.kind in {"top", "bottom", "dress"})
        for outfit in found
    ]
    assert len(set(main)) == len(main)


def test_the_same_shop_gives_the_same_outfits_in_whatever_order_it_lists_its_garments() -> None:
    garments = shop(150)
    found = outfits(garments, occasion="work", appearance=DARK_HAIRED, limit=5)
    random.Random(2).shuffle(garments)
    assert outfits(garments, occasion="work", appearance=DARK_HAIRED, limit=5) == found
    assert len(found) == 5
    assert len({piece.product_id for outfit in found for piece in outfit.pieces if piece.kind in {"top", "dress"}}) > 3


def test_what_goes_together_comes_before_what_does_not() -> None:
    top, matching, clashing = (
        garment(1, Kind.TOP, "blue"),
        garment(2, Kind.BOTTOM, "sky blue"),
        garment(3, Kind.BOTTOM, "dark red"),
    )
    first, second = outfits([clashing, matching, top])
    assert first.pieces == (top, matching)
    assert first.harmony.score > second.harmony.score


def test_of_two_that_go_as_well_the_one_that_is_liked_comes_first() -> None:
    bottom, liked, other = (
        garment(1, Kind.BOTTOM, "grey"),
        garment(2, Kind.TOP, "white", liking=0.9),
        garment(3, Kind.TOP, "white", liking=0.1),
    )
    assert outfits([other, liked, bottom])[0].pieces == (liked, bottom)


def test_what_suits_the_person_comes_first() -> None:
    plain = [garment(1, Kind.BOTTOM, "grey"), garment(2, Kind.TOP, "taupe"), garment(3, Kind.TOP, "black")]
    pale_haired = replace(DARK_HAIRED, hair=Lab(68, 4, 20))
    assert outfits(plain, appearance=DARK_HAIRED)[0].pieces[0].name == "black top"
    assert outfits(plain, appearance=pale_haired)[0].pieces[0].name == "taupe top"


def test_an_outfit_has_shoes_where_any_can_be_paid_and_the_rest_only_where_it_fits() -> None:
    base = [garment(1, Kind.TOP, "white"), garment(2, Kind.BOTTOM, "navy")]
    shoes, coat = garment(3, Kind.SHOES, "magenta"), garment(4, Kind.OUTER, "black")
    clashing = garment(5, Kind.ACCESSORY, "lime", liking=0.0)
    assert names(outfits([*base, shoes, coat, clashing])) == [
        {"white top", "navy bottom", "magenta shoes", "black outer"}
    ]
    assert names(outfits([*base, shoes], budget=25_000)) == [{"white top", "navy bottom"}]
    assert outfits([*base, shoes], budget=15_000) == []


def test_reasons_are_sentences_about_colours_person_wardrobe_and_occasion() -> None:
    garments = [garment(1, Kind.TOP, "black"), garment(2, Kind.BOTTOM, "grey")]
    trousers = Owned("old", Kind.BOTTOM, "white trousers", COLOURS["white"])
    (found,) = outfits(garments, occasion="work", appearance=DARK_HAIRED, owned=[trousers])
    assert found.reasons == (
        "Black and grey: neutral colours, which go with each other.",
        "Black is as clear a contrast as your own colours make.",
        "Goes with your white trousers.",
        "All of it is for work.",
    )


@pytest.mark.parametrize("missing", [Kind.TOP, Kind.BOTTOM])
def test_half_an_outfit_is_none(missing: Kind) -> None:
    garments = [garment(number, kind, "grey") for number, kind in enumerate(Kind) if kind not in (missing, Kind.DRESS)]
    assert outfits(garments) == []


def test_thousands_of_garments_are_narrowed_before_they_are_combined(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Sequence[Lab]] = []

    def counting(colours: Sequence[Lab]) -> tuple[float, Rule]:
        judged.append(colours)
        return judge(colours)

    monkeypatch.setattr("facepay.fitting.outfits.judge", counting)
    assert len(outfits(shop(3_000), appearance=DARK_HAIRED)) == 3
    assert 500 < len(judged) < 4_000
