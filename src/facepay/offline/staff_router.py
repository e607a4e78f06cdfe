"""What staff and the shop's app do about stores without network: policies, passes, and settling what is disputed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response, Security
from sqlalchemy import select

from facepay.identity.passes import MemberBlocked
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.qr import qr_svg
from facepay.kernel.routers import Router
from facepay.members.freezes import WalletFrozen
from facepay.members.members import MemberNotFound, get_member
from facepay.offline import passes, policies, resolutions
from facepay.offline.device_router import KeyOf
from facepay.offline.documents import Signer
from facepay.offline.passes import DebtUnpaid, FamilyPays, TooManyPasses
from facepay.offline.posts import OfflinePost
from facepay.offline.resolutions import NotChargeable, NothingToSettle, OfflinePostNotFound
from facepay.offline.schemas import (
    NewPass,
    OfflinePassAnswer,
    OfflinePostAnswer,
    Settlement,
    StorePolicy,
    StorePolicyAnswer,
)
from facepay.settings import SettingsOf
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1", tags=["offline"])
PolicyReader = Annotated[Principal, Security(current_staff, scopes=["stores:read"])]
PolicyWriter = Annotated[Principal, Security(current_staff, scopes=["stores:write"])]
Issuer = Annotated[Principal, Security(current_staff, scopes=["passes:write"])]
Reader = Annotated[Principal, Security(current_staff, scopes=["orders:read"])]
Settler = Annotated[Principal, Security(current_staff, scopes=["wallet:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.put(
    "/stores/{store_id}/offline-policy",
    summary="Say what a store does without network",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed),
)
async def set_policy(
    store_id: UUID, body: StorePolicy, session: Session, staff: PolicyWriter, now: Now
) -> StorePolicyAnswer:
    """A device that has no network just then goes by the policy it holds until that expires."""
    kept = await policies.set_policy(
        session, store_id=store_id, **body.model_dump(), actor=f"staff:{staff.id}", now=now
    )
    return StorePolicyAnswer.model_validate(kept)


@router.get(
    "/stores/{store_id}/offline-policy",
    summary="See what a store does without network",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed),
)
async def see_policy(store_id: UUID, session: Session, _: PolicyReader) -> StorePolicyAnswer:
    return StorePolicyAnswer.model_validate(await policies.store_policy(session, store_id=store_id))


@router.post(
    "/members/{member_id}/offline-passes",
    status_code=201,
    summary="Issue an offline pass",
    responses=problems(*REFUSALS, MemberNotFound, MemberBlocked, FamilyPays, WalletFrozen, DebtUnpaid, TooManyPasses),
)
async def issue_pass(
    member_id: UUID,
    body: NewPass,
    response: Response,
    session: Session,
    _: Issuer,
    key: KeyOf,
    settings: SettingsOf,
    now: Now,
) -> OfflinePassAnswer:
    """Devices without network check it by themselves. It lets its member in and out, and pays up to its amount in all;
    no money is set aside for it. Whoever shows it is taken for the member, so the app keeps it until it is needed.
    """
    issued = await passes.issue_pass(
        session,
        member_id=member_id,
        currency=body.currency or settings.currency,
        amount_max=body.amount_max,
        lasts=timedelta(hours=body.hours),
        now=now,
    )
    response.headers["Cache-Control"] = "no-store"
    signed = Signer(key).sign(issued)
    fields = issued.model_dump(include={"id", "amount_max", "currency", "expires_at"})
    return OfflinePassAnswer(**fields, signed=signed, qr_svg=qr_svg(signed))


@router.delete(
    "/members/{member_id}/offline-passes",
    status_code=204,
    summary="Revoke a member's offline passes",
    responses=problems(*REFUSALS, MemberNotFound),
)
async def revoke_passes(member_id: UUID, session: Session, _: Issuer, now: Now) -> None:
    """All of them: a phone was lost. Devices refuse them from their next policy on; a device that has no network can't
    know, and what it sells by them from now on is disputed rather than charged.
    """
    await get_member(session, member_id, lock=True)
    await passes.revoke_passes(session, member_id=member_id, now=now)


@router.get(
    "/stores/{store_id}/offline-disputes",
    summary="List what devices did without network and is disputed",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def list_disputes(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    settled: Annotated[bool, Query(description="Show the settled ones too.")] = False,
) -> Page[OfflinePostAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(OfflinePost).where(OfflinePost.store_id == store_id, OfflinePost.verdict == "disputed")
    if not settled:
        query = query.where(OfflinePost.resolved_at.is_(None))
    return await page(session, query, by=OfflinePost.id, paging=paging, show=OfflinePostAnswer.model_validate)


@router.post(
    "/offline-posts/{post_id}/resolution",
    summary="Settle what is disputed",
    responses=problems(*REFUSALS, OfflinePostNotFound, NothingToSettle, NotChargeable, MemberNotFound),
)
async def settle(
    post_id: UUID, body: Settlement, session: Session, staff: Settler, settings: SettingsOf, now: Now
) -> OfflinePostAnswer:
    """Charge the member whose pass was shown, in debt where their wallet is short; or let it go."""
    post = await resolutions.settle(
        session,
        post_id=post_id,
        outcome=body.outcome,
        note=body.note,
        actor=f"staff:{staff.id}",
        now=now,
        settings=settings,
    )
    return OfflinePostAnswer.model_validate(post)
