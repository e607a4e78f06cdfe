"""Credentials over HTTP: badges, fingers and door PINs are issued, suspended and revoked."""

from __future__ import annotations

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Response, Security
from sqlalchemy import select

from facepay.access import door_pins, holders, issuing
from facepay.access.credentials import Credential, CredentialNotFound, get_credential
from facepay.access.door_pins import DuressTooAlike
from facepay.access.holder_schemas import CredentialAnswer, NewBadge, NewDoorPin, NewFingerprint, Why
from facepay.access.holders import HolderNotFound
from facepay.access.issuing import CardOutOfRange, CredentialRevoked, CredentialTaken
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.passwords import HasherOf
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.members.pins import WeakPin

router = Router(prefix="/v1", tags=["access"])
Reader = Annotated[Principal, Security(current_staff, scopes=["access:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["access:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)
CHANGE_REFUSALS = (*REFUSALS, CredentialNotFound, CredentialRevoked)
COPIED_BY = ("facility_code", "number", "reader_user")


@router.get(
    "/holders/{holder_id}/credentials",
    summary="List a holder's credentials",
    responses=problems(*REFUSALS, HolderNotFound),
)
async def list_credentials(holder_id: UUID, session: Session, reader: Reader, paging: Paging) -> Page[CredentialAnswer]:
    """Newest first, the revoked ones too."""
    await holders.get_holder(session, holder_id)
    query = select(Credential).where(Credential.holder_id == holder_id)
    return await page(session, query, by=Credential.id, paging=paging, show=partial(_shown, to=reader))


@router.post(
    "/holders/{holder_id}/badges",
    status_code=201,
    summary="Issue a badge",
    responses=problems(*REFUSALS, HolderNotFound, CardOutOfRange, CredentialTaken),
)
async def issue_badge(
    holder_id: UUID, body: NewBadge, response: Response, session: Session, by: Writer, now: Now
) -> CredentialAnswer:
    """One live badge has a number in a format at a site: a lost one is revoked before its number is given again."""
    badge = await issuing.issue_badge(
        session,
        holder_id=holder_id,
        card_format=body.card_format,
        facility_code=body.facility_code,
        number=body.number,
        validity=body.validity,
        actor=f"staff:{by.id}",
        now=now,
    )
    response.headers["Location"] = f"/v1/credentials/{badge.id}"
    return CredentialAnswer.model_validate(badge)


@router.post(
    "/holders/{holder_id}/fingerprints",
    status_code=201,
    summary="Say whom readers know a finger as",
    responses=problems(*REFUSALS, HolderNotFound, CredentialTaken),
)
async def issue_fingerprint(
    holder_id: UUID, body: NewFingerprint, response: Response, session: Session, by: Writer, now: Now
) -> CredentialAnswer:
    """The finger stays in the readers: here is only the reference under which they know it."""
    finger = await issuing.issue_fingerprint(
        session,
        holder_id=holder_id,
        reader_user=body.reader_user,
        validity=body.validity,
        actor=f"staff:{by.id}",
        now=now,
    )
    response.headers["Location"] = f"/v1/credentials/{finger.id}"
    return CredentialAnswer.model_validate(finger)


@router.put(
    "/holders/{holder_id}/door-pin",
    summary="Set a holder's door PIN",
    responses=problems(*REFUSALS, HolderNotFound, WeakPin, DuressTooAlike),
)
async def set_door_pin(
    holder_id: UUID, body: NewDoorPin, session: Session, by: Writer, hasher: HasherOf, now: Now
) -> CredentialAnswer:
    """Takes the place of the PIN and the duress PIN there were, and ends a lock after wrong ones."""
    pin = await door_pins.set_door_pin(
        session,
        holder_id=holder_id,
        pin=body.pin,
        duress_pin=body.duress_pin,
        hasher=hasher,
        actor=f"staff:{by.id}",
        now=now,
    )
    return CredentialAnswer.model_validate(pin)


@router.get(
    "/credentials/{credential_id}", summary="See a credential", responses=problems(*REFUSALS, CredentialNotFound)
)
async def see_credential(credential_id: UUID, session: Session, reader: Reader) -> CredentialAnswer:
    return _shown(await get_credential(session, credential_id), to=reader)


@router.put(
    "/credentials/{credential_id}/suspension", summary="Suspend a credential", responses=problems(*CHANGE_REFUSALS)
)
async def suspend(credential_id: UUID, body: Why, session: Session, by: Writer, now: Now) -> CredentialAnswer:
    """It proves nothing until it is resumed. Suspending it twice changes nothing."""
    credential = await issuing.suspend(
        session, credential_id=credential_id, why=body.why, actor=f"staff:{by.id}", now=now
    )
    return CredentialAnswer.model_validate(credential)


@router.delete(
    "/credentials/{credential_id}/suspension", summary="Resume a credential", responses=problems(*CHANGE_REFUSALS)
)
async def resume(credential_id: UUID, session: Session, by: Writer, now: Now) -> CredentialAnswer:
    credential = await issuing.resume(session, credential_id=credential_id, actor=f"staff:{by.id}", now=now)
    return CredentialAnswer.model_validate(credential)


@router.put(
    "/credentials/{credential_id}/revocation", summary="Revoke a credential", responses=problems(*CHANGE_REFUSALS)
)
async def revoke(credential_id: UUID, body: Why, session: Session, by: Writer, now: Now) -> CredentialAnswer:
    """For good. Doors refuse it from now on, and the log still says whose it was."""
    credential = await issuing.revoke(
        session, credential_id=credential_id, why=body.why, actor=f"staff:{by.id}", now=now
    )
    return CredentialAnswer.model_validate(credential)


def _shown(credential: Credential, *, to: Principal) -> CredentialAnswer:
    """What a copy of it takes is shown to nobody but those who issue credentials."""
    answer = CredentialAnswer.model_validate(credential)
    return answer if "access:write" in to.scopes else answer.model_copy(update=dict.fromkeys(COPIED_BY))
