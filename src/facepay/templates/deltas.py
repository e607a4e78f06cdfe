"""What a device's copy of the gallery changes by, as server and device both read it: sealed by HPKE (RFC 9180)."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from facepay.templates.gallery import Reference

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)


@dataclass(frozen=True, slots=True)
class DeltaHeader:
    """It leads from version `after` of a generation to `version`, and from nothing where `after` is 0.

    More is to come at once where it `has_more`. From `valid_until` (whole seconds) on, the copy recognises nobody.
    """

    device_id: UUID
    generation: str
    after: int
    version: int
    has_more: bool
    valid_until: datetime

    def bound_to(self) -> bytes:
        """HPKE's `info`: a delta opens under its own header only."""
        valid_until = int(self.valid_until.timestamp())
        fields = (self.device_id, self.generation, self.after, self.version, int(self.has_more), valid_until)
        return "|".join(["facepay-gallery", *map(str, fields)]).encode()


@dataclass(frozen=True, slots=True, repr=False)
class DeltaContent:
    """Members at home whose references are these from now on, who is none any more, and all guests there are.

    `rotation_seed` is what `protection.orthogonal` makes the device's rotation of.
    """

    rotation_seed: bytes
    pack: str
    members: Mapping[UUID, Reference]
    removed: frozenset[UUID]
    guests: Mapping[UUID, Reference]


def seal_delta(content: DeltaContent, header: DeltaHeader, key: X25519PublicKey) -> bytes:
    shown = {
        "rotation_seed": b64encode(content.rotation_seed).decode(),
        "pack": content.pack,
        "members": _shown(content.members),
        "removed": sorted(map(str, content.removed)),
        "guests": _shown(content.guests),
    }
    return SUITE.encrypt(json.dumps(shown).encode(), key, info=header.bound_to())


def open_delta(sealed: bytes, header: DeltaHeader, key: X25519PrivateKey) -> DeltaContent:
    """Raises cryptography.exceptions.InvalidTag where it is for another device, or was altered, or its header was."""
    shown = json.loads(SUITE.decrypt(sealed, key, info=header.bound_to()))
    return DeltaContent(
        rotation_seed=b64decode(shown["rotation_seed"]),
        pack=shown["pack"],
        members=_read(shown["members"]),
        removed=frozenset(map(UUID, shown["removed"])),
        guests=_read(shown["guests"]),
    )


def _shown(references: Mapping[UUID, Reference]) -> list[dict[str, Any]]:
    """`reference` is float32, little endian, in base64."""
    return [
        {
            "id": str(member_id),
            "reference": b64encode(reference.vector.astype("<f4").tobytes()).decode(),
            "templates": reference.templates,
        }
        for member_id, reference in references.items()
    ]


def _read(shown: list[dict[str, Any]]) -> dict[UUID, Reference]:
    return {
        UUID(each["id"]): Reference(
            np.frombuffer(b64decode(each["reference"]), "<f4").astype(np.float32), int(each["templates"])
        )
        for each in shown
    }
