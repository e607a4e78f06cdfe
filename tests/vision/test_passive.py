"""Both forms of passive model, as tiny networks that are built here and run on the real ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facepay.vision.alignment import TEMPLATE
from facepay.vision.frames import Image
from facepay.vision.liveness.passive import PassiveModelError, load_passive_model

BOX = np.array([40, 40, 80, 80], np.float32)
LANDMARKS = (TEMPLATE / 112 * 40 + 40).astype(np.float32)


def write_model(path: Path, *, outputs: int | None, side: int = 80) -> Path:
    """The mean of the blue, green and red planes as three logits, or (outputs None) of all as one probability."""
    shape: list[str | int] = ["n", 3, side, side]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
    nodes = [helper.make_node("ReduceMean", ["input", "axes"], ["means"], keepdims=0)]
    axes = numpy_helper.from_array(np.array([2, 3] if outputs else [1, 2, 3]), "axes")
    result = helper.make_tensor_value_info("means", TensorProto.FLOAT, ["n", outputs] if outputs else ["n"])
    graph = helper.make_graph(nodes, "tiny", [image], [result], [axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(path))
    return path


def picture(blue: int, green: int, red: int) -> Image:
    return np.full((120, 120, 3), (blue, green, red), np.uint8)


def test_mini_fas_net_gets_bgr_from_0_to_255_and_says_how_likely_its_second_class_is(tmp_path: Path) -> None:
    model = load_passive_model(write_model(tmp_path / "mini.onnx", outputs=3), threads=1)
    score = model.live_score(picture(10, 11, 12), BOX, LANDMARKS)
    assert score == pytest.approx(np.exp(1) / (1 + np.exp(1) + np.exp(2)), rel=1e-4)
    assert model.live_score(picture(0, 200, 0), BOX, LANDMARKS) == pytest.approx(1.0)


def test_mini_fas_net_sees_the_box_enlarged_2_7_times_and_kept_inside(tmp_path: Path) -> None:
    model = load_passive_model(write_model(tmp_path / "mini.onnx", outputs=3), threads=1)
    image = np.zeros((400, 400, 3), np.uint8)
    image[150:250, 150:250, 1] = 255  # a square of 100 in the middle
    centre, corner = np.array([180, 180, 220, 220], np.float32), np.array([0, 0, 40, 40], np.float32)
    seen = model.live_score(image, centre, LANDMARKS)  # 108 px wide: the green square fills it but for its edge
    assert seen == pytest.approx(1.0)
    assert model.live_score(image, corner, LANDMARKS) == pytest.approx(1 / 3, abs=0.01)  # all black


def test_the_add_on_gets_rgb_from_0_to_1_and_says_a_probability(tmp_path: Path) -> None:
    model = load_passive_model(write_model(tmp_path / "addon.onnx", outputs=None), threads=1)
    assert model.live_score(picture(51, 51, 51), BOX, LANDMARKS) == pytest.approx(0.2, abs=1e-3)
    outside = LANDMARKS + np.float32(60)
    assert model.live_score(picture(51, 51, 51), BOX, outside) is None


def test_a_model_of_neither_form_is_refused_at_start(tmp_path: Path) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("not a model")
    for wrong in (
        tmp_path / "missing.onnx",
        text,
        write_model(tmp_path / "two.onnx", outputs=2),
        write_model(tmp_path / "large.onnx", outputs=3, side=112),
    ):
        with pytest.raises(PassiveModelError, match=wrong.name):
            load_passive_model(wrong, threads=1)
