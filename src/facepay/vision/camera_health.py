"""Whether a camera still sees what it is there to see: covered, moved, blurred, frozen, dark, or full of noise.

Each frame is compared with what this camera has seen before, learnt slowly and never from a frame in which something
looks wrong. By day and in the infrared of the night a camera has two views, each with a baseline of its own; until the
other one is learnt, the one that is known judges. Nothing is said before it has lasted for some frames and seconds.

It can't tell a camera that is turned to a blank wall from one that is covered, nor from somebody who stays right before
the lens. A view that is turned by less than about a tenth of its width, or covered by less than two thirds, still fits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock
from typing import Any, TypeAlias

import numpy as np

from facepay.vision.camera_baselines import Baseline
from facepay.vision.camera_views import Flags, Values, View, look
from facepay.vision.frames import Image


class Fault(StrEnum):
    """What can be wrong with what a camera shows."""

    COVERED = "covered"
    MOVED = "moved"
    BLURRED = "blurred"
    FROZEN = "frozen"
    DARK = "dark"
    NOISY = "noisy"


# How long each is seen before it is said. A cover is plain; people come and go before what has moved.
SAID_AFTER = {
    Fault.COVERED: timedelta(seconds=3),
    Fault.MOVED: timedelta(seconds=8),
    Fault.BLURRED: timedelta(seconds=8),
    Fault.FROZEN: timedelta(seconds=10),
    Fault.DARK: timedelta(seconds=10),
    Fault.NOISY: timedelta(seconds=8),
}
OVER_AFTER = timedelta(seconds=5)
FRAMES_MIN = 3

TOGETHER = timedelta(seconds=60)  # a frame and the one before it; later, what they have in common says nothing
FIT_MIN, FIT_AGAIN = 0.3, 0.5  # of the blocks that have structure
LATELY_SECONDS, LATELY_MIN = 6.0, 0.35  # a block counts that fits for a third of the time: a crowd hides it and goes on
BLIND = 0.3  # of the baseline's strength, below which a view that doesn't fit is none
DARK_MAX = 10.0  # grey levels
SHARPNESS_KEPT, SHARP_AGAIN = 0.5, 0.65
REPEATED_SHARE, REPEATED_CELLS_MIN, REMEMBERED_FRAMES = 0.9, 8, 64
REPEATED_STRENGTH_MIN = 1.0  # grey levels of edges in a cell: a plain one can repeat itself
NOISE_MIN, NOISE_TIMES = 9.0, 4.0
NIGHT_LASTS = timedelta(minutes=10)

Evidence: TypeAlias = Mapping[Fault, bool | None]
"""Whether a frame shows a fault; None where it can't be told."""


@dataclass(frozen=True, slots=True)
class Health:
    """`faults` with the time since when each is seen; `said` and `over` are those that this frame settled."""

    faults: Mapping[Fault, datetime]
    said: frozenset[Fault] = frozenset()
    over: frozenset[Fault] = frozenset()


class CameraHealth:
    """One camera. Frames come in the order of time, some seconds apart at most; an earlier one is left out."""

    def __init__(self, memory: Mapping[str, Any] | None = None, faults: Mapping[Fault, datetime] | None = None) -> None:
        """`memory` is what `remember` gave, and `faults` are those that were said by then."""
        memory = memory or {}
        self._baselines = {light: Baseline.of(values) for light, values in memory.get("baselines", {}).items()}
        self._knows_nights = bool(memory.get("knows_nights"))
        self._faults = dict(faults or {})
        self._changing: dict[Fault, tuple[datetime, int]] = {}
        self._at: datetime | None = None
        self._view: View | None = None
        self._earlier: deque[Values] = deque(maxlen=REMEMBERED_FRAMES)
        self._fitting: Values | None = None  # of each block, how often it has fitted lately
        self._black_since: datetime | None = None
        self._lock = Lock()

    @property
    def learning(self) -> bool:
        """Whether it doesn't know yet what the camera is to see."""
        return not any(baseline.learnt for baseline in self._baselines.values())

    def remember(self) -> dict[str, Any]:
        """What a restart must not lose, as JSON values; no picture can be made of it."""
        with self._lock:
            known = {light: baseline.as_json() for light, baseline in self._baselines.items() if baseline.learnt}
            return {"baselines": known, "knows_nights": self._knows_nights}

    def see(self, frame: Image, at: datetime) -> Health:
        """How the camera is after this frame."""
        with self._lock:
            if self._at is not None and at <= self._at:
                return Health(dict(self._faults))
            passed = timedelta() if self._at is None else at - self._at
            view = look(frame, self._view if passed <= TOGETHER else None)
            evidence = self._evidence(view, passed)
            self._note_night(view, evidence, at)
            said, over = self._settle(evidence, at)
            if not self._faults and not self._changing and not any(evidence.values()):
                self._baselines.setdefault(_light_of(view), Baseline()).learn(view, passed.total_seconds())
            self._view, self._at = view, at
            return Health(dict(self._faults), said, over)

    def _evidence(self, view: View, passed: timedelta) -> Evidence:
        repeated = self._is_repeated(view)
        usual = self._usual(view)
        if usual is None:
            blank = view.is_blank
            return {
                Fault.COVERED: blank and view.brightness > DARK_MAX,
                Fault.DARK: view.brightness <= DARK_MAX,
                Fault.FROZEN: repeated,
            }
        return {**self._fit(view, usual, passed), Fault.FROZEN: repeated, Fault.NOISY: _is_noisy(view, usual)}

    def _fit(self, view: View, usual: Baseline, passed: timedelta) -> Evidence:
        black, structured = view.brightness <= DARK_MAX, usual.structured
        if not structured.any():
            return {Fault.COVERED: None, Fault.MOVED: None, Fault.BLURRED: None, Fault.DARK: black}
        fits, kept = usual.compare(view)
        fit_now = float(fits[structured].mean())
        blind = fit_now < FIT_MIN and float(np.median(kept[structured])) < BLIND
        lately = float((self._lately(fits, passed)[structured] >= LATELY_MIN).mean())
        clear = min(fit_now, lately) >= FIT_AGAIN
        night = black and self._knows_nights
        return {
            Fault.COVERED: blind and not night,
            Fault.DARK: black and (night or not blind),
            Fault.MOVED: None if blind or black else lately < (FIT_AGAIN if Fault.MOVED in self._faults else FIT_MIN),
            Fault.BLURRED: self._is_blurred(usual.sharpness_kept(view, fits)) if clear else None,
        }

    def _lately(self, fits: Flags, passed: timedelta) -> Values:
        rate = np.float32(1 - np.exp(-passed.total_seconds() / LATELY_SECONDS))
        before = fits.astype(np.float32) if self._fitting is None else self._fitting
        self._fitting = before + rate * (fits - before)
        return self._fitting

    def _is_blurred(self, kept: float | None) -> bool | None:
        if kept is None:
            return None
        return kept < (SHARP_AGAIN if Fault.BLURRED in self._faults else SHARPNESS_KEPT)

    def _is_repeated(self, view: View) -> bool | None:
        """Whether an earlier frame was the same to the pixel, but for a clock that somebody writes into the picture.
        Live frames have noise, each another.
        """
        textured = view.edges.sum(-1) >= REPEATED_STRENGTH_MIN
        repeated: bool | None = None
        if np.count_nonzero(textured) >= REPEATED_CELLS_MIN:
            same = [np.mean((view.sums == sums)[textured]) for sums in self._earlier]
            repeated = max(same, default=0.0) >= REPEATED_SHARE
        self._earlier.append(view.sums)
        return repeated

    def _usual(self, view: View) -> Baseline | None:
        """The baseline of this light; until that is learnt, the one of the other."""
        own = self._baselines.get(_light_of(view))
        if own is not None and own.learnt:
            return own
        return next((baseline for baseline in self._baselines.values() if baseline.learnt), None)

    def _note_night(self, view: View, evidence: Evidence, at: datetime) -> None:
        """A camera whose view was black for long, and is the same afterwards, stands where lights go out. Until then
        black is a cover.
        """
        if view.brightness <= DARK_MAX:
            self._black_since = self._black_since or at
        elif self._black_since is not None and evidence.get(Fault.MOVED) is False:
            self._knows_nights |= at - self._black_since >= NIGHT_LASTS
            self._black_since = None

    def _settle(self, evidence: Evidence, at: datetime) -> tuple[frozenset[Fault], frozenset[Fault]]:
        """What has lasted for long enough to be said, and what is over."""
        said, over = set[Fault](), set[Fault]()
        for fault, shown in evidence.items():
            known = fault in self._faults
            if shown is None:
                continue
            if shown == known:
                self._changing.pop(fault, None)
                continue
            since, frames = self._changing.get(fault, (at, 0))
            self._changing[fault] = since, frames + 1
            if frames + 1 < FRAMES_MIN or at - since < (OVER_AFTER if known else SAID_AFTER[fault]):
                continue
            del self._changing[fault]
            if known:
                over.add(fault)
                del self._faults[fault]
            else:
                said.add(fault)
                self._faults[fault] = since
        return frozenset(said), frozenset(over)


def _light_of(view: View) -> str:
    return "infrared" if view.infrared else "colour"


def _is_noisy(view: View, usual: Baseline) -> bool:
    return view.noise > max(NOISE_MIN, NOISE_TIMES * usual.noise)
