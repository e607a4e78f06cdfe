"""What of a camera's view is compared with its view of other days: where it has edges and of which direction, how fine
they are, how bright it is. No picture can be made of it.

The view is cut into 12 by 16 cells. A histogram of edge directions in each tells one view from another whatever the
light: a lamp or the infrared of the night makes edges stronger or weaker and turns bright into dark, but an edge stays
where it is and leans as it did (Lee et al., Sensors 2015, 10315, count edges that disappear for the same reason). Fine
structure is what two frames in a row have in common, so noise isn't taken for sharpness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from facepay.vision.frames import Image

Values = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]

ROWS, COLUMNS, DIRECTIONS = 12, 16, 8
BLOCK = 2  # cells each way: what fits or doesn't
SIZE_PX, COARSE_PX = (320, 240), (160, 120)
GREY_CHROMA_MAX = 2.5  # grey levels between the channels, up to which a picture has no colour
NOISE_DEVIATIONS = 3.0  # of an edge's strength, which noise alone doesn't reach
DARKEST = 8.0  # grey levels: relative strength means nothing below
BLANK_MAX = 0.1  # of the strength of a middling block, as a share of the brightness: a wall, or a hand
MEAN_TO_SIGMA = 1.2533  # of a normal distribution: its deviation over its mean absolute value


@dataclass(frozen=True, slots=True, repr=False)
class View:
    """One frame. `fine` and `grey` are as large as the small picture and end with the next frame."""

    edges: Values  # (rows, columns, directions), grey levels
    brightness: float
    infrared: bool
    sums: Values  # (rows, columns), the same only where all pixels are the same
    noise: float  # standard deviation in the small picture, grey levels
    sharpness: Values  # (rows / 2, columns / 2): fine structure over coarse; NaN where it isn't known
    grey: MatLike
    fine: MatLike

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to see."""
        return float(np.median(strength(self.edges, self.brightness))) < BLANK_MAX


def look(frame: Image, before: View | None) -> View:
    """Measure a frame. `before` is the one just before it, without which nothing is known of noise and sharpness."""
    small = cv2.resize(frame, SIZE_PX, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
    fine = cv2.Laplacian(grey, cv2.CV_32F)
    noise = 0.0 if before is None else _noise(grey, before.grey)
    edges = _edges(grey, noise)
    return View(
        edges=edges,
        brightness=float(grey.mean()),
        infrared=_chroma(small) <= GREY_CHROMA_MAX,
        sums=_over_cells(grey),
        noise=noise,
        sharpness=_sharpness(fine, before.fine if before else np.full_like(fine, np.nan), edges),
        grey=grey,
        fine=fine,
    )


def blocks_of(edges: Values) -> Values:
    """(rows / 2, columns / 2, 32): the four cells of each block side by side."""
    cut = edges.reshape(ROWS // BLOCK, BLOCK, COLUMNS // BLOCK, BLOCK, -1)
    blocks: Values = cut.transpose(0, 2, 1, 3, 4).reshape(ROWS // BLOCK, COLUMNS // BLOCK, -1)
    return blocks


def likeness(edges: Values, others: Values) -> Values:
    """Of each block, the correlation of its histograms: 1 where they are alike, about 0 where they are of two views."""
    first, second = (blocks - blocks.mean(-1, keepdims=True) for blocks in (blocks_of(edges), blocks_of(others)))
    spread = np.sqrt((first**2).sum(-1) * (second**2).sum(-1))
    alike: Values = np.divide((first * second).sum(-1), spread, out=np.zeros_like(spread), where=spread > 0)
    return alike


def strength(edges: Values, brightness: float) -> Values:
    """Of each block's edges, as a share of the brightness: half the light leaves it as it is."""
    share: Values = blocks_of(edges).sum(-1) / np.float32(brightness + DARKEST)
    return share


def _edges(grey: MatLike, noise: float) -> Values:
    coarse = cv2.GaussianBlur(cv2.resize(grey, COARSE_PX, interpolation=cv2.INTER_AREA), (3, 3), 0)
    across, down = cv2.Sobel(coarse, cv2.CV_32F, 1, 0), cv2.Sobel(coarse, cv2.CV_32F, 0, 1)
    magnitude, angle = cv2.cartToPolar(across, down)
    magnitude = np.maximum(magnitude - NOISE_DEVIATIONS * noise, 0)
    direction = (angle * (DIRECTIONS / np.pi)).astype(np.uint8) % DIRECTIONS  # bright to dark is dark to bright
    return np.stack([_over_cells(np.where(direction == each, magnitude, 0)) for each in range(DIRECTIONS)], axis=-1)


def _noise(grey: MatLike, before: MatLike) -> float:
    """What changes everywhere, also in the quietest quarter of the view: people are only somewhere."""
    changes = _over_cells(cv2.absdiff(grey, before))
    return float(np.quantile(changes, 0.25)) * MEAN_TO_SIGMA / 2**0.5


def _sharpness(fine: MatLike, before: MatLike, edges: Values) -> Values:
    common = cv2.resize(fine * before, (COLUMNS // BLOCK, ROWS // BLOCK), interpolation=cv2.INTER_AREA)
    coarse = blocks_of(edges).sum(-1)
    known, nothing = coarse > 0, np.full_like(coarse, np.nan)
    ratio: Values = np.divide(np.sqrt(np.maximum(common, 0)), coarse, out=nothing, where=known)
    return ratio


def _chroma(small: MatLike) -> float:
    blue, green, red = cv2.split(small[::2, ::2])
    return float((cv2.absdiff(blue, green).mean() + cv2.absdiff(red, green).mean()) / 2)


def _over_cells(values: MatLike) -> Values:
    return np.asarray(cv2.resize(values, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA), np.float32)
