"""A member's licence and standing over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Request, Security

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.secrets import get_master_key
from facepay.members.members import MemberNotFound, get_member
from facepay.settings import SettingsOf
from facepay.test_drives import credit, licences
from facepay.test_drives.credit import ScoreNotFound, ScoreOutOfRange
from facepay.test_drives.licences import LicenceNotFound, LicenceOfAnother, LicenceReplaced
from facepay.test_drives.member_schemas import LicenceAnswer, LicenceCheck, NewLicence, NewScore, ScoreAnswer

router = Router(prefix="/v1/members/{member_id}", tags=["test drives"])
Reader = Annotated[Principal, Security(current_staff, scopes=["drives:read"])]
Reserver = Annotated[Principal, Security(current_staff, scopes=["drives:reserve"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["drives:write"])]
REFUSALS = (Unauthenticated, InsufficientScope, MemberNotFound)


@router.put("/driving-licence", summary="Note a driving licence", responses=problems(*REFUSALS, LicenceOfAnother))
async def note_licence(
    member_id: UUID, body: NewLicence, request: Request, session: Session, _: Reserver, now: Now
) -> LicenceAnswer:
    """As the member says, and good for nothing until staff have seen it: `…/check`. One licence is one member's."""
    licence = await licences.submit(
        session,
        member_id=member_id,
        number=body.number,
        classes=body.classes,
        expires_on=body.expires_on,
        key=get_master_key(request),
        now=now,
    )
    return LicenceAnswer.at(licence, now.date())


@router.get("/driving-licence", summary="See a driving licence", responses=problems(*REFUSALS, LicenceNotFound))
async def see_licence(member_id: UUID, session: Session, _: Reader, now: Now) -> LicenceAnswer:
    await get_member(session, member_id)
    return LicenceAnswer.at(await licences.licence_of(session, member_id), now.date())


@router.post(
    "/driving-licence/check",
    summary="Check a driving licence",
    responses=problems(*REFUSALS, LicenceNotFound, LicenceReplaced),
)
async def check_licence(
    member_id: UUID, body: LicenceCheck, session: Session, staff: Writer, now: Now
) -> LicenceAnswer:
    """By staff who saw the document and whom it names; again once that is too long ago."""
    by = f"staff:{staff.id}"
    licence = await licences.check(
        session, member_id=member_id, submitted_at=body.submitted_at, refused_why=body.reason, by=by, now=now
    )
    return LicenceAnswer.at(licence, now.date())


@router.delete(
    "/driving-licence",
    status_code=204,
    summary="Forget a driving licence",
    responses=problems(*REFUSALS, LicenceNotFound),
)
async def forget_licence(member_id: UUID, session: Session, _: Writer) -> None:
    await licences.forget(session, member_id=member_id)


@router.put("/drive-credit", summary="Set a member's score", responses=problems(*REFUSALS, ScoreOutOfRange))
async def set_score(
    member_id: UUID, body: NewScore, session: Session, staff: Writer, settings: SettingsOf, now: Now
) -> ScoreAnswer:
    """Of a provider, where the member agreed to that. It counts for as long as the rules say."""
    score = await credit.set_score(
        session,
        member_id=member_id,
        score=body.score,
        provider=body.provider,
        as_of=body.as_of,
        by=f"staff:{staff.id}",
        now=now,
        settings=settings,
    )
    return ScoreAnswer.model_validate(score)


@router.get("/drive-credit", summary="See a member's score", responses=problems(*REFUSALS, ScoreNotFound))
async def see_score(member_id: UUID, session: Session, _: Reader) -> ScoreAnswer:
    await get_member(session, member_id)
    return ScoreAnswer.model_validate(await credit.score_of(session, member_id))


@router.delete(
    "/drive-credit", status_code=204, summary="Forget a member's score", responses=problems(*REFUSALS, ScoreNotFound)
)
async def forget_score(member_id: UUID, session: Session, _: Writer) -> None:
    await credit.forget_score(session, member_id=member_id)
