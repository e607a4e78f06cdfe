"""Zones and access points over HTTP: how a store's doors lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Response, Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access import points, zones
from facepay.access.points import AccessPoint, AccessPointNotFound, AccessPointTaken, LeadsNowhere
from facepay.access.policies import PolicyNotFound
from facepay.access.setup_schemas import (
    AccessPointAnswer,
    AccessPointChange,
    NewAccessPoint,
    NewZone,
    ZoneAnswer,
    ZoneChange,
)
from facepay.access.zones import PassbackUnclear, Zone, ZoneNameTaken, ZoneNotFound
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.stores.devices import DeviceNotFound
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1", tags=["access"])
Reader = Annotated[Principal, Security(current_staff, scopes=["access:read"])]
Configurer = Annotated[Principal, Security(current_staff, scopes=["access:configure"])]
REFUSALS = (Unauthenticated, InsufficientScope)
POINT_REFUSALS = (DeviceNotFound, ZoneNotFound, PolicyNotFound, LeadsNowhere, AccessPointTaken)


@router.post(
    "/stores/{store_id}/zones",
    status_code=201,
    summary="Add a zone",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, ZoneNameTaken, PassbackUnclear),
)
async def add_zone(
    store_id: UUID, body: NewZone, response: Response, session: Session, by: Configurer, now: Now
) -> ZoneAnswer:
    """A part of the store that doors keep apart. Zones stay, since the access log names them."""
    zone = await zones.add_zone(session, store_id=store_id, fields=body.model_dump(), actor=f"staff:{by.id}", now=now)
    response.headers["Location"] = f"/v1/zones/{zone.id}"
    return ZoneAnswer.model_validate(zone)


@router.get("/stores/{store_id}/zones", summary="List a store's zones", responses=problems(*REFUSALS, StoreNotFound))
async def list_zones(store_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[ZoneAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(Zone).where(Zone.store_id == store_id)
    return await page(session, query, by=Zone.id, paging=paging, show=ZoneAnswer.model_validate)


@router.get("/zones/{zone_id}", summary="See a zone", responses=problems(*REFUSALS, ZoneNotFound))
async def see_zone(zone_id: UUID, session: Session, _: Reader) -> ZoneAnswer:
    return ZoneAnswer.model_validate(await zones.get_zone(session, zone_id))


@router.patch(
    "/zones/{zone_id}",
    summary="Change a zone",
    responses=problems(*REFUSALS, ZoneNotFound, ZoneNameTaken, PassbackUnclear),
)
async def change_zone(zone_id: UUID, body: ZoneChange, session: Session, by: Configurer, now: Now) -> ZoneAnswer:
    """Only the fields that are sent change; whoever is inside stays so."""
    zone = await zones.change_zone(session, zone_id=zone_id, changes=body.sent(), actor=f"staff:{by.id}", now=now)
    return ZoneAnswer.model_validate(zone)


@router.post(
    "/stores/{store_id}/access-points",
    status_code=201,
    summary="Add an access point",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, *POINT_REFUSALS),
)
async def add_access_point(
    store_id: UUID, body: NewAccessPoint, response: Response, session: Session, by: Configurer, now: Now
) -> AccessPointAnswer:
    """A way through a door in one direction; a door that is guarded both ways has two. Readers are those whose signed
    results the door brings along.
    """
    point = await points.add_access_point(
        session,
        store_id=store_id,
        fields=body.model_dump(exclude={"reader_ids"}),
        reader_ids=body.reader_ids,
        actor=f"staff:{by.id}",
        now=now,
    )
    response.headers["Location"] = f"/v1/access-points/{point.id}"
    return (await _shown(session, [point]))[0]


@router.get(
    "/stores/{store_id}/access-points",
    summary="List a store's access points",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def list_access_points(store_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[AccessPointAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(AccessPoint).where(AccessPoint.store_id == store_id)
    found = await rows_of_page(session, query, by=AccessPoint.id, paging=paging)
    return found.shown(await _shown(session, found.rows))


@router.get(
    "/access-points/{access_point_id}",
    summary="See an access point",
    responses=problems(*REFUSALS, AccessPointNotFound),
)
async def see_access_point(access_point_id: UUID, session: Session, _: Reader) -> AccessPointAnswer:
    return (await _shown(session, [await points.get_access_point(session, access_point_id)]))[0]


@router.patch(
    "/access-points/{access_point_id}",
    summary="Change an access point",
    responses=problems(*REFUSALS, AccessPointNotFound, *POINT_REFUSALS),
)
async def change_access_point(
    access_point_id: UUID, body: AccessPointChange, session: Session, by: Configurer, now: Now
) -> AccessPointAnswer:
    """Only the fields that are sent change. Where another policy guards it, that decides from now on, also for
    whoever stands there.
    """
    changes = body.sent()
    point = await points.change_access_point(
        session,
        access_point_id=access_point_id,
        reader_ids=changes.pop("reader_ids", None),
        changes=changes,
        actor=f"staff:{by.id}",
        now=now,
    )
    return (await _shown(session, [point]))[0]


async def _shown(session: AsyncSession, found: Sequence[AccessPoint]) -> list[AccessPointAnswer]:
    readers = await points.readers_of(session, access_point_ids=[point.id for point in found])
    return [AccessPointAnswer.model_validate({**_fields(point), "reader_ids": readers[point.id]}) for point in found]


def _fields(point: AccessPoint) -> dict[str, object]:
    return {name: getattr(point, name) for name in AccessPointAnswer.model_fields if name != "reader_ids"}
