"""Smiles over HTTP: a kiosk or a stand of a campaign posts a burst."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Security
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.campaigns import playing
from facepay.campaigns.campaigns import running_in
from facepay.campaigns.schemas import CampaignOffer, SmileAnswer
from facepay.campaigns.smiling import FRAMES_MIN
from facepay.entrance.payers import seen_to_pay
from facepay.identity.capture import FILES_MAX, capture_body, read_capture_form
from facepay.identity.desk import AT_THE_DOOR, CALL_PROBLEMS, CAPTURE_PROBLEMS, STEP_UP_PROBLEMS, DeskOf
from facepay.identity.recognition import RecogniserOf
from facepay.identity.schemas import StepUpAnswer
from facepay.identity.sighting import Sighting
from facepay.kernel.auth import Principal, acts_as, current_device
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Conflict, Problem
from facepay.kernel.idempotency import IdempotencyKeyMissing, RequiredKey
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.uploads import open_form, read_fields
from facepay.settings import SettingsOf

router = Router(prefix="/v1/devices/{device_id}", tags=["campaigns"])
Player = Annotated[Principal, Security(current_device, scopes=["campaign:play"])]


class TooFewFrames(Problem):
    """A smile has to be seen to come: send a burst, the first frame with a straight face."""

    status = 422
    code = "too_few_frames"
    title = "Too few frames"


class ModelsLackPoints(Conflict):
    """The model pack doesn't find the 106 points of a face that a smile is read from."""

    code = "models_lack_points"
    title = "Smiles can't be seen"


class SmileFields(BaseModel):
    campaign_id: Annotated[UUID | None, Field(description="Where several run, the one that is played.")] = None


def _smile_body() -> dict[str, Any]:
    body = capture_body(raw=False)
    properties = body["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    properties["frame"] |= {"minItems": FRAMES_MIN, "description": "The first with a straight face, then the smile."}
    properties |= SmileFields.model_json_schema()["properties"]
    return body


@router.get("/campaigns", summary="See which campaigns can be played", responses=problems(*CALL_PROBLEMS))
async def see_campaigns(device_id: UUID, player: Player, session: Session, now: Now) -> list[CampaignOffer]:
    """Those that run in the device's store now, the first to end first: what a stand announces."""
    acts_as(player, device_id)
    return [CampaignOffer.model_validate(each) for each in await running_in(session, store_id=player.store, now=now)]


@router.post(
    "/smiles",
    summary="Smile for a discount",
    response_model=SmileAnswer,
    dependencies=AT_THE_DOOR,
    responses=problems(IdempotencyKeyMissing, *CAPTURE_PROBLEMS, TooFewFrames, ModelsLackPoints),
    openapi_extra=_smile_body(),
)
async def smile(
    device_id: UUID,
    player: Player,
    key: RequiredKey,
    desk: DeskOf,
    recogniser: RecogniserOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """Send a burst of 3 to 10 frames within about two seconds: the first with a straight face, then the smile.

    What it reaches is a coupon of the member's own, taken off by itself at their next checkout, and reserved out of the
    campaign's budget at once. Retry with the same Idempotency-Key after any doubt: it is won once.
    """
    acts_as(player, device_id)
    async with open_form(desk.request, files_max=FILES_MAX) as form:
        fields = read_fields(form, SmileFields)
        capture = await read_capture_form(form)
    if len(capture.frames) < FRAMES_MIN:
        raise TooFewFrames("A smile has to be seen to come.", frames=len(capture.frames), frames_min=FRAMES_MIN)
    if not recogniser.inference.engine.has_points:
        raise ModelsLackPoints("This model pack has no landmarks to read a smile from.")

    async def act(session: AsyncSession, sighting: Sighting) -> SmileAnswer:
        decision = await playing.play(
            session, device=player, sighting=sighting, campaign_id=fields.campaign_id, now=now, settings=settings
        )
        return SmileAnswer.of(decision, sighting)

    return await desk.decide(
        device=player,
        use="smile",
        key=key,
        capture=capture,
        also=fields.model_dump_json().encode(),
        see=seen_to_pay(recogniser, player, points=True),
        act=act,
    )


@router.post(
    "/smiles/{smile_id}/step-up",
    summary="Answer what a smile asked for",
    response_model=SmileAnswer,
    responses=problems(IdempotencyKeyMissing, *STEP_UP_PROBLEMS),
)
async def finish_smile(
    device_id: UUID,
    smile_id: UUID,
    body: StepUpAnswer,
    player: Player,
    key: RequiredKey,
    desk: DeskOf,
) -> Any:
    """Where the face alone doesn't say who smiles. The right answer wins what the smile reached."""
    acts_as(player, device_id)
    finish = partial(playing.finish_step_up, device=player, play_id=smile_id)
    return await desk.decide_on_answer(device=player, key=key, body=body, finish=finish, shown=SmileAnswer.of)
