"""Members over HTTP: who they are, what they agreed to, their PIN. Their faces are the identity room's."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Response, Security
from sqlalchemy import select

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import PAGE_MAX, Page, Paging, SearchText, page, rows_of_page
from facepay.kernel.passwords import HasherOf
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.members import consents, members, pins
from facepay.members.consents import Consent, PolicyOutdated
from facepay.members.members import Member, MemberNotFound, PhoneTaken
from facepay.members.pins import WeakPin
from facepay.members.schemas import AgeCheck, ConsentAnswer, MemberAnswer, MemberChange, NewConsent, NewMember, NewPin
from facepay.settings import SettingsOf

router = Router(prefix="/v1/members", tags=["members"])
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["members:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.post(
    "", status_code=201, summary="Register a member", responses=problems(*REFUSALS, PhoneTaken, PolicyOutdated)
)
async def register(
    body: NewMember, response: Response, session: Session, _: Writer, settings: SettingsOf, now: Now
) -> MemberAnswer:
    """With `consent.accepted: true` their consent is recorded; with `false`, or without `consent`, none is."""
    member = await members.register(
        session,
        display_name=body.display_name,
        phone=body.phone,
        home_region=body.home_region,
        born_on=body.born_on,
        now=now,
    )
    consent = None
    if body.consent and body.consent.accepted:
        consent = await consents.record_consent(
            session,
            member=member,
            policy_version=body.consent.policy_version,
            jurisdiction=body.consent.jurisdiction,
            keeps_photo=body.consent.keeps_photo,
            settings=settings,
            now=now,
        )
    response.headers["Location"] = f"/v1/members/{member.id}"
    return MemberAnswer.of(member, consent)


@router.get("", summary="List and search members", responses=problems(*REFUSALS))
async def list_members(
    session: Session,
    _: Reader,
    paging: Paging,
    search: Annotated[SearchText, Query(description="Part of the name, or the start of the phone number.")] = "",
    status: Annotated[Literal["active", "blocked"] | None, Query()] = None,
    id: Annotated[list[UUID] | None, Query(max_length=PAGE_MAX, description="Only these, where they exist.")] = None,
) -> Page[MemberAnswer]:
    """Newest first; erased members are gone."""
    query = select(Member).where(members.matching(search))
    if id is not None:
        query = query.where(Member.id.in_(id))
    if status:
        query = query.where(Member.status == status)
    found = await rows_of_page(session, query, by=Member.id, paging=paging)
    standing = await consents.standing_consents(session, member_ids=[member.id for member in found.rows])
    return found.shown([MemberAnswer.of(member, standing.get(member.id)) for member in found.rows])


@router.get("/{member_id}", summary="See a member", responses=problems(*REFUSALS, MemberNotFound))
async def see_member(member_id: UUID, session: Session, _: Reader) -> MemberAnswer:
    member = await members.get_member(session, member_id)
    return MemberAnswer.of(member, await consents.standing_consent(session, member_id=member_id))


@router.patch(
    "/{member_id}", summary="Change or block a member", responses=problems(*REFUSALS, MemberNotFound, PhoneTaken)
)
async def change_member(member_id: UUID, body: MemberChange, session: Session, _: Writer, now: Now) -> MemberAnswer:
    """Only the fields that are sent change; `phone: null` clears it."""
    member = await members.get_member(session, member_id, lock=True)
    member = await members.change(session, member=member, changes=body.sent(), now=now)
    return MemberAnswer.of(member, await consents.standing_consent(session, member_id=member_id))


@router.put("/{member_id}/age-check", summary="Check a member's age", responses=problems(*REFUSALS, MemberNotFound))
async def check_age(member_id: UUID, body: AgeCheck, session: Session, _: Writer, now: Now) -> MemberAnswer:
    """By a document that staff saw: only so do they buy what has an age limit."""
    member = await members.check_age(session, member_id=member_id, born_on=body.born_on, now=now)
    return MemberAnswer.of(member, await consents.standing_consent(session, member_id=member_id))


@router.put(
    "/{member_id}/consent",
    summary="Record a member's consent",
    responses=problems(*REFUSALS, MemberNotFound, PolicyOutdated),
)
async def record_consent(
    member_id: UUID, body: NewConsent, session: Session, _: Writer, settings: SettingsOf, now: Now
) -> ConsentAnswer:
    """Consent to a newer policy takes the place of the one before, and so does consent given again to one that is
    about to run out, or to whether photos are kept. Repeating it changes nothing.
    """
    consent = await consents.record_consent(
        session,
        member=await members.get_member(session, member_id, lock=True),
        policy_version=body.policy_version,
        jurisdiction=body.jurisdiction,
        keeps_photo=body.keeps_photo,
        settings=settings,
        now=now,
    )
    return ConsentAnswer.model_validate(consent)


@router.get(
    "/{member_id}/consents",
    summary="See what a member agreed to, and when",
    responses=problems(*REFUSALS, MemberNotFound),
)
async def list_consents(member_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[ConsentAnswer]:
    """Newest first, the withdrawn ones too."""
    await members.get_member(session, member_id)
    query = select(Consent).where(Consent.member_id == member_id)
    return await page(session, query, by=Consent.id, paging=paging, show=ConsentAnswer.model_validate)


@router.put(
    "/{member_id}/pin",
    status_code=204,
    summary="Set a member's PIN",
    responses=problems(*REFUSALS, MemberNotFound, WeakPin),
)
async def set_pin(member_id: UUID, body: NewPin, session: Session, _: Writer, hasher: HasherOf) -> None:
    """4 to 12 digits, asked for where a face alone is not sure enough. A new one ends the lock after wrong answers."""
    await pins.set_pin(session, member_id=member_id, pin=body.pin, hasher=hasher)
