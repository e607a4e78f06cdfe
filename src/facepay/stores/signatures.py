"""What a device signs with its registered key, and that it counts once.

It comes as a JSON Web Signature (RFC 7515, compact, EdDSA on Ed25519 as RFC 8037 has it), told apart by its audience,
with at least these claims:

    aud   what it is for, so that nothing signed for one use is good for another
    iss   the device's id
    iat   when it happened, in seconds since 1970 with a fraction
    jti   a nonce, 16 to 64 characters, never used again
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Annotated, Any, Protocol
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.types import Options
from pydantic import Field, StringConstraints
from sqlalchemy import ForeignKey, String, delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Database
from facepay.kernel.errors import Forbidden

ALGORITHM = "EdDSA"
# Time is checked by the clock that is passed in.
CHECKS: Options = {"require": ["iss", "iat", "jti"], "verify_iat": False, "verify_exp": False, "verify_nbf": False}
# Longer than anything that is signed stays fresh, and than a step-up that it waits for.
KEPT_FOR = timedelta(hours=1)

Instant = Annotated[float, Field(ge=0, le=1e11)]
Nonce = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~+/=-]{16,64}$")]


class SignatureInvalid(Forbidden):
    """The device has no key registered, or this was not signed with it for this device."""

    code = "signature_invalid"
    title = "Signature invalid"


class Signer(Protocol):
    """A device, as the token that it holds shows it or as its row does."""

    @property
    def id(self) -> UUID: ...
    @property
    def public_key(self) -> bytes | None: ...


class SpentNonce(Base):
    """Something signed that was acted on: it counts once."""

    __tablename__ = "spent_nonce"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    spent_at: Mapped[datetime] = mapped_column(index=True)


def issuer_of(text: str) -> UUID | None:
    """Which device a text says it is of: whose key to check it with, and no more than that."""
    try:
        return UUID(str(jwt.decode(text, options={"verify_signature": False}).get("iss")))
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return None


def verified_claims(text: str, *, device: Signer, audience: str) -> dict[str, Any]:
    """Raises SignatureInvalid."""
    if device.public_key is None:
        raise SignatureInvalid("No public key is registered for this device.")
    key = Ed25519PublicKey.from_public_bytes(device.public_key)
    try:
        return jwt.decode(text, key, algorithms=[ALGORITHM], audience=audience, issuer=str(device.id), options=CHECKS)
    except (jwt.InvalidTokenError, RecursionError):  # RecursionError: a header of thousands of brackets
        raise SignatureInvalid("This is not signed with the device's key, or not for this use.") from None


def signed_claims(
    claims: dict[str, Any], *, device_id: UUID, key: Ed25519PrivateKey, audience: str, at: datetime, nonce: str
) -> str:
    """The device's side."""
    ours = {"aud": audience, "iss": str(device_id), "iat": at.timestamp(), "jti": nonce}
    return jwt.encode(ours | claims, key, algorithm=ALGORITHM)


async def spend_nonces(session: AsyncSession, *, device_id: UUID, nonces: Collection[str], now: datetime) -> set[str]:
    """All of them; or, where some were spent before, none, and answers of those. In order, so that two that share some
    never wait for each other in a circle.
    """
    rows = [{"device_id": device_id, "nonce": nonce, "spent_at": now} for nonce in sorted(nonces)]
    if not rows:
        return set()
    spend = insert(SpentNonce).values(rows).on_conflict_do_nothing().returning(SpentNonce.nonce)
    spent = set(await session.scalars(spend))
    if before := set(nonces) - spent:
        await unspend_nonces(session, device_id=device_id, nonces=spent)
        return before
    return set()


async def unspend_nonces(session: AsyncSession, *, device_id: UUID, nonces: Collection[str]) -> None:
    """For whoever has spent them in this transaction, and then did without."""
    if nonces:
        of_device = SpentNonce.device_id == device_id
        await session.execute(delete(SpentNonce).where(of_device, SpentNonce.nonce.in_(nonces)))


async def forget_nonces(database: Database, *, now: datetime) -> None:
    """Drop those that are too old to be fresh: what they were for is refused as stale."""
    async with database.begin() as session:
        await session.execute(delete(SpentNonce).where(SpentNonce.spent_at < now - KEPT_FOR))
