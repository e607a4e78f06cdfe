"""Motion in the zones of a camera that looks at a shelf."""

from __future__ import annotations

from typing import TypeAlias

ZONES_MAX = 100

Zone: TypeAlias = tuple[tuple[float, float], ...]
"""The corners of a polygon, as shares (0 to 1) of a frame's width and height from its upper left corner."""


def area_of(zone: Zone) -> float:
    """As a share of the frame's."""
    doubled = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(zone, (*zone[1:], zone[0]), strict=True))
    return abs(doubled) / 2
