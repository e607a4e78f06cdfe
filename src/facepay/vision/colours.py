"""Colours as people see them (CIELAB under D65), and what a picture says of a person's: plain values, no pixels.

Formulas: sRGB by IEC 61966-2-1, CIELAB by CIE 15, CIEDE2000 by Sharma, Wu & Dalal, "The CIEDE2000 color-difference
formula: implementation notes, supplementary test data, and mathematical observations" (2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt
from typing import Literal, Self

_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
_FROM_XYZ = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)
_WHITE = tuple(sum(row) for row in _TO_XYZ)  # so that greys have no chroma at all
_KNEE = 6 / 29


@dataclass(frozen=True, slots=True)
class Lab:
    """A colour: `lightness` from 0 (black) to 100 (white), `a` green to red, `b` blue to yellow."""

    lightness: float
    a: float
    b: float

    @classmethod
    def from_hex(cls, colour: str) -> Self:
        """Of an sRGB colour as #rrggbb. Raises ValueError for anything else."""
        if len(colour) != 7 or colour[0] != "#":
            raise ValueError("a colour is written as #rrggbb")
        linear = [_linear(byte / 255) for byte in bytes.fromhex(colour[1:])]
        x, y, z = (
            _root(sum(weight * light for weight, light in zip(row, linear, strict=True)) / white)
            for row, white in zip(_TO_XYZ, _WHITE, strict=True)
        )
        return cls(116 * y - 16, 500 * (x - y), 200 * (y - z))

    def to_hex(self) -> str:
        """The nearest sRGB colour channel by channel, as #rrggbb: what sRGB can't show is clipped."""
        y = (self.lightness + 16) / 116
        roots = (y + self.a / 500, y, y - self.b / 200)
        xyz = [_cube(root) * white for root, white in zip(roots, _WHITE, strict=True)]
        channels = (sum(weight * part for weight, part in zip(row, xyz, strict=True)) for row in _FROM_XYZ)
        return "#" + "".join(f"{round(255 * _companded(min(1.0, max(0.0, light)))):02x}" for light in channels)

    @property
    def chroma(self) -> float:
        """How far from grey: about 5 and less looks grey, 40 and more vivid."""
        return hypot(self.a, self.b)

    @property
    def hue_degrees(self) -> float:
        """0 to 360: red near 40, yellow near 100, green near 140, blue near 290."""
        return degrees(atan2(self.b, self.a)) % 360

    def difference(self, other: Lab) -> float:
        """CIEDE2000: about 1 can just be told apart side by side, 10 is another colour at a glance."""
        mean_chroma7 = ((self.chroma + other.chroma) / 2) ** 7
        stretch = 1.5 - 0.5 * sqrt(mean_chroma7 / (mean_chroma7 + 25.0**7))
        one, two = Lab(self.lightness, stretch * self.a, self.b), Lab(other.lightness, stretch * other.a, other.b)
        turn = hue_turn(one, two)
        lightness = (one.lightness + two.lightness) / 2
        chroma = (one.chroma + two.chroma) / 2
        hue = (one.hue_degrees + turn / 2) % 360 if one.chroma * two.chroma else one.hue_degrees + two.hue_degrees
        weight = (
            1
            - 0.17 * cos(radians(hue - 30))
            + 0.24 * cos(radians(2 * hue))
            + 0.32 * cos(radians(3 * hue + 6))
            - 0.20 * cos(radians(4 * hue - 63))
        )
        from_middle = (lightness - 50) ** 2
        by_lightness = (two.lightness - one.lightness) / (1 + 0.015 * from_middle / sqrt(20 + from_middle))
        by_chroma = (two.chroma - one.chroma) / (1 + 0.045 * chroma)
        by_hue = 2 * sqrt(one.chroma * two.chroma) * sin(radians(turn / 2)) / (1 + 0.015 * chroma * weight)
        in_blue = 2 * sqrt(chroma**7 / (chroma**7 + 25.0**7)) * sin(radians(60 * exp(-(((hue - 275) / 25) ** 2))))
        return sqrt(by_lightness**2 + by_chroma**2 + by_hue**2 - in_blue * by_chroma * by_hue)


def hue_turn(one: Lab, two: Lab) -> float:
    """The shorter way from one hue to another, -180 to 180 degrees; 0 where either is grey."""
    if not one.chroma * two.chroma:
        return 0.0
    turn = two.hue_degrees - one.hue_degrees
    return turn - 360 if turn > 180 else turn + 360 if turn < -180 else turn


@dataclass(frozen=True, slots=True)
class Swatch:
    """One of several colours of a thing, and its share of it (0 to 1)."""

    lab: Lab
    share: float


@dataclass(frozen=True, slots=True)
class Illuminant:
    """The light that a picture was taken in: its `colour` as a camera saw something white, before it was corrected.

    `colour.chroma` is how strong the cast was.
    """

    colour: Lab


@dataclass(frozen=True, slots=True)
class Appearance:
    """The colours of the person nearest to the camera, as they would look in daylight.

    `hair` is None where none is seen (a hat, a bald head, the top of the frame), `clothes` are those of what is worn
    on the upper body, the largest first, and their shares sum to 1. Nothing else is read of a person.
    """

    skin: Lab
    hair: Lab | None
    clothes: tuple[Swatch, ...]
    light: Illuminant


AppearanceRefusal = Literal["too_dark", "too_bright", "colour_cast", "face_turned", "come_closer", "no_shoulders"]


@dataclass(frozen=True, slots=True)
class NoAppearance:
    """Why colours can't be told from this picture: a stable code, and what the person can do, in English."""

    code: AppearanceRefusal
    message: str


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _companded(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else float(1.055 * light ** (1 / 2.4) - 0.055)


def _root(share: float) -> float:
    return share ** (1 / 3) if share > _KNEE**3 else share / (3 * _KNEE**2) + 4 / 29


def _cube(root: float) -> float:
    return root**3 if root > _KNEE else 3 * _KNEE**2 * (root - 4 / 29)
