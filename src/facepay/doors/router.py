"""Doors over HTTP: an attempt is opened, factors come one by one, and each is answered with what the door does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Security
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.doors import decisions
from facepay.doors.attempt_schemas import AttemptAnswer, BadgeShown, FingerShown, InvitationShown, PinTyped
from facepay.doors.attempts import AttemptNotFound, PointBusy
from facepay.doors.decisions import Prove
from facepay.doors.faces import FaceShown
from facepay.doors.factors import prove_badge, prove_finger, prove_invitation, prove_pin, typed_pin
from facepay.doors.places import place_of
from facepay.identity.capture import Capture, capture_body, read_capture
from facepay.identity.desk import AT_THE_DOOR, CALL_PROBLEMS, CAPTURE_PROBLEMS, DeskOf
from facepay.identity.recognition import RecogniserOf
from facepay.identity.sighting import Sighting
from facepay.kernel.auth import Principal, current_device
from facepay.kernel.clock import Now
from facepay.kernel.dependencies import made
from facepay.kernel.idempotency import RequiredKey
from facepay.kernel.passwords import get_hasher
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Request
from facepay.settings import SettingsOf

router = Router(prefix="/v1/access-points/{access_point_id}/attempts", tags=["doors"])


@dataclass(frozen=True, slots=True)
class DoorCall:
    """What every request of a door brings along."""

    access_point_id: UUID
    door: Annotated[Principal, Security(current_device, scopes=["access:decide"])]
    desk: DeskOf
    recogniser: RecogniserOf
    settings: SettingsOf
    now: Now
    key: RequiredKey

    async def open(self) -> Any:
        async def act(session: AsyncSession) -> AttemptAnswer:
            opened = await decisions.open_attempt(
                session, device=self.door, access_point_id=self.access_point_id, now=self.now
            )
            return AttemptAnswer.of(opened)

        return await self.desk.decide_on_pass(device=self.door, use="door", key=self.key, body=Request(), act=act)

    async def give(self, attempt_id: UUID, body: Request, prove: Prove) -> Any:
        return await self.desk.decide_on_pass(
            device=self.door, use="door", key=self.key, body=body, act=partial(self._act, attempt_id, prove)
        )

    async def type_pin(self, attempt_id: UUID, body: PinTyped) -> Any:
        """Hashes are compared before anything is locked, and as many for whoever has none."""
        hasher = get_hasher(self.desk.request)
        typed = await typed_pin(self.desk.database, attempt_id=attempt_id, pin=body.pin, hasher=hasher)
        return await self.give(attempt_id, body, partial(prove_pin, typed=typed))

    async def show_face(self, attempt_id: UUID) -> Any:
        async def act(session: AsyncSession, sighting: Sighting) -> AttemptAnswer:
            shown = FaceShown(sighting, self.recogniser.keeper, self.settings)
            return await self._act(attempt_id, shown, session)

        return await self.desk.decide(
            device=self.door,
            use="door",
            key=self.key,
            capture=await read_capture(self.desk.request),
            see=self._see,
            act=act,
        )

    async def _see(self, capture: Capture) -> Sighting:
        """Measuring whatever any rule may want of the face."""
        async with self.desk.database.read() as session:
            place = await place_of(session, device=self.door, access_point_id=self.access_point_id, now=self.now)
        device = replace(self.door, presentation_checks=place.liveness)
        entering = place.direction == "entry"
        return await self.recogniser.see(capture, device=device, use="door", entering=entering)

    async def _act(self, attempt_id: UUID, prove: Prove, session: AsyncSession) -> AttemptAnswer:
        outcome = await decisions.give(
            session,
            device=self.door,
            access_point_id=self.access_point_id,
            attempt_id=attempt_id,
            prove=prove,
            now=self.now,
        )
        return AttemptAnswer.of(outcome)


Call = Annotated[DoorCall, Depends(made(DoorCall))]
factor_route = partial(router.post, response_model=AttemptAnswer, responses=problems(*CALL_PROBLEMS, AttemptNotFound))


@router.post(
    "",
    response_model=AttemptAnswer,
    summary="Open an attempt to pass",
    responses=problems(*CALL_PROBLEMS, PointBusy),
)
async def open_attempt(call: Call) -> Any:
    """Somebody comes to the door. `next` says what they may give, any one of the sets; `liveness` what a face has to
    come with. An attempt that is open here ends: one is served at a time. A door that is released or locked for
    everybody says so at once.
    """
    return await call.open()


@factor_route(
    "/{attempt_id}/face",
    summary="Show a face",
    dependencies=AT_THE_DOOR,
    responses=problems(*CAPTURE_PROBLEMS, AttemptNotFound),
    openapi_extra=capture_body(),
)
async def show_face(call: Call, attempt_id: UUID) -> Any:
    """A frame or a burst, as at a gate. Where a badge, a finger or an invitation has named somebody, the face is
    compared with theirs alone. A frame that nobody can be searched for by takes nothing from the attempt: `feedback`
    says what helps.
    """
    return await call.show_face(attempt_id)


@factor_route("/{attempt_id}/badge", summary="Show a badge")
async def show_badge(call: Call, attempt_id: UUID, body: BadgeShown) -> Any:
    """An unknown badge is asked for the same as a known one."""
    return await call.give(attempt_id, body, partial(prove_badge, **body.model_dump()))


@factor_route("/{attempt_id}/fingerprint", summary="Bring what a fingerprint reader has signed")
async def show_finger(call: Call, attempt_id: UUID, body: FingerShown) -> Any:
    """Each result once, within half a minute, in the order of its counter, and only of a reader of this door."""
    return await call.give(attempt_id, body, partial(prove_finger, result=body.result))


@factor_route("/{attempt_id}/pin", summary="Type a PIN")
async def type_pin(call: Call, attempt_id: UUID, body: PinTyped) -> Any:
    """It belongs to whoever was named before. Five wrong ones in a row lock it for 15 minutes. Somebody who is forced
    types their other PIN: the door opens as ever, and the guard is told.
    """
    return await call.type_pin(attempt_id, body)


@factor_route("/{attempt_id}/invitation", summary="Show an invitation")
async def show_invitation(call: Call, attempt_id: UUID, body: InvitationShown) -> Any:
    """What a visitor's QR code says."""
    return await call.give(attempt_id, body, partial(prove_invitation, token=body.token))
