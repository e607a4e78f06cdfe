"""Lanes over HTTP: one conversation a passage, from its start to `release`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Security
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance.turns import DeviceBusy
from facepay.entrance.visits import members_inside
from facepay.identity.capture import Capture, capture_body, read_capture
from facepay.identity.desk import AT_THE_DOOR, CALL_PROBLEMS, CAPTURE_PROBLEMS, STEP_UP_PROBLEMS, DeskOf
from facepay.identity.passes import read_pass
from facepay.identity.recognition import RecogniserOf
from facepay.identity.schemas import PassShown, StepUpAnswer
from facepay.identity.sighting import Sighting
from facepay.kernel.auth import Principal, WrongStore, acts_as, current_device
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.idempotency import OptionalKey
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.secrets import get_master_key
from facepay.lanes import conversation
from facepay.lanes.goods import ReadsOffClock, TooManyTags
from facepay.lanes.passages import PassageNotFound, PassageOver, ReadsMissing, TripTaken, start_passage
from facepay.lanes.payers import Beside
from facepay.lanes.schemas import PassageAnswer, PassageFinish, PassageStart, ReadsPart
from facepay.settings import SettingsOf
from facepay.stores.stores import get_open_store

router = Router(prefix="/v1/lanes/{lane_id}/passages", tags=["lanes"])
PASSAGE_PROBLEMS = (PassageNotFound, PassageOver)
LANE_PROBLEMS = (Unauthenticated, WrongStore)


@dataclass(frozen=True, slots=True)
class LaneCall:
    """What every request of a lane brings along."""

    lane_id: UUID
    lane: Annotated[Principal, Security(current_device, scopes=["lane:checkout"])]
    settings: SettingsOf
    now: Now

    def __post_init__(self) -> None:
        acts_as(self.lane, self.lane_id)


Call = Annotated[LaneCall, Depends(made(LaneCall))]


@router.post("", summary="Begin a passage", responses=problems(*LANE_PROBLEMS, DeviceBusy, TripTaken))
async def start(body: PassageStart, call: Call, session: Session) -> PassageAnswer:
    """Takes the lane for `FACEPAY_PASSAGE_SECONDS`; the same trip again is the same passage, as it stands."""
    store = await get_open_store(session, call.lane.store)
    passage = await start_passage(
        session,
        lane=call.lane,
        trip_id=body.trip_id,
        currency=store.currency,
        opened_at=body.started_at,
        lasts=timedelta(seconds=call.settings.passage_seconds),
        now=call.now,
    )
    return PassageAnswer.of(
        await conversation.see(session, device=call.lane, passage_id=passage.id, now=call.now, settings=call.settings)
    )


@router.get("/{passage_id}", summary="See how a passage stands", responses=problems(*LANE_PROBLEMS, PassageNotFound))
async def see(passage_id: UUID, call: Call, session: Session) -> PassageAnswer:
    """Whether a kiosk has finished it, say. The command channel tells the lane so, too."""
    return PassageAnswer.of(
        await conversation.see(session, device=call.lane, passage_id=passage_id, now=call.now, settings=call.settings)
    )


@router.post(
    "/{passage_id}/frames",
    summary="Show who is in the lane",
    response_model=PassageAnswer,
    dependencies=AT_THE_DOOR,
    responses=problems(*CAPTURE_PROBLEMS, *PASSAGE_PROBLEMS),
    openapi_extra=capture_body(),
)
async def take_frames(
    passage_id: UUID, call: Call, desk: DeskOf, recogniser: RecogniserOf, key: OptionalKey = None
) -> Any:
    """A frame, or a burst of up to ten, as gates take them. People inside the store are searched first.

    `authentication.status` is `accepted`, `denied`, `step_up` (answer at `…/step-up`) or `processing`: send more
    frames. A face that is away for three seconds before it was accepted is denied as `face_left`.
    """
    inside = partial(members_inside, store_id=call.lane.store)
    beside: list[Beside] = []

    async def look(capture: Capture) -> Sighting:
        sighting = await recogniser.see(capture, device=call.lane, use="pay_chain", inside=inside)
        beside.append(await recogniser.beside(sighting, device=call.lane, use="pay_chain", inside=inside))
        return sighting

    async def act(session: AsyncSession, sighting: Sighting) -> PassageAnswer:
        decision = await conversation.take_frames(
            session,
            lane=call.lane,
            passage_id=passage_id,
            sighting=sighting,
            beside=beside[0],
            now=call.now,
            settings=call.settings,
        )
        return PassageAnswer.of(decision, sighting)

    capture = await read_capture(desk.request)
    return await desk.decide(device=call.lane, use="lane", key=key, capture=capture, see=look, act=act)


@router.post(
    "/{passage_id}/reads",
    summary="Tell what the portal reads",
    responses=problems(*LANE_PROBLEMS, *PASSAGE_PROBLEMS, TooManyTags, ReadsOffClock),
)
async def take_reads(passage_id: UUID, body: ReadsPart, call: Call, session: Session) -> PassageAnswer:
    """A tag counts where it is read for three tenths of a second and with -65 dBm or more, while the passage lasts;
    what the neighbouring lane sees better is that lane's. Repeating a part changes nothing.
    """
    decision = await conversation.take_reads(
        session,
        lane=call.lane,
        passage_id=passage_id,
        sequence=body.sequence,
        reads=[each.read() for each in body.reads],
        now=call.now,
        settings=call.settings,
    )
    return PassageAnswer.of(decision)


@router.post(
    "/{passage_id}/pass",
    summary="Show a one-time pass",
    response_model=PassageAnswer,
    responses=problems(*CALL_PROBLEMS, *PASSAGE_PROBLEMS),
)
async def take_pass(passage_id: UUID, body: PassShown, call: Call, desk: DeskOf, key: OptionalKey = None) -> Any:
    """For whoever shows no face, or pays for several people: the app's QR code, or its eight digits."""
    shown = read_pass(body.pass_text, key=get_master_key(desk.request))

    async def act(session: AsyncSession) -> PassageAnswer:
        decision = await conversation.take_pass(
            session, lane=call.lane, passage_id=passage_id, shown=shown, now=call.now, settings=call.settings
        )
        return PassageAnswer.of(decision)

    return await desk.decide_on_pass(device=call.lane, use="lane", key=key, body=body, act=act)


@router.post(
    "/{passage_id}/step-up",
    summary="Answer what a passage asked for",
    response_model=PassageAnswer,
    responses=problems(*STEP_UP_PROBLEMS, *PASSAGE_PROBLEMS),
)
async def take_answer(passage_id: UUID, body: StepUpAnswer, call: Call, desk: DeskOf, key: OptionalKey = None) -> Any:
    """Where the exit was held for it, the right answer releases."""
    finish = partial(conversation.take_answer, device=call.lane, passage_id=passage_id)
    return await desk.decide_on_answer(device=call.lane, key=key, body=body, finish=finish, shown=PassageAnswer.of)


@router.post(
    "/{passage_id}/finish",
    summary="Decide on a passage",
    responses=problems(*LANE_PROBLEMS, PassageNotFound, ReadsMissing),
)
async def finish(passage_id: UUID, body: PassageFinish, call: Call, session: Session) -> PassageAnswer:
    """`release` with a receipt, or free where nothing was taken; or `hold`, with a reason to show, and nothing charged.

    What was held may still be put right: by a face alone, a pass, a step-up, or at a kiosk. The passage is the
    idempotency key: however often it is finished, it is charged once, and released it stays so.
    """
    decision = await conversation.finish(
        session,
        lane=call.lane,
        passage_id=passage_id,
        parts=body.parts,
        finished_at=body.finished_at,
        now=call.now,
        settings=call.settings,
    )
    return PassageAnswer.of(decision)


@router.delete("/{passage_id}", summary="Give a passage up", responses=problems(*LANE_PROBLEMS, *PASSAGE_PROBLEMS))
async def give_up(passage_id: UUID, call: Call, session: Session) -> PassageAnswer:
    """Whoever was in the lane went back in. Nothing is charged, and the lane is free."""
    decision = await conversation.give_up(
        session, lane=call.lane, passage_id=passage_id, now=call.now, settings=call.settings
    )
    return PassageAnswer.of(decision)
