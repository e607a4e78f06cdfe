"""Issuing credentials, and taking them back for a while or for good: each with who did it and why, in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access.credentials import Credential, CredentialNotFound, get_credential
from facepay.access.holders import Holder, Validity, lock_holder, note
from facepay.kernel.database import saved
from facepay.kernel.errors import Conflict, Problem

CARD_BITS_MAX = 64


@dataclass(frozen=True, slots=True)
class CardFormat:
    """How many bits of a card say which site it is of, and which card of it."""

    facility_bits: int
    number_bits: int


# HID's names: H10301, and H10304, which is the one of 37 bits that has a facility code. Parity bits aren't counted.
CARD_FORMATS: Mapping[str, CardFormat] = MappingProxyType(
    {"wiegand26": CardFormat(8, 16), "wiegand37": CardFormat(16, 19)}
)


class CardOutOfRange(Problem):
    """A card of this format has no such facility code or number."""

    status = 422
    code = "card_out_of_range"
    title = "Card out of range"


class CredentialTaken(Conflict):
    """Somebody's live credential has this number or reference: revoke that one first."""

    code = "credential_taken"
    title = "Credential taken"


class CredentialRevoked(Conflict):
    """It was revoked, which is for good: issue another."""

    code = "credential_revoked"
    title = "Credential revoked"


ALWAYS = Validity()


async def issue_badge(
    session: AsyncSession,
    *,
    holder_id: UUID,
    card_format: str,
    facility_code: int,
    number: int,
    validity: Validity = ALWAYS,
    actor: str,
    now: datetime,
) -> Credential:
    """Raises HolderNotFound, CardOutOfRange and CredentialTaken."""
    check_card(card_format, facility_code, number)
    holder = await lock_holder(session, holder_id)
    badge = _made(holder, "badge", validity, now)
    badge.card_format, badge.facility_code, badge.number = card_format, facility_code, number
    return await _issue(session, holder, badge, actor, now)


async def issue_fingerprint(
    session: AsyncSession,
    *,
    holder_id: UUID,
    reader_user: str,
    validity: Validity = ALWAYS,
    actor: str,
    now: datetime,
) -> Credential:
    """`reader_user` is whom the readers know their finger as. Raises HolderNotFound and CredentialTaken."""
    holder = await lock_holder(session, holder_id)
    finger = _made(holder, "fingerprint", validity, now)
    finger.reader_user = reader_user
    return await _issue(session, holder, finger, actor, now)


async def issue_invitation(
    session: AsyncSession, *, holder: Holder, hashed_token: bytes, validity: Validity, actor: str, now: datetime
) -> Credential:
    """The invitation that a visitor came with is what they show from now on. The holder is locked."""
    invitation = _made(holder, "invitation", validity, now)
    invitation.token_hash = hashed_token
    return await _issue(session, holder, invitation, actor, now)


async def suspend(session: AsyncSession, *, credential_id: UUID, why: str, actor: str, now: datetime) -> Credential:
    """Until it is resumed, it proves nothing. Raises CredentialNotFound and CredentialRevoked."""
    holder, credential = await _lock(session, credential_id)
    if credential.suspended_at is None:
        credential.suspended_at, credential.suspended_by, credential.suspended_why = now, actor, why
        await _note(session, holder, credential, "credential_suspended", actor, now, why)
    return credential


async def resume(session: AsyncSession, *, credential_id: UUID, actor: str, now: datetime) -> Credential:
    """Raises CredentialNotFound and CredentialRevoked."""
    holder, credential = await _lock(session, credential_id)
    if credential.suspended_at is not None:
        credential.suspended_at = credential.suspended_by = credential.suspended_why = None
        await _note(session, holder, credential, "credential_resumed", actor, now)
    return credential


async def revoke(session: AsyncSession, *, credential_id: UUID, why: str, actor: str, now: datetime) -> Credential:
    """For good; its number is free for another. Raises CredentialNotFound and CredentialRevoked."""
    holder, credential = await _lock(session, credential_id)
    credential.revoke(why, actor=actor, now=now)
    await _note(session, holder, credential, "credential_revoked", actor, now, why)
    return credential


def check_card(card_format: str, facility_code: int, number: int) -> None:
    """A format that isn't known may use all 64 bits as it likes. Raises CardOutOfRange."""
    known = CARD_FORMATS.get(card_format)
    facility_bits, number_bits = facility_code.bit_length(), number.bit_length()
    if known is None:
        fits = facility_bits + number_bits <= CARD_BITS_MAX
    else:
        fits = facility_bits <= known.facility_bits and number_bits <= known.number_bits
    if not fits:
        raise CardOutOfRange("A card of this format has no such facility code or number.", card_format=card_format)


def _made(holder: Holder, kind: str, validity: Validity, now: datetime) -> Credential:
    return Credential(
        holder_id=holder.id,
        kind=kind,
        valid_from=validity.valid_from,
        valid_until=validity.valid_until,
        created_at=now,
    )


async def _issue(
    session: AsyncSession, holder: Holder, credential: Credential, actor: str, now: datetime
) -> Credential:
    session.add(credential)
    await saved(session, CredentialTaken("Somebody's live credential has this number or reference."))
    await _note(session, holder, credential, "credential_issued", actor, now)
    return credential


async def _lock(session: AsyncSession, credential_id: UUID) -> tuple[Holder, Credential]:
    known = await get_credential(session, credential_id)
    holder = await lock_holder(session, known.holder_id)
    credential = await session.get(Credential, known.id, with_for_update=True, populate_existing=True)
    if credential is None:
        raise CredentialNotFound("There is no credential with this id.")
    if credential.revoked_at is not None:
        raise CredentialRevoked("This credential was revoked.")
    return holder, credential


async def _note(
    session: AsyncSession,
    holder: Holder,
    credential: Credential,
    code: str,
    actor: str,
    now: datetime,
    why: str | None = None,
) -> None:
    await session.flush()
    details = {"credential_id": str(credential.id), "kind": credential.kind}
    await note(session, holder, code, actor=actor, now=now, details=details, said={"why": why} if why else None)
