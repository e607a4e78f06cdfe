"""Mirrors over HTTP: who stands before one, and how that changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance.visits import members_inside
from facepay.fitting import looks
from facepay.fitting.calls import OF_MIRROR, OF_SESSION, SCOPE, AtMirrorOf
from facepay.fitting.looks import Looked
from facepay.fitting.requests import topic_of
from facepay.fitting.session_schemas import AtMirrorNow, LookAnswer, SessionAnswer
from facepay.fitting.sessions import SessionNotFound, alone_at, end_session, lasts, open_at
from facepay.fitting.views import SessionView, session_view
from facepay.identity.capture import capture_body, read_capture
from facepay.identity.desk import AT_THE_DOOR, CALL_PROBLEMS, CAPTURE_PROBLEMS, STEP_UP_PROBLEMS, DeskOf
from facepay.identity.passes import read_pass
from facepay.identity.recognition import RecogniserOf
from facepay.identity.schemas import PassShown, StepUpAnswer
from facepay.identity.sighting import Sighting
from facepay.kernel.auth import still_current
from facepay.kernel.hub import HubOf
from facepay.kernel.idempotency import IdempotencyKeyMissing, RequiredKey
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.secrets import get_master_key
from facepay.kernel.uploads import FrameMissing
from facepay.kernel.watching import Watch
from facepay.stores.devices import topic_of as topic_of_device

router = Router(prefix="/v1/mirrors/{device_id}", tags=["fitting"])
USE = "mirror"


@router.post(
    "/sessions",
    summary="Look at whoever stands before a mirror",
    response_model=LookAnswer,
    dependencies=AT_THE_DOOR,
    responses=problems(IdempotencyKeyMissing, *CAPTURE_PROBLEMS),
    openapi_extra=capture_body(),
)
async def look(at: AtMirrorOf, key: RequiredKey, desk: DeskOf, recogniser: RecogniserOf) -> Any:
    """A member is recognised as strictly as where they pay; everybody else is a guest, and so is, until they prove
    themselves, whoever may be somebody else. The session before ends, unless it is the same member's.

    From the picture the colours of skin, hair and clothes are read, and it is not kept. They are at the session.
    """
    capture = await read_capture(desk.request)
    if not capture.frames:
        raise FrameMissing("A mirror's camera sends frames.")
    inside = partial(members_inside, store_id=at.device.store)

    async def act(session: AsyncSession, sighting: Sighting) -> LookAnswer:
        looked = await looks.look(session, device=at.device, shown=sighting, now=at.now, settings=at.settings)
        return LookAnswer.of(looked, sighting)

    return await desk.decide(
        device=at.device,
        use=USE,
        key=key,
        capture=capture,
        see=partial(recogniser.see, device=at.device, use="pay_chain", inside=inside, with_appearance=True),
        act=act,
    )


@router.post(
    "/sessions/pass",
    summary="Open a session with a one-time pass",
    response_model=LookAnswer,
    responses=problems(IdempotencyKeyMissing, *CALL_PROBLEMS),
)
async def look_at_pass(body: PassShown, at: AtMirrorOf, key: RequiredKey, desk: DeskOf) -> Any:
    """For whoever shows no face: outfits are advised without their colours."""
    shown = read_pass(body.pass_text, key=get_master_key(at.request))

    async def act(session: AsyncSession) -> LookAnswer:
        looked: Looked = await looks.look(session, device=at.device, shown=shown, now=at.now, settings=at.settings)
        return LookAnswer.of(looked)

    return await desk.decide_on_pass(device=at.device, use=USE, key=key, body=body, act=act)


@router.post(
    "/looks/{look_id}/step-up",
    summary="Answer what somebody before a mirror was asked",
    response_model=LookAnswer,
    responses=problems(IdempotencyKeyMissing, *STEP_UP_PROBLEMS, SessionNotFound),
)
async def prove(look_id: UUID, body: StepUpAnswer, at: AtMirrorOf, key: RequiredKey, desk: DeskOf) -> Any:
    """The right answer makes the session theirs."""
    finish = partial(looks.prove, device=at.device, look_id=look_id)
    return await desk.decide_on_answer(device=at.device, key=key, body=body, finish=finish, shown=LookAnswer.of)


@router.get("/sessions/{session_id}", summary="See a mirror's session", responses=problems(*OF_SESSION))
async def see_session(session_id: UUID, at: AtMirrorOf) -> SessionAnswer:
    """The colours that were read, the sizes that were said, and what was asked for."""
    async with at.database.read() as session:
        view = await session_view(session, await at.session(session, session_id), settings=at.settings)
    return SessionAnswer.of(view, lasts=lasts(at.settings))


@router.delete("/sessions/{session_id}", status_code=204, summary="Leave a mirror", responses=problems(*OF_SESSION))
async def leave(session_id: UUID, at: AtMirrorOf) -> None:
    """The session is forgotten at once, and nothing is brought any more. Minutes without use end it too."""
    async with at.database.begin() as session:
        await alone_at(session, at.device_id)
        await end_session(session, await at.session(session, session_id), now=at.now)


async def _watch(at: AtMirrorOf, hub: HubOf) -> Watch[SessionView | None]:
    async def see(session: AsyncSession) -> SessionView | None:
        fitting = await open_at(session, at.device_id)
        return None if fitting is None else await session_view(session, fitting, settings=at.settings)

    topics = topic_of_device(at.device_id), topic_of(at.device_id)
    return Watch(at.database, hub, topics, see, partial(still_current, at.request, SCOPE))


@router.get(
    "/session/events",
    summary="Follow a mirror's session",
    response_class=EventSourceResponse,
    responses=problems(*OF_MIRROR),
)
async def follow_session(
    at: AtMirrorOf, watch: Annotated[Watch[SessionView | None], Depends(_watch)]
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events named `session`: the whole of it at first, at each change (somebody comes or leaves, staff
    answer), and every ten seconds in any case. The stream ends when the device is revoked or its token rotated.
    """
    async for view in watch.follow():
        shown = SessionAnswer.of(view, lasts=lasts(at.settings)) if view else None
        yield ServerSentEvent(event="session", data=AtMirrorNow(session=shown))
