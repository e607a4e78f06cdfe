"""What staff did: a row for each request of theirs that changes something, or shows what few may see.

A route says of itself that it changes nothing (`unaccounted`), where its method would say that it does.
The row is there before the request is looked at any further, so nothing happens without one, and is told what came of
it once the answer is known: one without a status was cut off. The database takes back none of it (0002_staff).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import structlog
from fastapi import Request
from psycopg.types.json import Jsonb
from sqlalchemy import Index, SmallInteger, String, bindparam, insert, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.auth import SAFE_METHODS, Principal
from facepay.kernel.database import Base, Database, Identified, Prepared, drop_rows
from facepay.kernel.ids import new_id

log = structlog.get_logger()
# To look at these is an action too.
WATCHED_SCOPES = frozenset({"evidence:read", "members:export", "access:export", "watchlist:view", "audit:read"})
AGENT_CHARACTERS_MAX = 200
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
_UNACCOUNTED = "unaccounted"


class StaffAction(Identified, Base):
    """`ids` are what else the path names; `status` and `code` are the answer's, `code` a refusal's."""

    __tablename__ = "staff_action"
    __table_args__ = (
        Index("ix_staff_action_staff", "staff_id", "id"),
        Index("ix_staff_action_store", "store_id", "id"),
        Index("ix_staff_action_member", "member_id", "id"),
    )

    staff_id: Mapped[UUID]
    username: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    method: Mapped[str] = mapped_column(String(8))
    route: Mapped[str] = mapped_column(String(200))
    ids: Mapped[dict[str, str]] = mapped_column(JSONB)
    store_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None]
    request_id: Mapped[str] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(AGENT_CHARACTERS_MAX))
    at: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    code: Mapped[str | None] = mapped_column(String(64))
    answered_at: Mapped[datetime | None]


_KNOWN_LATER = {"status", "code", "answered_at"}
_KNOWN = [each.name for each in StaffAction.__table__.columns if each.name not in _KNOWN_LATER]
_BEGIN = Prepared(insert(StaffAction).values({name: bindparam(name) for name in _KNOWN}))
_ANSWER = Prepared(
    update(StaffAction)
    .where(StaffAction.id == bindparam("action"))
    .values(status=bindparam("said"), code=bindparam("why"), answered_at=bindparam("then"))
)


def unaccounted(endpoint: Endpoint) -> Endpoint:
    """For a route that only asks, though by POST: it changes nothing, so there is nothing to account for."""
    setattr(endpoint, _UNACCOUNTED, True)
    return endpoint


def is_accounted(method: str, endpoint: Callable[..., Any], scopes: frozenset[str]) -> bool:
    """Whether a request of staff leaves a row: it changes something, or shows what few may see."""
    if scopes & WATCHED_SCOPES:
        return True
    return method not in SAFE_METHODS and not hasattr(endpoint, _UNACCOUNTED)


async def note(request: Request, staff: Principal, scopes: frozenset[str]) -> None:
    """Write down that somebody asks for this, where it has to be accounted for."""
    if not is_accounted(request.method, request.scope["route"].endpoint, scopes):
        return
    if hasattr(request.state, "when_answered"):  # a route may ask for staff twice, with scopes of each
        return
    state = request.app.state
    action = _asked(request, staff, state.clock())
    async with state.database.read() as session:
        await _BEGIN.rows(session, **action)
    request.state.when_answered = partial(_answered, state.database, request, action["id"])


def _asked(request: Request, staff: Principal, now: datetime) -> dict[str, Any]:
    # A holder's id goes when they are erased, and no row here may keep it.
    ids = {name: str(value)[:100] for name, value in request.path_params.items() if name != "holder_id"}
    store_id, member_id = _uuid(ids.pop("store_id", None)), _uuid(ids.pop("member_id", None))
    return {
        "id": new_id(),
        "staff_id": staff.id,
        "username": staff.name,
        "role": staff.role,
        "method": request.method,
        "route": request.scope["route"].path,
        "ids": Jsonb(ids),
        "store_id": store_id,
        "member_id": member_id,
        "request_id": request.state.request_id,
        "address": request.client.host if request.client else None,
        "agent": request.headers.get("user-agent", "")[:AGENT_CHARACTERS_MAX],
        "at": now,
    }


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


async def _answered(database: Database, request: Request, action: UUID, status: int) -> None:
    why, then = getattr(request.state, "problem", None), request.app.state.clock()
    try:
        async with database.read() as session:
            await _ANSWER.rows(session, action=action, said=status, why=why, then=then)
    except SQLAlchemyError as error:  # the answer has gone out; the row says that it was asked
        log.error("staff_action_unanswered", action=str(action), error=type(error).__name__)


async def forget_actions(database: Database, *, kept: timedelta, now: datetime) -> int:
    """Drop what is older; answers how many rows. The database lets nothing of the last 90 days go."""
    return await drop_rows(database, StaffAction, StaffAction.at < now - kept)
