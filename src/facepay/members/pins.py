"""A member's PIN: the second factor where a face alone is not sure enough."""

from __future__ import annotations

from datetime import datetime, timedelta

from anyio import to_thread
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.members.members import Member

FAILURES_MAX = 5
LOCKED_FOR = timedelta(minutes=15)


async def set_pin(session: AsyncSession, *, member: Member, pin: str, hasher: PasswordHasher) -> None:
    """Keep the PIN's argon2 hash; earlier failures are forgiven."""
    member.pin_hash, member.pin_failures, member.pin_locked_until = hasher.hash(pin), 0, None
    await session.flush()


async def check_pin(session: AsyncSession, *, member: Member, pin: str, now: datetime, hasher: PasswordHasher) -> bool:
    """Whether the PIN is right. Five wrong ones in a row lock it for 15 minutes, right or not.

    The caller holds the member's row lock, so that guesses can't be tried side by side.
    """
    if member.pin_hash is None or (member.pin_locked_until is not None and now < member.pin_locked_until):
        return False
    right = await to_thread.run_sync(_verify, hasher, member.pin_hash, pin)
    member.pin_failures = 0 if right else member.pin_failures + 1
    if member.pin_failures >= FAILURES_MAX:
        member.pin_failures, member.pin_locked_until = 0, now + LOCKED_FOR
    await session.flush()
    return right


def _verify(hasher: PasswordHasher, pin_hash: str, pin: str) -> bool:
    try:
        return hasher.verify(pin_hash, pin)
    except VerifyMismatchError:
        return False
