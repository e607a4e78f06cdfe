"""Sessions that run networks, set up so that several share few cores without getting in each other's way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import onnxruntime

from facepay.vision.evidence import Floats
from facepay.vision.optimised import Rewrite, optimised, rewritten
from facepay.vision.packs import ModelFile, PackError

Provider = Literal["auto", "cpu", "openvino", "cuda"]
"""Who runs the networks. "auto" is a GPU where ONNX Runtime's wheel for CUDA is installed, else the processor."""


class ProviderError(PackError):
    """Who shall run the networks isn't installed here."""


class Tensor(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> Sequence[Any]: ...


class Session(Protocol):
    """A network that is ready to run: ONNX Runtime's own class, or one that answers as it does. For any threads."""

    def get_inputs(self) -> Sequence[Tensor]: ...

    def get_outputs(self) -> Sequence[Tensor]: ...

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any]) -> Sequence[Floats]: ...


class Load:
    """How many frames are at work: one that is alone gets all cores, several get one each."""

    def __init__(self) -> None:
        self._frames = 0
        self._lock = threading.Lock()

    @property
    def is_light(self) -> bool:
        return self._frames <= 1

    @contextmanager
    def frame(self) -> Iterator[None]:
        with self._lock:
            self._frames += 1
        try:
            yield
        finally:
            with self._lock:
                self._frames -= 1


class Elastic:
    """One network as two sessions: on all cores while the load is light, else on one.

    Two frames side by side, each on both of two cores, came to 54 frames a second; on one core each, to 74.
    """

    def __init__(self, wide: Session, narrow: Session, load: Load) -> None:
        self._wide, self._narrow, self._load = wide, narrow, load

    def get_inputs(self) -> Sequence[Tensor]:
        return self._wide.get_inputs()

    def get_outputs(self) -> Sequence[Tensor]:
        return self._wide.get_outputs()

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any]) -> Sequence[Floats]:
        session = self._wide if self._load.is_light else self._narrow
        return session.run(output_names, input_feed)


class Sessions:
    """Opens the networks of one engine, all for the same provider, and optimised ones from the cache."""

    def __init__(self, provider: Provider, *, threads: int, cache: Path | None) -> None:
        """Raises ProviderError."""
        self.provider = chosen(provider)
        self.threads = threads
        self.cache = cache
        self.load = Load()

    def open(self, model: ModelFile, rewrite: Rewrite, *, may_round: bool = False) -> Session:
        """`may_round`: in bfloat16. A detector may not: its key points shift, and embeddings much further with them."""
        if self.provider == "openvino" and may_round:
            from facepay.vision.openvino_sessions import open_on_openvino  # an extra

            return self._elastic(lambda threads: open_on_openvino(rewritten(model, rewrite), threads, self.threads))
        if self.provider == "cuda":
            on_gpu: Session = open_session(rewritten(model, rewrite), threads=self.threads, providers=("CUDA", "CPU"))
            return on_gpu
        network = self._network(model, rewrite)
        return self._elastic(lambda threads: open_session(network, threads=threads))

    def _network(self, model: ModelFile, rewrite: Rewrite) -> Path | bytes:
        if self.cache:
            try:
                return optimised(model, rewrite, cache=self.cache)
            except OSError:  # a read-only home: it only takes longer
                pass
        return rewritten(model, rewrite)

    def _elastic(self, opened: Callable[[int], Session]) -> Session:
        wide = opened(self.threads)
        return Elastic(wide, opened(1), self.load) if self.threads > 1 else wide


def chosen(provider: Provider) -> Provider:
    """What "auto" comes to here. Raises ProviderError where the provider isn't installed."""
    has_cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if provider == "auto":
        return "cuda" if has_cuda else "cpu"
    if provider == "cuda" and not has_cuda:
        raise ProviderError("There is no CUDA here: install onnxruntime-gpu in place of onnxruntime.")
    return provider


def open_session(
    model: Path | bytes, *, threads: int, providers: Sequence[str] = ("CPU",)
) -> onnxruntime.InferenceSession:
    """One session for one model, to be shared by all worker threads (`run` may be called from any)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # A session's threads spin for the next node's work, but not beyond the run: against those of the session that runs
    # next, 24 ms became 40 to 57. Not spinning at all costs 1 to 2 ms of 9 on two threads.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    source = model if isinstance(model, bytes) else str(model)
    names = [f"{provider}ExecutionProvider" for provider in providers]
    return onnxruntime.InferenceSession(source, options, providers=names)


def open_own_model(path: Path, *, kind: str, threads: int, error: type[Exception]) -> onnxruntime.InferenceSession:
    """One that the shop brings, of some kind in words. Raises `error` where there is none, or none that runs."""
    if not path.is_file():
        raise error(f"There is no {kind} model at {path}.")
    try:
        return open_session(path, threads=threads)
    except Exception as wrong:  # ONNX Runtime's errors have no class in common
        raise error(f"{path.name} is not an ONNX model that ONNX Runtime can run.") from wrong
