"""What a store's lanes decided, and what each of them goes by: for staff."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Security
from sqlalchemy import select

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.lanes.passages import Passage, PassageState
from facepay.lanes.policies import NotALane, keep_policy, policy_of, require_lane
from facepay.lanes.schemas import LanePolicyAnswer, LanePolicyRequest, PassageRecord
from facepay.stores.devices import DeviceNotFound
from facepay.stores.stores import StoreNotFound, get_store

router = Router(prefix="/v1", tags=["lanes"])
OrderReader = Annotated[Principal, Security(current_staff, scopes=["orders:read"])]
StoreReader = Annotated[Principal, Security(current_staff, scopes=["stores:read"])]
StoreWriter = Annotated[Principal, Security(current_staff, scopes=["stores:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.get(
    "/stores/{store_id}/passages",
    summary="List what the lanes decided",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def list_passages(
    store_id: UUID,
    session: Session,
    _: OrderReader,
    paging: Paging,
    decision: Annotated[PassageState | None, Query()] = None,
    code: Annotated[str | None, Query(max_length=40, description="Why, in one word.")] = None,
    member_id: Annotated[UUID | None, Query(description="Who was recognised.")] = None,
) -> Page[PassageRecord]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(Passage).where(Passage.store_id == store_id)
    if decision:
        query = query.where(Passage.decision == decision)
    if code:
        query = query.where(Passage.code == code)
    if member_id:
        query = query.where(Passage.member_id == member_id)
    return await page(session, query, by=Passage.id, paging=paging, show=PassageRecord.model_validate)


@router.get(
    "/lanes/{lane_id}/policy",
    summary="See what a lane goes by",
    responses=problems(*REFUSALS, DeviceNotFound, NotALane),
)
async def see_policy(lane_id: UUID, session: Session, _: StoreReader) -> LanePolicyAnswer:
    await require_lane(session, device_id=lane_id)
    return LanePolicyAnswer.model_validate(await policy_of(session, lane_id=lane_id))


@router.put(
    "/lanes/{lane_id}/policy",
    summary="Set what a lane goes by",
    responses=problems(*REFUSALS, DeviceNotFound, NotALane),
)
async def set_policy(lane_id: UUID, body: LanePolicyRequest, session: Session, _: StoreWriter) -> LanePolicyAnswer:
    """Where it knows the goods from: RFID tags, the shelves, or both, as the written rule has it; how well a tag has
    to be read; what a member may owe.
    """
    await require_lane(session, device_id=lane_id)
    return LanePolicyAnswer.model_validate(await keep_policy(session, lane_id=lane_id, values=body.model_dump()))
