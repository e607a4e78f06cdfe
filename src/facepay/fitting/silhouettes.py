"""Garments drawn simply: one shape for each kind, in the garment's colour."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import ImageDraw

from facepay.fitting.outfits import Kind
from facepay.vision.colours import Lab

Point = tuple[float, float]
Corner = tuple[float, float, float]
Box = tuple[float, float, float, float]

# Within a unit square, the left half from the middle round to the middle; the right is its mirror. The third number is
# how far from the corner its rounding begins.
_HALVES: dict[Kind, tuple[Corner, ...]] = {
    Kind.TOP: (
        *((0.50, 0.165, 0.06), (0.42, 0.15, 0.06), (0.38, 0.055, 0.01), (0.24, 0.10, 0.08), (0.16, 0.17, 0.06)),
        *((0.02, 0.42, 0.012), (0.165, 0.50, 0.012), (0.265, 0.34, 0.03), (0.265, 0.945, 0.012), (0.50, 0.955, 0.02)),
    ),
    Kind.BOTTOM: (
        *((0.50, 0.03, 0.0), (0.30, 0.03, 0.012), (0.295, 0.10, 0.02), (0.245, 0.38, 0.12), (0.225, 0.97, 0.01)),
        *((0.405, 0.97, 0.01), (0.475, 0.36, 0.03), (0.50, 0.335, 0.01)),
    ),
    Kind.DRESS: (
        *((0.50, 0.175, 0.08), (0.415, 0.165, 0.06), (0.405, 0.03, 0.01), (0.35, 0.03, 0.01), (0.345, 0.14, 0.06)),
        *((0.305, 0.23, 0.03), (0.345, 0.36, 0.08), (0.345, 0.43, 0.04), (0.185, 0.945, 0.015), (0.50, 0.985, 0.2)),
    ),
    Kind.OUTER: (
        *((0.50, 0.085, 0.03), (0.43, 0.075, 0.03), (0.40, 0.035, 0.02), (0.25, 0.09, 0.08), (0.19, 0.19, 0.06)),
        *((0.075, 0.70, 0.012), (0.195, 0.725, 0.012), (0.275, 0.35, 0.03), (0.25, 0.97, 0.015), (0.50, 0.975, 0.0)),
    ),
    Kind.ACCESSORY: ((0.50, 0.38, 0.0), (0.20, 0.38, 0.03), (0.12, 0.93, 0.06), (0.50, 0.93, 0.0)),
}
_SHOE = (
    *((0.02, 0.80, 0.02), (0.045, 0.44, 0.04), (0.20, 0.50, 0.08), (0.41, 0.36, 0.03), (0.52, 0.42, 0.04)),
    *((0.64, 0.58, 0.08), (0.93, 0.64, 0.08), (0.985, 0.80, 0.04)),
)
_SOLE = ((0.0, 0.77, 0.02), (0.985, 0.77, 0.03), (0.99, 0.88, 0.04), (0.01, 0.88, 0.03))
_HANDLE = ((0.34, 0.40, 0.0), (0.35, 0.08, 0.14), (0.65, 0.08, 0.14), (0.66, 0.40, 0.0))
# Seams, pockets, lapels and laces, each a line.
_SEAMS: dict[Kind, tuple[tuple[Corner, ...], ...]] = {
    Kind.TOP: (
        ((0.38, 0.055, 0.0), (0.41, 0.205, 0.10), (0.59, 0.205, 0.10), (0.62, 0.055, 0.0)),
        ((0.265, 0.36, 0.0), (0.28, 0.22, 0.0)),
        ((0.735, 0.36, 0.0), (0.72, 0.22, 0.0)),
        ((0.265, 0.90, 0.0), (0.735, 0.90, 0.0)),
        ((0.042, 0.385, 0.0), (0.19, 0.465, 0.0)),
        ((0.958, 0.385, 0.0), (0.81, 0.465, 0.0)),
    ),
    Kind.BOTTOM: (
        ((0.295, 0.10, 0.0), (0.705, 0.10, 0.0)),
        ((0.50, 0.10, 0.0), (0.50, 0.335, 0.0)),
        ((0.275, 0.23, 0.0), (0.36, 0.20, 0.05), (0.37, 0.10, 0.0)),
        ((0.725, 0.23, 0.0), (0.64, 0.20, 0.05), (0.63, 0.10, 0.0)),
    ),
    Kind.DRESS: (
        ((0.345, 0.42, 0.0), (0.50, 0.435, 0.10), (0.655, 0.42, 0.0)),
        ((0.43, 0.47, 0.0), (0.37, 0.92, 0.0)),
        ((0.57, 0.47, 0.0), (0.63, 0.92, 0.0)),
    ),
    Kind.OUTER: (
        ((0.50, 0.42, 0.0), (0.50, 0.975, 0.0)),
        ((0.40, 0.035, 0.0), (0.35, 0.20, 0.01), (0.415, 0.225, 0.01), (0.385, 0.26, 0.01), (0.50, 0.42, 0.0)),
        ((0.60, 0.035, 0.0), (0.65, 0.20, 0.01), (0.585, 0.225, 0.01), (0.615, 0.26, 0.01), (0.50, 0.42, 0.0)),
        ((0.31, 0.68, 0.0), (0.43, 0.655, 0.0)),
        ((0.69, 0.68, 0.0), (0.57, 0.655, 0.0)),
        ((0.085, 0.645, 0.0), (0.207, 0.67, 0.0)),
        ((0.915, 0.645, 0.0), (0.793, 0.67, 0.0)),
    ),
    Kind.ACCESSORY: (
        ((0.19, 0.46, 0.0), (0.22, 0.60, 0.06), (0.78, 0.60, 0.06), (0.81, 0.46, 0.0)),
        ((0.46, 0.57, 0.0), (0.46, 0.66, 0.02), (0.54, 0.66, 0.02), (0.54, 0.57, 0.0)),
    ),
}
_LACES = (((0.46, 0.49, 0.0), (0.55, 0.43, 0.0)), ((0.52, 0.56, 0.0), (0.61, 0.50, 0.0)))


def draw_garment(draw: ImageDraw.ImageDraw, kind: Kind, colour: Lab, box: Box) -> None:
    """Draw it as large as the box (left, top, right, bottom) lets it be, in the middle of it."""
    left, top, right, bottom = box
    side = min(right - left, bottom - top)
    pen = _Pen(draw, (left + right - side) / 2, (top + bottom - side) / 2, side, _line_colour(colour).to_hex())
    if kind is Kind.SHOES:
        _draw_shoes(pen, colour)
        return
    if kind is Kind.ACCESSORY:
        pen.line(_HANDLE, thickness=4)
    half = _HALVES[kind]
    pen.shape([*half, *((1 - x, y, reach) for x, y, reach in reversed(half[1:-1]))], colour)
    for seam in _SEAMS[kind]:
        pen.line(seam)


def _draw_shoes(pen: _Pen, colour: Lab) -> None:
    sole = Lab(93, 0, 3) if colour.lightness < 80 else Lab(62, 8, 22)
    for across, down in ((0.13, -0.12), (0.0, 0.12)):
        shoe = _Pen(pen.draw, pen.left + across * pen.side, pen.top + down * pen.side, 0.86 * pen.side, pen.colour)
        shoe.shape(_SHOE, colour)
        shoe.shape(_SOLE, sole)
        for lace in _LACES:
            shoe.line(lace)


class _Pen:
    """Draws in a unit square that lies somewhere on a picture."""

    def __init__(self, draw: ImageDraw.ImageDraw, left: float, top: float, side: float, colour: str) -> None:
        self.draw = draw
        self.left, self.top, self.side = left, top, side
        self.colour = colour
        self.width = max(1, round(side / 120))

    def shape(self, corners: Sequence[Corner], fill: Lab) -> None:
        placed = self._placed(_rounded([corners[-1], *corners, corners[0]])[1:-1])
        self.draw.polygon(placed, fill=fill.to_hex())
        self.draw.line([*placed, placed[0], placed[1]], self.colour, self.width, joint="curve")

    def line(self, corners: Sequence[Corner], *, thickness: int = 1) -> None:
        self.draw.line(self._placed(_rounded(corners)), self.colour, thickness * self.width, joint="curve")

    def _placed(self, points: Sequence[Point]) -> list[Point]:
        return [(self.left + self.side * x, self.top + self.side * y) for x, y in points]


def _rounded(corners: Sequence[Corner]) -> list[Point]:
    """The line through the corners, each but the first and the last cut by a quadratic curve."""
    points: list[Point] = [corners[0][:2]]
    for before, (x, y, reach), after in zip(corners, corners[1:], corners[2:], strict=False):
        corner = x, y
        start, end = _towards(corner, before[:2], reach), _towards(corner, after[:2], reach)
        for step in range(9):
            share = step / 8
            points.append(_between(_between(start, corner, share), _between(corner, end, share), share))
    return [*points, corners[-1][:2]]


def _towards(start: Point, end: Point, reach: float) -> Point:
    """So far along, but at most to the middle."""
    length = max(((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5, 1e-9)
    return _between(start, end, min(0.5, reach / length))


def _between(one: Point, two: Point, share: float) -> Point:
    return one[0] + share * (two[0] - one[0]), one[1] + share * (two[1] - one[1])


def _line_colour(colour: Lab) -> Lab:
    """Visible on the garment, and round a white one on white."""
    return Lab(colour.lightness + (24 if colour.lightness < 35 else -22), colour.a * 0.9, colour.b * 0.9)
