"""Who is in a picture from a store, for its staff."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Request, Security
from pydantic import Field

from facepay.identity.capture import UNREADABLE, frame_body, read_frame
from facepay.identity.identification import IdentifiedFace, identify, note_use
from facepay.identity.recognition import RecogniserOf
from facepay.identity.schemas import Cosine, Rate, RecognisedMember
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Db
from facepay.kernel.errors import Overloaded, Unauthenticated
from facepay.kernel.ids import new_id
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer
from facepay.members.members import Member
from facepay.stores.stores import StoreClosed, StoreNotFound, get_open_store
from facepay.vision.evidence import FaceQuality

router = Router(prefix="/v1/stores/{store_id}/identifications", tags=["stores"])
Identifier = Annotated[Principal, Security(current_staff, scopes=["faces:identify"])]


class FaceQualityAnswer(Answer):
    eye_distance_px: float
    yaw_degrees: float
    pitch_degrees: float
    roll_degrees: float
    sharpness: float | None
    brightness: float | None
    embedding_norm: float | None


class IdentifiedFaceAnswer(Answer):
    """Below the threshold, or not clearly ahead of the next member, a face is `unknown`."""

    box: Annotated[list[float], Field(description="Left, top, right, bottom in pixels of the upright frame.")]
    quality: FaceQualityAnswer
    result: Literal["member", "unknown"]
    member: RecognisedMember | None
    similarity: Annotated[
        Cosine | None,
        Field(description="Plain cosine to the most alike member; null where the face is too poor to be compared."),
    ]
    threshold: Cosine | None
    false_positive_rate: Rate | None

    @classmethod
    def of(cls, each: IdentifiedFace, members: dict[UUID, Member]) -> IdentifiedFaceAnswer:
        decision = each.decision
        member = members.get(each.member_id) if each.member_id else None
        quality: FaceQuality = each.face.quality
        return cls(
            box=[round(float(value), 1) for value in each.face.box],
            quality=FaceQualityAnswer.model_validate(quality),
            result="member" if member else "unknown",
            member=RecognisedMember.model_validate(member) if member else None,
            similarity=decision.similarity if decision else None,
            threshold=decision.threshold if decision else None,
            false_positive_rate=decision.false_positive_rate if decision else None,
        )


class IdentificationAnswer(Answer):
    id: Annotated[UUID, Field(description="Under this id each recognised member can be shown that it was done.")]
    faces: list[IdentifiedFaceAnswer]


@router.post(
    "",
    summary="Say who is in a picture",
    responses=problems(Unauthenticated, InsufficientScope, StoreNotFound, StoreClosed, *UNREADABLE, Overloaded),
    openapi_extra=frame_body(),
)
async def identify_faces(
    store_id: UUID, request: Request, staff: Identifier, database: Db, recogniser: RecogniserOf, now: Now
) -> IdentificationAnswer:
    """Up to 64 faces, the nearest first; each member is given to at most one of them, the likeliest.

    It opens nothing and pays nothing, and the picture isn't kept. It looks at everybody in the picture, so it takes a
    person's own sign-in rather than a device's token, and a scope of its own; each recognised member can be shown
    that it was done, and by whom.
    """
    async with database.begin() as session:
        await get_open_store(session, store_id)
    faces = await identify(recogniser, await read_frame(request))
    identification_id = new_id()
    async with database.begin() as session:
        members = await note_use(
            session, faces=faces, actor=f"staff:{staff.id}", reference_id=identification_id, now=now
        )
    return IdentificationAnswer(id=identification_id, faces=[IdentifiedFaceAnswer.of(each, members) for each in faces])
