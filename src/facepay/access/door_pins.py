"""Door PINs: the PIN that opens, and another that opens as well and calls for help in silence.

Neither is the PIN of the member's wallet. Which of the two was typed shows nowhere at the door, so both are compared
always. Five wrong ones in a row lock them for a quarter of an hour, as everywhere in the house.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access.credentials import Credential, Shown, live_credential
from facepay.access.holders import lock_holder, note
from facepay.kernel.errors import Problem
from facepay.kernel.passwords import PasswordHasher
from facepay.members.members import get_member
from facepay.members.pins import FAILURES_MAX, LOCKED_FOR, refuse_weak

FAR_ENOUGH = 2  # digits in which a duress PIN differs at least


class DuressTooAlike(Problem):
    """The PIN for an emergency must not be typed by mistake: it is as long as the other, and unlike it."""

    status = 422
    code = "duress_pin_too_alike"
    title = "Duress PIN too alike"


@dataclass(frozen=True, slots=True, repr=False)
class TypedPin:
    """What came of comparing a PIN with those of a holder; it counts for nothing once the credential is revoked."""

    holder_id: UUID | None
    credential_id: UUID | None
    is_right: bool
    is_duress: bool


async def compare_pin(session: AsyncSession, *, holder_id: UUID, pin: str, hasher: PasswordHasher) -> TypedPin:
    """Slow on purpose, so before anything is locked; `judge_pin` says what it counts for."""
    credential = await live_credential(session, holder_id=holder_id, kind="pin")
    if credential is None or credential.pin_hash is None:
        return TypedPin(holder_id, None, False, False)
    is_right = await hasher.verify(credential.pin_hash, pin)
    is_duress = await hasher.verify(credential.duress_hash or credential.pin_hash, pin) and not is_right
    return TypedPin(holder_id, credential.id, is_right, is_duress)


async def judge_pin(session: AsyncSession, *, holder_id: UUID, typed: TypedPin, now: datetime) -> Shown:
    """Under the credential's lock, so that guesses can't be tried side by side. The holder is locked already.

    Whoever calls for help is heard though the PIN is locked or suspended.
    """
    if typed.holder_id != holder_id:
        return Shown(holder_id, fault="pin_wrong")  # another was named while it was compared: it may be theirs
    if typed.credential_id is None:
        return Shown(holder_id, fault="no_pin")
    credential = await session.get(Credential, typed.credential_id, with_for_update=True, populate_existing=True)
    if credential is None:
        return Shown(holder_id, fault="no_pin")  # they are erased meanwhile
    fault = credential.fault(now) or _count(credential, typed, now)
    await session.flush()
    return Shown(holder_id, credential.id, fault, duress=typed.is_duress)


def _count(credential: Credential, typed: TypedPin, now: datetime) -> str | None:
    if credential.locked_until is not None and now < credential.locked_until:
        return "pin_locked"
    if typed.is_right or typed.is_duress:
        credential.failures = 0
        return None
    credential.failures += 1
    if credential.failures < FAILURES_MAX:
        return "pin_wrong"
    credential.failures, credential.locked_until = 0, now + LOCKED_FOR
    return "pin_locked"


async def set_door_pin(
    session: AsyncSession,
    *,
    holder_id: UUID,
    pin: str,
    duress_pin: str | None,
    hasher: PasswordHasher,
    actor: str,
    now: datetime,
) -> Credential:
    """Takes the place of the one before, and ends a lock. Raises HolderNotFound, WeakPin and DuressTooAlike."""
    refuse_weak(pin)
    if duress_pin is not None:
        refuse_weak(duress_pin)
        refuse_alike(pin, duress_pin)
    pin_hash = await hasher.hash(pin)
    duress_hash = await hasher.hash(duress_pin) if duress_pin else None
    holder = await lock_holder(session, holder_id)
    member = await get_member(session, holder.member_id)
    for each in filter(None, (pin, duress_pin)):
        refuse_weak(each, phone=member.phone)
    before = await live_credential(session, holder_id=holder.id, kind="pin")
    if before is not None:
        before.revoke("replaced", actor=actor, now=now)
        await session.flush()
    credential = Credential(holder_id=holder.id, kind="pin", pin_hash=pin_hash, duress_hash=duress_hash, created_at=now)
    session.add(credential)
    await session.flush()
    details = {"credential_id": str(credential.id), "kind": "pin"}
    await note(session, holder, "credential_issued", actor=actor, now=now, details=details)
    return credential


def refuse_alike(pin: str, duress_pin: str) -> None:
    """Raises DuressTooAlike: for a neighbour, typed by one slip of the finger or counted up or down by one."""
    differing = sum(one != other for one, other in zip(pin, duress_pin, strict=False))
    if len(pin) != len(duress_pin) or differing < FAR_ENOUGH or _are_next(pin, duress_pin):
        raise DuressTooAlike("It has as many digits as the PIN, two or more of them others, and isn't the next number.")


def _are_next(pin: str, other: str) -> bool:
    return (int(pin) - int(other)) % 10 ** len(pin) in (1, 10 ** len(pin) - 1)
