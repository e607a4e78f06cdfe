"""Cars that are back, over HTTP: pictures, inspections, claims and disputes."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Request, Response, Security
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.capture import IMAGE, UNREADABLE_FRAMES
from facepay.kernel.auth import Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Request as Body
from facepay.kernel.secrets import get_master_key
from facepay.kernel.uploads import open_form, read_files
from facepay.test_drives import inspections
from facepay.test_drives.drives import DriveElsewhere, DriveNotFound, DriveState, get_drive, require
from facepay.test_drives.inspections import ClaimExceeded, DamageNotChargeable, DamageUnshown
from facepay.test_drives.photos import PHOTOS_MAX, PhotoNotFound, look_at, photos_of, prepare
from facepay.test_drives.reservations import held
from facepay.test_drives.router import OF_DRIVE, REFUSALS, Call
from facepay.test_drives.schemas import (
    Dispute,
    DisputeResolution,
    DriveAnswer,
    Inspection,
    PhotoAnswer,
    PhotosAnswer,
)
from facepay.vision.pool import InferenceOf

router = Router(prefix="/v1/test-drives/{drive_id}", tags=["test drives"])
Inspector = Annotated[Principal, Security(current_staff, scopes=["drives:inspect"])]
PHOTOS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["photo"],
                    "properties": {"photo": {"type": "array", "minItems": 1, "maxItems": PHOTOS_MAX, "items": IMAGE}},
                }
            }
        },
    }
}


class Acceptance(Body):
    """Nothing more to say."""


@router.post(
    "/photos",
    status_code=201,
    summary="Add pictures to an inspection",
    responses=problems(*REFUSALS, DriveNotFound, DriveElsewhere, *UNREADABLE_FRAMES),
    openapi_extra=PHOTOS_BODY,
)
async def add_photos(
    drive_id: UUID, request: Request, database: Db, inference: InferenceOf, staff: Inspector, now: Now
) -> PhotosAnswer:
    """Up to eight at a time, as parts `photo`. They are made small, and kept sealed until some time after the drive."""
    async with open_form(request, files_max=PHOTOS_MAX) as form:
        files = await read_files(form, "photo")
    pictures = await prepare(files, key=get_master_key(request), limits=inference.engine.limits)
    async with database.begin() as session:
        _, drive = await held(session, drive_id)
        require(drive, DriveState.RETURNED, DriveState.CLAIMED, DriveState.DISPUTED)
        pictures.keep(session, drive_id=drive_id, taken="inspection", by=f"staff:{staff.id}", now=now)
        await session.flush()
        return PhotosAnswer(items=PhotoAnswer.list_of(await photos_of(session, drive_id)))


@router.get("/photos", summary="List a drive's pictures", responses=problems(*REFUSALS, DriveNotFound))
async def list_photos(drive_id: UUID, session: Session, _: Inspector) -> PhotosAnswer:
    await get_drive(session, drive_id)
    return PhotosAnswer(items=PhotoAnswer.list_of(await photos_of(session, drive_id)))


@router.get(
    "/photos/{photo_id}",
    summary="Look at a picture",
    response_class=Response,
    responses=problems(*REFUSALS, PhotoNotFound) | {200: {"content": {"image/jpeg": {"schema": IMAGE}}}},
)
async def see_photo(drive_id: UUID, photo_id: UUID, request: Request, session: Session, _: Inspector) -> Response:
    jpeg = await look_at(session, drive_id=drive_id, photo_id=photo_id, key=get_master_key(request))
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.post(
    "/inspection",
    summary="Say how a car came back",
    response_model=DriveAnswer,
    responses=problems(*OF_DRIVE, DamageUnshown, DamageNotChargeable),
)
async def inspect_car(drive_id: UUID, body: Inspection, call: Call, staff: Inspector) -> Any:
    """All is well, and the deposit is free; or damage, with its pictures, which the member has some days to dispute."""

    async def act(session: AsyncSession) -> DriveAnswer:
        drive = await inspections.inspect(
            session,
            drive_id=drive_id,
            damage=body.found(),
            car_fit=body.car_fit,
            by=f"staff:{staff.id}",
            now=call.now,
            settings=call.settings,
        )
        return DriveAnswer.of(drive)

    return await call.once(body, act)


@router.post(
    "/acceptance",
    summary="Accept a claim for the member",
    response_model=DriveAnswer,
    responses=problems(*OF_DRIVE),
)
async def accept_claim(drive_id: UUID, body: Acceptance, call: Call) -> Any:
    """It is charged at once, out of the deposit as far as that goes."""

    async def act(session: AsyncSession) -> DriveAnswer:
        drive = await inspections.accept(session, drive_id=drive_id, by=call.by, now=call.now, settings=call.settings)
        return DriveAnswer.of(drive)

    return await call.once(body, act)


@router.post(
    "/dispute",
    summary="Dispute a claim for the member",
    response_model=DriveAnswer,
    responses=problems(*OF_DRIVE),
)
async def dispute_claim(drive_id: UUID, body: Dispute, call: Call) -> Any:
    """Nothing is charged until staff have looked at it again; the deposit stays on hold."""

    async def act(session: AsyncSession) -> DriveAnswer:
        return DriveAnswer.of(await inspections.dispute(session, drive_id=drive_id, why=body.reason, now=call.now))

    return await call.once(body, act)


@router.post(
    "/resolution",
    summary="Decide a dispute",
    response_model=DriveAnswer,
    responses=problems(*OF_DRIVE, ClaimExceeded),
)
async def resolve_dispute(drive_id: UUID, body: DisputeResolution, call: Call, staff: Inspector) -> Any:
    """For what was claimed, for less, or for nothing."""

    async def act(session: AsyncSession) -> DriveAnswer:
        drive = await inspections.resolve(
            session,
            drive_id=drive_id,
            amount=body.amount,
            why=body.reason,
            by=f"staff:{staff.id}",
            now=call.now,
            settings=call.settings,
        )
        return DriveAnswer.of(drive)

    return await call.once(body, act)
