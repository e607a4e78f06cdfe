"""How well a pack finds and recognises faces: what was measured here, and what its makers have published."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

SHIPPED = resources.files("facepay.vision") / "accuracy.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """What `python -m benchmarks.packs` measured, one photo against one photo.

    `faces_found` is the share of photos whose face was found; the false non-match rates are of pairs of photos of
    one person in which both were, at thresholds that take 1 in 10,000 and 1 in 100,000 pairs of two people for one.
    A frame of 1280x720 with one face takes `frame_cpu_ms` of all cores together.
    """

    date: str
    photos: int
    people: int
    faces_found: float
    fnmr_at_fmr_1e_4: float
    fnmr_at_fmr_1e_5: float
    frame_cpu_ms: float
    memory_mb: float
    source: str


@dataclass(frozen=True, slots=True)
class Published:
    """The makers' own figures: shares of pairs of one person accepted at a false-match rate of 1e-6."""

    all_groups: float
    east_asian: float
    source: str


# MR-ALL and its East Asian part, as in the model zoo of InsightFace's Python package (docs/model_zoo.md), which says
# that buffalo_sc recognises as buffalo_s does, and buffalo_m as buffalo_l. OpenCV Zoo publishes none of the kind.
PUBLISHED = {
    "buffalo_sc": Published(0.7187, 0.5103, "InsightFace"),
    "buffalo_s": Published(0.7187, 0.5103, "InsightFace"),
    "buffalo_m": Published(0.9125, 0.7496, "InsightFace"),
    "buffalo_l": Published(0.9125, 0.7496, "InsightFace"),
}


def measured_accuracy(file: Traversable = SHIPPED) -> dict[str, Measured]:
    """By a pack's label."""
    return {label: Measured(**figures) for label, figures in json.loads(file.read_text()).items()}


def save_accuracy(figures: dict[str, Measured], file: Path) -> None:
    file.write_text(json.dumps({label: asdict(figures[label]) for label in sorted(figures)}, indent=2) + "\n")
