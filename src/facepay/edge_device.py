"""The other side of what devices sign (docs/edge.md), for tests and for whoever builds one: no clock, no network.

A device follows `GET /v1/stores/{store_id}/gallery` by `read_delta` and `applied`, compares each face that its engine
has embedded by `compared`, and posts what `signed_match` makes of it as `signed_face`. A kiosk with a scale signs what
that reads by `sign_weighing` (docs/counter.md), a fingerprint reader what it has matched by `sign_finger_match`
(docs/access.md).
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from facepay.checkout import weighing
from facepay.checkout.weighing import Scale
from facepay.doors import readers
from facepay.identity.edge import AUDIENCE
from facepay.identity.edge_matches import Comparison
from facepay.stores.signatures import signed_claims
from facepay.templates.deltas import DeltaContent, DeltaHeader, open_delta
from facepay.templates.gallery import Floats, Reference
from facepay.templates.protection import orthogonal
from facepay.vision.evidence import FaceQuality


class GalleryNotValid(Exception):
    """Nothing was synced yet, or too long ago: whoever is in it may have been erased since."""


@dataclass(frozen=True, slots=True, repr=False)
class EdgeGallery:
    """What a device holds. Keep it in memory, or sealed: with its seed, it is as good as the faces."""

    generation: str | None = None
    version: int = 0
    valid_until: datetime | None = None
    pack: str = ""
    rotation_seed: bytes = b""
    members: Mapping[UUID, Reference] = field(default_factory=dict)
    guests: Mapping[UUID, Reference] = field(default_factory=dict)


def read_delta(answer: Mapping[str, Any], key: X25519PrivateKey) -> tuple[DeltaHeader, DeltaContent]:
    """What the server answered, as JSON. Raises cryptography.exceptions.InvalidTag where it isn't for this key."""
    header = DeltaHeader(
        device_id=UUID(answer["device_id"]),
        generation=answer["generation"],
        after=answer["after"],
        version=answer["version"],
        has_more=answer["has_more"],
        valid_until=datetime.fromisoformat(answer["valid_until"]),
    )
    return header, open_delta(b64decode(answer["sealed"]), header, key)


def applied(gallery: EdgeGallery, header: DeltaHeader, content: DeltaContent) -> EdgeGallery:
    """The gallery after it. Raises ValueError for a delta that starts elsewhere than the gallery ends."""
    if header.after and (header.generation, header.after) != (gallery.generation, gallery.version):
        raise ValueError("the delta doesn't follow on this gallery")
    held = gallery.members if header.after else {}
    valid_until = gallery.valid_until if header.after else None
    staying = {member_id: each for member_id, each in held.items() if member_id not in content.removed}
    return EdgeGallery(
        generation=header.generation,
        version=header.version,
        valid_until=valid_until if header.has_more else header.valid_until,
        pack=content.pack,
        rotation_seed=content.rotation_seed,
        members=staying | dict(content.members),
        guests=content.guests,
    )


def compared(gallery: EdgeGallery, embedding: Floats, *, now: datetime) -> Comparison | None:
    """Who of all is most alike to this (dim,) float32 of norm 1; None where the gallery is empty.

    Raises GalleryNotValid. A device in earnest keeps matrix and rotation instead of making them each time.
    """
    if gallery.generation is None or gallery.valid_until is None or now >= gallery.valid_until:
        raise GalleryNotValid("sync first")
    everybody = {**gallery.members, **gallery.guests}
    if not everybody:
        return None
    probe = embedding @ orthogonal(gallery.rotation_seed, len(embedding))
    similarities = np.stack([reference.vector for reference in everybody.values()]) @ probe
    ids = list(everybody)
    best, *others = (int(row) for row in np.argsort(-similarities)[:2])
    return Comparison(
        member_id=ids[best],
        similarity=float(similarities[best]),
        runner_up_member_id=ids[others[0]] if others else None,
        runner_up_similarity=float(similarities[others[0]]) if others else None,
        searched=sum(reference.templates for reference in everybody.values()),
        generation=gallery.generation,
        gallery_version=gallery.version,
    )


def signed_match(
    comparison: Comparison,
    *,
    quality: FaceQuality,
    pack: str,
    device_id: UUID,
    key: Ed25519PrivateKey,
    captured_at: datetime,
    nonce: str,
) -> str:
    """The `signed_face` that names them: a JWS in compact form."""
    claims = {"pack": pack, "quality": asdict(quality), **comparison.model_dump(mode="json")}
    return signed_claims(claims, device_id=device_id, key=key, audience=AUDIENCE, at=captured_at, nonce=nonce)


def sign_weighing(
    *,
    sku: str,
    unit_price: int,
    gross_grams: int,
    tare_grams: int,
    scale: Scale,
    device_id: UUID,
    key: Ed25519PrivateKey,
    weighed_at: datetime,
    nonce: str,
    stable: bool = True,
) -> str:
    """The `weighing` of a kiosk's basket line: a JWS in compact form. `unit_price` is what was shown for 100 g."""
    claims = {
        "sku": sku,
        "unit_price": unit_price,
        "gross_grams": gross_grams,
        "tare_grams": tare_grams,
        "stable": stable,
        "scale": scale.model_dump(),
    }
    return signed_claims(claims, device_id=device_id, key=key, audience=weighing.AUDIENCE, at=weighed_at, nonce=nonce)


def sign_finger_match(
    *,
    user: str,
    score: float,
    counter: int,
    device_id: UUID,
    key: Ed25519PrivateKey,
    matched_at: datetime,
    nonce: str,
    live: bool = True,
) -> str:
    """The `result` of a fingerprint reader: a JWS in compact form. `counter` is larger each time."""
    claims = {"user": user, "score": score, "counter": counter, "live": live}
    return signed_claims(claims, device_id=device_id, key=key, audience=readers.AUDIENCE, at=matched_at, nonce=nonce)
