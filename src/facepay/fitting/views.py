"""What mirrors and staff's screens show of sessions and requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.fitting.requests import OPEN, FittingRequest
from facepay.fitting.sessions import FittingSession, profiled
from facepay.members.members import Member
from facepay.settings import Settings
from facepay.staff.accounts import StaffAccount

SHOWN_MAX = 200


@dataclass(frozen=True, slots=True)
class RequestView:
    """`accepted_by` is the name of who brings it."""

    request: FittingRequest
    accepted_by: str | None


@dataclass(frozen=True, slots=True)
class SessionView:
    fitting: FittingSession
    member: Member | None
    profiled: bool
    requests: Sequence[RequestView]


async def views_of(session: AsyncSession, requests: Sequence[FittingRequest]) -> list[RequestView]:
    staff_ids = {request.accepted_by for request in requests if request.accepted_by}
    rows = await session.execute(
        select(StaffAccount.id, StaffAccount.display_name).where(StaffAccount.id.in_(staff_ids))
    )
    names = dict(rows.all())
    return [RequestView(request, names.get(request.accepted_by)) for request in requests]  # type: ignore[arg-type]


async def session_view(session: AsyncSession, fitting: FittingSession, *, settings: Settings) -> SessionView:
    """The person, and all that was asked for in this session, the oldest first."""
    asked = await session.scalars(
        select(FittingRequest)
        .where(FittingRequest.session_id == fitting.id)
        .order_by(FittingRequest.id.desc())
        .limit(SHOWN_MAX)
    )
    member = await session.get(Member, fitting.member_id) if fitting.member_id else None
    knows = await profiled(session, member_id=fitting.member_id, settings=settings)
    return SessionView(fitting, member, knows, await views_of(session, list(asked)[::-1]))


async def waiting_in(session: AsyncSession, store_id: UUID) -> list[RequestView]:
    """What staff have to do in a store, the oldest first."""
    found = await session.scalars(
        select(FittingRequest)
        .where(FittingRequest.store_id == store_id, FittingRequest.state.in_(OPEN))
        .order_by(FittingRequest.id)
        .limit(SHOWN_MAX)
    )
    return await views_of(session, list(found))
