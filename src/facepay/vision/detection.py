"""Finding faces at one fixed scale, with a small second look for faces very close by; by SCRFD or by YuNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import cv2
import numpy as np

from facepay.vision.evidence import Floats
from facepay.vision.frames import Image
from facepay.vision.sessions import Session

SIDE_PX = 640
CLOSE_SIDE_PX = 192
SCORE_MIN = 0.5
OVERLAP_MAX = 0.4  # of two boxes, intersection over union: above it they show one face
BOXES_MAX = 512

STRIDES = (8, 16, 32)
SCRFD_ANCHORS = 2  # in each cell
YUNET_OUTPUTS = 12  # class score, objectness, box and points at each stride

# A row holds a box, its score, and five points: where its x and y coordinates are.
_XS = [0, 2, 5, 7, 9, 11, 13]
_YS = [1, 3, 6, 8, 10, 12, 14]


@dataclass(frozen=True, slots=True)
class Detections:
    """Faces of one image: boxes (n, 4), landmarks (n, 5, 2) and scores (n,), float32, in its pixels."""

    boxes: Floats
    landmarks: Floats
    scores: Floats


class FaceNetwork(Protocol):
    """A network that finds faces, of any size it was trained for, on a canvas of any size."""

    close_height_min: float
    """From this height on, in canvases of 640 px, it may miss a face: a share of those 640 px."""

    def find(self, canvas: Image) -> Floats:
        """(n, 15) rows of box, score and landmarks in the canvas's pixels, several for each face."""
        ...


class Scrfd:
    """InsightFace's SCRFD.

    SCRFD-500M loses faces from 0.7 x 640 px in height on (at 0.8 x 640 it finds 3 %), and finds all of them on a
    canvas of 192 px (170 faces, filling 30 to 100 % of the frame; cosine to the embedding found at a normal
    distance 0.97 in the median). A 16:9 frame is 360 px high at this scale: it can't hold such a face.
    """

    close_height_min = 0.6

    def __init__(self, session: Session) -> None:
        self.session = session
        self._input = session.get_inputs()[0].name
        self._outputs = [output.name for output in session.get_outputs()]

    def find(self, canvas: Image) -> Floats:
        blob = cv2.dnn.blobFromImage(canvas, 1 / 128, mean=(127.5, 127.5, 127.5), swapRB=True)
        outputs = self.session.run(self._outputs, {self._input: blob})
        return np.concatenate(
            [
                self._decode(stride, canvas.shape[1] // stride, *outputs[level :: len(STRIDES)])
                for level, stride in enumerate(STRIDES)
            ]
        )

    def _decode(self, stride: int, columns: int, scores: Floats, boxes: Floats, points: Floats) -> Floats:
        scores = scores.reshape(-1)
        hits = np.flatnonzero(scores >= SCORE_MIN)
        centre = _cells(hits // SCRFD_ANCHORS, columns) * np.float32(stride)
        distance = boxes.reshape(-1, 4)[hits] * stride
        offset = points.reshape(-1, 10)[hits] * stride
        return np.concatenate(
            [centre - distance[:, :2], centre + distance[:, 2:], scores[hits, None], np.tile(centre, 5) + offset],
            axis=1,
        )


class YuNet:
    """OpenCV Zoo's YuNet (Wu, Peng and Yu, Machine Intelligence Research 20, 2023), as `cv2.FaceDetectorYN` decodes it.

    That class keeps the frame's size inside and so serves one thread only; ONNX Runtime serves all, in half the time.
    """

    close_height_min = 1.0  # none: it finds them all (42 faces, filling 30 to 100 % of the frame)

    def __init__(self, session: Session) -> None:
        self.session = session
        self.input_name: str = session.get_inputs()[0].name
        self.output_names = [f"{kind}_{stride}" for stride in STRIDES for kind in ("cls", "obj", "bbox", "kps")]

    def find(self, canvas: Image) -> Floats:
        outputs = self.session.run(self.output_names, {self.input_name: cv2.dnn.blobFromImage(canvas)})
        return np.concatenate(
            [
                self._decode(stride, canvas.shape[1] // stride, *outputs[4 * level : 4 * level + 4])
                for level, stride in enumerate(STRIDES)
            ]
        )

    @staticmethod
    def _decode(stride: int, columns: int, classes: Floats, objects: Floats, boxes: Floats, points: Floats) -> Floats:
        scores = np.sqrt(np.clip(classes, 0, 1) * np.clip(objects, 0, 1)).reshape(-1)
        hits = np.flatnonzero(scores >= SCORE_MIN)
        cells = _cells(hits, columns)
        box = boxes.reshape(-1, 4)[hits]
        centre, half = (cells + box[:, :2]) * stride, np.exp(box[:, 2:]) * (stride / 2)
        landmarks = (np.tile(cells, 5) + points.reshape(-1, 10)[hits]) * stride
        return np.concatenate([centre - half, centre + half, scores[hits, None], landmarks], axis=1)


def network_of(session: Session) -> FaceNetwork:
    """The network that runs in this session: YuNet by its twelve outputs, SCRFD else."""
    return YuNet(session) if len(session.get_outputs()) == YUNET_OUTPUTS else Scrfd(session)


class Detector:
    """A network, run on the frame's long side scaled to 640 px.

    The scale is the same when enrolling and recognising, since key points and so embeddings shift with it.
    """

    def __init__(self, network: FaceNetwork) -> None:
        self.network = network

    def detect(self, image: Image) -> Detections:
        """All faces in a BGR frame, largest first.

        Where the frame is high enough for a face that the network misses at 640 px, a second look at a tenth of
        the cost finds it. That look can't wait until the first finds nothing: behind the payer who leans
        into the kiosk's camera, the first finds the next person in the queue.
        """
        height, width = image.shape[:2]
        close_height_px = self.network.close_height_min * max(height, width)
        faces = self.look(image, SIDE_PX)
        if height > close_height_px:
            close = self.look(image, CLOSE_SIDE_PX)
            faces = _with_close_faces(faces, close[close[:, 3] - close[:, 1] > close_height_px])
        area = (faces[:, 2] - faces[:, 0]) * (faces[:, 3] - faces[:, 1])
        faces = faces[np.argsort(-area, kind="stable")]
        return Detections(faces[:, :4], faces[:, 5:].reshape(-1, 5, 2), faces[:, 4])

    def look(self, image: Image, side_px: int) -> Floats:
        """One run of the network with the frame's long side scaled to `side_px`: (n, 15) rows, one for each face."""
        canvas, scale_x, scale_y = _letterbox(image, side_px)
        rows = _one_for_each_face(self.network.find(canvas))
        rows[:, _XS] /= scale_x
        rows[:, _YS] /= scale_y
        return rows


def _cells(indices: np.ndarray[tuple[int], np.dtype[np.intp]], columns: int) -> Floats:
    """(n, 2): x and y of these cells of a grid of so many columns."""
    return np.stack([indices % columns, indices // columns], axis=1).astype(np.float32)


def _one_for_each_face(rows: Floats) -> Floats:
    """Non-maximum suppression: the best row of each face, the best of all first."""
    boxes = np.concatenate([rows[:, :2], rows[:, 2:4] - rows[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(cast(list[list[float]], boxes), cast(list[float], rows[:, 4]), SCORE_MIN, OVERLAP_MAX)
    return rows[np.asarray(kept, dtype=np.intp).reshape(-1)[:BOXES_MAX]]


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
