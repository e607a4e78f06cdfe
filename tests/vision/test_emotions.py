"""The three forms of expression model, as tiny networks that are built here and run on the real ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facepay.vision.emotions import ExpressionModelError, load_expression_model
from facepay.vision.engine import load_engine
from facepay.vision.expression import smile_strength
from facepay.vision.frames import Image
from tests.photos import people, variant

BOX = np.array([40, 40, 80, 80], np.float32)


def write_model(
    path: Path, shape: tuple[int, int, int], outputs: int, *, happiness: int, softmax: bool = False, scale: float = 1.0
) -> Path:
    """The mean of the input, times `scale`, as the logit of `happiness`; all others are 0."""
    channels, *sides = shape
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", channels, *sides])
    weights = np.zeros((1, outputs), np.float32)
    weights[0, happiness] = scale
    nodes = [
        helper.make_node("ReduceMean", ["input", "axes"], ["mean"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("MatMul", ["column", "weights"], ["scores" if not softmax else "logits"]),
    ]
    nodes += [helper.make_node("Softmax", ["logits"], ["scores"])] if softmax else []
    constants = [
        numpy_helper.from_array(np.array([1, 2, 3]), "axes"),
        numpy_helper.from_array(np.array([1]), "one"),
        numpy_helper.from_array(weights, "weights"),
    ]
    result = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", outputs])
    graph = helper.make_graph(nodes, "tiny", [image], [result], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), str(path))
    return path


def picture(level: int, *, face: int | None = None) -> Image:
    """Grey, with another grey inside the box."""
    image = np.full((120, 120, 3), level, np.uint8)
    image[40:80, 40:80] = level if face is None else face
    return image


def likely(logit: float, classes: int) -> float:
    return float(np.exp(logit) / (np.exp(logit) + classes - 1))


def test_fer_plus_gets_the_face_in_grey_from_0_to_255(tmp_path: Path) -> None:
    model = load_expression_model(write_model(tmp_path / "fer.onnx", (1, 64, 64), 8, happiness=1, scale=0.1), threads=1)
    assert model.happiness(picture(0, face=30), BOX, picture(255)) == pytest.approx(likely(3.0, 8), rel=1e-4)
    beyond = np.array([-50, -50, 1, 1], np.float32)  # a box that reaches out of the frame
    assert model.happiness(picture(20), beyond, picture(255)) == pytest.approx(likely(2.0, 8), rel=1e-4)


@pytest.mark.parametrize(("side", "outputs", "happiness"), [(224, 7, 3), (224, 8, 4), (260, 8, 4), (224, 10, 4)])
def test_hsemotion_gets_the_face_as_imagenet_has_it(side: int, outputs: int, happiness: int, tmp_path: Path) -> None:
    path = write_model(tmp_path / "hse.onnx", (3, side, side), outputs, happiness=happiness)
    seen = load_expression_model(path, threads=1).happiness(picture(0, face=255), BOX, picture(0))
    white = float(np.mean((1 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])))
    assert seen == pytest.approx(likely(white, min(outputs, 8)), rel=1e-4)


def test_colours_are_handed_on_as_red_green_blue(tmp_path: Path) -> None:
    model = load_expression_model(write_model(tmp_path / "hse.onnx", (3, 224, 224), 7, happiness=3), threads=1)
    red = np.zeros((120, 120, 3), np.uint8)
    red[..., 2] = 255
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = float(np.mean((np.array([1.0, 0.0, 0.0]) - mean) / deviation))
    assert model.happiness(red, BOX, red) == pytest.approx(likely(expected, 7), rel=1e-4)


@pytest.mark.parametrize("softmax", [False, True])
def test_affectnet_s_order_sees_the_aligned_face_and_probabilities_are_taken_as_such(
    softmax: bool, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "affect.onnx", (3, 112, 112), 7, happiness=1, softmax=softmax)
    aligned: Image = np.full((112, 112, 3), 255, np.uint8)
    white = float(np.mean((1 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])))
    seen = load_expression_model(path, threads=1).happiness(picture(0), BOX, aligned)
    assert seen == pytest.approx(likely(white, 7), rel=1e-4)


def test_a_model_of_no_known_form_is_refused_at_start(tmp_path: Path) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("not a model")
    for wrong in (
        tmp_path / "missing.onnx",
        text,
        write_model(tmp_path / "nine.onnx", (3, 224, 224), 9, happiness=1),
        write_model(tmp_path / "small.onnx", (1, 48, 48), 8, happiness=1),
    ):
        with pytest.raises(ExpressionModelError, match=wrong.name):
            load_expression_model(wrong, threads=1)


def test_where_a_model_is_set_it_says_how_much_a_face_smiles(tmp_path: Path) -> None:
    path = write_model(tmp_path / "fer.onnx", (1, 64, 64), 8, happiness=1, scale=0.02)
    engine = load_engine(expression_model=path, threads=1)
    dark = variant(people()[0], brightness=0.5)
    (face, *_), (rest, *_) = (engine.analyse(frame, points=True).faces for frame in (people()[0], dark))
    assert face.happiness is not None
    assert rest.happiness is not None
    assert smile_strength(face) == face.happiness
    assert smile_strength(face, rest) == pytest.approx((face.happiness - rest.happiness) / (1 - rest.happiness))
    assert smile_strength(rest, face) == 0.0
    assert engine.analyse(people()[0]).faces[0].happiness is None  # not asked for
