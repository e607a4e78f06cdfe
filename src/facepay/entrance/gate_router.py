"""Gates over HTTP: a frame in, a decision out."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance import gates
from facepay.entrance.admission import Party
from facepay.entrance.gate_calls import AtGate
from facepay.entrance.gate_schemas import GateAnswer, PassAtEntry, entry_body, read_entry
from facepay.entrance.gate_turns import free_doorway
from facepay.entrance.gates import ALONE, Direction, GateDecision
from facepay.entrance.turns import DeviceBusy
from facepay.identity.desk import AT_THE_DOOR, CALL_PROBLEMS, CAPTURE_PROBLEMS, STEP_UP_PROBLEMS
from facepay.identity.passes import read_pass
from facepay.identity.schemas import PassShown, StepUpAnswer
from facepay.identity.sighting import Sighting
from facepay.identity.verdicts import Shown
from facepay.kernel.auth import acts_as
from facepay.kernel.dependencies import made
from facepay.kernel.passwords import get_hasher
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.secrets import get_master_key

router = Router(prefix="/v1/gates/{gate_id}", tags=["gates"])


class GateCall(AtGate):
    """Decisions at once, as the routes ask for them."""

    __slots__ = ()

    async def decide(self, direction: Direction) -> Any:
        acts_as(self.gate, self.gate_id)
        capture, party = await read_entry(self.desk.request)

        async def act(session: AsyncSession, sighting: Sighting) -> GateAnswer:
            return GateAnswer.of(await self._act(session, direction, sighting, party), sighting)

        return await self.desk.decide(
            device=self.gate,
            use=f"gate_{direction}",
            key=self.key,
            capture=capture,
            also=party.model_dump_json().encode(),
            see=partial(self.recogniser.see, device=self.gate, use="gate", entering=direction == "entry"),
            act=act,
        )

    async def decide_on_pass(self, direction: Direction, body: PassShown) -> Any:
        acts_as(self.gate, self.gate_id)
        party = Party(guests=body.guests, group_id=body.group_id) if isinstance(body, PassAtEntry) else ALONE
        shown = read_pass(body.pass_text, key=get_master_key(self.desk.request))

        async def act(session: AsyncSession) -> GateAnswer:
            return GateAnswer.of(await self._act(session, direction, shown, party))

        return await self.desk.decide_on_pass(
            device=self.gate, use=f"gate_{direction}", key=self.key, body=body, act=act
        )

    async def _act(self, session: AsyncSession, direction: Direction, shown: Shown, party: Party) -> GateDecision:
        return await gates.decide(
            session,
            gate=self.gate,
            doorway=await free_doorway(session, gate=self.gate, now=self.now),
            direction=direction,
            shown=shown,
            now=self.now,
            settings=self.settings,
            party=party,
        )

    async def finish(self, direction: Direction, attempt_id: UUID, body: StepUpAnswer) -> Any:
        acts_as(self.gate, self.gate_id)

        async def act(session: AsyncSession) -> GateAnswer:
            decision = await gates.finish_step_up(
                session,
                gate=self.gate,
                doorway=await free_doorway(session, gate=self.gate, now=self.now),
                direction=direction,
                attempt_id=attempt_id,
                given=body.given(get_master_key(self.desk.request)),
                now=self.now,
                settings=self.settings,
                hasher=get_hasher(self.desk.request),
            )
            return GateAnswer.of(decision)

        request = self.desk.request
        return await self.desk.idempotency.once(request, owner_id=self.gate.id, key=self.key, body=body, act=act)


Call = Annotated[GateCall, Depends(made(GateCall))]
decision_route = partial(
    router.post,
    response_model=GateAnswer,
    dependencies=AT_THE_DOOR,
    responses=problems(*CAPTURE_PROBLEMS, DeviceBusy),
    openapi_extra=entry_body(),
)
pass_route = partial(router.post, response_model=GateAnswer, responses=problems(*CALL_PROBLEMS, DeviceBusy))
step_up_route = partial(router.post, response_model=GateAnswer, responses=problems(*STEP_UP_PROBLEMS, DeviceBusy))


@decision_route("/entries", summary="Decide who may come in")
async def enter(call: Call) -> Any:
    """Send the camera's frame as the body (`image/jpeg` is fastest), or a multipart form: one frame or a burst of up
    to ten as parts `frame`, and a depth map, a challenge or the phone's last digits where there are some. `guests` come
    in on the member's face, and a `group_id` links the visit with those of family and friends.

    The nearest face is decided on; a burst is surer than one frame. `open` has opened a visit; `step_up` says what
    to ask the person for, `feedback` what they can do about a poor picture.
    """
    return await call.decide("entry")


@decision_route("/exits", summary="Decide who goes out")
async def leave(call: Call) -> Any:
    """Closes the visit and says whether a basket is unpaid. A member is never locked in."""
    return await call.decide("exit")


@pass_route("/entries/pass", summary="Decide who may come in with a one-time pass")
async def enter_by_pass(call: Call, body: PassAtEntry) -> Any:
    """For whoever shows no face: the app's QR code, or its eight digits. The answer is the one that a face gets.

    A pass is spent whatever is decided; `pass_unknown`, `pass_expired` and `pass_spent` say why one opens nothing.
    After five wrong codes in five minutes, typed ones are refused there for a while (`pass_codes_locked`).
    """
    return await call.decide_on_pass("entry", body)


@pass_route("/exits/pass", summary="Decide who goes out with a one-time pass")
async def leave_by_pass(call: Call, body: PassShown) -> Any:
    """The same for somebody who is leaving."""
    return await call.decide_on_pass("exit", body)


@step_up_route("/entries/{attempt_id}/step-up", summary="Answer what an entry asked for")
async def finish_entry(call: Call, attempt_id: UUID, body: StepUpAnswer) -> Any:
    """Wrong answers are counted; after the last one, or after a minute, the attempt is closed."""
    return await call.finish("entry", attempt_id, body)


@step_up_route("/exits/{attempt_id}/step-up", summary="Answer what an exit asked for")
async def finish_exit(call: Call, attempt_id: UUID, body: StepUpAnswer) -> Any:
    """The same for somebody who is leaving."""
    return await call.finish("exit", attempt_id, body)
