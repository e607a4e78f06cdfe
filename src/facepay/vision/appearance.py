"""The colours of the person nearest to the camera, read from the frame and where their face is."""

from __future__ import annotations

from facepay.vision.colours import Appearance, NoAppearance
from facepay.vision.evidence import FaceEvidence
from facepay.vision.frames import Image


def read_appearance(image: Image, face: FaceEvidence) -> Appearance | NoAppearance:
    """Skin, hair and clothes colours of this face's person."""
    raise NotImplementedError
