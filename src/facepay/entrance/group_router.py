"""Visit groups over HTTP: opened by a gate for whoever comes in next, or linked by staff."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance import groups
from facepay.entrance.groups import VisitGroup, VisitGrouped, VisitGroupNotFound, VisitGroupOver
from facepay.entrance.visit_schemas import NewHost, NewVisitGroup, VisitAnswer, VisitGroupAnswer
from facepay.entrance.visits import Visit, VisitNotInside
from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.stores.stores import StoreNotFound, get_store

router = Router(prefix="/v1", tags=["visit groups"])
Gate = Annotated[Principal, Security(current_device, scopes=["gate:decide"])]
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["visits:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.post(
    "/gates/{gate_id}/visit-groups",
    status_code=201,
    summary="Open a group for whoever comes in next",
    responses=problems(*REFUSALS, WrongStore),
)
async def open_group(gate_id: UUID, session: Session, gate: Gate, now: Now) -> VisitGroupAnswer:
    """Entries at this gate that carry its id join it, for ten minutes. Whoever is first pays for all of them, so tell
    them so before they show their face.
    """
    acts_as(gate, gate_id)
    return VisitGroupAnswer.model_validate(await groups.open_at_gate(session, gate=gate, now=now))


@router.post(
    "/stores/{store_id}/visit-groups",
    status_code=201,
    summary="Link visits",
    responses=problems(*REFUSALS, StoreNotFound, VisitNotInside, VisitGrouped),
)
async def link_visits(
    store_id: UUID, body: NewVisitGroup, session: Session, staff: Writer, now: Now
) -> VisitGroupAnswer:
    """The host pays for what all of them take, for as long as the host is inside."""
    await get_store(session, store_id)
    group = await groups.link(
        session,
        store_id=store_id,
        visit_ids=body.visit_ids,
        host_visit_id=body.host_visit_id,
        actor=f"staff:{staff.id}",
        now=now,
    )
    return await _shown(session, group)


@router.get(
    "/stores/{store_id}/visit-groups/{group_id}",
    summary="Show a group",
    responses=problems(*REFUSALS, VisitGroupNotFound),
)
async def show_group(store_id: UUID, group_id: UUID, session: Session, _: Reader) -> VisitGroupAnswer:
    """With the visits that have ended, in the order of coming in."""
    group = await session.get(VisitGroup, group_id)
    if group is None or group.store_id != store_id:
        raise VisitGroupNotFound("This store has had no visit group with this id.")
    return await _shown(session, group)


@router.patch(
    "/stores/{store_id}/visit-groups/{group_id}",
    summary="Say who pays",
    responses=problems(*REFUSALS, VisitGroupNotFound, VisitNotInside, VisitGroupOver),
)
async def name_host(store_id: UUID, group_id: UUID, body: NewHost, session: Session, staff: Writer) -> VisitGroupAnswer:
    """For what isn't paid yet. Who of the staff said so stays on record."""
    group = await groups.name_host(
        session, store_id=store_id, group_id=group_id, visit_id=body.host_visit_id, actor=f"staff:{staff.id}"
    )
    return await _shown(session, group)


@router.put(
    "/stores/{store_id}/visit-groups/{group_id}/visits/{visit_id}",
    summary="Add a visit to a group",
    responses=problems(*REFUSALS, VisitGroupNotFound, VisitNotInside, VisitGrouped, VisitGroupOver),
)
async def add_visit(store_id: UUID, group_id: UUID, visit_id: UUID, session: Session, _: Writer) -> VisitGroupAnswer:
    """Repeating it changes nothing."""
    group = await groups.add_visit(session, store_id=store_id, group_id=group_id, visit_id=visit_id)
    return await _shown(session, group)


@router.delete(
    "/stores/{store_id}/visit-groups/{group_id}/visits/{visit_id}",
    status_code=204,
    summary="Take a visit out of a group",
    responses=problems(*REFUSALS, VisitGroupNotFound, VisitNotInside),
)
async def remove_visit(store_id: UUID, group_id: UUID, visit_id: UUID, session: Session, _: Writer) -> None:
    """From now on they pay for themselves. Without its host, so does everybody in the group."""
    await groups.remove_visit(session, store_id=store_id, group_id=group_id, visit_id=visit_id)


async def _shown(session: AsyncSession, group: VisitGroup) -> VisitGroupAnswer:
    visits = await session.scalars(select(Visit).where(Visit.group_id == group.id).order_by(Visit.id))
    answer = VisitGroupAnswer.model_validate(group)
    return answer.model_copy(update={"visits": [VisitAnswer.model_validate(each) for each in visits]})
