"""Challenges over HTTP: a device asks what it has to ask a person for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Security
from pydantic import Field

from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.schemas import Answer
from facepay.presentation.challenges import Challenge, issue
from facepay.settings import SettingsOf
from facepay.vision.liveness.challenge import WORDS, Action

router = APIRouter(prefix="/v1")
Gate = Annotated[Principal, Security(current_device, scopes=["gate:decide"])]
Kiosk = Annotated[Principal, Security(current_device, scopes=["kiosk:checkout"])]
REFUSALS = problems(Unauthenticated, InsufficientScope, WrongStore)


class ChallengeStep(Answer):
    """Left and right are the person's own. Frames must not be mirrored, whatever the screen shows them."""

    action: Action
    words: Annotated[str, Field(description="What to show or say.", examples=["Turn your head to your left."])]


class ChallengeAnswer(Answer):
    id: Annotated[UUID, Field(description="A nonce: send it back as `challenge_id` beside the frames, once.")]
    steps: list[ChallengeStep]
    expires_at: datetime

    @classmethod
    def of(cls, challenge: Challenge) -> ChallengeAnswer:
        steps = [ChallengeStep(action=Action(step), words=WORDS[Action(step)]) for step in challenge.steps]
        return cls(id=challenge.id, steps=steps, expires_at=challenge.expires_at)


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


async def _issue(request: Request, session: Session, device: Principal, seconds: int, now: datetime) -> ChallengeAnswer:
    expressions = request.app.state.inference.engine.has_points
    lasts = timedelta(seconds=seconds)
    return ChallengeAnswer.of(await issue(session, device_id=device.id, expressions=expressions, now=now, lasts=lasts))
