"""Visitors over HTTP: hosts invite, and the desk takes them in."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Response, Security
from sqlalchemy import select

from facepay.access import visitors
from facepay.access.holder_router import shown
from facepay.access.holder_schemas import HolderAnswer, InvitationAnswer, InvitedAnswer, NewInvitation, Redemption
from facepay.access.holders import HolderExists, HolderNotFound, end_consents
from facepay.access.profiles import ProfileNotFound
from facepay.access.visitors import Invitation, InvitationNotFound, InvitationOver, InvitationUnclear
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.qr import qr_svg
from facepay.kernel.routers import Router
from facepay.members.consents import PolicyOutdated, record_consent
from facepay.members.members import MemberNotFound, get_member
from facepay.settings import SettingsOf
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1", tags=["visitors"])
Reader = Annotated[Principal, Security(current_staff, scopes=["access:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["access:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.post(
    "/stores/{store_id}/invitations",
    status_code=201,
    summary="Invite a visitor",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, HolderNotFound, ProfileNotFound, InvitationUnclear),
)
async def invite(
    store_id: UUID, body: NewInvitation, response: Response, session: Session, by: Writer, now: Now
) -> InvitedAnswer:
    """For the visitor to show at the desk. The QR code is shown once; only its hash is kept. It opens no door before
    the desk has redeemed it, and none after it ends.
    """
    invitation, token = await visitors.invite(
        session,
        store_id=store_id,
        host_id=body.host_id,
        fields=body.model_dump(exclude={"host_id"}),
        actor=f"staff:{by.id}",
        now=now,
    )
    response.headers.update({"Location": f"/v1/invitations/{invitation.id}", "Cache-Control": "no-store"})
    known = InvitationAnswer.model_validate(invitation).model_dump()
    return InvitedAnswer(**known, token=token, qr_svg=qr_svg(token))


@router.get(
    "/stores/{store_id}/invitations",
    summary="List a store's invitations",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def list_invitations(store_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[InvitationAnswer]:
    """Newest first; a week after they have ended they are gone."""
    await get_store(session, store_id)
    query = select(Invitation).where(Invitation.store_id == store_id)
    return await page(session, query, by=Invitation.id, paging=paging, show=InvitationAnswer.model_validate)


@router.get(
    "/invitations/{invitation_id}", summary="See an invitation", responses=problems(*REFUSALS, InvitationNotFound)
)
async def see_invitation(invitation_id: UUID, session: Session, _: Reader) -> InvitationAnswer:
    return InvitationAnswer.model_validate(await visitors.get_invitation(session, invitation_id))


@router.delete(
    "/invitations/{invitation_id}",
    summary="Withdraw an invitation",
    responses=problems(*REFUSALS, InvitationNotFound, InvitationOver),
)
async def withdraw(invitation_id: UUID, session: Session, by: Writer, now: Now) -> InvitationAnswer:
    """Whoever comes with it is not taken in. One that was redeemed is ended by blocking the visitor."""
    invitation = await visitors.withdraw(session, invitation_id=invitation_id, actor=f"staff:{by.id}", now=now)
    return InvitationAnswer.model_validate(invitation)


@router.post(
    "/stores/{store_id}/redemptions",
    status_code=201,
    summary="Take a visitor in",
    responses=problems(
        *REFUSALS, StoreNotFound, InvitationNotFound, InvitationOver, MemberNotFound, HolderExists, PolicyOutdated
    ),
)
async def redeem(
    store_id: UUID,
    body: Redemption,
    response: Response,
    session: Session,
    by: Writer,
    settings: SettingsOf,
    now: Now,
) -> HolderAnswer:
    """The visitor is a holder from now on until their invitation ends, as a new member or as the one they are already.
    With their consent their face may be enrolled, as any member's, and is erased when the invitation ends; without,
    the invitation is what they show at doors.
    """
    await get_store(session, store_id)
    holder = await visitors.redeem(
        session, store_id=store_id, token=body.token, member_id=body.member_id, actor=f"staff:{by.id}", now=now
    )
    if body.consent is not None:
        await record_consent(
            session,
            member=await get_member(session, holder.member_id, lock=True),
            policy_version=body.consent.policy_version,
            jurisdiction=body.consent.jurisdiction,
            keeps_photo=body.consent.keeps_photo,
            settings=settings,
            now=now,
        )
        await end_consents(session, member_id=holder.member_id)
    response.headers["Location"] = f"/v1/holders/{holder.id}"
    return await shown(session, holder)
