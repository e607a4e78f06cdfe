"""Members who look alike, over HTTP: list, mark, remove."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Security
from sqlalchemy import or_, select

from facepay.identity import lookalikes
from facepay.identity.lookalike_schemas import LookalikeAnswer, LookalikeRemoval, NewLookalike
from facepay.identity.lookalikes import Lookalike, LookalikeNotFound, OneMemberTwice
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.members.members import MemberNotFound

router = Router(prefix="/v1/lookalikes", tags=["members"])
Reader = Annotated[Principal, Security(current_staff, scopes=["lookalikes:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["lookalikes:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.get("", summary="List members who look alike", responses=problems(*REFUSALS))
async def list_lookalikes(
    session: Session,
    _: Reader,
    paging: Paging,
    member_id: Annotated[UUID | None, Query(description="Only pairs of this member.")] = None,
    removed: Annotated[bool, Query(description="Those that staff removed, instead.")] = False,
) -> Page[LookalikeAnswer]:
    """Pairs that always prove who they are, newest first. `measured` ones were found by their templates."""
    query = select(Lookalike).where(Lookalike.removed_at.is_not(None) if removed else Lookalike.removed_at.is_(None))
    if member_id is not None:
        query = query.where(or_(Lookalike.member_a == member_id, Lookalike.member_b == member_id))
    return await page(session, query, by=Lookalike.id, paging=paging, show=LookalikeAnswer.of)


@router.post(
    "",
    status_code=201,
    summary="Mark two members who look alike",
    responses=problems(*REFUSALS, MemberNotFound, OneMemberTwice),
)
async def mark_lookalikes(body: NewLookalike, session: Session, staff: Writer, now: Now) -> LookalikeAnswer:
    """You have made sure that these are two people, twins perhaps: both may enrol their faces, though the second
    would be refused as enrolled already, and from now on both always prove who they are, by PIN or phone. Marking
    a pair again changes the note.
    """
    return LookalikeAnswer.of(
        await lookalikes.mark_reviewed(session, members=body.member_ids, note=body.note, staff_id=staff.id, now=now)
    )


@router.post(
    "/{lookalike_id}/removal",
    summary="Remove a pair",
    responses=problems(*REFUSALS, LookalikeNotFound),
)
async def remove_lookalikes(
    lookalike_id: UUID, body: LookalikeRemoval, session: Session, staff: Writer, now: Now
) -> LookalikeAnswer:
    """Both are let through on their faces again. The pair stays on record with your reason, and is not measured
    again unless one of them withdraws their face.
    """
    return LookalikeAnswer.of(
        await lookalikes.remove_pair(session, lookalike_id=lookalike_id, reason=body.reason, staff_id=staff.id, now=now)
    )
