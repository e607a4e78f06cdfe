"""A member's PIN, and how often a second factor may be guessed: where a face alone is not sure enough."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.errors import Problem
from facepay.kernel.passwords import PasswordHasher
from facepay.members.members import Member, get_member

FAILURES_MAX = 5
LOCKED_FOR = timedelta(minutes=15)


class WeakPin(Problem):
    """The PIN is the first that anybody would try: a run, a repetition, or the end of the phone number."""

    status = 422
    code = "weak_pin"
    title = "PIN too easy to guess"


async def set_pin(session: AsyncSession, *, member_id: UUID, pin: str, hasher: PasswordHasher) -> None:
    """Keep the PIN's argon2 hash; earlier failures are forgiven. Raises MemberNotFound and WeakPin."""
    refuse_weak(pin)
    pin_hash = await hasher.hash(pin)  # slow on purpose, so before the row is locked
    member = await get_member(session, member_id, lock=True)
    refuse_weak(pin, phone=member.phone)
    member.pin_hash, member.pin_failures, member.pin_locked_until = pin_hash, 0, None
    await session.flush()


def refuse_weak(pin: str, *, phone: str | None = None) -> None:
    """Raises WeakPin."""
    if _is_run(pin) or _repeats(pin):
        raise WeakPin("Runs (1234, 9876) and repetitions (0000, 1212) are too easy to guess.")
    if phone is not None and phone.endswith(pin):
        raise WeakPin("The end of the member's phone number is too easy to guess.")


def _is_run(pin: str) -> bool:
    """Whether every digit is as far from the one before it: 0000, 1234, 9876, 1357, 7890."""
    return len({(int(after) - int(before)) % 10 for before, after in pairwise(pin)}) == 1


def _repeats(pin: str) -> bool:
    """Whether it is some shorter text over and over: only such a text turns up inside its own double."""
    return pin in (pin + pin)[1:-1]


async def knows_pin(member: Member, pin: str, *, hasher: PasswordHasher) -> bool:
    return member.pin_hash is not None and await hasher.verify(member.pin_hash, pin)


def is_locked(member: Member, *, now: datetime) -> bool:
    """Whether no answer of theirs counts, right or not, because too many were wrong."""
    return member.pin_locked_until is not None and now < member.pin_locked_until


def count_wrong_answer(member: Member, *, now: datetime) -> None:
    """Five in a row, of whichever factor and at however many attempts, lock the member's answers for 15 minutes.

    The caller holds the member's row lock, so that guesses can't be tried side by side.
    """
    member.pin_failures += 1
    if member.pin_failures >= FAILURES_MAX:
        member.pin_failures, member.pin_locked_until = 0, now + LOCKED_FOR
