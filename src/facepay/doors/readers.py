"""Fingerprint readers match on their own, and sign what they found; the door brings it along.

It comes as stores/signatures.py has it, signed by the reader, for "facepay-fingerprint", and with:

    user      whom the reader knows the finger as: the reference of a credential
    score     how sure it is, by its own scale
    counter   larger with each result; it starts anew with another key of the reader's
    live      whether it took the finger for a living one

No finger, and nothing made of one, ever comes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, ValidationError
from sqlalchemy import ForeignKey, LargeBinary, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.access.points import AccessPointReader
from facepay.kernel.database import Base
from facepay.stores.devices import PUBLIC_KEY_BYTES, Device
from facepay.stores.signatures import Instant, Nonce, SignatureInvalid, issuer_of, spend_nonces, verified_claims

AUDIENCE = "facepay-fingerprint"
FRESH = timedelta(seconds=30)
RESULT_MAX = 4096
COUNTER_MAX = 2**53 - 1


class ReaderCounter(Base):
    """The last result that a reader's key has signed."""

    __tablename__ = "reader_counter"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(PUBLIC_KEY_BYTES))
    counter: Mapped[int]
    counted_at: Mapped[datetime]


class FingerMatch(BaseModel):
    """What a reader has signed."""

    iat: Instant
    jti: Nonce
    user: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    score: Annotated[float, Field(ge=0, le=1e6)]
    counter: Annotated[int, Field(ge=0, le=COUNTER_MAX, strict=True)]
    live: Annotated[bool, Field(strict=True)]


@dataclass(frozen=True, slots=True)
class Untrusted:
    """A result that counts for nothing, and the reader that it says it is of, where that is one of this door's."""

    code: str
    reader_id: UUID | None = None


async def read_match(
    session: AsyncSession, *, text: str, access_point_id: UUID, now: datetime
) -> tuple[UUID, FingerMatch] | Untrusted:
    """The reader and what it found; each result once, in the order in which they were signed, and at its own door."""
    reader = await session.scalar(
        select(Device)
        .join(AccessPointReader, AccessPointReader.device_id == Device.id)
        .where(
            AccessPointReader.access_point_id == access_point_id,
            Device.id == issuer_of(text),
            Device.revoked_at.is_(None),
        )
    )
    if reader is None or reader.public_key is None:
        return Untrusted("reader_unknown")
    try:
        found = FingerMatch.model_validate(verified_claims(text, device=reader, audience=AUDIENCE))
    except (SignatureInvalid, ValidationError):
        return Untrusted("result_invalid", reader.id)
    if abs(now - datetime.fromtimestamp(found.iat, UTC)) > FRESH:
        return Untrusted("result_stale", reader.id)
    if await spend_nonces(session, device_id=reader.id, nonces=[found.jti], now=now):
        return Untrusted("result_replayed", reader.id)
    if not await _counts_on(session, reader.id, reader.public_key, found.counter, now):
        return Untrusted("counter_went_back", reader.id)
    return (reader.id, found) if found.live else Untrusted("finger_not_live", reader.id)


async def _counts_on(session: AsyncSession, reader_id: UUID, key: bytes, counter: int, now: datetime) -> bool:
    first = insert(ReaderCounter).values(device_id=reader_id, public_key=key, counter=counter, counted_at=now)
    later = first.on_conflict_do_update(
        index_elements=["device_id"],
        set_={"public_key": key, "counter": counter, "counted_at": now},
        where=or_(ReaderCounter.public_key != key, ReaderCounter.counter < counter),
    )
    return await session.scalar(later.returning(ReaderCounter.counter)) is not None
