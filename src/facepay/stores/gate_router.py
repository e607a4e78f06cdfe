"""Gates over HTTP: a frame in, a decision out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Security
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.desk import Desk, DeskOf
from facepay.identity.recognition import Recogniser, RecogniserOf, Sighting
from facepay.identity.schemas import StepUpAnswer
from facepay.identity.step_up import AttemptClosed, AttemptNotFound
from facepay.kernel.auth import Principal, WrongStore, acts_as, current_device
from facepay.kernel.clock import Now
from facepay.kernel.errors import Overloaded, Unauthenticated
from facepay.kernel.idempotency import IdempotencyKeyInUse, IdempotencyKeyReused, OptionalKey
from facepay.kernel.problems import problems
from facepay.kernel.uploads import (
    BodyTooLarge,
    FrameMissing,
    UnsupportedMediaType,
    frame_body,
    read_frame,
)
from facepay.settings import Settings, SettingsOf
from facepay.stores import gates
from facepay.stores.gate_schemas import GateAnswer
from facepay.stores.gates import Direction
from facepay.vision.frames import CorruptImage, EmptyFrame, FrameTooLarge, UnsupportedImageType

router = APIRouter(prefix="/v1/gates/{gate_id}", tags=["gates"])
Gate = Annotated[Principal, Security(current_device, scopes=["gate:decide"])]
FRAME_PROBLEMS = (
    Unauthenticated,
    WrongStore,
    FrameMissing,
    EmptyFrame,
    FrameTooLarge,
    BodyTooLarge,
    UnsupportedImageType,
    UnsupportedMediaType,
    CorruptImage,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    Overloaded,
)
STEP_UP_PROBLEMS = (Unauthenticated, WrongStore, AttemptNotFound, AttemptClosed)


async def _decide(
    direction: Direction,
    gate_id: UUID,
    gate: Principal,
    key: str | None,
    desk: Desk,
    recogniser: Recogniser,
    settings: Settings,
    now: datetime,
) -> Any:
    acts_as(gate, gate_id)

    async def act(session: AsyncSession, sighting: Sighting) -> GateAnswer:
        decision = await gates.decide(
            session,
            gate=gate,
            direction=direction,
            sighting=sighting,
            now=now,
            step_up_lasts=timedelta(seconds=settings.step_up_seconds),
        )
        return GateAnswer.of(decision, sighting)

    frame = await read_frame(desk.request)
    return await desk.decide(
        device=gate, use=f"gate_{direction}", key=key, frame=frame, see=recogniser.at_gate, act=act
    )


async def _finish(
    direction: Direction,
    gate_id: UUID,
    attempt_id: UUID,
    body: StepUpAnswer,
    gate: Principal,
    key: str | None,
    desk: Desk,
    settings: Settings,
    now: datetime,
) -> Any:
    acts_as(gate, gate_id)

    async def act(session: AsyncSession) -> GateAnswer:
        decision = await gates.finish_step_up(
            session,
            gate=gate,
            direction=direction,
            attempt_id=attempt_id,
            text=body.answer,
            now=now,
            answers_max=settings.step_up_answers_max,
            hasher=desk.request.app.state.password_hasher,
        )
        return GateAnswer.of(decision)

    return await desk.idempotency.once(desk.request, owner_id=gate.id, key=key, body=body, act=act)


@router.post(
    "/entries",
    summary="Decide who may come in",
    response_model=GateAnswer,
    responses=problems(*FRAME_PROBLEMS),
    openapi_extra=frame_body(),
)
async def enter(
    gate_id: UUID,
    gate: Gate,
    desk: DeskOf,
    recogniser: RecogniserOf,
    settings: SettingsOf,
    now: Now,
    key: OptionalKey = None,
) -> Any:
    """Send the camera's frame as the body (`image/jpeg` is fastest) or as the multipart part `frame`.

    The nearest face is decided on. `open` has opened a visit; `step_up` says what to ask the person for.
    """
    return await _decide("entry", gate_id, gate, key, desk, recogniser, settings, now)


@router.post(
    "/exits",
    summary="Decide who goes out",
    response_model=GateAnswer,
    responses=problems(*FRAME_PROBLEMS),
    openapi_extra=frame_body(),
)
async def leave(
    gate_id: UUID,
    gate: Gate,
    desk: DeskOf,
    recogniser: RecogniserOf,
    settings: SettingsOf,
    now: Now,
    key: OptionalKey = None,
) -> Any:
    """Closes the visit and says whether a basket is unpaid. A member is never locked in."""
    return await _decide("exit", gate_id, gate, key, desk, recogniser, settings, now)


@router.post(
    "/entries/{attempt_id}/step-up",
    summary="Answer what an entry asked for",
    response_model=GateAnswer,
    responses=problems(IdempotencyKeyInUse, IdempotencyKeyReused, *STEP_UP_PROBLEMS),
)
async def finish_entry(
    gate_id: UUID,
    attempt_id: UUID,
    body: StepUpAnswer,
    gate: Gate,
    desk: DeskOf,
    settings: SettingsOf,
    now: Now,
    key: OptionalKey = None,
) -> Any:
    """Wrong answers are counted; after the last one, or after a minute, the attempt is closed."""
    return await _finish("entry", gate_id, attempt_id, body, gate, key, desk, settings, now)


@router.post(
    "/exits/{attempt_id}/step-up",
    summary="Answer what an exit asked for",
    response_model=GateAnswer,
    responses=problems(IdempotencyKeyInUse, IdempotencyKeyReused, *STEP_UP_PROBLEMS),
)
async def finish_exit(
    gate_id: UUID,
    attempt_id: UUID,
    body: StepUpAnswer,
    gate: Gate,
    desk: DeskOf,
    settings: SettingsOf,
    now: Now,
    key: OptionalKey = None,
) -> Any:
    """The same for somebody who is leaving."""
    return await _finish("exit", gate_id, attempt_id, body, gate, key, desk, settings, now)
