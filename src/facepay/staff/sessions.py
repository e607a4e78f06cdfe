"""Staff who signed in with a browser: a row for each session, whose cookie only its holder knows."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.secrets import MasterKey, hash_of_token
from facepay.staff.accounts import Role, StaffAccount
from facepay.staff.tokens import issue_token

LASTS = timedelta(hours=12)  # however busy: a working day
IDLE = timedelta(minutes=30)  # a screen that somebody left (OWASP ASVS 3.3)
SEEN_EVERY = timedelta(minutes=1)
BEARER_LASTS = timedelta(minutes=1)
AGENT_CHARACTERS_MAX = 200


class StaffSession(Identified, Base):
    __tablename__ = "staff_session"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_account.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    token_epoch: Mapped[int]  # the account's when they signed in: what ends its tokens ends its sessions
    agent: Mapped[str] = mapped_column(String(AGENT_CHARACTERS_MAX))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]

    def counts(self, now: datetime) -> bool:
        return now < min(self.created_at + LASTS, self.seen_at + IDLE)


async def open_session(session: AsyncSession, *, account: StaffAccount, agent: str, now: datetime) -> str:
    """The secret of a new session, for the cookie. Sessions of this account that are over go."""
    over = or_(StaffSession.created_at <= now - LASTS, StaffSession.seen_at <= now - IDLE)
    await session.execute(delete(StaffSession).where(StaffSession.staff_id == account.id, over))
    token = secrets.token_urlsafe(32)
    opened = StaffSession(
        staff_id=account.id,
        token_hash=hash_of_token(token),
        token_epoch=account.token_epoch,
        agent=agent[:AGENT_CHARACTERS_MAX],
        created_at=now,
        seen_at=now,
    )
    session.add(opened)
    await session.flush()
    return token


async def sessions_of(session: AsyncSession, *, staff_id: UUID, now: datetime) -> list[StaffSession]:
    """Those that are open, the one used last first."""
    of_account = select(StaffSession).where(StaffSession.staff_id == staff_id).order_by(StaffSession.seen_at.desc())
    return [each for each in await session.scalars(of_account) if each.counts(now)]


async def end_sessions(session: AsyncSession, *, staff_id: UUID, session_id: UUID | None = None) -> None:
    """One of somebody's, or all of them."""
    of_account = delete(StaffSession).where(StaffSession.staff_id == staff_id)
    await session.execute(of_account.where(StaffSession.id == session_id) if session_id else of_account)


async def close_session(session: AsyncSession, *, token: str) -> None:
    await session.execute(delete(StaffSession).where(StaffSession.token_hash == hash_of_token(token)))


async def authenticate(
    database: Database, master_key: MasterKey, token: str, now: datetime, *, in_use: bool = True
) -> Principal | None:
    """Whoever signed in to this session, unless it is over; with a token for a minute's calls of the API.

    `in_use`: this keeps it from ending of disuse.
    """
    async with database.begin() as session:
        found = (
            await session.execute(
                select(StaffSession, StaffAccount)
                .join(StaffAccount, StaffAccount.id == StaffSession.staff_id)
                .where(StaffSession.token_hash == hash_of_token(token), StaffAccount.disabled_at.is_(None))
            )
        ).one_or_none()
        if found is None:
            return None
        opened, account = found
        if not opened.counts(now) or opened.token_epoch != account.token_epoch:
            return None
        if in_use and now >= opened.seen_at + SEEN_EVERY:
            opened.seen_at = now
    bearer, scopes = issue_token(account, master_key=master_key, asked=(), now=now, lasts=BEARER_LASTS)
    return Principal(
        kind="staff", id=account.id, name=account.username, role=Role(account.role), scopes=scopes, bearer=bearer
    )
