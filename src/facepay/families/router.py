"""Families over HTTP: for staff, and the shop's app that acts through them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response, Security
from sqlalchemy import select

from facepay.families import approvals, changes
from facepay.families.approvals import ApprovalNotFound, FamilyApproval
from facepay.families.changes import ConsentNotGiven, FamilyChanged, FamilyFull, InFamily
from facepay.families.families import FamilyNotFound, NotInFamily, dependants_of, family_of, get_family
from facepay.families.refusals import FamilyRefusal
from facepay.families.schemas import (
    ApprovalAnswer,
    Dependant,
    DependantAnswer,
    FamilyAnswer,
    NewApproval,
    NewDependant,
    NewFamily,
    RefusalAnswer,
)
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.members.members import MemberNotFound, get_member

router = Router(prefix="/v1", tags=["families"])
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["members:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.post(
    "/families", status_code=201, summary="Make a family", responses=problems(*REFUSALS, MemberNotFound, InFamily)
)
async def make(body: NewFamily, response: Response, session: Session, writer: Writer, now: Now) -> FamilyAnswer:
    """Its payer's wallet, tier, points and coupons are for all of it."""
    family = await changes.make(session, payer_id=body.payer_id, actor=f"staff:{writer.id}", now=now)
    response.headers["Location"] = f"/v1/families/{family.id}"
    return FamilyAnswer.of(family)


@router.get("/families/{family_id}", summary="See a family", responses=problems(*REFUSALS, FamilyNotFound))
async def see(family_id: UUID, session: Session, _: Reader) -> FamilyAnswer:
    family = await get_family(session, family_id)
    return FamilyAnswer.of(family, await dependants_of(session, family_id=family.id))


@router.get(
    "/members/{member_id}/family",
    summary="See a member's family",
    responses=problems(*REFUSALS, MemberNotFound, FamilyNotFound),
)
async def see_of(member_id: UUID, session: Session, _: Reader) -> FamilyAnswer:
    """The one that they pay for, or belong to."""
    await get_member(session, member_id)
    family = await family_of(session, member_id=member_id)
    return FamilyAnswer.of(family, await dependants_of(session, family_id=family.id))


@router.post(
    "/families/{family_id}/members",
    status_code=201,
    summary="Add somebody to a family",
    responses=problems(*REFUSALS, FamilyNotFound, MemberNotFound, InFamily, FamilyFull, ConsentNotGiven),
)
async def add(family_id: UUID, body: NewDependant, session: Session, writer: Writer, now: Now) -> DependantAnswer:
    """From their next purchase on, the payer pays for them."""
    added = await changes.add(
        session,
        family_id=family_id,
        member_id=body.member_id,
        terms=body.terms(),
        actor=f"staff:{writer.id}",
        now=now,
    )
    return DependantAnswer.of(added)


@router.put(
    "/families/{family_id}/members/{member_id}",
    summary="Change what somebody in a family may spend",
    responses=problems(*REFUSALS, FamilyNotFound, MemberNotFound, NotInFamily, ConsentNotGiven),
)
async def change(
    family_id: UUID, member_id: UUID, body: Dependant, session: Session, writer: Writer, now: Now
) -> DependantAnswer:
    """All of their terms are set anew, from their next purchase on."""
    changed = await changes.change(
        session,
        family_id=family_id,
        member_id=member_id,
        terms=body.terms(),
        actor=f"staff:{writer.id}",
        now=now,
    )
    return DependantAnswer.of(changed)


@router.delete(
    "/families/{family_id}/members/{member_id}",
    status_code=204,
    summary="Take somebody out of a family",
    responses=problems(*REFUSALS, FamilyNotFound, MemberNotFound, NotInFamily),
)
async def remove(family_id: UUID, member_id: UUID, session: Session, _: Writer, now: Now) -> None:
    """They pay for themselves from now on."""
    await changes.remove(session, family_id=family_id, member_id=member_id, now=now)


@router.delete(
    "/families/{family_id}",
    status_code=204,
    summary="Dissolve a family",
    responses=problems(*REFUSALS, FamilyNotFound, MemberNotFound, FamilyChanged),
)
async def dissolve(family_id: UUID, session: Session, _: Writer, now: Now) -> None:
    """Everybody pays for themselves from now on. What they bought stays with whoever paid for it."""
    await changes.dissolve(session, family_id=family_id, now=now)


@router.post(
    "/families/{family_id}/approvals",
    status_code=201,
    summary="Let one purchase pass",
    responses=problems(*REFUSALS, FamilyNotFound, NotInFamily),
)
async def approve(family_id: UUID, body: NewApproval, session: Session, writer: Writer, now: Now) -> ApprovalAnswer:
    """On the payer's word. It is used up by the first purchase that would be refused without it, and fits in it."""
    approval = await approvals.approve(
        session,
        family_id=family_id,
        member_id=body.member_id,
        skus=body.skus,
        amount_max=body.amount_max,
        lasts=body.lasts,
        actor=f"staff:{writer.id}",
        now=now,
    )
    return ApprovalAnswer.model_validate(approval)


@router.get(
    "/families/{family_id}/approvals",
    summary="List what a payer let pass",
    responses=problems(*REFUSALS, FamilyNotFound),
)
async def list_approvals(family_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[ApprovalAnswer]:
    """Newest first."""
    await get_family(session, family_id)
    query = select(FamilyApproval).where(FamilyApproval.family_id == family_id)
    return await page(session, query, by=FamilyApproval.id, paging=paging, show=ApprovalAnswer.model_validate)


@router.delete(
    "/families/{family_id}/approvals/{approval_id}",
    status_code=204,
    summary="Take an approval back",
    responses=problems(*REFUSALS, ApprovalNotFound),
)
async def withdraw(family_id: UUID, approval_id: UUID, session: Session, _: Writer, now: Now) -> None:
    """For as long as it wasn't used."""
    await approvals.withdraw(session, family_id=family_id, approval_id=approval_id, now=now)


@router.get(
    "/families/{family_id}/refusals",
    summary="List what a family's rules and limits refused",
    responses=problems(*REFUSALS, FamilyNotFound),
)
async def list_refusals(
    family_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    member_id: Annotated[UUID | None, Query(description="Of this dependant.")] = None,
) -> Page[RefusalAnswer]:
    """Newest first; the payer had a notice of each."""
    await get_family(session, family_id)
    query = select(FamilyRefusal).where(FamilyRefusal.family_id == family_id)
    if member_id:
        query = query.where(FamilyRefusal.member_id == member_id)
    return await page(session, query, by=FamilyRefusal.id, paging=paging, show=RefusalAnswer.model_validate)
