"""Hits over HTTP: who waits at which door, what they look like, and what staff say; and appeals against bans."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response, Security
from sqlalchemy import select

from facepay.kernel.auth import Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.settings import SettingsOf
from facepay.stores.stores import StoreNotFound, get_store
from facepay.templates.protection import GalleryLocked
from facepay.watchlist import answers
from facepay.watchlist.answers import HitAnswered, HitNotFound, PictureNotKept, get_hit
from facepay.watchlist.appeals import AppealNotFound, AppealNotYetMade, AppealOpen, NotForYou, record_appeal
from facepay.watchlist.bans import BanNotFound, BanNotInForce
from facepay.watchlist.ending import decide_appeal
from facepay.watchlist.gallery import ProtectionOf
from facepay.watchlist.hits import WatchlistHit
from facepay.watchlist.router import PICTURE, REFUSALS, Approver, Proposer, Purpose, Viewer
from facepay.watchlist.schemas import AppealAnswer, AppealDecision, GivenAnswer, HitAnswer, NewAppeal
from facepay.watchlist.views import Shown, record_view

router = Router(prefix="/v1", tags=["watchlist"])
Answerer = Annotated[Principal, Security(current_staff, scopes=["watchlist:answer"])]


@router.get("/stores/{store_id}/watchlist-hits", summary="List hits", responses=problems(*REFUSALS, StoreNotFound))
async def list_hits(
    store_id: UUID,
    session: Session,
    viewer: Viewer,
    paging: Paging,
    now: Now,
    purpose: Purpose,
    waiting: Annotated[bool, Query(description="Only those who wait for an answer now.")] = False,
) -> Page[HitAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    await record_view(session, staff_id=viewer.id, shown=Shown.HITS, purpose=purpose, now=now)
    query = select(WatchlistHit).where(WatchlistHit.store_id == store_id)
    if waiting:
        query = query.where(WatchlistHit.answer.is_(None), WatchlistHit.expires_at > now)
    return await page(session, query, by=WatchlistHit.id, paging=paging, show=HitAnswer.model_validate)


@router.get("/watchlist/hits/{hit_id}", summary="See a hit", responses=problems(*REFUSALS, HitNotFound))
async def show_hit(hit_id: UUID, session: Session, viewer: Viewer, now: Now, purpose: Purpose) -> HitAnswer:
    """Which ban, how alike, and what was answered."""
    hit = await get_hit(session, hit_id)
    await record_view(
        session, staff_id=viewer.id, shown=Shown.HIT, ban_id=hit.ban_id, hit_id=hit_id, purpose=purpose, now=now
    )
    return HitAnswer.model_validate(hit)


@router.get(
    "/watchlist/hits/{hit_id}/frame",
    summary="See who stands at the door",
    response_class=Response,
    responses={**PICTURE, **problems(*REFUSALS, HitNotFound, PictureNotKept, GalleryLocked)},
)
async def show_frame(
    hit_id: UUID, session: Session, viewer: Viewer, protection: ProtectionOf, now: Now, purpose: Purpose
) -> Response:
    """The face alone, with others painted over; kept while the answer counts, for some minutes."""
    hit = await get_hit(session, hit_id)
    jpeg = await answers.frame_of(session, hit=hit, protection=protection)
    await record_view(
        session, staff_id=viewer.id, shown=Shown.FRAME, ban_id=hit.ban_id, hit_id=hit_id, purpose=purpose, now=now
    )
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.post(
    "/watchlist/hits/{hit_id}/answer",
    summary="Say what happens to whoever waits",
    responses=problems(*REFUSALS, HitNotFound, HitAnswered),
)
async def answer_hit(
    hit_id: UUID, body: GivenAnswer, session: Session, staff: Answerer, settings: SettingsOf, now: Now
) -> HitAnswer:
    """Compare the photo of the ban with the frame first. `admit` lets the same person in when the door sees them
    again, within minutes; to `refuse` is what happens without an answer.
    """
    hit = await answers.answer(session, hit_id=hit_id, given=body.answer, staff_id=staff.id, settings=settings, now=now)
    return HitAnswer.model_validate(hit)


@router.post(
    "/watchlist/bans/{ban_id}/appeals",
    status_code=201,
    summary="Record an appeal",
    responses=problems(*REFUSALS, BanNotFound, BanNotInForce, AppealNotYetMade, AppealOpen),
)
async def add_appeal(ban_id: UUID, body: NewAppeal, session: Session, staff: Proposer, now: Now) -> AppealAnswer:
    """Whoever is banned says that it is wrong. The ban stands until a third person has decided."""
    appeal = await record_appeal(
        session, ban_id=ban_id, words=body.words, received_on=body.received_on, staff_id=staff.id, now=now
    )
    return AppealAnswer.model_validate(appeal)


@router.post(
    "/watchlist/appeals/{appeal_id}/decision",
    summary="Decide an appeal",
    responses=problems(*REFUSALS, AppealNotFound, BanNotInForce, NotForYou),
)
async def decide(appeal_id: UUID, body: AppealDecision, session: Session, staff: Approver, now: Now) -> AppealAnswer:
    """By neither of the two whose ban it is. Upheld, the ban ends and is erased, and so are the words."""
    appeal = await decide_appeal(
        session, appeal_id=appeal_id, upheld=body.upheld, finding=body.finding, staff_id=staff.id, now=now
    )
    return AppealAnswer.model_validate(appeal)
