"""A camera's usual view, in one light: what is kept of it, and how a frame compares with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from facepay.vision.camera_views import (
    BLANK_MAX,
    BLOCK,
    COLUMNS,
    DIRECTIONS,
    ROWS,
    Flags,
    Values,
    View,
    likeness,
    strength,
)

WARM_FRAMES = 8
LEARNT_WITHIN_SECONDS = 600.0
STRUCTURED_SHARE = 0.3  # of a middling block's strength, from which on a block counts
STRUCTURED_MIN = 6  # blocks; with fewer nothing can be told
LIKENESS_MIN, STRENGTH_KEPT = 0.5, 0.12  # fog takes four fifths of it
SHARP_BLOCKS_MIN = 4
STEPS = 255  # what an edge's strength is kept in


@dataclass(slots=True)
class Baseline:
    edges: Values = field(default_factory=lambda: np.zeros((ROWS, COLUMNS, DIRECTIONS), np.float32))
    sharpness: Values = field(default_factory=lambda: np.zeros((ROWS // BLOCK, COLUMNS // BLOCK), np.float32))
    brightness: float = 0.0
    noise: float = 0.0
    frames: int = 0

    @property
    def learnt(self) -> bool:
        return self.frames >= WARM_FRAMES

    @property
    def structured(self) -> Flags:
        """The blocks whose edges it is known by; none where there are too few."""
        strengths = strength(self.edges, self.brightness)
        blocks: Flags = strengths >= max(BLANK_MAX / 2, STRUCTURED_SHARE * float(np.median(strengths)))
        return blocks if np.count_nonzero(blocks) >= STRUCTURED_MIN else np.zeros_like(blocks)

    def learn(self, view: View, seconds: float) -> None:
        """The first frames count alike, the others by the time that has passed."""
        rate = float(max(1 / (self.frames + 1) if not self.learnt else 0, 1 - np.exp(-seconds / LEARNT_WITHIN_SECONDS)))
        self.edges += np.float32(rate) * (view.edges - self.edges)
        self.brightness += rate * (view.brightness - self.brightness)
        self.noise += rate * (view.noise - self.noise)
        seen = np.where(np.isnan(view.sharpness), self.sharpness, view.sharpness)
        self.sharpness = np.where(self.sharpness > 0, self.sharpness + np.float32(rate) * (seen - self.sharpness), seen)
        self.frames = min(self.frames + 1, WARM_FRAMES)

    def compare(self, view: View) -> tuple[Flags, Values]:
        """Which blocks are as usual, and how much of its usual strength each has kept."""
        usual = strength(self.edges, self.brightness)
        kept = strength(view.edges, view.brightness) / np.maximum(usual, np.float32(1e-6))
        return (likeness(view.edges, self.edges) >= LIKENESS_MIN) & (kept >= STRENGTH_KEPT) & self.structured, kept

    def sharpness_kept(self, view: View, fits: Flags) -> float | None:
        """Of the usual sharpness, in the blocks that are as usual; None where they are too few."""
        known = fits & (self.sharpness > 0) & ~np.isnan(view.sharpness)
        if np.count_nonzero(known) < SHARP_BLOCKS_MIN:
            return None
        return float(np.median(view.sharpness[known] / self.sharpness[known]))

    def as_json(self) -> dict[str, Any]:
        top = float(self.edges.max())
        return {
            "edges": np.rint(self.edges.ravel() * (STEPS / max(top, 1e-6))).astype(int).tolist(),
            "edges_max": round(top, 3),
            "sharpness": [round(float(value), 3) for value in self.sharpness.ravel()],
            "brightness": round(self.brightness, 2),
            "noise": round(self.noise, 3),
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """From what `as_json` gave."""
        edges = np.array(values["edges"], np.float32).reshape(ROWS, COLUMNS, DIRECTIONS)
        return cls(
            edges=edges * np.float32(values["edges_max"] / STEPS),
            sharpness=np.array(values["sharpness"], np.float32).reshape(ROWS // BLOCK, COLUMNS // BLOCK),
            brightness=values["brightness"],
            noise=values["noise"],
            frames=WARM_FRAMES,
        )
