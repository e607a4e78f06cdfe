"""What staff did, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Security
from pydantic import AwareDatetime, Field
from sqlalchemy import select

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer
from facepay.staff.accounts import Role
from facepay.staff.actions import StaffAction

router = Router(prefix="/v1", tags=["staff"])
Reader = Annotated[Principal, Security(current_staff, scopes=["audit:read"])]


class StaffActionAnswer(Answer):
    id: UUID
    at: datetime
    staff_id: UUID
    username: str
    role: Role
    method: Annotated[str, Field(examples=["POST"])]
    route: Annotated[str, Field(examples=["/v1/members/{member_id}/wallet/top-ups"])]
    store_id: UUID | None
    member_id: UUID | None
    ids: Annotated[dict[str, str], Field(description="What else the path named.")]
    status: Annotated[int | None, Field(description="Null where it was cut off before an answer.", examples=[201])]
    code: Annotated[str | None, Field(description="Why it was refused.", examples=["insufficient_scope"])]
    address: str | None
    agent: str
    request_id: Annotated[str, Field(description="As in the answer's `X-Request-Id`, and in the logs.")]


@router.get("/staff-actions", summary="See what staff did", responses=problems(Unauthenticated, InsufficientScope))
async def list_actions(
    session: Session,
    _: Reader,
    paging: Paging,
    staff_id: UUID | None = None,
    store_id: UUID | None = None,
    member_id: UUID | None = None,
    since: Annotated[AwareDatetime | None, Query(description="From this moment on.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this moment.")] = None,
    refused: Annotated[bool | None, Query(description="What was refused or cut off, or all else.")] = None,
) -> Page[StaffActionAnswer]:
    """Every request of staff that changes something, or shows frames, exports or the watchlist, from the newest on;
    those that were refused too. Bodies aren't kept.
    """
    query = select(StaffAction)
    for column, value in (
        (StaffAction.staff_id, staff_id),
        (StaffAction.store_id, store_id),
        (StaffAction.member_id, member_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if since is not None:
        query = query.where(StaffAction.at >= since)
    if until is not None:
        query = query.where(StaffAction.at < until)
    if refused is not None:
        fine = StaffAction.status < 400
        query = query.where(fine.is_not(True) if refused else fine)
    return await page(session, query, by=StaffAction.id, paging=paging, show=StaffActionAnswer.model_validate)
