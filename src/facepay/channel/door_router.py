"""A store's doors and interlocks over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Security
from sqlalchemy import select

from facepay.channel import interlocks
from facepay.channel.door_schemas import DoorOverview, InterlockAnswer, NewInterlock
from facepay.channel.door_states import HAVE_DOORS, states_of
from facepay.channel.doors import doors_by_id
from facepay.channel.interlocks import DoorHasNoSensor, Interlock, InterlockNameTaken, InterlockNotFound, doors_in
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.stores.devices import Device, DeviceNotFound
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1", tags=["doors"])
Reader = Annotated[Principal, Security(current_staff, scopes=["stores:read"])]
AccessReader = Annotated[Principal, Security(current_staff, scopes=["access:read"])]
Configurer = Annotated[Principal, Security(current_staff, scopes=["access:configure"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.get(
    "/stores/{store_id}/doors", summary="See how a store's doors stand", responses=problems(*REFUSALS, StoreNotFound)
)
async def list_doors(store_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[DoorOverview]:
    """Of its gates, lanes and doors, newest first: how each is to be, and what its sensors say."""
    await get_store(session, store_id)
    query = select(Device).where(Device.store_id == store_id, Device.role.in_(HAVE_DOORS), Device.revoked_at.is_(None))
    devices = await rows_of_page(session, query, by=Device.id, paging=paging)
    ids = [device.id for device in devices.rows]
    doors, states = await doors_by_id(session, ids), await states_of(session, ids)
    items = [DoorOverview.of(device, doors[device.id], states[device.id]) for device in devices.rows]
    return devices.shown(items)


@router.post(
    "/stores/{store_id}/interlocks",
    status_code=201,
    summary="Let one of several doors be open at a time",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, DeviceNotFound, DoorHasNoSensor, InterlockNameTaken),
)
async def add_interlock(
    store_id: UUID, body: NewInterlock, session: Session, _: Configurer, now: Now
) -> InterlockAnswer:
    """From now on, none of them opens unless all others are known to be closed. A release of all doors still opens them
    all.
    """
    interlock = await interlocks.add_interlock(
        session, store_id=store_id, name=body.name, device_ids=body.device_ids, now=now
    )
    return InterlockAnswer.of(interlock, sorted(body.device_ids))


@router.get(
    "/stores/{store_id}/interlocks", summary="List a store's interlocks", responses=problems(*REFUSALS, StoreNotFound)
)
async def list_interlocks(store_id: UUID, session: Session, _: AccessReader, paging: Paging) -> Page[InterlockAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(Interlock).where(Interlock.store_id == store_id)
    found = await rows_of_page(session, query, by=Interlock.id, paging=paging)
    doors = await doors_in(session, found.rows)
    items = [InterlockAnswer.of(interlock, doors[interlock.id]) for interlock in found.rows]
    return found.shown(items)


@router.delete(
    "/interlocks/{interlock_id}",
    status_code=204,
    summary="Let doors open together again",
    responses=problems(*REFUSALS, InterlockNotFound),
)
async def remove_interlock(interlock_id: UUID, session: Session, _: Configurer) -> None:
    await interlocks.remove_interlock(session, interlock_id=interlock_id)
