"""Pictures for a mirror: the colours that they show are the ones that were read, and their words can be read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from PIL import Image

from facepay.fitting import cards, lettering
from facepay.fitting.cards import INK, PAPER, SHEET, SOFT_INK, outfit_card, palette_card
from facepay.fitting.colour_names import COLOURS
from facepay.fitting.lettering import can_be_written, fitted, font_for, wrapped
from facepay.fitting.outfits import Candidate, Kind, Outfit, outfits
from facepay.vision.colours import Appearance, Illuminant, Lab, Swatch

SKIN, HAIR = Lab.from_hex("#c68d6f"), Lab.from_hex("#2b211d")
WORN = (Swatch(COLOURS["emerald"], 0.7), Swatch(COLOURS["cream"], 0.3))
LATIN_ONLY = {"DejaVuSans.ttf", "LiberationSans-Regular.ttf"}
SMALL = (540, 675)  # half as large as it is by itself
PERSON = Appearance(SKIN, HAIR, WORN, Illuminant(Lab(100, 0, 0)))


def drawn(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def share_of(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], colour: str) -> float:
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return float((picture == wanted).all(axis=2).mean())


SHOP = {"top": "blue", "bottom": "grey", "dress": "sage", "outer": "camel", "shoes": "cognac", "accessory": "black"}


def outfit(**names: str) -> Outfit:
    garments = [
        Candidate(UUID(int=number), kind, Kind(kind), name, COLOURS[SHOP[kind]], frozenset(), 12_900 + number)
        for number, (kind, name) in enumerate(names.items())
    ]
    return outfits(garments)[0]


def test_a_palette_shows_what_was_read() -> None:
    picture = drawn(palette_card(PERSON))
    assert picture.shape == (1350, 1080, 3)
    picture = drawn(palette_card(PERSON, size=SMALL))
    for colour in (SKIN, HAIR, *(swatch.lab for swatch in WORN)):
        assert share_of(picture, colour.to_hex()) > 0.02
    first, second = (share_of(picture, swatch.lab.to_hex()) for swatch in WORN)
    assert first / second == pytest.approx(0.7 / 0.3, rel=0.1)


def test_without_hair_and_clothes_a_palette_shows_the_skin() -> None:
    with_hair = drawn(palette_card(PERSON, size=SMALL))
    picture = drawn(palette_card(Appearance(SKIN, None, (), PERSON.light), size=SMALL))
    assert share_of(picture, SKIN.to_hex()) > 1.8 * share_of(with_hair, SKIN.to_hex())
    assert share_of(picture, HAIR.to_hex()) == 0


@pytest.mark.parametrize(
    "kinds",
    [
        ("top", "bottom"),
        ("dress",),
        ("dress", "shoes"),
        ("top", "bottom", "outer", "shoes"),
        ("top", "bottom", "outer", "shoes", "accessory"),
    ],
)
def test_an_outfit_shows_each_piece_in_its_colour(kinds: tuple[str, ...]) -> None:
    shown = outfit(**{kind: f"a {kind}" for kind in kinds})
    picture = drawn(outfit_card(shown, currency="CNY", size=SMALL))
    assert len(shown.pieces) >= min(len(kinds), 3) or "dress" in kinds
    for piece in shown.pieces:
        assert share_of(picture, piece.colour.to_hex()) > 0.004
    assert share_of(picture[-20:], PAPER) == 1  # nothing runs over the edge
    assert share_of(picture[:, -30:], PAPER) == 1


@pytest.mark.parametrize("size", [(240, 300), (1280, 720), (2010, 2010)])
def test_a_card_is_as_large_as_the_screen_asks(size: tuple[int, int]) -> None:
    picture = drawn(outfit_card(outfit(top="a shirt", bottom="trousers"), currency="CNY", size=size))
    assert picture.shape == (size[1], size[0], 3)
    assert share_of(picture, COLOURS["blue"].to_hex()) > 0.003


@pytest.mark.parametrize("size", [(0, 100), (5000, 5000), (1080, -1)])
def test_a_card_of_no_sensible_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError):
        palette_card(PERSON, size=size)


@pytest.mark.parametrize("paper", [PAPER, SHEET])
@pytest.mark.parametrize("ink", [INK, SOFT_INK])
def test_words_have_the_contrast_that_wcag_asks(ink: str, paper: str) -> None:
    dark, light = sorted(luminance(colour) for colour in (ink, paper))
    assert (light + 0.05) / (dark + 0.05) > 4.5


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance, which is CIE's Y: by lightness, whose formula is a cube there."""
    return float(((Lab.from_hex(colour).lightness + 16) / 116) ** 3)


def test_a_name_is_written_in_a_font_that_has_its_characters() -> None:
    installed = {path.name for path, _ in lettering.installed()}
    for text, enough in (("羊毛大衣", installed - LATIN_ONLY), ("Café crème — 590 kr", installed)):
        font = font_for(text, 30)
        assert (font is not None) == bool(enough)
        if font:
            boxes = bytes(font.getmask("\U0010ffff"))
            assert all(bytes(font.getmask(character)) != boxes for character in text if character != " ")
    assert not can_be_written("\U0010fffe")


def test_a_name_that_no_font_has_is_shown_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "installed", lambda: ())
    written: list[str] = []
    write = cards._Card.write

    def noting(card: cards._Card, text: str, *at: Any, **how: Any) -> None:
        written.append(text)
        write(card, text, *at, **how)

    monkeypatch.setattr(cards._Card, "write", noting)
    outfit_card(outfit(top="羊毛衫", bottom="Trousers"), currency="CNY", size=SMALL)
    assert "Blue top" in written
    assert "Trousers" in written
    assert all(text.isascii() for text in written)


def test_prices_are_written_as_their_currency_has_them() -> None:
    assert cards._price(129_900, "CNY") == "CNY 1,299.00"
    assert cards._price(1_299, "JPY") == "JPY 1,299"


@pytest.mark.parametrize("name", ["", "two\nlines", "a\ttab"])
def test_a_name_with_odd_spaces_is_one_line(name: str) -> None:
    picture = drawn(outfit_card(outfit(top=name, bottom="x"), currency="CNY", size=SMALL))
    assert share_of(picture, COLOURS["blue"].to_hex()) > 0.004


def test_what_is_too_long_is_cut_and_what_is_long_is_wrapped() -> None:
    font = font_for("abc", 20)
    assert font is not None
    assert fitted("short", font, 500) == "short"
    cut = fitted("a name that is much longer than its place on the card", font, 120)
    assert cut.endswith("...")
    assert font.getlength(cut) <= 120
    lines = wrapped("one two three four five six seven eight nine ten", font, 120, lines_max=3)
    assert len(lines) == 3
    assert all(font.getlength(line) <= 120 for line in lines)


def test_fonts_are_looked_for_where_systems_keep_them() -> None:
    assert all(path.is_file() for path, _ in lettering.installed())
    assert all(Path(path).suffix in {".ttc", ".ttf"} for path, _ in lettering._FONTS)
