"""An engine's answers as they cross a network: JSON that comes back as exactly what went in, and as nothing else.

Never pickle: whoever answers must not be able to run code in the process that holds the shop's money.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self, cast

import numpy as np

from facepay.kernel.errors import Problem
from facepay.vision.colours import Appearance, Illuminant, Lab, NoAppearance, Swatch
from facepay.vision.evidence import FaceEvidence, FaceQuality, FrameEvidence, FrameFingerprint, Wanted
from facepay.vision.frames import CorruptImage, EmptyFrame, FrameLimits, FrameTooLarge, UnsupportedImageType
from facepay.vision.packs import ModelPack

JSON_TYPE, PROBLEM_TYPE = "application/json", "application/problem+json"
IDENTITY_HEADER = "facepay-engine"
ANOTHER_ENGINE_STATUS = 409
"""What a replica answers to whoever expects another engine, with its own identity."""

VALUES = {
    kind.__name__: kind
    for kind in (
        FrameEvidence,
        FaceEvidence,
        FaceQuality,
        FrameFingerprint,
        Appearance,
        NoAppearance,
        Illuminant,
        Swatch,
        Lab,
    )
}
REFUSALS = {kind.code: kind for kind in (EmptyFrame, UnsupportedImageType, FrameTooLarge, CorruptImage)}


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """All that must be alike for an engine elsewhere to say what the one here would.

    `models` is a digest of all the models' files, `pack` their name as templates store it. Who runs them is left out:
    between ONNX Runtime and OpenVINO in bfloat16, embeddings of one photo have a cosine of at least 0.9995.
    """

    facepay: str
    pack: str
    models: str
    embedding_dim: int
    has_points: bool
    has_passive_model: bool
    bytes_max: int
    megapixels_max: float

    @classmethod
    def of(
        cls, pack: ModelPack, *, liveness_model: Path | None, expression_model: Path | None, limits: FrameLimits
    ) -> Self:
        """Reads the recogniser's and the two other models' files."""
        own = [
            hashlib.sha256(path.read_bytes()).hexdigest() if path else "" for path in (liveness_model, expression_model)
        ]
        digests = [*(file.sha256 for file in pack.files), *own]
        return cls(
            facepay=version("facepay"),
            pack=pack.label,
            models=hashlib.sha256(" ".join(digests).encode()).hexdigest()[:16],
            embedding_dim=pack.embedding_dim(),
            has_points=pack.landmarks is not None,
            has_passive_model=liveness_model is not None,
            bytes_max=limits.bytes_max,
            megapixels_max=limits.megapixels_max,
        )

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.to_json()).hexdigest()[:32]

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    def differences(self, other: bytes) -> list[str]:
        """The names of what another one, as `to_json` gave it, has otherwise."""
        theirs, ours = json.loads(other), asdict(self)
        return sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))


def wanted_to_query(wanted: Wanted) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in wanted.items()}


def wanted_from_query(query: Mapping[str, str]) -> Wanted:
    return cast(Wanted, {name: json.loads(value) for name, value in query.items()})


def evidence_to_json(evidence: FrameEvidence) -> bytes:
    return json.dumps(evidence, default=_plain).encode()


def evidence_from_json(text: bytes) -> FrameEvidence:
    """Raises ValueError for anything but what `evidence_to_json` gives."""
    try:
        evidence = json.loads(text, object_hook=_value)
    except (TypeError, LookupError) as error:
        raise ValueError("not a frame's evidence") from error
    if not isinstance(evidence, FrameEvidence):
        raise ValueError("not a frame's evidence")
    return evidence


def refusal_to_json(problem: Problem) -> bytes:
    return json.dumps({"code": problem.code, "detail": problem.detail, "measured": problem.measured}).encode()


def refusal_from_json(text: bytes) -> Problem:
    """Raises ValueError where it is none of `decode_frame`'s."""
    told = json.loads(text)
    if not isinstance(told, dict) or told.get("code") not in REFUSALS:
        raise ValueError("not a refusal of a frame")
    return REFUSALS[told["code"]](str(told["detail"]), **told["measured"])


def _plain(value: object) -> object:
    match value:
        case np.ndarray():
            return {"floats": _text(value.astype("<f4", copy=False).tobytes()), "shape": value.shape}
        case np.generic():
            return value.item()
        case bytes():
            return {"bytes": _text(value)}
        case _ if is_dataclass(value) and type(value).__name__ in VALUES:
            return {"is": type(value).__name__, **{each.name: getattr(value, each.name) for each in fields(value)}}
    raise TypeError(f"{type(value).__name__} doesn't cross the wire")


def _value(told: dict[str, Any]) -> object:
    if "floats" in told:
        return np.frombuffer(base64.b64decode(told["floats"]), dtype="<f4").reshape(told["shape"]).astype(np.float32)
    if "bytes" in told:
        return base64.b64decode(told["bytes"])
    if "is" in told:
        kind = cast(type[Any], VALUES[told.pop("is")])
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in told.items()})
    return told


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
