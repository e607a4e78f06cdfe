"""Stores and their devices over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response, Security
from sqlalchemy import or_, select

from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import DeviceClock
from facepay.settings import SettingsOf
from facepay.stores import devices, stores
from facepay.stores.devices import Device, DeviceNotFound, DeviceRevoked, DeviceRole
from facepay.stores.schemas import (
    DeviceAnswer,
    DeviceChange,
    DeviceWithToken,
    Heartbeat,
    HeartbeatAnswer,
    NewDevice,
    NewStore,
    StoreAnswer,
    StoreChange,
    TokenRequest,
)
from facepay.stores.stores import Store, StoreClosed, StoreCodeTaken, StoreNotFound

router = Router(prefix="/v1")
Reader = Annotated[Principal, Security(current_staff, scopes=["stores:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["stores:write"])]
Alive = Annotated[Principal, Security(current_device, scopes=["device:heartbeat"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.post(
    "/stores",
    tags=["stores"],
    status_code=201,
    summary="Open a store",
    responses=problems(*REFUSALS, StoreCodeTaken),
)
async def open_store(
    body: NewStore, response: Response, session: Session, _: Writer, settings: SettingsOf, now: Now
) -> StoreAnswer:
    fields = body.model_dump() | {"currency": body.currency or settings.currency}
    store = await stores.open_store(session, **fields, now=now)
    response.headers["Location"] = f"/v1/stores/{store.id}"
    return StoreAnswer.model_validate(store)


@router.get("/stores", tags=["stores"], summary="List stores", responses=problems(*REFUSALS))
async def list_stores(
    session: Session,
    _: Reader,
    paging: Paging,
    closed: Annotated[bool, Query(description="Show the closed ones too.")] = False,
) -> Page[StoreAnswer]:
    """Newest first."""
    query = select(Store) if closed else select(Store).where(Store.closed_at.is_(None))
    return await page(session, query, by=Store.id, paging=paging, show=StoreAnswer.model_validate)


@router.get("/stores/{store_id}", tags=["stores"], summary="See a store", responses=problems(*REFUSALS, StoreNotFound))
async def see_store(store_id: UUID, session: Session, _: Reader) -> StoreAnswer:
    return StoreAnswer.model_validate(await stores.get_store(session, store_id))


@router.patch(
    "/stores/{store_id}",
    tags=["stores"],
    summary="Change a store",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed),
)
async def change_store(store_id: UUID, body: StoreChange, session: Session, _: Writer) -> StoreAnswer:
    """Only the fields that are sent change; `address: null` clears it."""
    store = await stores.change_store(session, store_id=store_id, changes=body.sent())
    return StoreAnswer.model_validate(store)


@router.delete(
    "/stores/{store_id}",
    tags=["stores"],
    status_code=204,
    summary="Close a store for good",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def close_store(store_id: UUID, session: Session, _: Writer, now: Now) -> None:
    """Its devices are refused from now on. Orders, visits and accounts stay. Repeating it changes nothing."""
    await stores.close_store(session, store_id=store_id, now=now)


@router.post(
    "/stores/{store_id}/devices",
    tags=["devices"],
    status_code=201,
    summary="Register a device",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed),
)
async def register_device(
    store_id: UUID, body: NewDevice, response: Response, session: Session, _: Writer, now: Now
) -> DeviceWithToken:
    """The answer holds the device's token, which can't be read again. It sends it as `Authorization: Bearer …`."""
    device, token = await devices.register_device(
        session, store_id=store_id, role=body.role, name=body.name, lasts=_days(body.token_days), now=now
    )
    response.headers["Location"] = f"/v1/devices/{device.id}"
    return _with_token(device, token, response)


@router.get(
    "/stores/{store_id}/devices",
    tags=["devices"],
    summary="List a store's devices",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def list_devices(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    role: Annotated[DeviceRole | None, Query()] = None,
    revoked: Annotated[bool | None, Query(description="Only those that were, or only the others.")] = None,
    silent_since: Annotated[
        DeviceClock | None, Query(description="Only those of which no heartbeat came after this, or none ever.")
    ] = None,
) -> Page[DeviceAnswer]:
    """Newest first, the revoked ones too."""
    await stores.get_store(session, store_id)
    query = select(Device).where(Device.store_id == store_id)
    if role is not None:
        query = query.where(Device.role == role)
    if revoked is not None:
        query = query.where(Device.revoked_at.is_not(None) if revoked else Device.revoked_at.is_(None))
    if silent_since is not None:
        query = query.where(or_(Device.last_seen_at.is_(None), Device.last_seen_at <= silent_since))
    return await page(session, query, by=Device.id, paging=paging, show=DeviceAnswer.model_validate)


@router.get(
    "/devices/{device_id}",
    tags=["devices"],
    summary="See a device and its health",
    responses=problems(*REFUSALS, DeviceNotFound),
)
async def see_device(device_id: UUID, session: Session, _: Reader) -> DeviceAnswer:
    return DeviceAnswer.model_validate(await devices.get_device(session, device_id))


@router.patch(
    "/devices/{device_id}",
    tags=["devices"],
    summary="Change a device",
    responses=problems(*REFUSALS, DeviceNotFound),
)
async def change_device(device_id: UUID, body: DeviceChange, session: Session, _: Writer) -> DeviceAnswer:
    """Its name, and how it tells a person from a picture of one. Only the fields that are sent change.

    `presentation_checks` bite from the device's next request on: `challenge` wants a burst that answers a challenge,
    `depth` a depth map beside the frame, `passive` a liveness model on the server, `replay` frames that no device
    with this check has sent before. With a `public_key` it may send signed faces instead of frames; with both keys and
    `edge_matching` it may hold the store's gallery and send whom it recognised. With a `camera` its depth maps are
    measured in millimetres, and one of another size is refused.
    """
    device = await devices.change_device(session, device_id=device_id, changes=body.sent())
    return DeviceAnswer.model_validate(device)


@router.post(
    "/devices/{device_id}/token",
    tags=["devices"],
    summary="Rotate a device's token",
    responses=problems(*REFUSALS, DeviceNotFound, DeviceRevoked),
)
async def rotate_token(
    device_id: UUID, body: TokenRequest, response: Response, session: Session, _: Writer, now: Now
) -> DeviceWithToken:
    """The old token is refused from now on. The new one is shown this once."""
    device, token = await devices.rotate_token(session, device_id=device_id, lasts=_days(body.token_days), now=now)
    return _with_token(device, token, response)


@router.delete(
    "/devices/{device_id}",
    tags=["devices"],
    status_code=204,
    summary="Revoke a device",
    responses=problems(*REFUSALS, DeviceNotFound),
)
async def revoke_device(device_id: UUID, session: Session, _: Writer, now: Now) -> None:
    """It is refused from now on, for good; what it did stays on record. Repeating it changes nothing."""
    await devices.revoke_device(session, device_id=device_id, now=now)


@router.post(
    "/devices/{device_id}/heartbeats",
    tags=["devices"],
    summary="Say that a device is alive",
    responses=problems(Unauthenticated, WrongStore),
)
async def beat(device_id: UUID, body: Heartbeat, session: Session, device: Alive, now: Now) -> HeartbeatAnswer:
    """Sent by the device itself, with its own token. The answer tells it how wrong its clock is."""
    acts_as(device, device_id)
    seen = await devices.record_heartbeat(
        session, device_id=device_id, sent_at=body.sent_at, status=body.status, now=now
    )
    return HeartbeatAnswer(server_time=now, clock_skew_ms=seen.clock_skew_ms or 0)


def _days(days: int | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)


def _with_token(device: Device, token: str, response: Response) -> DeviceWithToken:
    response.headers["Cache-Control"] = "no-store"
    return DeviceWithToken(**DeviceAnswer.model_validate(device).model_dump(), token=token)
