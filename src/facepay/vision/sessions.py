"""ONNX Runtime sessions, set up so that several models share few cores without getting in each other's way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper


def open_session(model: Path | bytes, *, threads: int) -> onnxruntime.InferenceSession:
    """One session for one model, to be shared by all worker threads (`run` may be called from any)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # A session's idle threads would spin against those of the session that runs: 24 ms became 40 to 57.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def open_own_model(path: Path, *, kind: str, threads: int, error: type[Exception]) -> onnxruntime.InferenceSession:
    """One that the shop brings, of some kind in words. Raises `error` where there is none, or none that runs."""
    if not path.is_file():
        raise error(f"There is no {kind} model at {path}.")
    try:
        return open_session(path, threads=threads)
    except Exception as wrong:  # ONNX Runtime's errors have no class in common
        raise error(f"{path.name} is not an ONNX model that ONNX Runtime can run.") from wrong


def for_any_number_of_faces(path: Path) -> bytes:
    """A recogniser as we run it: any number of faces at once, without PReLU, its weights constant.

    SFace declares one face, and each weight as an input too, which keeps ONNX Runtime from folding its
    normalisations into the convolutions (39 ms instead of 21).
    """
    model = onnx.load(str(path))
    _free_axes(model.graph, inputs=[0], outputs=[0])
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    _replace_prelu(model.graph)
    return _serialised(model)


def for_any_size(path: Path) -> bytes:
    """A detector as we run it: on canvases of any size, where YuNet declares 640x640 (its layers don't care)."""
    model = onnx.load(str(path))
    _free_axes(model.graph, inputs=[2, 3], outputs=[1])
    return _serialised(model)


def _serialised(model: onnx.ModelProto) -> bytes:
    serialised: bytes = model.SerializeToString()
    return serialised


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
