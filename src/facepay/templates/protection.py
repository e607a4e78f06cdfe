"""What a stolen table is worth: nothing. Templates are rotated by a secret and sealed with a key per member.

The rotation is a secret orthogonal matrix: cosines stay as they are, but vectors of two installations, or of one
before and after a new key, can't be linked (ISO/IEC 24745: renewable, unlinkable). Every sealing key is a
member's own, wrapped by a key derived from the master key; without its row no backup gives the face back.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache
from uuid import UUID

import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidTag

from facepay.kernel.errors import Overloaded
from facepay.kernel.secrets import KEY_BYTES, MasterKey, fingerprint, seal, unseal

Floats = npt.NDArray[np.float32]
_DOUBLES = np.dtype("<f8")
_SINGLES = np.dtype("<f4")
EDGE_ROTATIONS_MAX = 16  # a megabyte each, and tenths of a second to make


class TemplateUnreadable(Exception):
    """Something sealed, or a key, was altered, moved to another row, or sealed under another master key."""


class GalleryLocked(Overloaded):
    """Templates are sealed under a master key that this process doesn't have: nobody can be recognised."""

    code = "gallery_locked"
    title = "Gallery locked"


class Protection:
    """Rotates and seals under the master key in force; `under` opens what the others made.

    What two purposes make has no key and no rotation in common. An owner is whoever's face it is: a member, where the
    purpose is "template".
    """

    def __init__(self, master_key: MasterKey, *, purpose: str = "template") -> None:
        self.key_id = master_key.derive(f"{purpose} key id")[:8].hex()
        self._wrapping_key = master_key.derive(f"{purpose} key wrapping")
        self._seed = master_key.derive(f"{purpose} rotation")
        self._edge_seed = master_key.derive("edge gallery rotation")
        self._edge_rotation = lru_cache(EDGE_ROTATIONS_MAX)(orthogonal)
        self._rotations: dict[int, Floats] = {}
        self._turns: dict[tuple[str, int], Floats] = {}  # from another key's rotation into this one's
        self._others = {
            other.key_id: other for other in (Protection(each, purpose=purpose) for each in master_key.others)
        }

    @property
    def known_key_ids(self) -> frozenset[str]:
        """Of all master keys, the one in force among them."""
        return frozenset({self.key_id, *self._others})

    def under(self, key_id: str) -> Protection:
        """The protection under one of the master keys. Raises GalleryLocked where this process hasn't got it."""
        if key_id == self.key_id:
            return self
        try:
            return self._others[key_id]
        except KeyError:
            raise GalleryLocked("Templates are sealed under another master key than this process has.") from None

    def rotate(self, embedding: Floats) -> Floats:
        """(dim,) or (n, dim) -> the same shape, float32; cosines between rotated vectors are the originals'."""
        return embedding @ self._rotation(embedding.shape[-1])

    def rotate_back(self, template: Floats) -> Floats:
        """Undo `rotate`."""
        return template @ self._rotation(template.shape[-1]).T

    def rotate_from(self, other: Protection, template: Floats) -> Floats:
        """What `other` rotated, as it is rotated here."""
        return template if other is self else template @ self._turn_from(other, template.shape[-1])

    def edge_seed(self, *, device_id: UUID, exchange_key: bytes) -> bytes:
        """What `orthogonal` makes a device's own rotation of: another one for every device, and for each new key."""
        return fingerprint(self._edge_seed, device_id.bytes, exchange_key)

    def rotate_for_edge(self, references: Floats, *, seed: bytes) -> Floats:
        """(n, dim) as rotated here -> the same shape, as the device that holds this seed rotates."""
        return self.rotate_back(references) @ self._edge_rotation(seed, references.shape[-1])

    def new_key(self, owner_id: UUID) -> bytes:
        """A fresh sealing key, wrapped for its owner."""
        return seal(self._wrapping_key, secrets.token_bytes(KEY_BYTES), bound_to=b"key" + owner_id.bytes)

    def seal(self, plain: bytes, *, wrapped_key: bytes, owner_id: UUID, place: bytes) -> bytes:
        """Seal with the owner's key for one `place` only. Raises TemplateUnreadable where the key was altered."""
        return seal(self._unwrap(wrapped_key, owner_id), plain, bound_to=place)

    def unseal(self, sealed: bytes, *, wrapped_key: bytes, owner_id: UUID, place: bytes) -> bytes:
        """Undo `seal`. Raises TemplateUnreadable."""
        key = self._unwrap(wrapped_key, owner_id)
        try:
            return unseal(key, sealed, bound_to=place)
        except InvalidTag as error:
            raise TemplateUnreadable(f"what was sealed for {owner_id} can't be unsealed") from error

    def seal_template(self, template: Floats, *, wrapped_key: bytes, owner_id: UUID, template_id: UUID) -> bytes:
        """Seal a rotated template. Raises TemplateUnreadable where the owner's key was altered."""
        plain = template.astype(_SINGLES).tobytes()
        return self.seal(plain, wrapped_key=wrapped_key, owner_id=owner_id, place=_place(owner_id, template_id))

    def unseal_template(self, sealed: bytes, *, wrapped_key: bytes, owner_id: UUID, template_id: UUID) -> Floats:
        """The rotated template, (dim,) float32. Raises TemplateUnreadable."""
        place = _place(owner_id, template_id)
        plain = self.unseal(sealed, wrapped_key=wrapped_key, owner_id=owner_id, place=place)
        return np.frombuffer(plain, _SINGLES).astype(np.float32)

    def _unwrap(self, wrapped_key: bytes, owner_id: UUID) -> bytes:
        try:
            return unseal(self._wrapping_key, wrapped_key, bound_to=b"key" + owner_id.bytes)
        except InvalidTag as error:
            raise TemplateUnreadable(f"the template key of {owner_id} can't be unwrapped") from error

    def _turn_from(self, other: Protection, dimensions: int) -> Floats:
        if (other.key_id, dimensions) not in self._turns:
            turn: Floats = other._rotation(dimensions).T @ self._rotation(dimensions)
            self._turns[other.key_id, dimensions] = turn
        return self._turns[other.key_id, dimensions]

    def _rotation(self, dimensions: int) -> Floats:
        if dimensions not in self._rotations:
            self._rotations[dimensions] = orthogonal(self._seed, dimensions)
        return self._rotations[dimensions]


def _place(owner_id: UUID, template_id: UUID) -> bytes:
    return b"template" + owner_id.bytes + template_id.bytes


def orthogonal(seed: bytes, dimensions: int) -> Floats:
    """(dim, dim), drawn uniformly from the orthogonal group (F. Mezzadri, Notices of the AMS 54:5, 2007).

    SHAKE-256 instead of numpy's generators, whose streams may change between versions; R's diagonal is made
    positive, since its signs are LAPACK's choice. What rounding is left is far below float32.
    """
    count = dimensions * dimensions
    stream = hashlib.shake_256(seed + dimensions.to_bytes(4, "little")).digest(2 * count * 8)
    # 53 bits each, shifted off zero for the logarithm.
    uniform = ((np.frombuffer(stream, "<u8") >> 11).astype(_DOUBLES) + 0.5) / 2.0**53
    gaussian = np.sqrt(-2 * np.log(uniform[:count])) * np.cos(2 * np.pi * uniform[count:])
    q, r = np.linalg.qr(gaussian.reshape(dimensions, dimensions))
    return np.asarray(q * np.sign(np.diag(r)), dtype=np.float32)
