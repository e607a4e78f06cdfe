"""106 points of a face, by InsightFace's 2d106det: contour, brows, eyes, nose and mouth."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from facepay.vision.evidence import Floats
from facepay.vision.frames import Image
from facepay.vision.sessions import Session

SIDE_PX = 192
BOX_SHARE = 1.5  # the network sees half a face more than the detector's box


class Landmarker:
    """2d106det on ONNX Runtime. Any number of threads may share one."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._input = session.get_inputs()[0].name

    def find(self, image: Image, box: Floats) -> Floats:
        """(106, 2) points in the frame's pixels of the face in this (4,) box."""
        left, top, right, bottom = (float(value) for value in box)
        scale = SIDE_PX / (BOX_SHARE * max(right - left, bottom - top))
        shift = SIDE_PX / 2 - scale * np.array([(left + right) / 2, (top + bottom) / 2])
        crop = cv2.warpAffine(image, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), (SIDE_PX, SIDE_PX))
        blob = cv2.dnn.blobFromImage(crop, swapRB=True)
        points = self.session.run(None, {self._input: blob})[0].reshape(-1, 2)
        return cast(Floats, (((points + 1) * (SIDE_PX / 2) - shift) / scale).astype(np.float32))
