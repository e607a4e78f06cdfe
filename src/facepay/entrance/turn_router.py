"""Conversations at a gate over HTTP: a turn is started, and shown frames until it is decided."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance import gate_turns
from facepay.entrance.admission import Party
from facepay.entrance.gate_calls import AtGate
from facepay.entrance.gate_schemas import NewTurn, TurnAnswer
from facepay.entrance.gate_turns import GateTurn, TripReused
from facepay.entrance.turns import DeviceBusy, TurnNotFound
from facepay.identity.capture import capture_body, read_capture
from facepay.identity.desk import AT_THE_DOOR, CALL_PROBLEMS, CAPTURE_PROBLEMS, STEP_UP_PROBLEMS
from facepay.identity.passes import read_pass
from facepay.identity.schemas import PassShown, StepUpAnswer
from facepay.identity.sighting import Sighting
from facepay.kernel.auth import acts_as
from facepay.kernel.dependencies import made
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.secrets import get_master_key

router = Router(prefix="/v1/gates/{gate_id}/turns", tags=["gates"])


class TurnCall(AtGate):
    """Turns, as the routes ask for them."""

    __slots__ = ()

    async def start(self, body: NewTurn) -> Any:
        acts_as(self.gate, self.gate_id)
        async with self.desk.database.begin() as session:
            state = await gate_turns.take_turn(
                session,
                gate=self.gate,
                trip_id=body.trip_id,
                direction=body.direction,
                party=Party(guests=body.guests, group_id=body.group_id),
                now=self.now,
                settings=self.settings,
            )
        return TurnAnswer.of(state, now=self.now)

    async def show_frames(self, turn_id: UUID) -> Any:
        acts_as(self.gate, self.gate_id)

        async def act(session: AsyncSession, sighting: Sighting) -> TurnAnswer:
            state = await gate_turns.show(
                session, gate=self.gate, turn_id=turn_id, shown=sighting, now=self.now, settings=self.settings
            )
            return TurnAnswer.of(state, now=self.now, sighting=sighting)

        use = await self._use(turn_id)
        return await self.desk.decide(
            device=self.gate,
            use=use,
            key=self.key,
            capture=await read_capture(self.desk.request),
            see=partial(self.recogniser.see, device=self.gate, use="gate", entering=use == "gate_entry"),
            act=act,
        )

    async def show_pass(self, turn_id: UUID, body: PassShown) -> Any:
        acts_as(self.gate, self.gate_id)
        shown = read_pass(body.pass_text, key=get_master_key(self.desk.request))

        async def act(session: AsyncSession) -> TurnAnswer:
            state = await gate_turns.show(
                session, gate=self.gate, turn_id=turn_id, shown=shown, now=self.now, settings=self.settings
            )
            return TurnAnswer.of(state, now=self.now)

        return await self.desk.decide_on_pass(
            device=self.gate, use=await self._use(turn_id), key=self.key, body=body, act=act
        )

    async def finish(self, turn_id: UUID, body: StepUpAnswer) -> Any:
        acts_as(self.gate, self.gate_id)
        return await self.desk.decide_on_answer(
            device=self.gate,
            key=self.key,
            body=body,
            finish=partial(gate_turns.finish_step_up, gate=self.gate, turn_id=turn_id),
            shown=partial(TurnAnswer.of, now=self.now),
        )

    async def _use(self, turn_id: UUID) -> str:
        """Under what its decisions are counted and learned from. Raises TurnNotFound, before any model runs."""
        async with self.desk.database.read() as session:
            direction = await session.scalar(
                select(GateTurn.direction).where(GateTurn.id == turn_id, GateTurn.device_id == self.gate.id)
            )
        if direction is None:
            raise TurnNotFound("This device has had no turn with this id.")
        return f"gate_{direction}"


Call = Annotated[TurnCall, Depends(made(TurnCall))]


@router.post(
    "",
    response_model=TurnAnswer,
    summary="Start somebody's turn",
    responses=problems(*CALL_PROBLEMS, DeviceBusy, TripReused),
)
async def start_turn(call: Call, body: NewTurn) -> Any:
    """The gate is this trip's alone until it was decided, its time is over or the face has left: another trip gets
    `device_busy` until then, and so do decisions outside of turns. The same trip again is the same turn.
    """
    return await call.start(body)


@router.post(
    "/{turn_id}/frames",
    response_model=TurnAnswer,
    summary="Show the camera's frames",
    dependencies=AT_THE_DOOR,
    responses=problems(*CAPTURE_PROBLEMS, TurnNotFound),
    openapi_extra=capture_body(),
)
async def show_frames(call: Call, turn_id: UUID) -> Any:
    """As often as it takes, with or without a face: `authentication` is `processing` until it is `accepted` or
    `denied`, and then stays what it is. A face that was there and is gone for three seconds is denied (`face_left`).
    """
    return await call.show_frames(turn_id)


@router.post(
    "/{turn_id}/pass",
    response_model=TurnAnswer,
    summary="Show a one-time pass",
    responses=problems(*CALL_PROBLEMS, TurnNotFound),
)
async def show_pass(call: Call, turn_id: UUID, body: PassShown) -> Any:
    """For whoever shows no face. A pass is spent whatever is decided."""
    return await call.show_pass(turn_id, body)


@router.post(
    "/{turn_id}/step-up",
    response_model=TurnAnswer,
    summary="Answer what a turn asked for",
    responses=problems(*STEP_UP_PROBLEMS, TurnNotFound),
)
async def finish_turn(call: Call, turn_id: UUID, body: StepUpAnswer) -> Any:
    """While it waits for the answer, the turn lasts as long as the question does."""
    return await call.finish(turn_id, body)
