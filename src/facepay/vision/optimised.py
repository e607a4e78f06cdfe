"""Optimised networks, kept on disk: the next start needn't optimise them, and workers share one copy of the weights.

ONNX Runtime maps the weights into memory, so that all processes on the machine hold them once.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import tempfile
from pathlib import Path
from typing import Literal

import onnxruntime

from facepay.vision.packs import ModelFile

Rewrite = Literal["for_any_size", "for_one_face", "for_any_number_of_faces", "unchanged"]
"""What `rewriting` does with a network before ONNX Runtime gets it."""

GRAPH, WEIGHTS, SUMS = "network.onnx", "weights.bin", "sha256"
WEIGHT_BYTES_MIN = 1024  # smaller ones stay in the graph


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "facepay" / "networks"


def rewritten(model: ModelFile, rewrite: Rewrite) -> bytes:
    from facepay.vision import rewriting  # here, not above: it brings onnx, 50 MB and 160 ms, which a cached one spares

    network: bytes = getattr(rewriting, rewrite)(model.path)
    return network


def optimised(model: ModelFile, rewrite: Rewrite, *, cache: Path) -> Path:
    """The graph of this network for this processor, by ONNX Runtime's own optimiser, from the cache if it is there.

    An entry that is damaged, or that others than this process's user could have written, is made anew. Raises OSError
    where the cache can't be written.
    """
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    entry = cache / _key(model, rewrite)
    if not _is_sound(cache, entry):
        _write(model, rewrite, cache, entry)
    return entry / GRAPH


def _key(model: ModelFile, rewrite: Rewrite) -> str:
    """Optimised graphs hold for one version of ONNX Runtime and one kind of processor (its vectors' width)."""
    parts = (model.sha256, onnxruntime.__version__, _processor(), rewrite, _rewriting_sha256())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _rewriting_sha256() -> str:
    return hashlib.sha256(Path(__file__).with_name("rewriting.py").read_bytes()).hexdigest()


def _processor() -> str:
    """What the processor can do: an image with this cache in it may run on another machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    known = ("model name", "flags", "Features", "CPU part")
    return "\n".join([platform.machine(), *dict.fromkeys(line for line in lines if line.startswith(known))])


def _is_sound(cache: Path, entry: Path) -> bool:
    try:
        return all(_is_ours(path) for path in (cache, entry, *entry.iterdir())) and (
            (entry / SUMS).read_text() == _sums(entry)
        )
    except OSError:
        return False


def _is_ours(path: Path) -> bool:
    found = path.lstat()
    return found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o022 and not stat.S_ISLNK(found.st_mode)


def _sums(entry: Path) -> str:
    sums = []
    for name in (GRAPH, WEIGHTS):
        with (entry / name).open("rb") as file:
            sums.append(hashlib.file_digest(file, "sha256").hexdigest())
    return "\n".join(sums)


def _write(model: ModelFile, rewrite: Rewrite, cache: Path, entry: Path) -> None:
    """Whole or not at all: into a folder of its own, which then takes the entry's name."""
    with tempfile.TemporaryDirectory(dir=cache, prefix="new-", ignore_cleanup_errors=True) as scratch:
        made = Path(scratch) / "made"
        made.mkdir(mode=0o700)
        _optimise(rewritten(model, rewrite), made)
        (made / SUMS).write_text(_sums(made))
        for path in made.iterdir():
            path.chmod(0o600)
        if entry.exists():
            entry.rename(Path(scratch) / "former")
        try:
            made.rename(entry)
        except OSError:  # another worker was quicker
            if not _is_sound(cache, entry):
                raise


def _optimise(network: bytes, folder: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(folder / GRAPH)
    for key, value in (
        ("session.optimized_model_external_initializers_file_name", WEIGHTS),
        ("session.optimized_model_external_initializers_min_size_in_bytes", str(WEIGHT_BYTES_MIN)),
        ("session.save_external_prepacked_constant_initializers", "1"),
    ):
        options.add_session_config_entry(key, value)
    onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    (folder / WEIGHTS).touch()  # a network whose weights are all small
