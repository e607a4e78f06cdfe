"""Pairing: a code that is typed or scanned once makes a tablet one of the store's devices.

The device's token goes to whoever has the code, so it lives for ten minutes, is spent with the first use, and is kept
as a keyed hash: forty bits are few for who could try them all against a copy of the database.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import ForeignKey, LargeBinary, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Database
from facepay.kernel.errors import Problem
from facepay.kernel.rates import network_of
from facepay.kernel.secrets import MasterKey, fingerprint
from facepay.stores.devices import Device, DeviceRevoked, get_device, rotate_token
from facepay.stores.stores import Store, get_open_store

LASTS = timedelta(minutes=10)
# Crockford's base 32: neither I, L, O nor U, so that what is read off a screen is typed right.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LETTERS, GROUP = 8, 4  # 40 bits
MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})
WRONG_MAX, COUNTED_FOR = 10, timedelta(minutes=10)


class Pairing(Base):
    """A device has one at most: a new code ends the one before."""

    __tablename__ = "pairing"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    token_lasts_days: Mapped[int | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class PairingGuesses(Base):
    """How many wrong codes came from one address, which is kept as a keyed hash."""

    __tablename__ = "pairing_guesses"

    address_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    wrong: Mapped[int]
    counted_from: Mapped[datetime] = mapped_column(index=True)


class PairingRefused(Problem):
    """No device waits for this code: it is wrong, was used, or is older than ten minutes. Which of them is not said."""

    status = 403
    code = "pairing_refused"
    title = "Pairing refused"


class TooManyPairingCodes(Problem):
    """Ten wrong codes came from this address within ten minutes: wait (`Retry-After`)."""

    status = 429
    code = "too_many_pairing_codes"
    title = "Too many wrong codes"


@dataclass(frozen=True, slots=True)
class Paired:
    device: Device
    token: str


async def offer_pairing(
    session: AsyncSession, *, device_id: UUID, lasts_days: int | None, key: MasterKey, now: datetime
) -> tuple[Device, str, datetime]:
    """The device, a code in groups of letters (`7K3M-9QXD`), which can't be read again, and when it expires.

    The device keeps the token it has until the code is used. Raises DeviceNotFound, DeviceRevoked and StoreClosed.
    """
    device = await get_device(session, device_id, lock=True)
    if device.revoked_at is not None:
        raise DeviceRevoked("This device was revoked.")
    await get_open_store(session, device.store_id)
    code = "".join(secrets.choice(ALPHABET) for _ in range(LETTERS))
    offered = {"code_hash": _hash_of(code, key), "token_lasts_days": lasts_days, "expires_at": now + LASTS}
    latest = insert(Pairing).values(device_id=device_id, **offered)
    await session.execute(latest.on_conflict_do_update(index_elements=["device_id"], set_=offered))
    return device, f"{code[:GROUP]}-{code[GROUP:]}", now + LASTS


async def pair(database: Database, *, code: str, address: str, key: MasterKey, now: datetime) -> Paired:
    """The code's device with a new token, for one caller; the token before is refused from now on.

    Wrong codes count against the address, and one that gave too many is told nothing more. Raises PairingRefused and
    TooManyPairingCodes.
    """
    async with database.begin() as session:
        guesses = await _lock_guesses(session, _hash_of_address(address, key), now)
        if guesses.wrong >= WRONG_MAX:
            wait = guesses.counted_from + COUNTED_FOR - now
            raise TooManyPairingCodes(
                "Too many wrong codes came from this address.", headers={"Retry-After": str(wait.seconds + 1)}
            )
        paired = await _spend(session, code_hash=_hash_of(code, key), now=now)
        if paired is None:
            guesses.wrong += 1
    if paired is None:
        raise PairingRefused("This code is wrong, was used before, or has expired.")
    return paired


async def _spend(session: AsyncSession, *, code_hash: bytes, now: datetime) -> Paired | None:
    """The device is locked before its pairing, as where one is offered."""
    of_open_store = select(Pairing.device_id).join(Device).join(Store).where(Store.closed_at.is_(None))
    device_id = await session.scalar(of_open_store.where(Pairing.code_hash == code_hash))
    if device_id is None:
        return None
    device = await get_device(session, device_id, lock=True)
    this = delete(Pairing).where(Pairing.code_hash == code_hash, Pairing.expires_at > now)
    spent = (await session.execute(this.returning(Pairing.token_lasts_days))).one_or_none()
    if spent is None or device.revoked_at is not None:
        return None
    lasts = None if spent.token_lasts_days is None else timedelta(days=spent.token_lasts_days)
    device, token = await rotate_token(session, device_id=device_id, lasts=lasts, now=now)
    return Paired(device, token)


async def _lock_guesses(session: AsyncSession, address_hash: bytes, now: datetime) -> PairingGuesses:
    """Until the transaction ends, so that guesses can't be tried side by side."""
    none_yet = insert(PairingGuesses).values(address_hash=address_hash, wrong=0, counted_from=now)
    await session.execute(none_yet.on_conflict_do_nothing())
    guesses = await session.get_one(PairingGuesses, address_hash, with_for_update=True)
    if now >= guesses.counted_from + COUNTED_FOR:
        guesses.wrong, guesses.counted_from = 0, now
    return guesses


async def forget_pairings(database: Database, *, now: datetime) -> None:
    """Drop codes that nobody used, and counts that no longer count."""
    async with database.begin() as session:
        await session.execute(delete(Pairing).where(Pairing.expires_at <= now))
        await session.execute(delete(PairingGuesses).where(PairingGuesses.counted_from <= now - COUNTED_FOR))


def _hash_of(code: str, key: MasterKey) -> bytes:
    return fingerprint(key.derive("pairing"), code.upper().translate(MISREAD).encode())


def _hash_of_address(address: str, key: MasterKey) -> bytes:
    return fingerprint(key.derive("pairing address"), address.encode())


async def _asking(request: Request) -> str:
    """The network of an IPv6 address, since whoever has one of its addresses has all of them."""
    return network_of(request.client.host if request.client else "")


AddressOf = Annotated[str, Depends(_asking)]
