"""The command channel over HTTP: staff tell devices what to do, devices fetch it and say what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Path, Query, Request, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.channel import commands
from facepay.channel.commands import (
    Command,
    CommandAcknowledged,
    CommandNotFound,
    DeviceHasNoDoor,
    DeviceHasNoLockers,
    TooManyCommands,
)
from facepay.channel.delivery import Delivery
from facepay.channel.doors import DoorInEmergency
from facepay.channel.interlocks import DoorInterlocked
from facepay.channel.schemas import (
    NUMBER_MAX,
    Acknowledgement,
    AcknowledgementAnswer,
    CommandAnswer,
    CommandsAnswer,
    DeliveredCommand,
    DoorAnswer,
    NewCommand,
)
from facepay.kernel.auth import (
    InsufficientScope,
    Principal,
    WrongStore,
    acts_as,
    current_device,
    current_staff,
    still_current,
)
from facepay.kernel.clock import Clock, Now, get_clock
from facepay.kernel.database import Db, Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.hub import HubOf
from facepay.kernel.idempotency import IdempotencyKeyInUse, IdempotencyKeyReused, IdempotencyOf, OptionalKey
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.stores.devices import DeviceNotFound, DeviceRevoked, get_device
from facepay.stores.stores import StoreClosed

SCOPE = "device:commands"
WAIT_SECONDS_MAX = 30
router = Router(prefix="/v1/devices/{device_id}", tags=["devices"])
Reader = Annotated[Principal, Security(current_staff, scopes=["stores:read"])]
Commander = Annotated[Principal, Security(current_staff, scopes=["devices:command"])]
OfDevice = Annotated[Principal, Security(current_device, scopes=[SCOPE])]
OF_DEVICE = (Unauthenticated, InsufficientScope, WrongStore)
OF_STAFF = (Unauthenticated, InsufficientScope, DeviceNotFound)


@dataclass(frozen=True, slots=True)
class Connection:
    """A device that is connected. Raises WrongStore where it is another than it says."""

    device_id: UUID
    device: OfDevice
    request: Request
    database: Db
    hub: HubOf
    clock: Annotated[Clock, Depends(get_clock)]

    def __post_init__(self) -> None:
        acts_as(self.device, self.device_id)

    @property
    def delivery(self) -> Delivery:
        return Delivery(self.database, self.hub, self.clock, self.device_id, self._authenticate)

    async def _authenticate(self) -> Principal:
        return await still_current(self.request, SCOPE)


Connected = Annotated[Connection, Depends(made(Connection))]


@router.post(
    "/commands",
    status_code=201,
    response_model=CommandAnswer,
    summary="Tell a device what to do",
    responses=problems(
        *OF_STAFF,
        DeviceRevoked,
        StoreClosed,
        DeviceHasNoDoor,
        DeviceHasNoLockers,
        DoorInEmergency,
        DoorInterlocked,
        TooManyCommands,
        IdempotencyKeyInUse,
        IdempotencyKeyReused,
    ),
)
async def issue_command(
    device_id: UUID,
    body: NewCommand,
    request: Request,
    staff: Commander,
    idempotency: IdempotencyOf,
    now: Now,
    key: OptionalKey = None,
) -> Any:
    """It is delivered until the device acknowledges it, or it expires.

    A locked door lets nobody in from this moment on, and nobody is locked in unless `exits` are locked too. Where a
    sensor doesn't show within ten seconds of its acknowledgement that a door moved, an alert is raised.
    """
    lasts = None if body.lasts_seconds is None else timedelta(seconds=body.lasts_seconds)

    async def act(session: AsyncSession) -> CommandAnswer:
        command = await commands.issue(
            session,
            device_id=device_id,
            payload=body.command,
            by=f"staff:{staff.id}",
            reason=body.reason,
            lasts=lasts,
            has_sensor=body.has_sensor,
            now=now,
        )
        return CommandAnswer.at(command, now)

    return await idempotency.once(request, owner_id=staff.id, key=key, body=body, act=act, status=201)


@router.get("/commands/record", summary="List what a device was told", responses=problems(*OF_STAFF))
async def list_commands(device_id: UUID, session: Session, _: Reader, paging: Paging, now: Now) -> Page[CommandAnswer]:
    """Newest first: by whom and why, when it got there, what became of it, and whether a sensor saw it."""
    await get_device(session, device_id)
    query = select(Command).where(Command.device_id == device_id)
    return await page(session, query, by=Command.id, paging=paging, show=lambda each: CommandAnswer.at(each, now))


@router.get("/commands", summary="Fetch commands, or wait for one", responses=problems(*OF_DEVICE))
async def fetch_commands(
    connection: Connected,
    after: Annotated[int, Query(ge=0, le=NUMBER_MAX, description="Only those with higher numbers.")] = 0,
    wait: Annotated[
        int, Query(ge=0, le=WAIT_SECONDS_MAX, description="Seconds to wait for one, where there is none.")
    ] = 0,
) -> CommandsAnswer:
    """By the device itself: what it has not acknowledged yet, by number, again each time it asks."""
    return CommandsAnswer.of(await connection.delivery.poll(after=after, wait_seconds=wait))


@router.get(
    "/commands/stream",
    summary="Follow commands",
    response_class=EventSourceResponse,
    responses=problems(*OF_DEVICE),
)
async def stream_commands(
    connection: Connected, last_event_id: Annotated[int, Header(ge=0, le=NUMBER_MAX)] = 0
) -> AsyncIterator[ServerSentEvent]:
    """The same as server-sent events: `door` at first, then each `command`, whose id is its number.

    `Last-Event-ID` resumes after that number. What isn't acknowledged in half a minute comes again. The stream ends
    when the device is revoked or its token rotated.
    """
    door = True
    async for delivered in connection.delivery.stream(after=last_event_id):
        if door:
            yield ServerSentEvent(event="door", data=DoorAnswer.model_validate(delivered.door))
            door = False
        for command in delivered.commands:
            yield ServerSentEvent(event="command", id=str(command.number), data=DeliveredCommand.of(command))


@router.post(
    "/commands/{number}/acknowledgement",
    summary="Say what became of a command",
    responses=problems(*OF_DEVICE, CommandNotFound, CommandAcknowledged),
)
async def acknowledge_command(
    number: Annotated[int, Path(ge=1, le=NUMBER_MAX)],
    body: Acknowledgement,
    session: Session,
    connection: Connected,
    now: Now,
) -> AcknowledgementAnswer:
    """Once it was carried out, or couldn't be; repeating it changes nothing. One that expired is noted as late."""
    command = await commands.acknowledge(
        session, device=connection.device, number=number, outcome=body.outcome, failure=body.failure, now=now
    )
    if follow := connection.request.app.state.when_acknowledged.get(command.kind):
        await follow(session, command=command, now=now)
    return AcknowledgementAnswer.of(command)
