"""What a device says of its 3D camera, so that its depth maps can be measured in millimetres."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DepthCamera:
    """A pinhole: what is at (x, y, z) mm is seen at column fx x / z + cx and row fy y / z + cy.

    All four are in pixels of a depth map of `width` by `height`, whose values count `depth_unit_mm` each. A map that
    is registered to the colour frame has the colour camera's intrinsics, at the map's own size.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    depth_unit_mm: float = 1.0
