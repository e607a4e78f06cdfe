"""Receipts of erasures: what was erased, when, by whom and why, signed, and with nothing in them about whom.

The signature is Ed25519 (RFC 8032) under a key derived from the master key, so whoever has the shop's public key can
check a receipt, years later and without asking the shop. A receipt names its key, and outlives a new master key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import CheckConstraint, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound
from facepay.kernel.ids import new_id
from facepay.kernel.secrets import MasterKey


class Reason(StrEnum):
    WITHDRAWAL = "withdrawal"  # the member no longer agrees to face recognition
    REQUEST = "request"  # the member wants to be forgotten
    RETENTION = "retention"  # not seen for too long, or the consent or a visit is over


class ErasureReceipt(Identified, Base):
    """`erased` counts rows by table; `given_up` are amounts in minor units by currency, moved to `refunds_due`."""

    __tablename__ = "erasure_receipt"
    __table_args__ = (
        CheckConstraint("scope in ('face', 'member')", name="scope_known"),
        CheckConstraint("reason in ('withdrawal', 'request', 'retention')", name="reason_known"),
    )

    scope: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(String(16))
    erased: Mapped[dict[str, int]] = mapped_column(JSONB)
    given_up: Mapped[dict[str, int]] = mapped_column(JSONB)
    erased_by: Mapped[str] = mapped_column(String(80))
    erased_at: Mapped[datetime]
    public_key: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(128))


class ErasureNotFound(NotFound):
    """There is no erasure with this id."""

    code = "erasure_not_found"
    title = "No such erasure"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs receipts under a key of the master key's."""

    master_key: MasterKey

    def sign(
        self,
        *,
        receipt_id: UUID | None = None,
        scope: str,
        reason: Reason,
        erased: Mapping[str, int],
        given_up: Mapping[str, int],
        erased_by: str,
        now: datetime,
    ) -> ErasureReceipt:
        receipt = ErasureReceipt(
            id=receipt_id or new_id(),
            scope=scope,
            reason=reason,
            erased=dict(erased),
            given_up=dict(given_up),
            erased_by=erased_by,
            erased_at=now,
            public_key=self.public_key,
        )
        receipt.signature = self._private_key.sign(_signed_part(vars(receipt))).hex()
        return receipt

    @property
    def public_key(self) -> str:
        """In hex, as receipts name it."""
        return self._private_key.public_key().public_bytes_raw().hex()

    @property
    def _private_key(self) -> Ed25519PrivateKey:
        return self.master_key.signing_key("erasure receipts")


def is_genuine(receipt: Mapping[str, Any], *, public_key: str) -> bool:
    """Whether a receipt, as the API answered it, was signed under this key and says what it said then."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(str(receipt["signature"])), _signed_part(receipt))
    except (InvalidSignature, KeyError, ValueError):
        return False
    return True


def _signed_part(receipt: Mapping[str, Any]) -> bytes:
    """All of a receipt but its signature, as JSON with sorted keys and no blanks; instants in UTC, to the microsecond.

    Raises KeyError and ValueError where it isn't a receipt.
    """
    erased_at = receipt["erased_at"]
    instant = erased_at if isinstance(erased_at, datetime) else datetime.fromisoformat(str(erased_at))
    part = {
        "id": str(receipt["id"]),
        "scope": receipt["scope"],
        "reason": receipt["reason"],
        "erased": receipt["erased"],
        "given_up": receipt["given_up"],
        "erased_by": receipt["erased_by"],
        "erased_at": instant.astimezone(UTC).isoformat(timespec="microseconds"),
        "public_key": receipt["public_key"],
    }
    return json.dumps(part, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


async def get_receipt(session: AsyncSession, receipt_id: UUID) -> ErasureReceipt:
    """Raises ErasureNotFound."""
    receipt = await session.get(ErasureReceipt, receipt_id)
    if receipt is None:
        raise ErasureNotFound("There is no erasure with this id.")
    return receipt
