"""Challenges over HTTP: a device asks what it has to ask a person for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Request, Security

from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.presentation.challenges import draw_steps, issue
from facepay.presentation.schemas import ChallengeAnswer
from facepay.settings import SettingsOf
from facepay.vision.pool import get_inference

router = Router(prefix="/v1")
Gate = Annotated[Principal, Security(current_device, scopes=["gate:decide"])]
Kiosk = Annotated[Principal, Security(current_device, scopes=["kiosk:checkout"])]
Table = Annotated[Principal, Security(current_device, scopes=["table:serve"])]
Door = Annotated[Principal, Security(current_device, scopes=["access:decide"])]
REFUSALS = problems(Unauthenticated, InsufficientScope, WrongStore)


@router.post(
    "/gates/{gate_id}/challenges",
    tags=["gates"],
    status_code=201,
    summary="Ask what a person has to do before the camera",
    responses=REFUSALS,
)
async def challenge_at_gate(
    gate_id: UUID, gate: Gate, request: Request, session: Session, settings: SettingsOf, now: Now
) -> ChallengeAnswer:
    """For a gate whose `presentation_checks` hold `challenge`; send the frames to `…/entries` before it expires.

    Take the first frame while the face is straight and at rest, then at least one for each step, in order.
    """
    acts_as(gate, gate_id)
    return await _issue(request, session, gate, settings.challenge_seconds, now)


@router.post(
    "/kiosks/{kiosk_id}/challenges",
    tags=["kiosks"],
    status_code=201,
    summary="Ask what a person has to do before the camera",
    responses=REFUSALS,
)
async def challenge_at_kiosk(
    kiosk_id: UUID, kiosk: Kiosk, request: Request, session: Session, settings: SettingsOf, now: Now
) -> ChallengeAnswer:
    """The same for a kiosk; send the frames to `…/checkouts`."""
    acts_as(kiosk, kiosk_id)
    return await _issue(request, session, kiosk, settings.challenge_seconds, now)


@router.post(
    "/tables/{device_id}/challenges",
    tags=["dining"],
    status_code=201,
    summary="Ask what a person has to do before the camera",
    responses=REFUSALS,
)
async def challenge_at_table(
    device_id: UUID, table: Table, request: Request, session: Session, settings: SettingsOf, now: Now
) -> ChallengeAnswer:
    """The same for a table's screen; it vouches for the nearest face alone."""
    acts_as(table, device_id)
    return await _issue(request, session, table, settings.challenge_seconds, now)


@router.post(
    "/doors/{door_id}/challenges",
    tags=["doors"],
    status_code=201,
    summary="Ask what a person has to do before the camera",
    responses=REFUSALS,
)
async def challenge_at_door(
    door_id: UUID, door: Door, request: Request, session: Session, settings: SettingsOf, now: Now
) -> ChallengeAnswer:
    """The same for a door, where an attempt's `liveness` holds `challenge`; send the frames to its `…/face`."""
    acts_as(door, door_id)
    return await _issue(request, session, door, settings.challenge_seconds, now)


async def _issue(request: Request, session: Session, device: Principal, seconds: int, now: datetime) -> ChallengeAnswer:
    expressions = (await get_inference(request)).engine.has_points
    lasts = timedelta(seconds=seconds)
    steps = draw_steps(expressions=expressions)
    return ChallengeAnswer.of(await issue(session, device_id=device.id, steps=steps, now=now, lasts=lasts))
