"""One master key, from which every other key of the house is derived."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import Request

KEY_BYTES = 32
NONCE_BYTES = 12


class MasterKey:
    """A 256-bit key that never leaves the process; `derive` gives a separate key for each purpose."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the master key must be {KEY_BYTES} bytes in base64, not {len(key)}")
        self._key = key

    @classmethod
    def from_text(cls, text: str) -> MasterKey:
        """Read it from base64. Raises ValueError where it is malformed or too short."""
        try:
            return cls(base64.b64decode(text, validate=True))
        except binascii.Error as error:
            raise ValueError("the master key is not base64") from error

    @classmethod
    def from_file(cls, path: Path) -> MasterKey:
        """Read it from a file, which is made (mode 0600) the first time."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            # Written whole under another name first: processes that start together all read one key, and no half.
            with NamedTemporaryFile("w", dir=path.parent, prefix=path.name) as draft:
                draft.write(cls.generate_text())
                draft.flush()
                os.fsync(draft.fileno())
                with suppress(FileExistsError):
                    os.link(draft.name, path)
        return cls.from_text(path.read_text().strip())

    @staticmethod
    def generate_text() -> str:
        return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose (HKDF-SHA256, RFC 5869)."""
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(self._key)


def seal(key: bytes, plain: bytes, *, bound_to: bytes) -> bytes:
    """Encrypt with AES-256-GCM; `bound_to` is authenticated, so that a row can't be moved to another owner."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def unseal(key: bytes, sealed: bytes, *, bound_to: bytes) -> bytes:
    """Undo `seal`. Raises cryptography.exceptions.InvalidTag where anything was altered."""
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)


def fingerprint(key: bytes, *parts: bytes) -> bytes:
    """A keyed 32-byte hash of `parts`, useless to anybody without the key."""
    digest = hashlib.blake2b(key=key, digest_size=32)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def get_master_key(request: Request) -> MasterKey:
    key: MasterKey = request.app.state.master_key
    return key
