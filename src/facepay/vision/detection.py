"""Finding faces: InsightFace's SCRFD at one fixed scale, and a small second look for faces very close by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from facepay.vision.evidence import Floats
from facepay.vision.frames import Image

if TYPE_CHECKING:
    from insightface.model_zoo.scrfd import SCRFD

# SCRFD-500M loses faces from 0.7 x 640 px in height on (at 0.8 x 640 it finds 3 %), and finds all of
# them on a frame of 192 px (170 faces, filling 30 to 100 % of the frame; cosine to the embedding found at
# a normal distance 0.97 in the median). A 16:9 frame is 360 px high at this scale: it can't hold such a face.
SIDE_PX = 640
CLOSE_SIDE_PX = 192
CLOSE_FACE_HEIGHT_MIN = 0.6


# A row holds a box, its score, and five points: where its x and y coordinates are.
_XS = [0, 2, 5, 7, 9, 11, 13]
_YS = [1, 3, 6, 8, 10, 12, 14]


@dataclass(frozen=True, slots=True)
class Detections:
    """Faces of one image: boxes (n, 4), landmarks (n, 5, 2) and scores (n,), float32, in its pixels."""

    boxes: Floats
    landmarks: Floats
    scores: Floats


class Detector:
    """SCRFD, run on the frame's long side scaled to 640 px.

    The scale is the same when enrolling and recognising, since key points and so embeddings shift with it.
    """

    def __init__(self, scrfd: SCRFD, *, score_min: float = 0.5) -> None:
        self.scrfd = scrfd
        self._score_min = score_min

    def detect(self, image: Image) -> Detections:
        """All faces in a BGR frame, largest first.

        Where the frame is high enough for a face that SCRFD misses at 640 px, a second look at a tenth of
        the cost finds it. That look can't wait until the first finds nothing: behind the payer who leans
        into the kiosk's camera, the first finds the next person in the queue.
        """
        height, width = image.shape[:2]
        close_height_px = CLOSE_FACE_HEIGHT_MIN * max(height, width)
        faces = self.look(image, SIDE_PX)
        if height > close_height_px:
            close = self.look(image, CLOSE_SIDE_PX)
            faces = _with_close_faces(faces, close[close[:, 3] - close[:, 1] > close_height_px])
        area = (faces[:, 2] - faces[:, 0]) * (faces[:, 3] - faces[:, 1])
        faces = faces[np.argsort(-area, kind="stable")]
        return Detections(faces[:, :4], faces[:, 5:].reshape(-1, 5, 2), faces[:, 4])

    def look(self, image: Image, side_px: int) -> Floats:
        """One run of the network with the frame's long side scaled to `side_px`: (n, 15) rows."""
        canvas, scale_x, scale_y = _letterbox(image, side_px)
        blob = cv2.dnn.blobFromImage(canvas, 1 / 128, mean=(127.5, 127.5, 127.5), swapRB=True)
        outputs = self.scrfd.session.run(self.scrfd.output_names, {self.scrfd.input_name: blob})
        found = [
            self._decode(stride, canvas.shape[1] // stride, *outputs[level :: self.scrfd.fmc])
            for level, stride in enumerate(self.scrfd._feat_stride_fpn)
        ]
        rows = np.concatenate(found)
        rows[:, _XS] /= scale_x
        rows[:, _YS] /= scale_y
        return cast(Floats, rows[self.scrfd.nms(rows[:, :5])])

    def _decode(self, stride: int, columns: int, scores: Floats, boxes: Floats, points: Floats) -> Floats:
        """Rows of box, score and landmarks (15 numbers) for the anchors of one stride that score enough."""
        scores = scores.reshape(-1)
        hits = np.flatnonzero(scores >= self._score_min)
        cells = hits // self.scrfd._num_anchors
        centre = np.stack([cells % columns, cells // columns], axis=1).astype(np.float32) * stride
        distance = boxes.reshape(-1, 4)[hits] * stride
        offset = points.reshape(-1, 10)[hits] * stride
        return np.concatenate(
            [centre - distance[:, :2], centre + distance[:, 2:], scores[hits, None], np.tile(centre, 5) + offset],
            axis=1,
        )


def _with_close_faces(faces: Floats, close: Floats) -> Floats:
    """Add close faces that the first look missed, in place of the parts of them that it took for faces."""
    for face in close:
        left_top = np.maximum(faces[:, :2], face[:2])
        shared = np.prod(np.maximum(np.minimum(faces[:, 2:4], face[2:4]) - left_top, 0), axis=1)
        areas = np.prod(faces[:, 2:4] - faces[:, :2], axis=1)
        union = areas + np.prod(face[2:4] - face[:2]) - shared
        if not np.any(shared / union > 0.4):
            faces = np.concatenate([faces[shared / areas < 0.7], face[None]])
    return faces


def _letterbox(image: Image, side_px: int) -> tuple[Image, float, float]:
    """Scale the long side to `side_px`, and fill the short one with black to a multiple of the largest stride."""
    height, width = image.shape[:2]
    scale = side_px / max(height, width)
    scaled_width, scaled_height = max(1, int(width * scale)), max(1, int(height * scale))
    canvas = np.zeros((-(-scaled_height // 32) * 32, -(-scaled_width // 32) * 32, 3), dtype=np.uint8)
    cv2.resize(image, (scaled_width, scaled_height), dst=canvas[:scaled_height, :scaled_width])
    return canvas, scaled_width / width, scaled_height / height
