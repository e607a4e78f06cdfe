"""Whether a frame would do to enrol a face: asked while the camera is on, and nothing is kept."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from fastapi import Request

from facepay.identity.enrolment import FaceNotFound, LowQuality, MultipleFaces, select_faces
from facepay.identity.recognition import RecogniserOf
from facepay.identity.router import REFUSALS, Writer
from facepay.kernel.clock import Now
from facepay.kernel.database import Db
from facepay.kernel.errors import Overloaded
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer
from facepay.kernel.uploads import IMAGE_TYPES, BodyTooLarge, UnsupportedMediaType, is_image, read_raw
from facepay.members.consents import ConsentRequired, require_consent
from facepay.members.members import get_member
from facepay.staff.actions import unaccounted
from facepay.vision.evidence import FrameEvidence
from facepay.vision.feedback import FeedbackCode
from facepay.vision.frames import CorruptImage, EmptyFrame, FrameTooLarge, UnsupportedImageType
from facepay.vision.quality import ENROLMENT

router = Router(prefix="/v1/members/{member_id}/face", tags=["members"])
FRAME_BODY = {
    "requestBody": {
        "required": True,
        "content": {each: {"schema": {"type": "string", "format": "binary"}} for each in IMAGE_TYPES},
    }
}
Advice = FeedbackCode | Literal["no_face", "only_one_person"]


class FaceCheck(Answer):
    """`advice` says what to do about it, what helps most first; a good frame needs none."""

    good: bool
    advice: list[Advice]


@router.post(
    "/check",
    summary="Check whether a frame would do to enrol a face",
    openapi_extra=FRAME_BODY,
    responses=problems(
        *REFUSALS,
        EmptyFrame,
        FrameTooLarge,
        BodyTooLarge,
        UnsupportedMediaType,
        UnsupportedImageType,
        CorruptImage,
        ConsentRequired,
        Overloaded,
    ),
)
@unaccounted
async def check_frame(
    member_id: UUID, request: Request, _: Writer, database: Db, recogniser: RecogniserOf, now: Now
) -> FaceCheck:
    """For hints before a live camera. The frame is measured as at enrolment, compared with nobody, and forgotten.

    The member's consent comes first here too.
    """
    if not is_image(request):
        raise UnsupportedMediaType(f"Send {', '.join(IMAGE_TYPES)}.")
    frame = await read_raw(request)
    async with database.read() as session:
        await get_member(session, member_id)
        await require_consent(session, member_id=member_id, now=now)
    advice = _advice(await recogniser.inference.analyse(frame, points=True))
    return FaceCheck(good=not advice, advice=advice)


def _advice(evidence: FrameEvidence) -> list[Advice]:
    try:
        select_faces([evidence], ENROLMENT)
    except FaceNotFound:
        return ["no_face"]
    except MultipleFaces:
        return ["only_one_person"]
    except LowQuality as refused:
        return [each["code"] for each in refused.measured["feedback"]]
    return []
