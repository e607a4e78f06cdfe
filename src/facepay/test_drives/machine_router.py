"""Machines over HTTP: a face in, a key out; a key in, and the car is back."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request, Security
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.capture import FILES_MAX, IMAGE, UNREADABLE_FRAMES, capture_body, read_capture_form
from facepay.identity.desk import AT_THE_DOOR, CALL_PROBLEMS, CAPTURE_PROBLEMS, STEP_UP_PROBLEMS, DeskOf
from facepay.identity.passes import read_pass
from facepay.identity.recognition import RecogniserOf
from facepay.identity.schemas import StepUpAnswer
from facepay.identity.sighting import Sighting
from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.idempotency import IdempotencyKeyMissing, IdempotencyOf, RequiredKey
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.secrets import get_master_key
from facepay.kernel.uploads import FrameMissing, open_form, read_fields, read_files
from facepay.presentation.challenges import draw_steps, issue
from facepay.presentation.schemas import ChallengeAnswer
from facepay.settings import SettingsOf
from facepay.test_drives import handovers, returns
from facepay.test_drives.drives import DriveElsewhere, DriveNotFound
from facepay.test_drives.machine_schemas import (
    HandoverAnswer,
    HandoverFields,
    PassAtMachine,
    ReturnAnswer,
    ReturnFields,
)
from facepay.test_drives.machines import CarElsewhere, SlotNotFound, SlotTaken
from facepay.test_drives.photos import PHOTOS_MAX, prepare
from facepay.test_drives.returns import MileageFell
from facepay.vision.pool import get_inference

PHOTOS_MIN = 1
router = Router(prefix="/v1/machines/{machine_id}", tags=["machines"])
Machine = Annotated[Principal, Security(current_device, scopes=["drive:handover"])]
HANDOVER_BODY = capture_body(raw=False)
_FORM = HANDOVER_BODY["requestBody"]["content"]["multipart/form-data"]["schema"]
_FORM["properties"]["number"] = {"type": "string", "pattern": "^[0-9]{8}$"}  # and may be left out
RETURN_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["photo", *ReturnFields.model_fields],
                    "properties": {
                        "photo": {"type": "array", "minItems": 1, "maxItems": PHOTOS_MAX, "items": IMAGE},
                        **ReturnFields.model_json_schema()["properties"],
                    },
                }
            }
        },
    }
}


@router.post(
    "/challenges",
    status_code=201,
    summary="Ask what a person has to do before the camera",
    responses=problems(Unauthenticated, InsufficientScope, WrongStore),
)
async def challenge_at_machine(
    machine_id: UUID, machine: Machine, request: Request, session: Session, settings: SettingsOf, now: Now
) -> ChallengeAnswer:
    """For a machine whose `presentation_checks` hold `challenge`; send the frames to `…/handovers`."""
    acts_as(machine, machine_id)
    steps = draw_steps(expressions=(await get_inference(request)).engine.has_points)
    lasts = timedelta(seconds=settings.challenge_seconds)
    return ChallengeAnswer.of(await issue(session, device_id=machine.id, steps=steps, now=now, lasts=lasts))


@router.post(
    "/handovers",
    summary="Hand out the key of a reserved car",
    response_model=HandoverAnswer,
    dependencies=AT_THE_DOOR,
    responses=problems(IdempotencyKeyMissing, *CAPTURE_PROBLEMS),
    openapi_extra=HANDOVER_BODY,
)
async def hand_over_key(
    machine_id: UUID,
    machine: Machine,
    key: RequiredKey,
    desk: DeskOf,
    recogniser: RecogniserOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """Compare whoever stands there with the member of a reservation, one to one: the one whose `number` was typed, or
    else those who are due in this store now. Nobody else is looked up.

    `open` has charged the fee and sent `open_locker` to this machine. Its acknowledgement says that the key is out;
    where it fails, or doesn't come in time, the reservation stands, and a new attempt charges nothing again.
    """
    acts_as(machine, machine_id)
    async with open_form(desk.request, files_max=FILES_MAX) as form:
        fields = read_fields(form, HandoverFields)
        capture = await read_capture_form(form)
    if capture.signed_face is not None:
        raise FrameMissing("A machine sends frames: whoever takes a car is looked at here.")
    expected = partial(handovers.expected, desk.database, store_id=machine.store, number=fields.number, now=now)

    async def act(session: AsyncSession, sighting: Sighting) -> HandoverAnswer:
        ruling = await handovers.hand_over(
            session, machine=machine, number=fields.number, shown=sighting, now=now, settings=settings
        )
        return HandoverAnswer.of(ruling, sighting)

    return await desk.decide(
        device=machine,
        use="machine",
        key=key,
        capture=capture,
        also=fields.model_dump_json().encode(),
        see=partial(recogniser.verify, device=machine, expected=expected),
        act=act,
    )


@router.post(
    "/handovers/pass",
    summary="Hand out the key of a reserved car for a one-time pass",
    response_model=HandoverAnswer,
    responses=problems(IdempotencyKeyMissing, *CALL_PROBLEMS),
)
async def hand_over_key_for_pass(
    machine_id: UUID,
    body: PassAtMachine,
    machine: Machine,
    key: RequiredKey,
    desk: DeskOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """For whoever shows no face: the app's QR code, scanned. Its eight digits open nothing here."""
    acts_as(machine, machine_id)
    shown = read_pass(body.pass_text, key=get_master_key(desk.request))

    async def act(session: AsyncSession) -> HandoverAnswer:
        ruling = await handovers.hand_over(
            session, machine=machine, number=body.number, shown=shown, now=now, settings=settings
        )
        return HandoverAnswer.of(ruling)

    return await desk.decide_on_pass(device=machine, use="machine", key=key, body=body, act=act)


@router.post(
    "/handovers/{handover_id}/step-up",
    summary="Answer what a handover asked for",
    response_model=HandoverAnswer,
    responses=problems(IdempotencyKeyMissing, *STEP_UP_PROBLEMS),
)
async def finish_handover(
    machine_id: UUID,
    handover_id: UUID,
    body: StepUpAnswer,
    machine: Machine,
    key: RequiredKey,
    desk: DeskOf,
) -> Any:
    """Wrong answers are counted; after the last one, or after a minute, the attempt is closed."""
    acts_as(machine, machine_id)
    finish = partial(handovers.finish_step_up, machine=machine, attempt_id=handover_id)
    return await desk.decide_on_answer(device=machine, key=key, body=body, finish=finish, shown=HandoverAnswer.of)


@router.post(
    "/returns",
    summary="Take a car back",
    response_model=ReturnAnswer,
    responses=problems(
        IdempotencyKeyMissing,
        *CALL_PROBLEMS,
        *UNREADABLE_FRAMES,
        InsufficientScope,
        DriveNotFound,
        DriveElsewhere,
        CarElsewhere,
        MileageFell,
        SlotNotFound,
        SlotTaken,
    ),
    openapi_extra=RETURN_BODY,
)
async def return_car(
    machine_id: UUID,
    request: Request,
    machine: Machine,
    key: RequiredKey,
    idempotency: IdempotencyOf,
    database: Db,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """Once the key lies in a locker: the reservation's number, what the car shows, and one to eight pictures of it.

    Late hours are charged from the deposit; the rest stays on hold until the car was inspected.
    """
    acts_as(machine, machine_id)
    async with open_form(request, files_max=PHOTOS_MAX) as form:
        fields = read_fields(form, ReturnFields)
        photos = await read_files(form, "photo", least=PHOTOS_MIN)
    fingerprint = idempotency.fingerprint(request, fields.model_dump_json().encode(), *photos)
    async with idempotency.claim(owner_id=machine.id, key=key, fingerprint=fingerprint) as claim:
        if claim.replay:
            return claim.replay
        limits = (await get_inference(request)).engine.limits
        pictures = await prepare(photos, key=get_master_key(request), limits=limits)
        async with database.begin() as session:
            drive = await returns.take_back(
                session,
                machine_id=machine.id,
                store_id=machine.store,
                back=fields.back(),
                pictures=pictures,
                by=f"device:{machine.id}",
                now=now,
                settings=settings,
            )
            answer = ReturnAnswer.of(drive, len(pictures.jpegs))
            await claim.settle(session, answer)
    return answer
