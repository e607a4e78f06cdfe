"""Members who always prove who they are, over HTTP: list, lift."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Security
from sqlalchemy import select

from facepay.identity.watches import Watch, WatchNotFound, lift
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.review.schemas import Lifting, WatchAnswer

router = Router(prefix="/v1/watches", tags=["reviews"])
Reader = Annotated[Principal, Security(current_staff, scopes=["reviews:read"])]
Resolver = Annotated[Principal, Security(current_staff, scopes=["reviews:resolve"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.get("", summary="List members who are watched", responses=problems(*REFUSALS))
async def list_watches(
    session: Session,
    _: Reader,
    paging: Paging,
    member_id: Annotated[UUID | None, Query()] = None,
    lifted: Annotated[bool, Query(description="Those that staff lifted, instead.")] = False,
) -> Page[WatchAnswer]:
    """Somebody who is no member was taken for them, so their face alone lets nobody through. Newest first."""
    query = select(Watch).where(Watch.lifted_at.is_not(None) if lifted else Watch.lifted_at.is_(None))
    if member_id is not None:
        query = query.where(Watch.member_id == member_id)
    return await page(session, query, by=Watch.id, paging=paging, show=WatchAnswer.model_validate)


@router.post("/{watch_id}/lifting", summary="Lift a watch", responses=problems(*REFUSALS, WatchNotFound))
async def lift_watch(watch_id: UUID, body: Lifting, session: Session, staff: Resolver, now: Now) -> WatchAnswer:
    """Their face is enough again: enrol it from better photos first."""
    return WatchAnswer.model_validate(
        await lift(session, watch_id=watch_id, reason=body.reason, staff_id=staff.id, now=now)
    )
