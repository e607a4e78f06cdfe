"""Tables over HTTP: their cameras see who sits down, and their screens show who sits there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.dining import seating
from facepay.dining.calls import OF_TABLE, ONCE, SCOPE, AtTableOf
from facepay.dining.parties import (
    CoverNotFound,
    PartyNotFound,
    PartyPaying,
    party_at,
    say_allergens,
    topic_of_party,
)
from facepay.dining.party_schemas import (
    GuestAtSeat,
    PartyAnswer,
    PartyHere,
    PassAtSeat,
    SaidAllergens,
    SeatedAnswer,
    SittingAnswer,
    SittingFields,
)
from facepay.dining.regions import seat_at
from facepay.dining.seating import NoSuchSeat, Placed
from facepay.dining.tables import DiningTable, table_at
from facepay.dining.views import PartyView, view_of
from facepay.identity.capture import FILES_MAX, UNREADABLE, Capture, capture_body, read_capture, read_capture_form
from facepay.identity.company import see_company
from facepay.identity.desk import DeskOf
from facepay.identity.passes import read_pass
from facepay.identity.policy import Use
from facepay.identity.schemas import StepUpAnswer
from facepay.identity.sighting import Sighting
from facepay.identity.step_up import AttemptClosed, AttemptNotFound
from facepay.kernel.auth import still_current
from facepay.kernel.errors import Overloaded, Problem
from facepay.kernel.hub import HubOf
from facepay.kernel.idempotency import IdempotencyKeyMissing, RequiredKey
from facepay.kernel.metrics import MetricsOf
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.secrets import get_master_key
from facepay.kernel.uploads import FrameMissing, is_image, open_form, read_fields
from facepay.kernel.watching import Watch
from facepay.kitchen.tickets import topic_of as topic_of_kitchen
from facepay.stores.devices import topic_of

router = Router(prefix="/v1/tables/{device_id}", tags=["dining"])
# Nobody at a table pays by sitting down, but what they order is held on their wallet: the strictest search decides.
USE: Use = "door"


def _sitting_body() -> dict[str, Any]:
    body = capture_body()
    form = body["requestBody"]["content"]["multipart/form-data"]["schema"]
    shown = {name: part for name, part in form["properties"].items() if name in ("frame", "depth")}
    form["properties"] = shown | SittingFields.model_json_schema()["properties"]
    form["required"] = ["frame"]
    return body


KEYED: tuple[type[Problem], ...] = (IdempotencyKeyMissing, *ONCE, PartyPaying)


@router.post(
    "/parties",
    summary="Seat whoever the camera sees",
    response_model=SittingAnswer,
    responses=problems(*KEYED, *UNREADABLE, Overloaded),
    openapi_extra=_sitting_body(),
)
async def sit_down(at: AtTableOf, key: RequiredKey, metrics: MetricsOf) -> Any:
    """The frame as the body, or a form with up to ten of them. Every face gets the seat whose region it is in: members
    are recognised one by one, everybody else is a guest, and so is, until they prove themselves, whoever may be
    somebody else. Whoever joins later is added by another request; who sits there already stays as they are.

    Of guests' faces nothing is kept, and the pictures of none.
    """
    capture, fields = await _read(at.request)
    parts = (*capture.parts(), fields.model_dump_json().encode())
    fingerprint = at.idempotency.fingerprint(at.request, *parts)
    async with at.idempotency.claim(owner_id=at.device.id, key=key, fingerprint=fingerprint) as claim:
        if claim.replay:
            return claim.replay
        async with at.database.read() as session:
            table = await table_at(session, device_id=at.device_id)
        sightings = await see_company(at.recogniser, capture, device=at.device, use=USE)
        placed = [each for sighting in sightings if (each := _place(sighting, table, fields.seat))]
        async with at.database.begin() as session:
            party, seated = await seating.sit_down(
                session, device=at.device, placed=placed, now=at.now, settings=at.settings
            )
            view = await view_of(session, party) if party else None
            answer = SittingAnswer.of(view, seated, faces=len(sightings))
            await claim.settle(session, answer)
    for sat in seated:
        metrics.decided("table", sat.record.decision, sat.record.code)
    return answer


@router.post(
    "/parties/pass",
    summary="Seat somebody with a one-time pass",
    response_model=SittingAnswer,
    responses=problems(*KEYED, NoSuchSeat),
)
async def sit_down_by_pass(body: PassAtSeat, at: AtTableOf, key: RequiredKey) -> Any:
    """For whoever shows no face, or proves at their seat who they are."""
    shown = read_pass(body.pass_text, key=get_master_key(at.request))

    async def act(session: AsyncSession) -> SittingAnswer:
        party, seated = await seating.sit_down_by_pass(
            session, device=at.device, seat=body.seat, shown=shown, now=at.now, settings=at.settings
        )
        return SittingAnswer.of(await view_of(session, party), [seated])

    return await at.once(key, body, act)


@router.post(
    "/parties/guests",
    summary="Seat somebody as a guest",
    response_model=SittingAnswer,
    responses=problems(*KEYED, NoSuchSeat),
)
async def sit_down_as_guest(body: GuestAtSeat, at: AtTableOf, key: RequiredKey) -> Any:
    """For whoever wants no camera to look."""

    async def act(session: AsyncSession) -> SittingAnswer:
        party = await seating.sit_down_as_guest(session, device=at.device, seat=body.seat, now=at.now)
        return SittingAnswer.of(await view_of(session, party))

    return await at.once(key, body, act)


@router.post(
    "/seatings/{seating_id}/step-up",
    summary="Answer what somebody at a seat was asked",
    response_model=SeatedAnswer,
    responses=problems(*KEYED, PartyNotFound, AttemptNotFound, AttemptClosed),
)
async def prove(seating_id: UUID, body: StepUpAnswer, at: AtTableOf, key: RequiredKey, desk: DeskOf) -> Any:
    """The right answer makes the guest the member that they are. Wrong ones are counted."""
    finish = partial(seating.prove, device=at.device, seating_id=seating_id)
    return await desk.decide_on_answer(device=at.device, key=key, body=body, finish=finish, shown=SeatedAnswer.of)


@router.put(
    "/seats/{seat}/allergens",
    status_code=204,
    summary="Say what somebody at a seat mustn't eat",
    responses=problems(*OF_TABLE, PartyNotFound, CoverNotFound),
)
async def say(seat: int, body: SaidAllergens, at: AtTableOf) -> None:
    """For this visit alone, on top of what a member has had kept: it is gone when they leave, and never shown again."""
    async with at.database.begin() as session:
        party = await party_at(session, table=await table_at(session, device_id=at.device_id), lock=True)
        await say_allergens(session, party=party, seat=seat, allergens=body.allergens)


async def _watch(at: AtTableOf, hub: HubOf) -> Watch[PartyView | None]:
    async with at.database.read() as session:
        table = await table_at(session, device_id=at.device_id)

    async def look(session: AsyncSession) -> PartyView | None:
        try:
            party = await party_at(session, table=await table_at(session, device_id=at.device_id))
        except PartyNotFound:
            return None
        return await view_of(session, party)

    topics = (
        topic_of(at.device_id),
        topic_of_party(table.id),
        topic_of_party(table.leads_id),
        topic_of_kitchen(table.store_id),
    )
    return Watch(at.database, hub, topics, look, partial(still_current, at.request, SCOPE))


WatchOf = Annotated[Watch[PartyView | None], Depends(_watch)]


@router.get("/party", summary="See who sits here, and what they ordered", responses=problems(*OF_TABLE, PartyNotFound))
async def see_party(watch: WatchOf) -> PartyAnswer:
    view = await watch.see()
    if view is None:
        raise PartyNotFound("Nobody sits at this table.")
    return PartyAnswer.of(view)


@router.get(
    "/party/events",
    summary="Follow who sits here, and what they ordered",
    response_class=EventSourceResponse,
    responses=problems(*OF_TABLE),
)
async def follow_party(watch: WatchOf) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events named `party`: the whole of it at first, at each change, and every ten seconds in any case;
    `party` is null where nobody sits. The stream ends when the device is revoked or its token rotated.
    """
    async for view in watch.follow():
        yield ServerSentEvent(event="party", data=PartyHere(party=PartyAnswer.of(view) if view else None))


async def _read(request: Request) -> tuple[Capture, SittingFields]:
    """Raises as `read_capture` does; a table's camera sends frames."""
    if is_image(request):
        return await read_capture(request), SittingFields()
    async with open_form(request, files_max=FILES_MAX) as form:
        capture, fields = await read_capture_form(form), read_fields(form, SittingFields)
    if not capture.frames:
        raise FrameMissing("A table's camera sends frames.")
    return capture, fields


def _place(sighting: Sighting, table: DiningTable, only: int | None) -> Placed | None:
    """By the middle of the face, where it was seen last."""
    evidence = sighting.evidences[-1]
    left, top, right, bottom = map(float, evidence.faces[0].box)
    seat = seat_at((left + right) / 2 / evidence.width, (top + bottom) / 2 / evidence.height, table.boxes)
    return None if seat is None or only not in (None, seat) else Placed(seat, sighting)
