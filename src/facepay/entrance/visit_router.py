"""Who is inside, and what the gates decided."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Security
from pydantic import Field
from sqlalchemy import select

from facepay.entrance import visits
from facepay.entrance.gates import GateAttempt
from facepay.entrance.visit_schemas import VisitAnswer
from facepay.entrance.visits import Visit, VisitNotInside
from facepay.identity.schemas import Cosine, Narrowed, Rate
from facepay.identity.verdicts import Means
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer
from facepay.stores.devices import Device
from facepay.stores.stores import StoreNotFound, get_store

router = Router(prefix="/v1/stores/{store_id}", tags=["stores"])
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["visits:write"])]
REFUSALS = problems(Unauthenticated, InsufficientScope, StoreNotFound)


class GateAttemptAnswer(Answer):
    """A stranger's attempt says when and why, and nothing about the face."""

    id: UUID
    gate_id: UUID
    direction: Literal["entry", "exit"]
    decision: Literal["open", "deny", "step_up"]
    code: str
    identified_by: Means
    member_id: UUID | None
    visit_id: UUID | None
    guests: int
    group_id: UUID | None
    faces: Annotated[int | None, Field(description="In the fullest frame; null of a pass.")]
    similarity: Cosine | None
    threshold: Cosine | None
    false_positive_rate: Rate | None
    narrowed_by: Narrowed
    basis: Annotated[str | None, Field(description="Policy and calibration that it was decided under.")]
    created_at: datetime
    decided_at: Annotated[datetime, Field(description="Later than `created_at` where a second factor was asked for.")]


@router.get("/visits", summary="List visits", responses=REFUSALS)
async def list_visits(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    inside: Annotated[bool | None, Query(description="Only those who are inside now, or only those who left.")] = None,
    member_id: Annotated[UUID | None, Query()] = None,
) -> Page[VisitAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(Visit).where(Visit.store_id == store_id)
    if inside is not None:
        query = query.where(Visit.left_at.is_(None) if inside else Visit.left_at.is_not(None))
    if member_id:
        query = query.where(Visit.member_id == member_id)
    return await page(session, query, by=Visit.id, paging=paging, show=VisitAnswer.model_validate)


@router.post(
    "/visits/{visit_id}/end",
    summary="Say that somebody has left",
    responses=problems(Unauthenticated, InsufficientScope, StoreNotFound, VisitNotInside),
)
async def end_visit(store_id: UUID, visit_id: UUID, session: Session, _: Writer, now: Now) -> VisitAnswer:
    """For whoever went out by no gate: a visit that stays open counts as somebody inside. What their shelves' basket
    holds is charged as when they leave by a gate.
    """
    await get_store(session, store_id)
    visit = await visits.end_visit(session, store_id=store_id, visit_id=visit_id, now=now)
    return VisitAnswer.model_validate(visit)


@router.get("/gate-attempts", summary="List what the gates decided", responses=REFUSALS)
async def list_gate_attempts(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    decision: Annotated[Literal["open", "deny", "step_up"] | None, Query()] = None,
    code: Annotated[str | None, Query(max_length=40, description="Why, in one word.")] = None,
    member_id: Annotated[UUID | None, Query()] = None,
) -> Page[GateAttemptAnswer]:
    """Newest first, refusals among them."""
    await get_store(session, store_id)
    query = select(GateAttempt).join(Device, Device.id == GateAttempt.gate_id).where(Device.store_id == store_id)
    if decision:
        query = query.where(GateAttempt.decision == decision)
    if code:
        query = query.where(GateAttempt.code == code)
    if member_id:
        query = query.where(GateAttempt.member_id == member_id)
    return await page(session, query, by=GateAttempt.id, paging=paging, show=GateAttemptAnswer.model_validate)
