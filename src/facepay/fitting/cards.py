"""Pictures for a screen: a palette and an outfit. Drawing takes tens of milliseconds: never on the event loop."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from facepay.fitting.colour_names import name_of
from facepay.fitting.lettering import can_be_written, fitted, font_for, wrapped
from facepay.fitting.outfits import Candidate, Kind, Outfit
from facepay.fitting.silhouettes import Box, draw_garment
from facepay.fitting.suits import suggested
from facepay.kernel.money import in_major_units
from facepay.vision.colours import Appearance, Lab, Swatch

SIZE = (1080, 1350)
SIDE_PX_MIN, SIDE_PX_MAX = 240, 4096
# Drawn so much larger, then made smaller, since Pillow draws no soft edges: where so many pixels don't hide hard ones.
_SMOOTHING, _SMOOTHED_PIXELS_MAX = 2, 4_000_000

PAPER, SHEET, INK, SOFT_INK, LINE = "#f6f3ee", "#ffffff", "#1c1b1a", "#5f5a54", "#e3ddd4"
_MARGIN = 72
_REASONS_MAX = 4
_SMALL = {Kind.SHOES, Kind.ACCESSORY}
_NARROWEST = 0.14  # of the clothes' share


class _Card:
    """A picture of 1080 by 1350 units, as large as `size` lets it be."""

    def __init__(self, size: tuple[int, int]) -> None:
        if not all(SIDE_PX_MIN <= side <= SIDE_PX_MAX for side in size):
            raise ValueError(f"a card's sides have {SIDE_PX_MIN} to {SIDE_PX_MAX} pixels")
        self.size = size
        self.smoothing = _SMOOTHING if size[0] * size[1] <= _SMOOTHED_PIXELS_MAX else 1
        self.scale = self.smoothing * min(size[0] / SIZE[0], size[1] / SIZE[1])
        self.picture = Image.new("RGB", (size[0] * self.smoothing, size[1] * self.smoothing), PAPER)
        self.draw = ImageDraw.Draw(self.picture)
        self.left = (self.picture.width - SIZE[0] * self.scale) / 2
        self.top = (self.picture.height - SIZE[1] * self.scale) / 2

    def at(self, box: Box) -> Box:
        left, top, right, bottom = (value * self.scale for value in box)
        return left + self.left, top + self.top, right + self.left, bottom + self.top

    def panel(self, box: Box, fill: str, *, radius: float = 28, line: str | None = None) -> None:
        width = round(2 * self.scale) if line else 0
        self.draw.rounded_rectangle(self.at(box), radius * self.scale, fill, line, width)

    def write(
        self,
        text: str,
        at: tuple[float, float],
        size: float,
        *,
        ink: str = INK,
        width: float = 936,
        bold: bool = False,
        anchor: str = "ls",
    ) -> None:
        """One line, its baseline at this height, cut off where it is wider than `width`."""
        font = font_for(text, size * self.scale, bold=bold)
        assert font is not None, "callers ask can_be_written"
        x, y, *_ = self.at((*at, 0, 0))
        self.draw.text((x, y), fitted(text, font, width * self.scale), ink, font, anchor)

    def write_lines(
        self, text: str, at: tuple[float, float], size: float, *, ink: str, width: float, lines_max: int
    ) -> float:
        """Several lines; returns the height of the next baseline."""
        font = font_for(text, size * self.scale)
        assert font is not None, "callers ask can_be_written"
        x, y = at
        for line in wrapped(text, font, width * self.scale, lines_max=lines_max):
            self.write(line, (x, y), size, ink=ink, width=width)
            y += 1.4 * size
        return y

    def png(self) -> bytes:
        done = io.BytesIO()
        self.picture.reduce(self.smoothing).save(done, "PNG", compress_level=6)
        return done.getvalue()


def palette_card(appearance: Appearance, *, size: tuple[int, int] = SIZE) -> bytes:
    """A PNG of the colours of skin, hair and clothes, and of some that suit them. `size` is width and height in pixels.

    Raises ValueError for a size out of bounds.
    """
    card = _Card(size)
    card.write("Your colours", (_MARGIN, 150), 64, bold=True)
    card.write("as they look in daylight", (_MARGIN, 206), 30, ink=SOFT_INK)
    own = [("Skin", appearance.skin)] + ([("Hair", appearance.hair)] if appearance.hair else [])
    width = (936 - 24 * (len(own) - 1)) / len(own)
    for number, (what, colour) in enumerate(own):
        left = _MARGIN + number * (width + 24)
        _swatch(card, colour, (left, 260, left + width, 560), what)
    if appearance.clothes:
        _clothes(card, appearance.clothes)
    card.write("Suits you", (_MARGIN, 1018), 30, bold=True)
    chosen = suggested(appearance)
    width = (936 - 20 * (len(chosen) - 1)) / len(chosen)
    for number, colour in enumerate(chosen):
        left = _MARGIN + number * (width + 20)
        card.panel((left, 1046, left + width, 1186), colour.to_hex(), line=LINE)
        card.write(name_of(colour), (left + width / 2, 1226), 24, ink=SOFT_INK, width=width + 12, anchor="ms")
    card.write("Read from one picture, which is not kept.", (_MARGIN, 1300), 24, ink=SOFT_INK)
    return card.png()


def outfit_card(outfit: Outfit, *, currency: str, size: tuple[int, int] = SIZE) -> bytes:
    """A PNG of an outfit: its pieces with names and prices, and the reasons for it. Raises as `palette_card`.

    A name that no font of this machine can write is shown as the garment's colour and kind.
    """
    card = _Card(size)
    reasons = [reason for reason in outfit.reasons if can_be_written(reason)][:_REASONS_MAX]
    card.write("Your outfit", (_MARGIN, 128), 56, bold=True)
    bottom = (
        1350 - 190 - 55 * len(outfit.pieces) - 62 * len(reasons)
    )  # what the words need is theirs, the rest the sheet's
    sheet = (float(_MARGIN), 168.0, 1008.0, float(bottom))
    card.panel(sheet, SHEET, radius=36, line=LINE)
    for piece, box in zip(outfit.pieces, _places([piece.kind for piece in outfit.pieces], sheet), strict=True):
        draw_garment(card.draw, piece.kind, piece.colour, card.at(box))
    y = bottom + 68.0
    for piece in outfit.pieces:
        card.panel((_MARGIN, y - 31, _MARGIN + 40, y + 9), piece.colour.to_hex(), radius=20, line=LINE)
        card.write(_name(piece), (_MARGIN + 60, y), 30, width=610)
        card.write(_price(piece.price, currency), (1008, y), 30, anchor="rs")
        y += 55
    card.draw.line(card.at((_MARGIN, y - 26, 1008, y - 26)), LINE, round(2 * card.scale))
    card.write("Together", (_MARGIN + 60, y + 20), 30, bold=True)
    card.write(_price(outfit.total, currency), (1008, y + 20), 30, bold=True, anchor="rs")
    y += 78
    for reason in reasons:
        y = 8 + card.write_lines(reason, (_MARGIN, y), 25, ink=SOFT_INK, width=936, lines_max=2)
    return card.png()


def _swatch(card: _Card, colour: Lab, box: Box, what: str) -> None:
    card.panel(box, colour.to_hex(), line=LINE)
    left, _, right, bottom = box
    card.write(what, (left, bottom + 46), 30, bold=True)
    card.write(colour.to_hex(), (right, bottom + 46), 26, ink=SOFT_INK, anchor="rs")


def _clothes(card: _Card, clothes: Sequence[Swatch]) -> None:
    """Side by side, as wide as their shares, but none too narrow for its name."""
    shares = [max(swatch.share, _NARROWEST) for swatch in clothes]
    free = 936 - 12 * (len(clothes) - 1)
    card.write("What you wear", (_MARGIN, 680), 30, bold=True)
    left = float(_MARGIN)
    for swatch, share in zip(clothes, shares, strict=True):
        right = left + free * share / sum(shares)
        card.panel((left, 706, right, 866), swatch.lab.to_hex(), line=LINE)
        card.write(name_of(swatch.lab), (left, 904), 24, ink=SOFT_INK, width=right - left)
        left = right + 12


def _places(kinds: Sequence[Kind], sheet: Box) -> list[Box]:
    """Where each piece lies: small ones in a column beside one or two large ones, or else all in two rows."""
    left, top, right, bottom = sheet[0] + 28, sheet[1] + 24, sheet[2] - 28, sheet[3] - 24
    small = [number for number, kind in enumerate(kinds) if kind in _SMALL]
    large = [number for number in range(len(kinds)) if number not in small]
    if not small:
        areas = [(large, _parts((left, top, right, bottom), len(large), across=True))]
    elif len(large) <= 2:
        split = left + (right - left) * (0.7 if len(large) == 2 else 0.6)
        areas = [
            (large, _parts((left, top, split, bottom), len(large), across=True)),
            (small, _parts((split, top, right, bottom), len(small), across=False)),
        ]
    else:
        split = top + (bottom - top) * (0.5 if len(small) == 1 else 0.56)
        first, second = ([*range(2)], [*range(2, len(kinds))]) if len(small) == 1 else (large, small)
        areas = [
            (first, _parts((left, top, right, split), len(first), across=True)),
            (second, _parts((left, split, right, bottom), len(second), across=True)),
        ]
    places = {number: box for numbers, boxes in areas for number, box in zip(numbers, boxes, strict=True)}
    return [places[number] for number in range(len(kinds))]


def _parts(box: Box, count: int, *, across: bool) -> list[Box]:
    left, top, right, bottom = box
    width, height = (right - left) / count, (bottom - top) / count
    if across:
        return [(left + number * width, top, left + (number + 1) * width, bottom) for number in range(count)]
    return [(left, top + number * height, right, top + (number + 1) * height) for number in range(count)]


def _name(piece: Candidate) -> str:
    name = " ".join(piece.name.split())
    return name if name and can_be_written(name) else f"{name_of(piece.colour)} {piece.kind}".capitalize()


def _price(amount: int, currency: str) -> str:
    return f"{currency} {in_major_units(amount, currency):,}"
