"""Where and when a member was, over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Security
from sqlalchemy import select

from facepay.entrance.visit_schemas import VisitAnswer
from facepay.entrance.visits import Visit
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.members.members import MemberNotFound, get_member

router = Router(prefix="/v1/members/{member_id}", tags=["members"])
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read"])]


@router.get(
    "/visits",
    summary="List a member's visits",
    responses=problems(Unauthenticated, InsufficientScope, MemberNotFound),
)
async def list_visits(member_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[VisitAnswer]:
    """To all stores, newest first."""
    await get_member(session, member_id)
    query = select(Visit).where(Visit.member_id == member_id)
    return await page(session, query, by=Visit.id, paging=paging, show=VisitAnswer.model_validate)
