"""Webhooks over HTTP: where events go, which there are, and how it went."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import select

from facepay.kernel.auth import InsufficientScope, Principal, current_staff, staff_still_current
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.hub import HubOf
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.secrets import MasterKey, get_master_key
from facepay.stores.devices import DeviceNotFound
from facepay.webhooks import deliveries, endpoints
from facepay.webhooks.courier import Courier
from facepay.webhooks.deliveries import DeliveryNotFound, State, WebhookDelivery
from facepay.webhooks.destinations import UrlRefused
from facepay.webhooks.endpoints import EndpointNotFound, TooManyEndpoints, WebhookEndpoint
from facepay.webhooks.events import Catalogue, EventNotFound, UnknownEventType, WebhookEvent, get_event
from facepay.webhooks.schemas import (
    DeliveryAnswer,
    EndpointAnswer,
    EndpointChange,
    EndpointWithSecret,
    EventAnswer,
    EventTypeAnswer,
    EventTypesAnswer,
    EventWithBody,
    NewEndpoint,
    PingAnswer,
    ReplayAnswer,
    ReplayRequest,
)
from facepay.webhooks.stream import Stream, Wanted

router = Router(prefix="/v1", tags=["webhooks"])
Reader = Annotated[Principal, Security(current_staff, scopes=["webhooks:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["webhooks:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)
REPLAYED_MAX = 10_000
NUMBER_MAX = 2**63 - 1
EventTypeQuery = Annotated[str | None, Query(alias="type", max_length=100)]


async def _courier(request: Request) -> Courier:
    courier: Courier = request.app.state.courier
    return courier


async def _catalogue(request: Request) -> Catalogue:
    catalogue: Catalogue = request.app.state.event_types
    return catalogue


CourierOf = Annotated[Courier, Depends(_courier)]
CatalogueOf = Annotated[Catalogue, Depends(_catalogue)]
KeyOf = Annotated[MasterKey, Depends(get_master_key)]


@router.get("/webhook-event-types", summary="List what can be heard", responses=problems(*REFUSALS))
async def list_event_types(catalogue: CatalogueOf, _: Reader) -> EventTypesAnswer:
    """Each type, with what its `data` holds."""
    return EventTypesAnswer(
        items=[
            EventTypeAnswer(type=each.name, words=each.words, data_schema=each.data_schema)
            for each in catalogue.types.values()
        ]
    )


@router.post(
    "/webhook-endpoints",
    status_code=201,
    summary="Add an endpoint",
    responses=problems(*REFUSALS, UrlRefused, UnknownEventType, DeviceNotFound, TooManyEndpoints),
)
async def add_endpoint(
    body: NewEndpoint,
    response: Response,
    session: Session,
    courier: CourierOf,
    catalogue: CatalogueOf,
    key: KeyOf,
    _: Writer,
    now: Now,
) -> EndpointWithSecret:
    """It hears what happens from now on; `replays` sends it what happened before. Its secret is shown this once."""
    courier.destinations.check(body.url)
    catalogue.check(body.types)
    fields = body.model_dump() | {"url": str(body.url)}
    endpoint, secret = await endpoints.add_endpoint(session, **fields, key=key, now=now)
    response.headers["Location"] = f"/v1/webhook-endpoints/{endpoint.id}"
    return _with_secret(endpoint, secret)


@router.get("/webhook-endpoints", summary="List endpoints", responses=problems(*REFUSALS))
async def list_endpoints(
    session: Session, _: Reader, paging: Paging, device_id: UUID | None = None
) -> Page[EndpointAnswer]:
    """Newest first."""
    query = select(WebhookEndpoint).where(WebhookEndpoint.deleted_at.is_(None))
    if device_id is not None:
        query = query.where(WebhookEndpoint.device_id == device_id)
    return await page(session, query, by=WebhookEndpoint.id, paging=paging, show=EndpointAnswer.model_validate)


@router.get(
    "/webhook-endpoints/{endpoint_id}", summary="See an endpoint", responses=problems(*REFUSALS, EndpointNotFound)
)
async def see_endpoint(endpoint_id: UUID, session: Session, _: Reader) -> EndpointAnswer:
    return EndpointAnswer.model_validate(await endpoints.get_endpoint(session, endpoint_id))


@router.patch(
    "/webhook-endpoints/{endpoint_id}",
    summary="Change an endpoint",
    responses=problems(*REFUSALS, EndpointNotFound, UrlRefused, UnknownEventType),
)
async def change_endpoint(
    endpoint_id: UUID,
    body: EndpointChange,
    session: Session,
    courier: CourierOf,
    catalogue: CatalogueOf,
    _: Writer,
    now: Now,
) -> EndpointAnswer:
    """Only the fields that are sent change. Making it active, also where it is, sends at once what waits."""
    changes = body.sent()
    if "url" in changes:
        courier.destinations.check(body.url)
        changes["url"] = str(body.url)
    catalogue.check(changes.get("types", ()))
    endpoint = await endpoints.change_endpoint(session, endpoint_id=endpoint_id, changes=changes, now=now)
    return EndpointAnswer.model_validate(endpoint)


@router.post(
    "/webhook-endpoints/{endpoint_id}/secret",
    summary="Change an endpoint's secret",
    responses=problems(*REFUSALS, EndpointNotFound),
)
async def rotate_secret(endpoint_id: UUID, session: Session, key: KeyOf, _: Writer, now: Now) -> EndpointWithSecret:
    """For a day what is sent is signed with both. Changing it twice ends the first at once."""
    return _with_secret(*await endpoints.rotate_secret(session, endpoint_id=endpoint_id, key=key, now=now))


@router.delete(
    "/webhook-endpoints/{endpoint_id}",
    status_code=204,
    summary="Delete an endpoint",
    responses=problems(*REFUSALS, EndpointNotFound),
)
async def delete_endpoint(endpoint_id: UUID, session: Session, _: Writer, now: Now) -> None:
    """Nothing is sent there any more, nor what was to be tried again."""
    await endpoints.delete_endpoint(session, endpoint_id=endpoint_id, now=now)


@router.post(
    "/webhook-endpoints/{endpoint_id}/test",
    summary="Ping an endpoint",
    responses=problems(*REFUSALS, EndpointNotFound),
)
async def ping_endpoint(endpoint_id: UUID, database: Db, courier: CourierOf, _: Writer) -> PingAnswer:
    """Sends `webhook_endpoint.pinged` now, whatever the endpoint's status, and says what came back."""
    async with database.read() as session:
        endpoint = await endpoints.get_endpoint(session, endpoint_id)
    return PingAnswer.model_validate(await courier.ping(endpoint))


@router.get(
    "/webhook-endpoints/{endpoint_id}/deliveries",
    summary="List an endpoint's deliveries",
    responses=problems(*REFUSALS, EndpointNotFound),
)
async def list_deliveries(
    endpoint_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    state: State | None = None,
    event_type: EventTypeQuery = None,
) -> Page[DeliveryAnswer]:
    """Newest first."""
    await endpoints.get_endpoint(session, endpoint_id)
    query = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
    if state is not None:
        query = query.where(WebhookDelivery.state == state)
    if event_type is not None:
        query = query.where(WebhookDelivery.type == event_type)
    return await page(session, query, by=WebhookDelivery.event_id, paging=paging, show=DeliveryAnswer.model_validate)


@router.post(
    "/webhook-endpoints/{endpoint_id}/deliveries/{event_id}/replay",
    summary="Deliver once more",
    responses=problems(*REFUSALS, EndpointNotFound, DeliveryNotFound),
)
async def replay(endpoint_id: UUID, event_id: UUID, session: Session, _: Writer, now: Now) -> DeliveryAnswer:
    """Under the same `webhook-id`, also what was delivered; after whatever was sent since."""
    await endpoints.get_endpoint(session, endpoint_id)
    delivery = await deliveries.replay(session, endpoint_id=endpoint_id, event_id=event_id, now=now)
    return DeliveryAnswer.model_validate(delivery)


@router.post(
    "/webhook-endpoints/{endpoint_id}/replays",
    summary="Deliver what was missed",
    responses=problems(*REFUSALS, EndpointNotFound),
)
async def replay_since(endpoint_id: UUID, body: ReplayRequest, session: Session, _: Writer, now: Now) -> ReplayAnswer:
    """What the endpoint would hear and hasn't heard since then: the dead, and what happened before it was there."""
    await endpoints.get_endpoint(session, endpoint_id)
    queued = await deliveries.replay_since(
        session, endpoint_id=endpoint_id, since=body.since, most=REPLAYED_MAX, now=now
    )
    return ReplayAnswer(queued=queued, complete=queued < REPLAYED_MAX)


@router.get("/webhook-events", summary="List events", responses=problems(*REFUSALS))
async def list_events(
    session: Session,
    _: Reader,
    paging: Paging,
    event_type: EventTypeQuery = None,
    subject_id: UUID | None = None,
    device_id: UUID | None = None,
) -> Page[EventAnswer]:
    """Newest first, whether or not anybody heard them."""
    query = select(WebhookEvent)
    if event_type is not None:
        query = query.where(WebhookEvent.type == event_type)
    if subject_id is not None:
        query = query.where(WebhookEvent.subject_id == subject_id)
    if device_id is not None:
        query = query.where(WebhookEvent.device_id == device_id)
    return await page(session, query, by=WebhookEvent.id, paging=paging, show=EventAnswer.model_validate)


@dataclass(frozen=True, slots=True)
class Following:
    """Whoever follows events, and which."""

    reader: Reader
    request: Request
    database: Db
    hub: HubOf
    catalogue: CatalogueOf
    event_type: Annotated[list[str] | None, Query(alias="type", max_length=50, description="Only these types.")] = None
    device_id: Annotated[UUID | None, Query(description="Only events of this device.")] = None

    @property
    def stream(self) -> Stream:
        return Stream(self.database, self.hub, Wanted(self.event_type or (), self.device_id), self._authenticate)

    async def _authenticate(self) -> Principal:
        return await staff_still_current(self.request, "webhooks:read")


async def _followed(
    following: Annotated[Following, Depends(made(Following))],
    after: Annotated[int | None, Query(ge=0, le=NUMBER_MAX, description="Behind this one; 0 for all kept.")] = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=NUMBER_MAX)] = None,
) -> AsyncIterator[WebhookEvent]:
    """Before the answer begins it's settled behind which event that is: whoever has its head misses nothing from then
    on. Raises UnknownEventType.
    """
    following.catalogue.check(following.event_type or ())
    if last_event_id is not None:
        after = last_event_id
    return following.stream.follow(after=await following.stream.last() if after is None else after)


@router.get(
    "/webhook-events/stream",
    summary="Follow events",
    response_class=EventSourceResponse,
    responses=problems(*REFUSALS, UnknownEventType),
)
async def follow_events(
    events: Annotated[AsyncIterator[WebhookEvent], Depends(_followed)],
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events, each named after its type, with the body that endpoints are sent as data.

    It begins now, or behind `after`, or where a browser that lost it was (`Last-Event-ID`): nothing is left out and
    nothing comes twice, for as long as events are kept. The stream ends when the token does.
    """
    async for event in events:
        yield ServerSentEvent(event=event.type, id=str(event.position), raw_data=event.body)


@router.get("/webhook-events/{event_id}", summary="See an event", responses=problems(*REFUSALS, EventNotFound))
async def see_event(event_id: UUID, session: Session, _: Reader) -> EventWithBody:
    """With what is sent, to the byte."""
    return EventWithBody.model_validate(await get_event(session, event_id))


def _with_secret(endpoint: WebhookEndpoint, secret: str) -> EndpointWithSecret:
    return EndpointWithSecret(**EndpointAnswer.model_validate(endpoint).model_dump(), secret=secret)
