"""Networks as we run them: the same function as in their files, in a form that ONNX Runtime runs faster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

YUNET_OUTPUTS = 12  # class score, objectness, box and points at each stride


def for_any_size(path: Path) -> bytes:
    """A detector for canvases of any size, as SCRFD is, where YuNet declares 640x640 (its layers don't care)."""
    model = onnx.load(str(path))
    if len(model.graph.output) == YUNET_OUTPUTS:
        _free_axes(model.graph, inputs=[2, 3], outputs=[1])
    return _serialised(model)


def for_one_face(path: Path) -> bytes:
    """A recogniser that takes one aligned face, its pixels in RGB from 0 to 255, without PReLU, its weights constant.

    ONNX Runtime plans better for a batch of known size (11 % on two threads), and eight faces together take 6.9 times
    as long as one.
    """
    return _recogniser(path, faces=1)


def for_any_number_of_faces(path: Path) -> bytes:
    """`for_one_face` for any number of them in one call, which pays on a GPU."""
    return _recogniser(path, faces=None)


def unchanged(path: Path) -> bytes:
    return path.read_bytes()


def _recogniser(path: Path, *, faces: int | None) -> bytes:
    """SFace declares each weight as an input too, which keeps ONNX Runtime from folding its normalisations into the
    convolutions (39 ms instead of 21).
    """
    model = onnx.load(str(path))
    _free_axes(model.graph, inputs=[0], outputs=[0])
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    if faces:
        for value in (model.graph.input[0], model.graph.output[0]):
            value.type.tensor_type.shape.dim[0].dim_value = faces
    if not _normalises(model.graph):
        _normalise(model.graph)
    _replace_prelu(model.graph)
    return _serialised(model)


def _serialised(model: onnx.ModelProto) -> bytes:
    serialised: bytes = model.SerializeToString()
    return serialised


def _normalises(graph: onnx.GraphProto) -> bool:
    """Whether a recogniser takes plain pixels: MXNet's exports do, and InsightFace knows them by these names."""
    names = [node.name for node in graph.node[:8]]
    return any(name.startswith(("Sub", "_minus")) for name in names) and any(
        name.startswith(("Mul", "_mul")) for name in names
    )


def _normalise(graph: onnx.GraphProto) -> None:
    """(pixel - 127.5) / 127.5 before all else, as InsightFace does it for all other recognisers."""
    name = graph.input[0].name
    for node in graph.node:
        node.input[:] = [f"{name}.normalised" if each == name else each for each in node.input]
    half = np.array(127.5, dtype=np.float32)
    graph.initializer.append(numpy_helper.from_array(half, f"{name}.half"))
    graph.node.insert(0, helper.make_node("Sub", [name, f"{name}.half"], [f"{name}.centred"]))
    graph.node.insert(1, helper.make_node("Div", [f"{name}.centred", f"{name}.half"], [f"{name}.normalised"]))


def _free_axes(graph: onnx.GraphProto, *, inputs: Sequence[int], outputs: Sequence[int]) -> None:
    """Leave these axes of the picture that goes in, and of all that comes out, without a declared length."""
    for values, axes in ((graph.input[:1], inputs), (graph.output, outputs)):
        for value in values:
            for axis in axes:
                value.type.tensor_type.shape.dim[axis].Clear()
    del graph.value_info[:]  # the shapes in between, which followed from those


def _replace_prelu(graph: onnx.GraphProto) -> None:
    """Write every PReLU as s·x + (1 − s)·relu(x), the factors as depthwise 1x1 convolutions.

    ONNX Runtime since 1.28 leaves its blocked memory layout for each PReLU, and runs the recogniser 1.45
    times slower than without. The embeddings are interchangeable (cosine >= 0.9999999).
    """
    slopes = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type == "PRelu" and node.input[1] in slopes:
            slope = numpy_helper.to_array(slopes[node.input[1]]).reshape(-1).astype(np.float32)
            nodes += _prelu_as_convolutions(graph, node, slope)
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _prelu_as_convolutions(
    graph: onnx.GraphProto, node: onnx.NodeProto, slope: np.ndarray[tuple[int], np.dtype[np.float32]]
) -> list[onnx.NodeProto]:
    source, target = node.input[0], node.output[0]
    channels = slope.size
    for suffix, weight in (("slope", slope), ("rest", 1 - slope)):
        graph.initializer.append(numpy_helper.from_array(weight.reshape(channels, 1, 1, 1), f"{target}.{suffix}"))

    def scale(name: str, suffix: str) -> onnx.NodeProto:
        return helper.make_node(
            "Conv", [name, f"{target}.{suffix}"], [f"{target}.{suffix}.out"], group=channels, kernel_shape=[1, 1]
        )

    return [
        helper.make_node("Relu", [source], [f"{target}.relu"]),
        scale(source, "slope"),
        scale(f"{target}.relu", "rest"),
        helper.make_node("Add", [f"{target}.slope.out", f"{target}.rest.out"], [target]),
    ]
