"""One capture, one decision: what every device's request has in common, from bytes to the committed answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.capture import UNREADABLE, Capture
from facepay.identity.edge import EDGE_PROBLEMS
from facepay.identity.learning import LearnerOf
from facepay.identity.passes import ShownPass
from facepay.identity.schemas import Decided, StepUpAnswer
from facepay.identity.sighting import Sighting
from facepay.identity.step_up import AttemptClosed, AttemptNotFound
from facepay.kernel.auth import Principal, WrongStore
from facepay.kernel.clock import Now
from facepay.kernel.database import Db
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Overloaded, Problem, Unauthenticated
from facepay.kernel.idempotency import IdempotencyKeyInUse, IdempotencyKeyReused, IdempotencyOf
from facepay.kernel.metrics import MetricsOf
from facepay.kernel.passwords import PasswordHasher, get_hasher
from facepay.kernel.secrets import get_master_key
from facepay.kernel.uploads import declared_bytes, is_image
from facepay.kernel.waiting import while_awaited
from facepay.settings import Settings, SettingsOf
from facepay.vision.pool import InferencePool

CALL_PROBLEMS: tuple[type[Problem], ...] = (Unauthenticated, WrongStore, IdempotencyKeyInUse, IdempotencyKeyReused)
CAPTURE_PROBLEMS = (*CALL_PROBLEMS, *UNREADABLE, *EDGE_PROBLEMS, Overloaded)
# A face of 512 dimensions takes 4 kB, the frames of most cameras 30 to 200.
FORM_WITHOUT_FRAMES_MAX = 16 * 1024
STEP_UP_PROBLEMS = (*CALL_PROBLEMS, AttemptNotFound, AttemptClosed)


async def take_place(request: Request) -> AsyncIterator[None]:
    """Refuse frames that no worker will have time for before anything is done for them: no token is looked up, no body
    read, no key claimed. A short form may hold a face that its device has measured itself, which takes no worker.
    """
    inference: InferencePool | None = request.app.state.inference
    brings_frames = is_image(request) or declared_bytes(request) > FORM_WITHOUT_FRAMES_MAX
    with inference.place() if inference and brings_frames else nullcontext():
        yield


# Of routes that take captures: FastAPI solves these before the routes' own, and ends them when the route has answered.
AT_THE_DOOR = [Depends(take_place, scope="function")]
Ruled = TypeVar("Ruled", covariant=True)


class Finish(Protocol[Ruled]):
    """Checks an answer and does what follows, as every device's `finish_step_up`."""

    async def __call__(
        self,
        session: AsyncSession,
        *,
        given: str | ShownPass,
        now: datetime,
        settings: Settings,
        hasher: PasswordHasher,
    ) -> Ruled: ...


@dataclass(frozen=True, slots=True)
class Desk:
    request: Request
    idempotency: IdempotencyOf
    database: Db
    metrics: MetricsOf
    learner: LearnerOf
    settings: SettingsOf
    now: Now

    async def decide(
        self,
        *,
        device: Principal,
        use: str,
        key: str | None,
        capture: Capture,
        also: bytes = b"",
        see: Callable[[Capture], Awaitable[Sighting]],
        act: Callable[[AsyncSession, Sighting], Awaitable[Decided]],
    ) -> Any:
        """`see` who is in the capture, then `act` on it in one transaction that keeps the answer too.

        `also` is whatever of the body belongs to the request beside the capture. No connection is held while
        the models run. What nobody waits for any more isn't decided on; once `act` has begun, it is finished.
        """
        fingerprint = self.idempotency.fingerprint(self.request, *capture.parts(), also)
        async with self.idempotency.claim(owner_id=device.id, key=key, fingerprint=fingerprint) as claim:
            if claim.replay:
                return claim.replay
            async with while_awaited(self.request, longest=self.idempotency.lease):
                sighting = await see(capture)
            with self.metrics.stage("decide", sighting.timings_ms):
                async with self.database.begin() as session:
                    answer = await act(session, sighting)
                    await claim.settle(session, answer)
        self.metrics.decided(use, answer.decision, answer.code)
        await self.learner.learn(sighting, use=use, decision=answer.decision)
        return answer.model_copy(update={"timings_ms": sighting.timings_ms})

    async def decide_on_pass(
        self,
        *,
        device: Principal,
        use: str,
        key: str | None,
        body: BaseModel,
        act: Callable[[AsyncSession], Awaitable[Decided]],
    ) -> Any:
        """The same for a one-time pass, which is part of the body: no model runs."""
        answer = await self.idempotency.once(self.request, owner_id=device.id, key=key, body=body, act=act)
        if isinstance(answer, Decided):  # and no first answer again
            self.metrics.decided(use, answer.decision, answer.code)
        return answer

    async def decide_on_answer(
        self,
        *,
        device: Principal,
        key: str | None,
        body: StepUpAnswer,
        finish: Finish[Ruled],
        shown: Callable[[Ruled], Decided],
    ) -> Any:
        """`finish` what was asked for, in one transaction that keeps the answer that is `shown` too."""

        async def act(session: AsyncSession) -> Decided:
            ruling = await finish(
                session,
                given=body.given(get_master_key(self.request)),
                now=self.now,
                settings=self.settings,
                hasher=get_hasher(self.request),
            )
            return shown(ruling)

        answer = await self.idempotency.once(self.request, owner_id=device.id, key=key, body=body, act=act)
        if isinstance(answer, Decided):
            self.metrics.decided("step_up", answer.decision, answer.code)
        return answer


DeskOf = Annotated[Desk, Depends(made(Desk))]
