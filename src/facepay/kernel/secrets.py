"""One master key, from which every other key of the house is derived."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import Request

KEY_BYTES = 32
NONCE_BYTES = 12


class MasterKey:
    """A 256-bit key that never leaves the process; `derive` gives a separate key for each purpose.

    `others` are keys that what was made earlier (or by a replica that is ahead) may still be under, while one key
    takes the place of another: they open, and nothing new is made with them.
    """

    def __init__(self, key: bytes, others: Sequence[MasterKey] = ()) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the master key must be {KEY_BYTES} bytes in base64, not {len(key)}")
        self._key = key
        self.others = tuple(others)
        self._derived: dict[str, bytes] = {}

    @classmethod
    def from_text(cls, text: str) -> MasterKey:
        """Read keys in base64, apart by white space or commas, the one in force first.

        Raises ValueError where one is malformed or too short.
        """
        try:
            first, *others = [base64.b64decode(each, validate=True) for each in text.replace(",", " ").split()] or [b""]
        except binascii.Error as error:
            raise ValueError("the master key is not base64") from error
        return cls(first, [cls(other) for other in others])

    @classmethod
    def from_file(cls, path: Path) -> MasterKey:
        """Read them from a file, which is made (mode 0600) the first time."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with _draft(path, cls.generate_text()) as draft, suppress(FileExistsError):
                os.link(draft, path)
        return cls.from_text(path.read_text())

    @classmethod
    def succeed_in_file(cls, path: Path) -> None:
        """Put a new key in force in this file, before those that are there."""
        cls.from_file(path)
        cls._replace_file(path, f"{cls.generate_text()}\n{path.read_text()}")

    @classmethod
    def forget_others_in_file(cls, path: Path) -> None:
        """Leave only the key in force."""
        cls._replace_file(path, path.read_text().replace(",", " ").split()[0] + "\n")

    @staticmethod
    def _replace_file(path: Path, text: str) -> None:
        with _draft(path, text) as draft:
            spare = draft.with_suffix(".whole")
            os.link(draft, spare)
            spare.replace(path)

    @staticmethod
    def generate_text() -> str:
        return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()

    def is_weak(self, *, distinct_bytes_min: int) -> bool:
        """Whether the key in force is one that somebody typed: random bytes hardly repeat."""
        return len(set(self._key)) < distinct_bytes_min

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose (HKDF-SHA256, RFC 5869)."""
        if purpose not in self._derived:
            hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode())
            self._derived[purpose] = hkdf.derive(self._key)
        return self._derived[purpose]

    def derive_each(self, purpose: str) -> tuple[bytes, ...]:
        """`derive` of the key in force, then of the others: for what has to be recognised that they made."""
        return tuple(key.derive(purpose) for key in (self, *self.others))

    def signing_key(self, purpose: str) -> Ed25519PrivateKey:
        """For signatures (RFC 8032) that whoever has its public key can check."""
        return Ed25519PrivateKey.from_private_bytes(self.derive(purpose))


@contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """The whole text beside `path`, mode 0600: processes that start together all read one file, and no half."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=path.name) as draft:
        draft.write(text)
        draft.flush()
        os.fsync(draft.fileno())
        yield Path(draft.name)


def seal(key: bytes, plain: bytes, *, bound_to: bytes) -> bytes:
    """Encrypt with AES-256-GCM; `bound_to` is authenticated, so that a row can't be moved to another owner."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def unseal(key: bytes, sealed: bytes, *, bound_to: bytes) -> bytes:
    """Undo `seal`. Raises cryptography.exceptions.InvalidTag where anything was altered."""
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)


def hash_of_token(token: str) -> bytes:
    """What is kept of a random token. A plain SHA-256 is enough: 256 bits can't be guessed, however fast the hash."""
    return hashlib.sha256(token.encode()).digest()


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
