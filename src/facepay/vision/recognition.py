"""Who a face is: InsightFace's ArcFace (Deng et al., CVPR 2019) or another network of its form."""

from __future__ import annotations

import cv2
import numpy as np

from facepay.vision.evidence import Floats
from facepay.vision.frames import Image
from facepay.vision.sessions import Session


class FaceRecogniser:
    """A network of `rewriting.for_one_face` or `for_any_number_of_faces`. Any number of threads may share one.

    It is what `insightface.model_zoo.ArcFaceONNX` computes, without the 80 MB and 270 ms of InsightFace's import.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        taken, given = session.get_inputs()[0], session.get_outputs()[0]
        self._input, self._output = taken.name, given.name
        self._one_by_one = taken.shape[0] == 1
        self.embedding_dim = int(given.shape[-1])

    def get_feat(self, crops: list[Image]) -> Floats:
        """(n, dim) embeddings, not normalised, of (112, 112, 3) aligned faces in BGR."""
        batches = [[crop] for crop in crops] if self._one_by_one else [crops]
        return np.concatenate([self._embed(batch) for batch in batches])

    def _embed(self, crops: list[Image]) -> Floats:
        blob = cv2.dnn.blobFromImages(crops, swapRB=True)
        return self._session.run([self._output], {self._input: blob})[0]
