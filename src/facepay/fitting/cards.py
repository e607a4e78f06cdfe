"""Pictures for a screen: a palette and an outfit. Drawing takes tens of milliseconds: never on the event loop."""

from __future__ import annotations

from facepay.fitting.outfits import Outfit
from facepay.vision.colours import Appearance

SIZE = (1080, 1350)


def palette_card(appearance: Appearance, *, size: tuple[int, int] = SIZE) -> bytes:
    """A PNG of the colours of skin, hair and clothes, with their names. `size` is width and height in pixels."""
    raise NotImplementedError


def outfit_card(outfit: Outfit, *, currency: str, size: tuple[int, int] = SIZE) -> bytes:
    """A PNG of an outfit: its pieces with names and prices, its colours and the reasons for it."""
    raise NotImplementedError
