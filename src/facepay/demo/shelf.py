"""A shelf without its hardware: a noisy scale in each slot, goods that differ a little, and a camera before them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from itertools import count
from typing import Any
from uuid import uuid4

import cv2
import numpy as np
import simplejpeg

from facepay.demo.stage import Stage
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.samples import package_file

TOLERANCE_GRAMS, NOISE_GRAMS = 2.0, 2.0
SETTLES_WITHIN = timedelta(seconds=0.2)
RESTOCK_BELOW = 2
WIDTH, HEIGHT = 640, 480
ZONES_HEIGHT = 0.55  # what of the picture the slots are, side by side; whoever stands before them is below
QUIET_FRAMES, REACHES = 5, (300, 220, 140, 80)  # pixels from the picture's top, frame by frame


class Shelf:
    """What happens to it is an event, for the device to report whenever it can."""

    def __init__(self, stage: Stage, *, slots: Mapping[str, Mapping[str, int]], grams: Mapping[str, float]) -> None:
        """`slots` says how many pieces lie in each, by sku, and `grams` what a piece weighs."""
        self._stage, self._slots, self._grams = stage, slots, grams
        self._id, self._headers = stage.devices["shelf"]
        self._run, self._numbers, self._dice = uuid4().hex, count(1), random.Random(7)  # noqa: S311 (weights)
        self._lying = {
            slot: {sku: [self._piece(sku) for _ in range(pieces)] for sku, pieces in goods.items()}
            for slot, goods in slots.items()
        }
        self._carried: defaultdict[str, list[float]] = defaultdict(list)
        self._settled_at = stage.now()

    def set_up(self) -> None:
        """Its planogram, and what lies there."""
        slots = [self._planned(number, slot) for number, slot in enumerate(self._slots)]
        self._stage.as_staff("PUT", f"/v1/devices/{self._id}/planogram", json={"slots": slots})
        for slot, goods in self._slots.items():
            self._stage.as_staff("PUT", f"/v1/shelves/{self._id}/slots/{slot}/pieces", json={"pieces": goods})

    def take(self, slot: str, sku: str, pieces: int = 1) -> dict[str, Any]:
        taken = [self._lying[slot][sku].pop() for _ in range(pieces)]
        self._carried[sku] += taken
        return self.weigh(slot, -sum(taken))

    def put(self, slot: str, sku: str) -> dict[str, Any]:
        return self.weigh(slot, self._carried[sku].pop())

    def weigh(self, slot: str, grams: float, **more: Any) -> dict[str, Any]:
        """What the scale says of a change, which settled as soon after the hand as it does, however late it is told."""
        self._settled_at += SETTLES_WITHIN
        noisy = round(grams + self._dice.gauss(0, NOISE_GRAMS), 1)
        told = {"sequence": next(self._numbers), "slot": slot, "at": self._settled_at.isoformat(), "delta_grams": noisy}
        return told | more

    def report(self, *events: dict[str, Any]) -> Any:
        body = {"run": self._run, "events": events}
        return self._stage.call("POST", f"/v1/shelves/{self._id}/events", headers=self._headers, json=body)

    def reach(self, slot: str, face: bytes) -> tuple[set[str], int]:
        """Somebody steps before the shelf and reaches into a slot: in which a hand was seen, and how many people."""
        frames = [self._frame()] * QUIET_FRAMES + [self._frame(slot, face, top) for top in REACHES]
        headers = {**self._headers, "Content-Type": "image/jpeg"}
        seen = [self._stage.call("POST", f"/v1/shelves/{self._id}/frames", headers=headers, content=f) for f in frames]
        self._settled_at = self._stage.now()
        return {slot for each in seen for slot in each["hands"]}, max(each["people"] for each in seen)

    def _piece(self, sku: str) -> float:
        return self._dice.gauss(self._grams[sku], TOLERANCE_GRAMS)

    def _planned(self, number: int, slot: str) -> dict[str, Any]:
        wide = 1 / len(self._slots)
        goods = [
            {
                "sku": sku,
                "unit_weight_grams": self._grams[sku],
                "tolerance_grams": TOLERANCE_GRAMS,
                "full_quantity": pieces,
            }
            for sku, pieces in self._slots[slot].items()
        ]
        return {
            "code": slot,
            "noise_grams": NOISE_GRAMS,
            "restock_below": RESTOCK_BELOW,
            "zone": [[number * wide, 0.0], [(number + 1) * wide, ZONES_HEIGHT]],
            "goods": goods,
        }

    def _frame(self, slot: str = "", face: bytes = b"", top: int = 0) -> bytes:
        """The shelf, or somebody before it whose arm reaches up to so many pixels from the picture's top."""
        image = self._view.copy()
        if face:
            left = int((list(self._slots).index(slot) + 0.5) * WIDTH / len(self._slots))
            _paste(image, _decode(face), height=HEIGHT - int(HEIGHT * ZONES_HEIGHT), left=(left + WIDTH // 2) % WIDTH)
            arm = self._arm
            image[top:, left : left + arm.shape[1]] = cv2.resize(arm, (arm.shape[1], HEIGHT))[: HEIGHT - top]
        encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=85, colorspace="BGR")
        return encoded

    @cached_property
    def _view(self) -> Image:
        """Shelves in a garage, of scikit-image's photographs."""
        garage = _decode(package_file("skimage", "data/motorcycle_left.png"))[0:300, 330:741]
        return cv2.resize(garage, (WIDTH, HEIGHT)).astype(np.uint8)

    @cached_property
    def _arm(self) -> Image:
        """One of those on InsightFace's own picture, with its fingers up."""
        return _decode(package_file("insightface", "data/images/t1.jpg"))[384:668, 290:345][::-1]


def _decode(data: bytes) -> Image:
    return decode_frame(data, limits=FrameLimits())


def _paste(image: Image, portrait: Image, *, height: int, left: int) -> None:
    """At the lower rim."""
    width = portrait.shape[1] * height // portrait.shape[0]
    left = min(left, image.shape[1] - width)
    image[-height:, left : left + width] = cv2.resize(portrait, (width, height))
