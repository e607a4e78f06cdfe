"""What a member was told, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Security
from pydantic import Field
from sqlalchemy import select

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer
from facepay.members.members import MemberNotFound, get_member
from facepay.notices.notices import Notice, NoticeKind, NoticeNotFound, mark_read

router = Router(prefix="/v1/members/{member_id}/notices", tags=["members"])
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["members:write"])]
REFUSALS = (Unauthenticated, InsufficientScope, MemberNotFound)


class NoticeAnswer(Answer):
    id: UUID
    kind: NoticeKind
    order_id: UUID | None
    amount: Annotated[int | None, Field(description="In minor units.")]
    currency: str | None
    details: Annotated[dict[str, Any], Field(description="What a text about it needs: a reason, goods by their skus.")]
    created_at: datetime
    read_at: datetime | None


@router.get("", summary="List a member's notices", responses=problems(*REFUSALS))
async def list_notices(
    member_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    unread: Annotated[bool, Query(description="Only those that weren't read.")] = False,
) -> Page[NoticeAnswer]:
    """Newest first."""
    await get_member(session, member_id)
    query = select(Notice).where(Notice.member_id == member_id)
    if unread:
        query = query.where(Notice.read_at.is_(None))
    return await page(session, query, by=Notice.id, paging=paging, show=NoticeAnswer.model_validate)


@router.post("/{notice_id}/read", summary="Mark a notice read", responses=problems(*REFUSALS, NoticeNotFound))
async def read(member_id: UUID, notice_id: UUID, session: Session, _: Writer, now: Now) -> NoticeAnswer:
    """The first time stays."""
    await get_member(session, member_id)
    return NoticeAnswer.model_validate(await mark_read(session, member_id=member_id, notice_id=notice_id, now=now))
