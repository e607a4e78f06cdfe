"""Test drives over HTTP: for the shop's app, and for staff."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Security
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Problem, Unauthenticated
from facepay.kernel.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyOf,
    RequiredKey,
)
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.members.members import MemberNotFound, get_member
from facepay.settings import SettingsOf
from facepay.stores.devices import DeviceNotFound
from facepay.stores.stores import StoreClosed, StoreNotFound
from facepay.test_drives import extensions, handovers, reservations
from facepay.test_drives.cars import CarModelNotFound
from facepay.test_drives.drives import (
    AlreadyDriving,
    CarReserved,
    Drive,
    DriveElsewhere,
    DriveNotFound,
    DriveState,
    charges_of,
    get_drive,
)
from facepay.test_drives.extensions import NotExtended
from facepay.test_drives.keys import Handover
from facepay.test_drives.machines import CarElsewhere, NotAMachine
from facepay.test_drives.reservations import DepositNotCovered, NotEligible
from facepay.test_drives.rules import DrivesNotOffered, FeeNotForSale
from facepay.test_drives.schemas import (
    Cancellation,
    DriveAnswer,
    DriveAsked,
    DriveRecord,
    Extension,
    HandoverRecord,
    QuoteAnswer,
    Release,
    ReleaseAnswer,
)

router = Router(prefix="/v1/test-drives", tags=["test drives"])
Reader = Annotated[Principal, Security(current_staff, scopes=["drives:read"])]
Reserver = Annotated[Principal, Security(current_staff, scopes=["drives:reserve"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["drives:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)
ONCE = (*REFUSALS, IdempotencyKeyMissing, IdempotencyKeyInUse, IdempotencyKeyReused)
ASKED: tuple[type[Problem], ...] = (
    MemberNotFound,
    StoreNotFound,
    StoreClosed,
    DeviceNotFound,
    NotAMachine,
    CarElsewhere,
    CarModelNotFound,
    DrivesNotOffered,
    FeeNotForSale,
)
OF_DRIVE = (*ONCE, DriveNotFound, DriveElsewhere)


@dataclass(frozen=True, slots=True)
class DriveCall:
    """Something that is done to a drive once, whatever becomes of the answer."""

    request: Request
    staff: Reserver
    idempotency: IdempotencyOf
    key: RequiredKey
    settings: SettingsOf
    now: Now

    @property
    def by(self) -> str:
        return f"staff:{self.staff.id}"

    async def once(
        self, body: BaseModel, act: Callable[[AsyncSession], Awaitable[DriveAnswer | ReleaseAnswer]], status: int = 200
    ) -> Any:
        return await self.idempotency.once(
            self.request, owner_id=self.staff.id, key=self.key, body=body, act=act, status=status
        )


Call = Annotated[DriveCall, Depends(made(DriveCall))]


@router.post(
    "/quote",
    summary="See what a test drive would cost, and whether it can be had",
    responses=problems(*REFUSALS, *ASKED),
)
async def quote_drive(body: DriveAsked, session: Session, _: Reserver, now: Now) -> QuoteAnswer:
    """For this member, by their standing; nothing is promised by it. All reasons against it are told at once."""
    member = await get_member(session, body.member_id)
    return QuoteAnswer.of(await reservations.quote(session, member=member, asked=body.asked(), now=now))


@router.post(
    "",
    status_code=201,
    summary="Reserve a test drive",
    response_model=DriveAnswer,
    responses=problems(*ONCE, *ASKED, NotEligible, CarReserved, AlreadyDriving, DepositNotCovered),
)
async def reserve_drive(body: DriveAsked, call: Call) -> Any:
    """One car of the model, and the deposit on hold in the member's own wallet: both, or neither. The prices of this
    moment hold for it.
    """

    async def act(session: AsyncSession) -> DriveAnswer:
        drive = await reservations.reserve(
            session, member_id=body.member_id, asked=body.asked(), by=call.by, now=call.now
        )
        return DriveAnswer.of(drive)

    return await call.once(body, act, status=201)


@router.get("", summary="List test drives", responses=problems(*REFUSALS))
async def list_drives(
    session: Session,
    _: Reader,
    paging: Paging,
    store_id: Annotated[UUID | None, Query()] = None,
    member_id: Annotated[UUID | None, Query()] = None,
    state: Annotated[DriveState | None, Query()] = None,
) -> Page[DriveAnswer]:
    """The newest first."""
    query = select(Drive)
    for column, wanted in ((Drive.store_id, store_id), (Drive.member_id, member_id), (Drive.state, state)):
        query = query if wanted is None else query.where(column == wanted)
    return await page(session, query, by=Drive.id, paging=paging, show=DriveAnswer.of)


@router.get("/{drive_id}", summary="See a test drive", responses=problems(*REFUSALS, DriveNotFound))
async def see_drive(drive_id: UUID, session: Session, _: Reader) -> DriveRecord:
    """With all that it came to cost, as orders."""
    drive = await get_drive(session, drive_id)
    return DriveRecord.with_charges(drive, await charges_of(session, drive_id))


@router.get("/{drive_id}/handovers", summary="See who asked for a key", responses=problems(*REFUSALS, DriveNotFound))
async def list_handovers(drive_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[HandoverRecord]:
    """The newest first: what the machine decided, and what became of the locker."""
    await get_drive(session, drive_id)
    query = select(Handover).where(Handover.drive_id == drive_id)
    return await page(session, query, by=Handover.id, paging=paging, show=HandoverRecord.model_validate)


@router.post(
    "/{drive_id}/cancellation",
    summary="Give a reservation up",
    response_model=DriveAnswer,
    responses=problems(*OF_DRIVE),
)
async def cancel_drive(drive_id: UUID, body: Cancellation, call: Call) -> Any:
    """For nothing until `cancel_free_hours` before it starts; later for a fee, which staff may waive."""
    if body.waive is not None and "drives:write" not in call.staff.scopes:
        raise InsufficientScope("Only staff waive fees.", missing_scopes=["drives:write"])

    async def act(session: AsyncSession) -> DriveAnswer:
        drive = await reservations.cancel(
            session, drive_id=drive_id, waive=body.waive, by=call.by, now=call.now, settings=call.settings
        )
        return DriveAnswer.of(drive)

    return await call.once(body, act)


@router.post(
    "/{drive_id}/extension",
    summary="Keep a car for longer",
    response_model=DriveAnswer,
    responses=problems(*OF_DRIVE, NotExtended, CarReserved, AlreadyDriving),
)
async def extend_drive(drive_id: UUID, body: Extension, call: Call) -> Any:
    """Where nobody else has it next, and the licence lasts."""

    async def act(session: AsyncSession) -> DriveAnswer:
        drive = await extensions.extend(session, drive_id=drive_id, until=body.until, now=call.now)
        return DriveAnswer.of(drive)

    return await call.once(body, act)


@router.post(
    "/{drive_id}/release",
    summary="Hand a key out without a face",
    response_model=ReleaseAnswer,
    responses=problems(*OF_DRIVE, DeviceNotFound, NotAMachine),
)
async def release_drive(drive_id: UUID, body: Release, call: Call, _: Writer) -> Any:
    """By staff at the machine who saw a document: for members who show no face, or whom a camera doesn't know. All
    else is as if they had.
    """

    async def act(session: AsyncSession) -> ReleaseAnswer:
        ruling = await handovers.release_by_staff(
            session,
            drive_id=drive_id,
            machine_id=body.machine_id,
            why=body.reason,
            by=call.by,
            now=call.now,
            settings=call.settings,
        )
        return ReleaseAnswer.of(ruling)

    return await call.once(body, act)
