"""Motion in the zones of a camera that looks at a shelf: when something moved there, and whether a hand reached in.

Background subtraction (Zivkovic's mixture of Gaussians, OpenCV's MOG2) on small grey pictures, and four rules on top:
what only trembles is the camera, what keeps its texture is light, what doesn't move any more is goods, and a hand comes
from outside of the zone. It can't tell whose hand it is, what it holds, or a sleeve from a broom; an arm that reaches
across a zone was in that zone too. No picture is kept: only a running mean of what the camera sees, in memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import TypeAlias

import cv2
import numpy as np
from cv2.typing import MatLike

from facepay.kernel.recent import Recent
from facepay.vision.frames import Image

ZONES_MAX = 100

Zone: TypeAlias = tuple[tuple[float, float], ...]
"""The corners of a polygon, as shares (0 to 1) of a frame's width and height from its upper left corner."""

Grey: TypeAlias = MatLike
"""A small picture, (height, width), uint8."""

Mask: TypeAlias = MatLike
"""255 where something is, (height, width), uint8."""

WIDTH_PX = 320
LEARNT_WITHIN_SECONDS = 20.0
FORGOTTEN_AFTER = timedelta(minutes=5)
WARM_FRAMES = 4

TREMBLE_PX = 2  # of the small picture
NOISE_DEVIATIONS, DIFFERENCE_MIN = 4.0, 4.0  # grey levels
LIGHT_SHARE = 0.4  # of the frame that changes at once
TEXTURE_KEPT = 0.6  # correlation of fine structure, from which on a change is one of light
TEXTURE_MIN = 0.03  # of the brightness: less structure says nothing
EDGES_MIN = 0.18  # of the change, from which on it has edges
FINE, DARKEST = (9, 9), 8.0
ZONE_SHARE_MIN = 0.03
MOVING_SHARE_MIN = 0.1  # of what differs from the background, since the last frame
OUTSIDE_SHARE_MIN = 0.2  # of a hand and its arm, that is not in the zone


def area_of(zone: Zone) -> float:
    """As a share of the frame's."""
    doubled = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(zone, (*zone[1:], zone[0]), strict=True))
    return abs(doubled) / 2


@dataclass(frozen=True, slots=True)
class ZoneMotion:
    """Something moved in a zone. `share` of the zone isn't as usual; `hand`: it reached in from outside."""

    zone: str
    at: datetime
    share: float
    hand: bool


@dataclass(frozen=True, slots=True)
class _Field:
    """A zone in the small picture: its bounding box, and which pixels of that are in the zone."""

    name: str
    rows: slice
    columns: slice
    inside: Mask
    area_px: int


class MotionWatcher:
    """One camera. Frames come in the order of time; an earlier one is left out."""

    def __init__(self, zones: Mapping[str, Zone]) -> None:
        self._zones = dict(zones)
        self._fields: list[_Field] = []
        self._lock = Lock()
        self._forget()

    def _forget(self) -> None:
        self._model = cv2.createBackgroundSubtractorMOG2(history=100, varThreshold=16, detectShadows=False)
        self._model.setNMixtures(3)
        self._model.setVarMin(2)
        self._before: Grey | None = None
        self._at: datetime | None = None
        self._frames = 0

    def see(self, frame: Image, at: datetime) -> list[ZoneMotion]:
        """Where something moves. A light that goes on or off is no motion, and hides what moves in that moment."""
        with self._lock:
            grey = _small(frame)
            if self._at is not None and at <= self._at:
                return []
            self._make_ready(grey, at)
            before, seconds = self._before, 0.0 if self._at is None else (at - self._at).total_seconds()
            unusual = self._model.apply(grey, learningRate=_learning_rate(seconds, self._frames))
            self._before, self._at, self._frames = grey, at, self._frames + 1
            if before is None or self._frames <= WARM_FRAMES:
                return []
            return self._motions(grey, before, unusual, at)

    def _make_ready(self, grey: Grey, at: datetime) -> None:
        if self._at is not None and at - self._at > FORGOTTEN_AFTER:
            self._forget()
        if self._before is None or self._before.shape != grey.shape:
            self._forget()
            self._fields = [_field(name, zone, grey.shape) for name, zone in self._zones.items()]

    def _motions(self, grey: Grey, before: Grey, unusual: Mask, at: datetime) -> list[ZoneMotion]:
        background = self._model.getBackgroundImage().reshape(grey.shape)
        least = _least_difference(grey, before)
        evened = _evened(grey, background)
        differs = cv2.bitwise_and(unusual, _beyond_tremble(evened, background, least))
        if not differs.any():
            return []
        if np.count_nonzero(differs) > LIGHT_SHARE * differs.size and _is_light(grey, background, differs):
            self._model.apply(grey, learningRate=1.0)
            return []
        differs = cv2.morphologyEx(differs, cv2.MORPH_OPEN, _ELEMENT)
        moving = _beyond_tremble(grey, before, least)
        _, labels = cv2.connectedComponents(cv2.morphologyEx(differs, cv2.MORPH_CLOSE, _GAP))
        sizes = np.bincount(labels.ravel())
        found = []
        for field in self._fields:
            box = field.rows, field.columns
            here = cv2.bitwise_and(differs[box], field.inside)
            pixels = cv2.countNonZero(here)
            if pixels < ZONE_SHARE_MIN * field.area_px:
                continue
            if cv2.countNonZero(cv2.bitwise_and(here, moving[box])) < MOVING_SHARE_MIN * pixels:
                continue
            if _is_light(grey[box], background[box], here):
                continue
            found.append(ZoneMotion(field.name, at, pixels / field.area_px, _reaches_in(labels, sizes, field)))
        return found


class MotionWatchers:
    """The watchers of many cameras, in memory: those that were used last, others start anew."""

    def __init__(self, *, cameras_max: int = 32) -> None:
        self._watchers = Recent[MotionWatcher](count_max=cameras_max)  # each takes some 4 MB

    def watcher(self, camera: Hashable, zones: Mapping[str, Zone]) -> MotionWatcher:
        """`camera` is one camera with one set of zones."""
        return self._watchers.get(camera, lambda: MotionWatcher(zones))


_ELEMENT = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
_GAP = cv2.getStructuringElement(cv2.MORPH_RECT, (11, 11))  # in an arm before what is as bright
_RIM = cv2.getStructuringElement(cv2.MORPH_RECT, (7, 7))
_TREMBLE = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * TREMBLE_PX + 1, 2 * TREMBLE_PX + 1))


def _small(frame: Image) -> Grey:
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    if width > WIDTH_PX:
        size = WIDTH_PX, max(1, round(height * WIDTH_PX / width))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(grey, (5, 5), 0)


def _field(name: str, zone: Zone, shape: tuple[int, ...]) -> _Field:
    height, width = shape[:2]
    inside: Mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [np.rint(np.array(zone) * (width - 1, height - 1)).astype(np.int32)], (255,))
    left, top, wide, high = cv2.boundingRect(inside)
    rows, columns = slice(top, top + high), slice(left, left + wide)
    return _Field(name, rows, columns, inside[rows, columns].copy(), cv2.countNonZero(inside))


def _learning_rate(seconds: float, frames: int) -> float:
    """The same in time, whatever the frame rate; the first frames all count alike."""
    return float(max(1 - np.exp(-seconds / LEARNT_WITHIN_SECONDS), 1 / (frames + 1) if frames < WARM_FRAMES else 0.0))


def _least_difference(grey: Grey, before: Grey) -> float:
    """What noise doesn't do: it is measured, since a camera at night has several times that of the day."""
    median = float(np.median(cv2.absdiff(grey, before)[::4, ::4]))
    return max(DIFFERENCE_MIN, NOISE_DEVIATIONS * 1.4826 * median / 2**0.5)


def _evened(grey: Grey, background: Grey) -> Grey:
    """As bright on the whole as the background: a camera sets its exposure by what it sees."""
    ratio = (background[::4, ::4].astype(np.float32) + 8) / (grey[::4, ::4].astype(np.float32) + 8)
    gain = float(np.median(ratio))
    return grey if abs(gain - 1) < 0.02 else cv2.convertScaleAbs(grey, alpha=gain, beta=8 * (gain - 1))


def _beyond_tremble(grey: Grey, background: Grey, least: float) -> Mask:
    """Unlike all that the background has within a pixel or two: a shelf trembles when somebody leans on it."""
    above = cv2.subtract(grey, cv2.dilate(background, _TREMBLE))
    below = cv2.subtract(cv2.erode(background, _TREMBLE), grey)
    return cv2.threshold(cv2.max(above, below), least, 255, cv2.THRESH_BINARY)[1]


def _is_light(grey: Grey, background: Grey, where: Mask) -> bool:
    """Whether only the light is another: it has no edges of its own, or what it falls on keeps its texture."""
    now, usual = (np.log(picture.astype(np.float32) + DARKEST) for picture in (grey, background))
    there = where > 0
    change = now - usual
    edges = (change - cv2.blur(change, FINE))[cv2.dilate(where, _RIM) > 0]
    if float(np.sqrt(np.mean(edges**2))) < EDGES_MIN * float(np.abs(change[there]).mean()):
        return True
    now, usual = ((each - cv2.blur(each, FINE))[there] for each in (now, usual))
    spread = float(now.std() * usual.std())
    if spread < TEXTURE_MIN**2:
        return False
    return float(np.mean((now - now.mean()) * (usual - usual.mean()))) >= TEXTURE_KEPT * spread


def _reaches_in(labels: MatLike, sizes: MatLike, field: _Field) -> bool:
    """Whether the largest part in the zone goes on outside of it: an arm does, and goods that fall over don't."""
    inside = np.bincount(labels[field.rows, field.columns][field.inside > 0], minlength=len(sizes))
    inside[0] = 0
    largest = int(inside.argmax())
    if inside[largest] < ZONE_SHARE_MIN * field.area_px:
        return False
    return bool(sizes[largest] - inside[largest] >= OUTSIDE_SHARE_MIN * sizes[largest])
