"""What a shop calls a colour."""

from __future__ import annotations

from functools import lru_cache

from facepay.vision.colours import Lab

_NAMES = {
    "black": "#16161a",
    "charcoal": "#3a3b3f",
    "dark grey": "#5a5b5e",
    "grey": "#85868a",
    "light grey": "#b9babc",
    "silver grey": "#d6d7d9",
    "white": "#fbfbfb",
    "cream": "#f4ecd8",
    "ivory": "#f5f0e6",
    "beige": "#ddc9a8",
    "sand": "#cbb68f",
    "tan": "#b8935f",
    "camel": "#b5834a",
    "taupe": "#8b7b6c",
    "brown": "#6f4a2e",
    "dark brown": "#3b2a20",
    "chestnut": "#7a3e25",
    "cognac": "#9a5a2c",
    "rust": "#a8481f",
    "terracotta": "#c46a4a",
    "orange": "#ee7f1b",
    "apricot": "#f6b586",
    "peach": "#f9cdb0",
    "coral": "#f4735e",
    "salmon": "#e9967a",
    "red": "#cf2027",
    "dark red": "#8c1520",
    "burgundy": "#5e1526",
    "raspberry": "#b11e58",
    "pink": "#f19db5",
    "hot pink": "#e63b8c",
    "pale pink": "#f6d5da",
    "dusty pink": "#c99a9c",
    "magenta": "#c0157c",
    "plum": "#5f2a52",
    "purple": "#6d398b",
    "lilac": "#bfa1d3",
    "lavender": "#d5cbe8",
    "mauve": "#97748f",
    "navy": "#1c2744",
    "midnight blue": "#141a33",
    "royal blue": "#2346a8",
    "blue": "#2a6fb5",
    "denim": "#4a6485",
    "slate blue": "#68788f",
    "sky blue": "#8dbbe0",
    "pale blue": "#cfe0ee",
    "petrol": "#12505d",
    "teal": "#117a7c",
    "turquoise": "#2fb4b4",
    "mint": "#b4e0cb",
    "emerald": "#0d8456",
    "green": "#2f8f3c",
    "bottle green": "#15452f",
    "olive": "#6a6b32",
    "khaki": "#8f8762",
    "sage": "#a3b094",
    "lime": "#a5ca2c",
    "yellow": "#f6dc1a",
    "pale yellow": "#f8efb0",
    "mustard": "#cf9f22",
    "gold": "#b8963e",
}
COLOURS = {name: Lab.from_hex(colour) for name, colour in _NAMES.items()}


@lru_cache(maxsize=4096)
def name_of(colour: Lab) -> str:
    """The nearest of some 60 names, by CIEDE2000."""
    return min(COLOURS, key=lambda name: COLOURS[name].difference(colour))
