"""Bans over HTTP: propose, approve, look, review, lift; and who has looked."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request, Response, Security
from sqlalchemy import select

from facepay.identity.enrolment import EnrolmentPolicy, FaceNotFound, FacesDisagree, LowQuality, MultipleFaces
from facepay.identity.policy import policy_for
from facepay.identity.recognition import RecogniserOf
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.errors import Overloaded, Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Line
from facepay.kernel.uploads import (
    BodyTooLarge,
    FrameMissing,
    UnsupportedMediaType,
    open_form,
    read_files,
    read_json_field,
)
from facepay.settings import SettingsOf
from facepay.stores.stores import StoreClosed, StoreNotFound
from facepay.templates.protection import GalleryLocked
from facepay.vision.evidence import FrameEvidence
from facepay.vision.frames import CorruptImage, EmptyFrame, FrameLimits, FrameTooLarge, UnsupportedImageType
from facepay.vision.portraits import portrait
from facepay.vision.quality import ENROLMENT
from facepay.watchlist import ending, proposals
from facepay.watchlist.answers import PictureNotKept, photo_of
from facepay.watchlist.appeals import BanAppeal
from facepay.watchlist.bans import Ban, BanFace, BanNotFound, BanNotInForce, BanNotProposed, get_ban
from facepay.watchlist.gallery import ProtectionOf
from facepay.watchlist.proposals import BanTooLong, Proposal, SecondPersonNeeded, WatchlistOff
from facepay.watchlist.schemas import AppealAnswer, BanAnswer, BanDetail, NewBan, ViewAnswer
from facepay.watchlist.views import Shown, WatchlistView, record_view

router = Router(prefix="/v1/watchlist", tags=["watchlist"])
Viewer = Annotated[Principal, Security(current_staff, scopes=["watchlist:view"])]
Proposer = Annotated[Principal, Security(current_staff, scopes=["watchlist:propose"])]
Approver = Annotated[Principal, Security(current_staff, scopes=["watchlist:approve"])]
Purpose = Annotated[Line, Query(description="What you look at it for. It is written down.")]
REFUSALS = (Unauthenticated, InsufficientScope)
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}
}
UNREADABLE = (
    FrameMissing,
    EmptyFrame,
    FrameTooLarge,
    BodyTooLarge,
    UnsupportedMediaType,
    UnsupportedImageType,
    CorruptImage,
)
FRAMES = {
    "type": "array",
    "minItems": 1,
    "maxItems": 5,
    "items": {"type": "string", "format": "binary"},
    "description": "1 to 5 photos of the person alone: JPEG, PNG or WebP.",
}
BAN_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["ban", "frames"],
                    "properties": {
                        "ban": {
                            "type": "string",
                            "description": "A NewBan, as JSON.",
                            "contentMediaType": "application/json",
                        },
                        "frames": FRAMES,
                    },
                }
            }
        },
    }
}


@router.post(
    "/bans",
    status_code=201,
    summary="Propose a ban",
    openapi_extra=BAN_BODY,
    responses=problems(
        *REFUSALS,
        *UNREADABLE,
        WatchlistOff,
        BanTooLong,
        StoreNotFound,
        StoreClosed,
        FaceNotFound,
        MultipleFaces,
        LowQuality,
        FacesDisagree,
        Overloaded,
    ),
)
async def propose_ban(
    request: Request,
    response: Response,
    proposer: Proposer,
    database: Db,
    recogniser: RecogniserOf,
    protection: ProtectionOf,
    settings: SettingsOf,
    now: Now,
) -> BanAnswer:
    """Nobody is stopped until somebody else has approved it; after a week without an answer it is erased.

    The photos have to be as good as for enrolment. Of each, the part round the face is kept, sealed, for as long as the
    ban lasts.
    """
    async with open_form(request) as form:
        body = read_json_field(form, "ban", NewBan)
        frames = await read_files(form, "frames")
    proposals.require_watchlist(settings)
    async with database.begin() as session:
        await recogniser.calibrations.follow(session)
    evidences = [await recogniser.inference.analyse(frame, points=True) for frame in frames]
    photos = await asyncio.to_thread(_portraits, frames, evidences, recogniser.inference.engine.limits)
    policy = EnrolmentPolicy(ENROLMENT, policy_for("gate", settings), recogniser.calibration)
    async with database.begin() as session:
        ban = await proposals.propose(
            session,
            proposal=Proposal(**body.model_dump()),
            evidences=evidences,
            photos=photos,
            protection=protection,
            policy=policy,
            settings=settings,
            staff_id=proposer.id,
            now=now,
        )
    response.headers["Location"] = f"/v1/watchlist/bans/{ban.id}"
    return BanAnswer.model_validate(ban)


def _portraits(frames: list[bytes], evidences: list[FrameEvidence], limits: FrameLimits) -> list[bytes]:
    """One for each frame; of those without a face, which are refused anyway, nothing."""
    return [
        portrait(frame, evidence.faces, limits=limits) if evidence.faces else b""
        for frame, evidence in zip(frames, evidences, strict=True)
    ]


@router.get("/bans", summary="List bans", responses=problems(*REFUSALS))
async def list_bans(
    session: Session,
    viewer: Viewer,
    paging: Paging,
    now: Now,
    purpose: Purpose,
    store_id: Annotated[UUID | None, Query()] = None,
    status: Annotated[Literal["proposed", "in_force", "ended"] | None, Query()] = None,
) -> Page[BanAnswer]:
    """Newest first: reasons, dates and who decided, but nobody's name."""
    await record_view(session, staff_id=viewer.id, shown=Shown.BANS, purpose=purpose, now=now)
    query = select(Ban)
    if store_id is not None:
        query = query.where(Ban.store_id == store_id)
    if status is not None:
        query = query.where(Ban.ended_at.is_not(None) if status == "ended" else Ban.ended_at.is_(None))
    if status in ("proposed", "in_force"):
        query = query.where(Ban.approved_at.is_(None) if status == "proposed" else Ban.approved_at.is_not(None))
    return await page(session, query, by=Ban.id, paging=paging, show=BanAnswer.model_validate)


@router.get("/bans/{ban_id}", summary="See a ban", responses=problems(*REFUSALS, BanNotFound))
async def show_ban(ban_id: UUID, session: Session, viewer: Viewer, now: Now, purpose: Purpose) -> BanDetail:
    """With name, story and appeals, for as long as it lasts."""
    ban = await get_ban(session, ban_id)
    await record_view(session, staff_id=viewer.id, shown=Shown.BAN, ban_id=ban_id, purpose=purpose, now=now)
    photos = await session.scalars(select(BanFace.id).where(BanFace.ban_id == ban_id).order_by(BanFace.id))
    appeals = await session.scalars(select(BanAppeal).where(BanAppeal.ban_id == ban_id).order_by(BanAppeal.id))
    return BanDetail.of(ban, photo_ids=list(photos), appeals=[AppealAnswer.model_validate(each) for each in appeals])


@router.get(
    "/bans/{ban_id}/photos/{photo_id}",
    summary="See a photo of whoever is banned",
    response_class=Response,
    responses={**PICTURE, **problems(*REFUSALS, BanNotFound, PictureNotKept, GalleryLocked)},
)
async def show_photo(
    ban_id: UUID,
    photo_id: UUID,
    session: Session,
    viewer: Viewer,
    protection: ProtectionOf,
    now: Now,
    purpose: Purpose,
) -> Response:
    """To compare with whoever stands at the door."""
    ban = await get_ban(session, ban_id)
    jpeg = await photo_of(session, ban=ban, face_id=photo_id, protection=protection)
    await record_view(session, staff_id=viewer.id, shown=Shown.PHOTO, ban_id=ban_id, purpose=purpose, now=now)
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.post(
    "/bans/{ban_id}/approval",
    summary="Approve a ban",
    responses=problems(*REFUSALS, WatchlistOff, BanNotFound, BanNotProposed, SecondPersonNeeded),
)
async def approve_ban(ban_id: UUID, session: Session, staff: Approver, settings: SettingsOf, now: Now) -> BanAnswer:
    """By somebody else than whoever proposed it. Its period begins now."""
    ban = await proposals.approve(session, ban_id=ban_id, staff_id=staff.id, settings=settings, now=now)
    return BanAnswer.model_validate(ban)


@router.post(
    "/bans/{ban_id}/rejection",
    summary="Reject a proposed ban",
    responses=problems(*REFUSALS, BanNotFound, BanNotProposed),
)
async def reject_ban(ban_id: UUID, session: Session, staff: Approver, now: Now) -> BanAnswer:
    """What it says of the person is erased."""
    return BanAnswer.model_validate(await ending.reject(session, ban_id=ban_id, by=f"staff:{staff.id}", now=now))


@router.post(
    "/bans/{ban_id}/review",
    summary="Say that a ban is still needed",
    responses=problems(*REFUSALS, BanNotFound, BanNotInForce),
)
async def review_ban(ban_id: UUID, session: Session, staff: Approver, now: Now) -> BanAnswer:
    """Ask what it has prevented since. It ends when it would have; a ban that nobody reviews ends before."""
    return BanAnswer.model_validate(await proposals.review(session, ban_id=ban_id, staff_id=staff.id, now=now))


@router.post("/bans/{ban_id}/lifting", summary="Lift a ban", responses=problems(*REFUSALS, BanNotFound, BanNotInForce))
async def lift_ban(ban_id: UUID, session: Session, staff: Approver, now: Now) -> BanAnswer:
    """Before its time. What it says of the person is erased."""
    return BanAnswer.model_validate(await ending.lift(session, ban_id=ban_id, by=f"staff:{staff.id}", now=now))


@router.get("/views", summary="List who looked at the watchlist", responses=problems(*REFUSALS))
async def list_views(
    session: Session,
    _: Approver,
    paging: Paging,
    ban_id: Annotated[UUID | None, Query()] = None,
    staff_id: Annotated[UUID | None, Query()] = None,
) -> Page[ViewAnswer]:
    """Newest first: who, when, at what, and what for."""
    query = select(WatchlistView)
    if ban_id is not None:
        query = query.where(WatchlistView.ban_id == ban_id)
    if staff_id is not None:
        query = query.where(WatchlistView.staff_id == staff_id)
    return await page(session, query, by=WatchlistView.id, paging=paging, show=ViewAnswer.model_validate)
