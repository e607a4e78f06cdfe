"""Who looks after a store in which nobody is: a camera on the wall, and a guard before a screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import cv2
import httpx
import numpy as np
import simplejpeg

from facepay.demo.devices import Listener
from facepay.demo.stage import Stage
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.samples import package_file

WIDTH, HEIGHT = 320, 240
LARGER = 2  # than what the camera sees of it is the picture that it turns within
EVERY = timedelta(seconds=5)
NOISE = 2.0
TAPE = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


class Camera:
    """Before a photograph, with noise of its own in each frame."""

    def __init__(self, stage: Stage, device: str) -> None:
        camera_id, headers = stage.devices[device]
        self._stage, self._path = stage, f"/v1/cameras/{camera_id}/frames"
        self._headers = headers | {"Content-Type": "image/jpeg"}
        self._dice = np.random.default_rng(7)
        photograph = package_file("skimage", "data/motorcycle_left.png")
        picture = decode_frame(photograph, limits=FrameLimits())
        self._scene = cv2.resize(picture, (LARGER * WIDTH, LARGER * HEIGHT))

    def view(self, *, turned_px: int = 0) -> Image:
        left, top = 100 + turned_px, 100
        seen: Image = self._scene[top : top + HEIGHT, left : left + WIDTH].astype(np.uint8)
        return seen

    def frame(self, view: Image) -> bytes:
        noisy = np.clip(view + self._dice.normal(0, NOISE, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8)
        encoded: bytes = simplejpeg.encode_jpeg(noisy, quality=85, colorspace="BGR")
        return encoded

    def show(self, view: Image, *, frames: int) -> list[str]:
        """A frame every five seconds by the store's clock; what is wrong with the picture, at last."""
        for _ in range(frames):
            faults = self.send(self.frame(view))
        return faults

    def send(self, frame: bytes) -> list[str]:
        self._stage.now.ahead += EVERY
        faults: list[str] = self._stage.call("POST", self._path, content=frame, headers=self._headers)["faults"]
        return faults


class Screen(Listener):
    """The guard's view, followed as server-sent events."""

    def watch(self, until: Callable[[Any], object]) -> Any:
        """What it shows, as soon as it shows that. Raises as `hear`."""
        while not until(view := self.hear()):
            pass
        return view

    async def _listen(self, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", f"/v1/stores/{self._stage.store_id}/guard/events") as stream:
            async for line in stream.raise_for_status().aiter_lines():
                if line.startswith("data:"):
                    self._note(json.loads(line.removeprefix("data:")))
