"""Staff accounts: who may sign in, and as what."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, String, case, func, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.auth import SCOPES, Principal
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.kernel.passwords import PasswordHasher

USERNAME = r"^[A-Za-z0-9._@-]{1,64}$"
PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 12, 200
FAILURES_MAX = 5
LOCKED_FOR = timedelta(minutes=15)


class Role(StrEnum):
    OWNER = "owner"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    GUARD = "guard"
    APP = "app"


# Operators run the shop day by day; stores, devices' tokens, lookalikes, pictures and staff are the owners',
# and so is what comes of a dispute. Auditors only read, and see no pictures.
OWNERS_ONLY = {
    "stores:write",
    "staff:write",
    "audit:read",
    "lookalikes:write",
    "passes:write",
    "reviews:resolve",
    "evidence:read",
    "access:configure",
    "access:export",
    "watchlist:approve",
    "security:write",
}
# An app is a machine: the backend of the shop's own app, which knows which member is signed in on which phone.
SCOPES_OF = {
    Role.OWNER: frozenset(SCOPES),
    Role.OPERATOR: frozenset(SCOPES) - OWNERS_ONLY,
    Role.AUDITOR: frozenset(scope for scope in SCOPES if scope.endswith(":read")) - OWNERS_ONLY
    | {"account:own", "audit:read"},
    # Guards watch: they answer alerts and hits, and move doors.
    Role.GUARD: frozenset(
        {
            "stores:read",
            "alerts:read",
            "alerts:write",
            "devices:command",
            "access:read",
            "emergency:act",
            "security:read",
            "watchlist:view",
            "watchlist:answer",
            "account:own",
        }
    ),
    Role.APP: frozenset({"passes:write", "drives:read", "drives:reserve", "account:own"}),
}


class StaffAccount(Identified, Base):
    __tablename__ = "staff_account"
    __table_args__ = (
        CheckConstraint("role in ('owner', 'operator', 'auditor', 'guard', 'app')", name="role_known"),
        CheckConstraint("username = lower(username)", name="username_lower"),
    )

    username: Mapped[str] = mapped_column(String(64), unique=True)
    display_name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(200))
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    # Tokens carry it; raising it ends all of them at once.
    token_epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class WrongCredentials(Problem):
    """User name or password are wrong, or the account is locked or disabled: which of them is not said."""

    status = 401
    code = "wrong_credentials"
    title = "Wrong credentials"


class StaffNotFound(NotFound):
    """There is no staff account with this id."""

    code = "staff_not_found"
    title = "No such account"


class UsernameTaken(Conflict):
    """Another account has this user name."""

    code = "username_taken"
    title = "User name taken"


class LastOwner(Conflict):
    """The last owner can't be disabled or demoted: nobody could add another."""

    code = "last_owner"
    title = "Last owner"


async def sign_in(
    database: Database, *, username: str, password: str, hasher: PasswordHasher, now: datetime
) -> StaffAccount:
    """The account of these credentials. Five wrong passwords in a row lock it for 15 minutes.

    An unknown, locked or disabled account gets the same refusal, and takes as long. No connection is held while
    the password is hashed. Raises WrongCredentials.
    """
    # An attempt counts before its password is looked at, so that guesses can't be tried side by side.
    async with database.begin() as session:
        account = await _count_attempt(session, username, now) if re.fullmatch(USERNAME, username) else None
    if account is None:
        await hasher.hash(password)
        raise _wrong_credentials()
    if not await hasher.verify(account.password_hash, password):
        raise _wrong_credentials()
    async with database.begin() as session:
        await _forgive(session, account.id)
    return account


async def _count_attempt(session: AsyncSession, username: str, now: datetime) -> StaffAccount | None:
    """The account, if it is one whose password may be tried now."""
    last = StaffAccount.failures + 1 >= FAILURES_MAX
    return await session.scalar(
        update(StaffAccount)
        .where(
            StaffAccount.username == username.lower(),
            StaffAccount.disabled_at.is_(None),
            or_(StaffAccount.locked_until.is_(None), StaffAccount.locked_until <= now),
        )
        .values(
            failures=case((last, 0), else_=StaffAccount.failures + 1),
            locked_until=case((last, now + LOCKED_FOR), else_=None),
        )
        .returning(StaffAccount)
    )


async def _forgive(session: AsyncSession, account_id: UUID) -> None:
    await session.execute(
        update(StaffAccount).where(StaffAccount.id == account_id).values(failures=0, locked_until=None)
    )


def _wrong_credentials() -> WrongCredentials:
    # `error` is what OAuth2 clients look for (RFC 6749, section 5.2).
    return WrongCredentials("User name or password are wrong, or the account is locked.", error="invalid_grant")


async def change_own_password(
    database: Database, *, staff: Principal, current: str, new: str, hasher: PasswordHasher, now: datetime
) -> None:
    """Change it for somebody who knows the present one; ends all their tokens. Raises WrongCredentials."""
    account = await sign_in(database, username=staff.name, password=current, hasher=hasher, now=now)
    new_hash = await hasher.hash(new)
    async with database.begin() as session:
        await change_account(session, account_id=account.id, changes={"password_hash": new_hash}, now=now)


async def add_account(
    session: AsyncSession, *, username: str, display_name: str, role: Role, password_hash: str, now: datetime
) -> StaffAccount:
    """Raises UsernameTaken."""
    account = StaffAccount(
        username=username.lower(), display_name=display_name, role=role, password_hash=password_hash, created_at=now
    )
    try:
        async with session.begin_nested():
            session.add(account)
            await session.flush()
    except IntegrityError as error:
        raise UsernameTaken("Another account has this user name.") from error
    return account


async def get_account(session: AsyncSession, account_id: UUID, *, lock: bool = False) -> StaffAccount:
    """Raises StaffNotFound."""
    account = await session.get(StaffAccount, account_id, with_for_update=lock or None)
    if account is None:
        raise StaffNotFound("There is no staff account with this id.")
    return account


async def change_account(
    session: AsyncSession, *, account_id: UUID, changes: dict[str, Any], now: datetime
) -> StaffAccount:
    """Set display_name, role, password_hash or disabled. Whatever limits the account ends its tokens at once.

    Raises StaffNotFound and LastOwner.
    """
    owners = await _lock_owners(session)
    account = await get_account(session, account_id, lock=True)
    if "disabled" in changes:
        disabled = changes.pop("disabled")
        account.disabled_at = (account.disabled_at or now) if disabled else None
    if "password_hash" in changes:
        account.failures, account.locked_until = 0, None
    for field, value in changes.items():
        setattr(account, field, value)
    if owners == {account.id} and (account.role != Role.OWNER or account.disabled_at is not None):
        raise LastOwner("The last owner can't be disabled or demoted.")
    if changes.keys() & {"role", "password_hash"} or account.disabled_at is not None:
        account.token_epoch += 1
    await session.flush()
    return account


async def _lock_owners(session: AsyncSession) -> set[UUID]:
    """All who can add staff; locked, so that the last two can't demote each other at the same moment."""
    found = await session.scalars(
        select(StaffAccount.id)
        .where(StaffAccount.role == Role.OWNER, StaffAccount.disabled_at.is_(None))
        .order_by(StaffAccount.id)
        .with_for_update()
    )
    return set(found)


async def ensure_first_owner(session: AsyncSession, *, username: str, password: str) -> bool:
    """Add an owner where there is no staff yet; says whether it did. Safe for replicas that start together.

    Raises ValueError for a user name or a password that the API would not take either.
    """
    if await session.scalar(select(func.count()).select_from(StaffAccount)):
        return False
    if not re.fullmatch(USERNAME, username):
        raise ValueError("a user name has 1 to 64 letters, digits, dots, hyphens, underscores and at signs")
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        raise ValueError(f"a password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters")
    password_hash = await PasswordHasher().hash(password)
    await session.execute(text("lock table staff_account in share row exclusive mode"))
    if await session.scalar(select(func.count()).select_from(StaffAccount)):
        return False
    await add_account(
        session,
        username=username,
        display_name=username,
        role=Role.OWNER,
        password_hash=password_hash,
        now=utc_now(),
    )
    return True
