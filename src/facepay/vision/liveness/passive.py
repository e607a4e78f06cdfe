"""Passive liveness from one colour frame, by a model that the shop brings. Two forms are known by their shapes.

MiniFASNet (minivision-ai/Silent-Face-Anti-Spoofing, Apache-2.0; `2.7_80x80_MiniFASNetV2`): input (n, 3, 80, 80), BGR
from 0 to 255, the face's box enlarged 2.7 times and kept inside the frame; output (n, 3) logits, class 1 is live.

InsightFace's RGB add-on (`insightface.addons.liveness`): input (n, 3, 80, 80), RGB from 0 to 1, aligned by the five
landmarks; output (n,), the probability that the face is live. Its own class does the work.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import cv2
import numpy as np
import onnxruntime

from facepay.vision.evidence import Floats
from facepay.vision.frames import Image
from facepay.vision.sessions import open_own_model

if TYPE_CHECKING:
    from insightface.addons.liveness import Liveness

SIDE_PX = 80
BOX_SCALE = 2.7
LIVE_CLASS = 1


class PassiveModelError(Exception):
    """The liveness model is missing, or of neither form that is known."""


class PassiveModel(Protocol):
    """Any number of threads may share one."""

    def live_score(self, image: Image, box: Floats, landmarks: Floats) -> float | None:
        """How likely (0 to 1) this face, (4,) box and (5, 2) landmarks, is no picture; None where it can't tell."""
        ...


def load_passive_model(path: Path, *, threads: int) -> PassiveModel:
    """Raises PassiveModelError where the file is no ONNX model of one of the two forms."""
    session = open_own_model(path, kind="liveness", threads=threads, error=PassiveModelError)
    inputs, outputs = ([list(each.shape) for each in side] for side in (session.get_inputs(), session.get_outputs()))
    if len(inputs) == len(outputs) == 1 and inputs[0][1:] == [3, SIDE_PX, SIDE_PX]:
        if len(outputs[0]) == 2 and outputs[0][1] == 3:
            return MiniFasNet(session)
        if len(outputs[0]) == 1:
            return _insightface_addon(path, session)
    raise PassiveModelError(
        f"{path.name} is neither MiniFASNet (n, 3, 80, 80) -> (n, 3) nor InsightFace's add-on (n, 3, 80, 80) -> (n,): "
        f"its inputs are {inputs}, its outputs {outputs}."
    )


class MiniFasNet:
    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name

    def live_score(self, image: Image, box: Floats, landmarks: Floats) -> float | None:
        blob = _around(image, box).transpose(2, 0, 1)[None].astype(np.float32)
        logits = self._session.run(None, {self._input: blob})[0][0].astype(np.float64)
        shares = np.exp(logits - logits.max())
        return float(shares[LIVE_CLASS] / shares.sum())


def _around(image: Image, box: Floats) -> Image:
    """(80, 80, 3): the box enlarged as far as the frame lets it, and moved inside, as the model was trained."""
    height, width = image.shape[:2]
    left, top, right, bottom = (float(value) for value in box)
    scale = min(BOX_SCALE, (height - 1) / (bottom - top), (width - 1) / (right - left))
    half = np.array([right - left, bottom - top]) * scale / 2
    centre = np.clip([(left + right) / 2, (top + bottom) / 2], half, np.array([width - 1, height - 1]) - half)
    (from_x, from_y), (to_x, to_y) = (centre - half).astype(int), (centre + half).astype(int)
    return cast(Image, cv2.resize(image[from_y : to_y + 1, from_x : to_x + 1], (SIDE_PX, SIDE_PX)))


class InsightFaceAddon:
    def __init__(self, model: Liveness) -> None:
        self._model = model

    def live_score(self, image: Image, box: Floats, landmarks: Floats) -> float | None:
        """None where too much of the surroundings lies outside of the frame."""
        verdict: dict[str, Any] = self._model.predict(image, landmarks)
        score: float | None = verdict["live_score"]
        return score


def _insightface_addon(path: Path, session: onnxruntime.InferenceSession) -> InsightFaceAddon:
    from insightface.addons.liveness import Liveness  # here, not above: see load_engine

    try:
        return InsightFaceAddon(Liveness(path, session=session))
    except RuntimeError as error:
        raise PassiveModelError(f"{path.name}: {error}") from error
