"""Badges, fingers, invitations and PINs as a door takes them: each proves whose it is, or nothing."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access.credentials import Shown, badge_shown, fingerprint_shown, invitation_shown
from facepay.access.door_pins import TypedPin, compare_pin, judge_pin
from facepay.access.policies import Factor
from facepay.doors.attempts import Again, AttemptFactor, Given, Proof, Stopped
from facepay.doors.places import Case, Place, lock_holders
from facepay.doors.readers import Untrusted, read_match
from facepay.kernel.database import Database
from facepay.kernel.passwords import PasswordHasher

NOBODYS = TypedPin(None, None, False, False)


async def prove_badge(session: AsyncSession, case: Case, *, facility_code: int, number: int, card_format: str) -> Given:
    shown = await badge_shown(
        session, facility_code=facility_code, number=number, card_format=card_format, now=case.place.now
    )
    return _proof("badge", shown, case.place)


async def prove_invitation(session: AsyncSession, case: Case, *, token: str) -> Given:
    return _proof("invitation", await invitation_shown(session, token=token, now=case.place.now), case.place)


async def prove_finger(session: AsyncSession, case: Case, *, result: str) -> Given:
    """A result that can't be trusted ends the attempt: no honest reader signs one."""
    place = case.place
    found = await read_match(session, text=result, access_point_id=place.point.id, now=place.now)
    if isinstance(found, Untrusted):
        return Stopped("fingerprint", found.code, suspect=found.reader_id)
    reader_id, match = found
    shown = await fingerprint_shown(session, reader_user=match.user, now=place.now)
    proof = _proof("fingerprint", shown, place)
    return replace(proof, measured={"score": match.score} | dict(proof.measured), reader_id=reader_id)


async def typed_pin(database: Database, *, attempt_id: UUID, pin: str, hasher: PasswordHasher) -> TypedPin:
    """Compare it with both PINs of whoever was named last, before anything is locked. It takes as long where nobody
    was, or they have none.
    """
    named_last = (
        select(AttemptFactor.holder_id)
        .where(AttemptFactor.attempt_id == attempt_id, AttemptFactor.fault.is_(None))
        .order_by(AttemptFactor.person.desc(), AttemptFactor.place.desc())
        .limit(1)
    )
    async with database.read() as session:
        holder_id = await session.scalar(named_last)
        typed = await compare_pin(session, holder_id=holder_id, pin=pin, hasher=hasher) if holder_id else NOBODYS
    if typed.credential_id is None:
        await hasher.hash(pin)
        await hasher.hash(pin)
    return typed


async def prove_pin(session: AsyncSession, case: Case, *, typed: TypedPin) -> Given:
    """A PIN says of nobody who they are: it is that of whoever is named, and counts against them where it is wrong."""
    giving = case.giving
    if giving is None:
        return Again("name_yourself_first")
    if giving.holder_id is None:
        return Proof("pin", fault="nobody_named")
    await lock_holders(session, [each.holder_id for each in case.given])
    shown = await judge_pin(session, holder_id=giving.holder_id, typed=typed, now=case.place.now)
    return _proof("pin", shown, case.place)


def _proof(factor: Factor, shown: Shown, place: Place) -> Proof:
    # Of a PIN that has ended it wasn't asked whether it is right.
    fault = None if factor != "pin" and place.overlooks(shown.fault) else shown.fault
    measured = {"credential_id": str(shown.credential_id)} if shown.credential_id else {}
    return Proof(factor, shown.holder_id, fault=fault, measured=measured, duress=shown.duress)
