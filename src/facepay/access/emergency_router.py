"""Emergencies over HTTP: whoever sees smoke needs one request."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response, Security
from sqlalchemy import select

from facepay.access import emergencies
from facepay.access.emergencies import Emergency, EmergencyNotFound
from facepay.access.emergency_schemas import EmergencyAnswer, EmergencyEnd, NewEmergency
from facepay.access.zones import ZoneNotFound
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1", tags=["emergencies"])
Reader = Annotated[Principal, Security(current_staff, scopes=["access:read"])]
Acting = Annotated[Principal, Security(current_staff, scopes=["emergency:act"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.post(
    "/stores/{store_id}/emergencies",
    status_code=201,
    summary="Release all doors, or lock a store down",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, ZoneNotFound),
)
async def declare_emergency(
    store_id: UUID, body: NewEmergency, response: Response, session: Session, staff: Acting, now: Now
) -> EmergencyAnswer:
    """Every door concerned is told in the same moment, and later doors as they come. A release opens a door although a
    lockdown holds it. Declaring what is declared already changes nothing.
    """
    emergency = await emergencies.declare(
        session,
        store_id=store_id,
        zone_id=body.zone_id,
        kind=body.kind,
        reason=body.reason,
        by=f"staff:{staff.id}",
        now=now,
    )
    response.headers["Location"] = f"/v1/emergencies/{emergency.id}"
    return EmergencyAnswer.model_validate(emergency)


@router.get(
    "/stores/{store_id}/emergencies",
    summary="List a store's emergencies",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def list_emergencies(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    live: Annotated[bool, Query(description="Only those that nobody has ended.")] = False,
) -> Page[EmergencyAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(Emergency).where(Emergency.store_id == store_id)
    if live:
        query = query.where(Emergency.ended_at.is_(None))
    return await page(session, query, by=Emergency.id, paging=paging, show=EmergencyAnswer.model_validate)


@router.get("/emergencies/{emergency_id}", summary="See an emergency", responses=problems(*REFUSALS, EmergencyNotFound))
async def see_emergency(emergency_id: UUID, session: Session, _: Reader) -> EmergencyAnswer:
    return EmergencyAnswer.model_validate(await emergencies.get_emergency(session, emergency_id))


@router.post(
    "/emergencies/{emergency_id}/end",
    summary="End an emergency",
    responses=problems(*REFUSALS, EmergencyNotFound),
)
async def end_emergency(
    emergency_id: UUID, body: EmergencyEnd, session: Session, staff: Acting, now: Now
) -> EmergencyAnswer:
    """Doors that no other emergency holds are as they were before: those that were locked are locked again."""
    emergency = await emergencies.end(session, emergency_id=emergency_id, by=f"staff:{staff.id}", why=body.why, now=now)
    return EmergencyAnswer.model_validate(emergency)
