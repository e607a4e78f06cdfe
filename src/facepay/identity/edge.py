"""A device with an engine of its own sends what it saw of a face instead of a frame, signed with its key.

It comes as stores/signatures.py has it, for "facepay-signed-face", with `iat` when the frame was taken, and with:

    pack        the model pack, as enrolled faces name it: "buffalo_sc@9cc6e4a7"
    embedding   float32, little endian, in base64; of norm 1
    quality     what `FaceQuality` names, as `facepay.vision.quality` measures it

A device that holds its store's gallery sends, in the place of `embedding`, what it found there (edge_matches.py).

From here on it is the same evidence as a frame gives, so that every device's room decides on both alike.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import numpy as np
from pydantic import AfterValidator, BaseModel, StringConstraints, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.edge_matches import Comparison, EdgeMatchingNotAllowed, is_stale
from facepay.kernel.auth import Principal
from facepay.kernel.errors import Conflict, Problem
from facepay.stores.signatures import Instant, Nonce, SignatureInvalid, spend_nonces, verified_claims
from facepay.vision.evidence import FaceEvidence, FaceQuality, Floats, FrameEvidence
from facepay.vision.quality import RECOGNITION

AUDIENCE = "facepay-signed-face"
FRESH = timedelta(seconds=30)
NORM_TOLERANCE = 1e-3
MEASURE_MAX = 1e6

MEASURED = frozenset(
    limit.removesuffix("_min").removesuffix("_max") for limit, value in asdict(RECOGNITION).items() if value is not None
)


class SignedFaceInvalid(Problem):
    """What was signed is not a face as this interface takes it."""

    status = 422
    code = "signed_face_invalid"
    title = "Signed face invalid"


class PackMismatch(Conflict):
    """The device's engine runs another model pack than the gallery: embeddings of two packs don't compare."""

    code = "pack_mismatch"
    title = "Another model pack"


EDGE_PROBLEMS = (SignatureInvalid, SignedFaceInvalid, PackMismatch, EdgeMatchingNotAllowed)


def _whole(quality: FaceQuality) -> FaceQuality:
    """Whatever recognition puts a limit on has to be measured. Raises ValueError."""
    measured = {name: value for name, value in asdict(quality).items() if value is not None}
    if missing := MEASURED - measured.keys():
        raise ValueError(f"not measured: {', '.join(sorted(missing))}")
    if not all(abs(value) <= MEASURE_MAX for value in measured.values()):  # so that NaN is refused too
        raise ValueError("a measure is too large to be one")
    return quality


class _Claims(BaseModel):
    iat: Instant
    jti: Nonce
    pack: Annotated[str, StringConstraints(max_length=100)]
    embedding: str | None = None
    quality: Annotated[FaceQuality, AfterValidator(_whole)]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SignedFace:
    """A face that a device vouches for, embedded, or compared there already. It is worth something only once `spend`
    has taken it.
    """

    evidence: FrameEvidence
    captured_at: datetime
    nonce: str
    comparison: Comparison | None = None


def read_signed_face(text: str, *, device: Principal, pack: str, dimensions: int) -> SignedFace:
    """Check who signed it and what for.

    Raises SignatureInvalid, SignedFaceInvalid, PackMismatch and EdgeMatchingNotAllowed.
    """
    sent = verified_claims(text, device=device, audience=AUDIENCE)
    try:
        claims = _Claims.model_validate(sent)
        comparison = None if "embedding" in sent else Comparison.model_validate(sent)
    except ValidationError as error:
        fields = sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)})
        raise SignedFaceInvalid("Some claims are missing or malformed.", fields=fields) from None
    if claims.pack != pack:
        raise PackMismatch("The gallery holds faces of another model pack.", pack=pack, sent=claims.pack)
    if comparison is not None and not device.edge_matching:
        raise EdgeMatchingNotAllowed("This device sends frames or faces, and doesn't say who it is.")
    face = FaceEvidence(
        box=np.zeros(4, np.float32),
        landmarks=np.zeros((5, 2), np.float32),
        quality=claims.quality,
        embedding=None if claims.embedding is None else _embedding(claims.embedding, dimensions),
    )
    evidence = FrameEvidence(width=0, height=0, faces=(face,), pack=pack, timings_ms={})
    return SignedFace(evidence, datetime.fromtimestamp(claims.iat, UTC), claims.jti, comparison)


def _embedding(text: str, dimensions: int) -> Floats:
    """(dim,) float32, of norm 1 to the last bit that it has."""
    try:
        raw = b64decode(text, validate=True)
        vector = np.frombuffer(raw, "<f4").astype(np.float32)
    except (binascii.Error, ValueError):
        raise SignedFaceInvalid("The embedding is not float32 in base64.") from None
    if len(vector) != dimensions:
        raise SignedFaceInvalid("The embedding has other dimensions.", dimensions=dimensions, sent=len(vector))
    norm = float(np.linalg.norm(vector))
    if not abs(norm - 1) <= NORM_TOLERANCE:  # so that NaN is refused too
        raise SignedFaceInvalid("The embedding has to be of norm 1.")
    return np.asarray(vector / np.float32(norm), np.float32)


async def spend(session: AsyncSession, *, signed: SignedFace, device_id: UUID, now: datetime) -> str | None:
    """Let it count, once and while it is fresh; else the code of the refusal. Part of the decision's transaction."""
    if abs(now - signed.captured_at) > FRESH:
        return "signed_face_stale"
    if await spend_nonces(session, device_id=device_id, nonces=[signed.nonce], now=now):
        return "signed_face_reused"
    if signed.comparison and await is_stale(session, comparison=signed.comparison, device_id=device_id, now=now):
        return "gallery_stale"
    return None
