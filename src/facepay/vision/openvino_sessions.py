"""Networks on OpenVINO, which computes in bfloat16 on processors that can: facepay[openvino]."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from facepay.vision.evidence import Floats
from facepay.vision.sessions import ProviderError


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    shape: tuple[int | None, ...]

    @classmethod
    def of(cls, port: Any) -> Tensor:
        shape = tuple(length.get_length() if length.is_static else None for length in port.partial_shape)
        return cls(port.any_name, shape)


class OpenVinoSession:
    """Answers as ONNX Runtime's session does. Each thread that runs it has a request of its own."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._idle: deque[Any] = deque()

    def get_inputs(self) -> Sequence[Tensor]:
        return [Tensor.of(port) for port in self._compiled.inputs]

    def get_outputs(self) -> Sequence[Tensor]:
        return [Tensor.of(port) for port in self._compiled.outputs]

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any]) -> Sequence[Floats]:
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        results = request.infer(dict(input_feed), share_inputs=True)
        found = [results[name] for name in output_names or [port.any_name for port in self._compiled.outputs]]
        self._idle.append(request)
        return found


def open_on_openvino(network: bytes, threads: int, threads_max: int) -> OpenVinoSession:
    """For frames on `threads` each, as many side by side as `threads_max` allow. Raises ProviderError."""
    hints = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads_max,
        "NUM_STREAMS": threads_max // threads,
        "ENABLE_CPU_PINNING": False,
    }
    core = _core()
    return OpenVinoSession(core.compile_model(core.read_model(network), "CPU", hints))


@cache
def _core() -> Any:
    try:
        import openvino
    except ImportError as missing:
        raise ProviderError("OpenVINO is not installed: pip install 'facepay[openvino]'.") from missing
    return openvino.Core()
