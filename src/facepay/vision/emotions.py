"""Whether a face is happy, by an expression model that the shop brings. Three forms are known by their shapes.

FER+ (Barsoum et al., 2016; `emotion-ferplus-8`): input (n, 1, 64, 64), grey from 0 to 255, the face's box; output
(n, 8) logits, class 1 is happiness.

HSEmotion (Savchenko, 2022; `enet_b0_8_best_afew` and its like): input (n, 3, 224, 224) or (n, 3, 260, 260), RGB as
ImageNet has it, the face's box; output (n, 7), (n, 8), or (n, 10) with valence and arousal last; classes by alphabet.

AffectNet's classes in its own order, at ArcFace's alignment (DDAMFN; Zhang et al., 2023): input (n, 3, 112, 112), RGB
as ImageNet has it, aligned by the five landmarks; output (n, 7) or (n, 8), class 1 is happiness. Further outputs are
ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import onnxruntime

from facepay.vision.evidence import Floats
from facepay.vision.frames import Image
from facepay.vision.sessions import open_own_model

_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
VALENCE_AND_AROUSAL = 2


class ExpressionModelError(Exception):
    """The expression model is missing, or of no form that is known."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a model takes and says: square inputs, how many classes, and which of them is happiness."""

    channels: int
    side_px: int
    outputs: int
    happiness: int
    aligned: bool = False

    @property
    def classes(self) -> int:
        return self.outputs - (VALENCE_AND_AROUSAL if self.outputs > 8 else 0)


FORMS = (
    Form(1, 64, 8, happiness=1),
    *(Form(3, side, outputs, at) for side in (224, 260) for outputs, at in ((7, 3), (8, 4), (10, 4))),
    Form(3, 112, 7, happiness=1, aligned=True),
    Form(3, 112, 8, happiness=1, aligned=True),
)


class ExpressionModel:
    """Any number of threads may share one."""

    def __init__(self, session: onnxruntime.InferenceSession, form: Form) -> None:
        self._session = session
        self._input, self._output = session.get_inputs()[0].name, session.get_outputs()[0].name
        self.form = form

    def happiness(self, image: Image, box: Floats, crop: Image) -> float:
        """How likely (0 to 1) this face is happy, by its (4,) box in the frame and its aligned (112, 112, 3) crop."""
        face = crop if self.form.aligned else _inside(image, box)
        face = cast(Image, cv2.resize(face, (self.form.side_px, self.form.side_px), interpolation=cv2.INTER_AREA))
        scores = self._session.run([self._output], {self._input: self._blob(face)})[0][0].astype(np.float64)
        return float(_probabilities(scores[: self.form.classes])[self.form.happiness])

    def _blob(self, face: Image) -> Floats:
        if self.form.channels == 1:
            return cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)[None, None].astype(np.float32)
        normal = (face[..., ::-1].astype(np.float32) / 255 - _IMAGENET_MEAN) / _IMAGENET_DEVIATION
        return np.ascontiguousarray(normal.transpose(2, 0, 1)[None])


def load_expression_model(path: Path, *, threads: int) -> ExpressionModel:
    """Raises ExpressionModelError where the file is no ONNX model of one of the three forms."""
    session = open_own_model(path, kind="expression", threads=threads, error=ExpressionModelError)
    inputs = [list(each.shape) for each in session.get_inputs()]
    output = list(session.get_outputs()[0].shape)
    for form in FORMS:
        takes = [form.channels, form.side_px, form.side_px]
        if len(inputs) == 1 and inputs[0][1:] == takes and output[1:] == [form.outputs]:
            return ExpressionModel(session, form)
    raise ExpressionModelError(
        f"{path.name} is neither FER+ (n, 1, 64, 64) -> (n, 8), nor HSEmotion (n, 3, 224, 224) -> (n, 7 or 8), nor of "
        f"AffectNet's order (n, 3, 112, 112) -> (n, 7 or 8): its inputs are {inputs}, its first output {output}."
    )


def _inside(image: Image, box: Floats) -> Image:
    """The box, as far as it lies inside the frame: at least one pixel."""
    height, width = image.shape[:2]
    left, top = int(np.clip(box[0], 0, width - 1)), int(np.clip(box[1], 0, height - 1))
    right, bottom = int(np.clip(box[2], left + 1, width)), int(np.clip(box[3], top + 1, height))
    return image[top:bottom, left:right]


def _probabilities(scores: Floats) -> Floats:
    """Of logits; and of probabilities, where a model's last layer made them already."""
    if scores.min() >= 0 and abs(scores.sum() - 1) < 1e-3:
        return scores
    shares = np.exp(scores - scores.max())
    return cast(Floats, shares / shares.sum())
