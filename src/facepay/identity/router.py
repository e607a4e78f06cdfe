"""Faces over HTTP: enrol, look up. Withdrawing and erasing them is the privacy room's."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import Request, Security

from facepay.identity import enrolment
from facepay.identity.enrolment import (
    EnrolmentPolicy,
    FaceAlreadyEnrolled,
    FaceNotFound,
    FacesDisagree,
    LowQuality,
    MultipleFaces,
)
from facepay.identity.face_schemas import EnrolledFace
from facepay.identity.policy import policy_for
from facepay.identity.recognition import RecogniserOf
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.errors import NotFound, Overloaded, Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.uploads import (
    BodyTooLarge,
    FrameMissing,
    UnsupportedMediaType,
    open_form,
    read_files,
)
from facepay.members.biometric_uses import Use, record_use
from facepay.members.consents import ConsentRequired, require_consent
from facepay.members.members import MemberNotFound, get_member
from facepay.templates.milvus import GalleryUnavailable
from facepay.templates.protection import GalleryLocked
from facepay.templates.templates import templates_of
from facepay.vision.evidence import FrameEvidence
from facepay.vision.frames import CorruptImage, EmptyFrame, FrameLimits, FrameTooLarge, UnsupportedImageType
from facepay.vision.portraits import portrait
from facepay.vision.quality import ENROLMENT

router = Router(prefix="/v1/members/{member_id}", tags=["members"])
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["members:write"])]

REFUSALS = (Unauthenticated, InsufficientScope, MemberNotFound)
FRAMES = {
    "type": "array",
    "minItems": 1,
    "maxItems": enrolment.FRAMES_MAX,
    "items": {"type": "string", "format": "binary"},
    "description": "1 to 5 photos of the member alone: JPEG, PNG or WebP.",
}
FRAMES_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["frames"], "properties": {"frames": FRAMES}}
            }
        },
    }
}


class FaceNotEnrolled(NotFound):
    """The member has no face enrolled."""

    code = "face_not_enrolled"
    title = "No face enrolled"


@router.put(
    "/face",
    summary="Enrol a member's face",
    openapi_extra=FRAMES_BODY,
    responses=problems(
        *REFUSALS,
        FrameMissing,
        EmptyFrame,
        FrameTooLarge,
        BodyTooLarge,
        UnsupportedMediaType,
        UnsupportedImageType,
        CorruptImage,
        ConsentRequired,
        FaceNotFound,
        MultipleFaces,
        LowQuality,
        FacesDisagree,
        FaceAlreadyEnrolled,
        Overloaded,
        GalleryLocked,
        GalleryUnavailable,
    ),
)
async def enrol_face(
    member_id: UUID, request: Request, writer: Writer, database: Db, recogniser: RecogniserOf, now: Now
) -> EnrolledFace:
    """Send one to five photos; they replace the face that was enrolled before.

    Each has to show the member alone (or clearly nearest), large, sharp and frontal enough; a refusal names the
    photo, what was measured and the limit. Two or three photos in different light are recognised best. The
    member's consent comes first: without it, no photo is even looked at. The photos aren't kept, unless
    the shop keeps them and the member's consent says so: then the part round the face is, sealed. A twin of a member
    is refused as enrolled already until the two are marked at `POST /v1/lookalikes`.
    """
    async with open_form(request) as form:
        frames = await read_files(form, "frames")
    async with database.begin() as session:
        await get_member(session, member_id)
        consent = await require_consent(session, member_id=member_id, now=now)
        await recogniser.calibrations.follow(session)
    evidences = [await recogniser.inference.analyse(frame, points=True) for frame in frames]
    photos = []
    if recogniser.settings.keep_enrolment_photos and consent.keeps_photo:
        photos = await asyncio.to_thread(_portraits, frames, evidences, recogniser.inference.engine.limits)
    policy = EnrolmentPolicy(ENROLMENT, policy_for("gate", recogniser.settings), recogniser.calibration)
    try:
        async with database.begin() as session:
            templates = await enrolment.enrol(
                session,
                member_id=member_id,
                evidences=evidences,
                keeper=recogniser.keeper,
                policy=policy,
                now=now,
                photos=photos,
            )
            record_use(session, member_id=member_id, use=Use.ENROLLED, actor=f"staff:{writer.id}", now=now)
    except FaceAlreadyEnrolled as refused:
        raise refused.told_to(writer) from None
    await recogniser.keeper.follow(database)
    return EnrolledFace.of(templates)


def _portraits(frames: list[bytes], evidences: list[FrameEvidence], limits: FrameLimits) -> list[bytes]:
    """Of those frames that show a face; the others are refused anyway."""
    return [
        portrait(frame, evidence.faces, limits=limits)
        for frame, evidence in zip(frames, evidences, strict=True)
        if evidence.faces
    ]


@router.get("/face", summary="See how a face was enrolled", responses=problems(*REFUSALS, FaceNotEnrolled))
async def show_face(member_id: UUID, _: Reader, session: Session) -> EnrolledFace:
    """When, with which model pack, and how good each photo was. Neither photos nor templates can be read."""
    await get_member(session, member_id)
    templates = await templates_of(session, member_id=member_id)
    if not templates:
        raise FaceNotEnrolled("This member has no face enrolled.")
    return EnrolledFace.of(templates)
