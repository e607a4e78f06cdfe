"""Who stands before the demo's cameras: real portraits on a mean head, which turns, smiles and has a depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import simplejpeg

from facepay.kernel.cameras import DepthCamera
from facepay.vision.engine import Engine
from facepay.vision.evidence import Floats
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.heads import HEAD, Surface, View, depth_camera, depth_map, turned, with_expression
from facepay.vision.samples import variant

# As a camera shows somebody who stands before it, and not as the portrait that was enrolled.
SCALE = 1.25


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    portrait: Image
    landmarks: Floats

    @classmethod
    def of(cls, jpeg: bytes, engine: Engine) -> Self:
        larger = variant(jpeg, quality=90, scale=SCALE)
        (face, *_) = engine.analyse(larger, embed=0).faces
        return cls(decode_frame(larger, limits=FrameLimits()), face.landmarks)

    def in_place_of(self, other: Actor) -> Self:
        """Before the same camera, whose picture is no larger than this one: its middle."""
        height, width = other.portrait.shape[:2]
        top, left = ((mine - theirs) // 2 for mine, theirs in zip(self.portrait.shape, (height, width), strict=False))
        portrait = np.ascontiguousarray(self.portrait[top : top + height, left : left + width])
        return type(self)(portrait, self.landmarks - np.array([left, top], self.landmarks.dtype))

    @property
    def camera(self) -> DepthCamera:
        """Of the 3D camera that takes both frame and depth."""
        return depth_camera(self.landmarks, self._size, View())

    def frame(self, view: View = View(), *, smile: float = 0.0, surface: Surface = HEAD, quality: int = 80) -> bytes:
        """A JPEG of them, or of a print of them on another surface."""
        image = with_expression(self.portrait, self.landmarks, smile=smile) if smile else self.portrait
        image = turned(image, self.landmarks, view, surface=surface, step=4)
        encoded: bytes = simplejpeg.encode_jpeg(image, quality=quality, colorspace="BGR")
        return encoded

    def depth(self, surface: Surface = HEAD) -> bytes:
        """A 16-bit PNG in millimetres, registered to the frame."""
        millimetres = depth_map(self.landmarks, self._size, View(), surface=surface)
        return bytes(cv2.imencode(".png", millimetres)[1])

    @property
    def _size(self) -> tuple[int, int]:
        height, width = self.portrait.shape[:2]
        return width, height
