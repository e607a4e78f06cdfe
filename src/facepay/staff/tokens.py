"""Staff tokens: signed, short-lived, and checked against the account on every request."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from jwt.types import Options
from sqlalchemy import bindparam, select

from facepay.kernel.auth import Principal
from facepay.kernel.database import Database, Prepared
from facepay.kernel.errors import Problem
from facepay.kernel.secrets import MasterKey
from facepay.staff.accounts import SCOPES_OF, Role, StaffAccount

PURPOSE = "staff-token"
ALGORITHM = "HS256"
AUDIENCE = "facepay-staff"
# The expiry is checked by the clock that is passed in.
CHECKS: Options = {"require": ["sub", "exp", "epoch", "scope"], "verify_exp": False, "verify_iat": False}


class InvalidScope(Problem):
    """None of the scopes that were asked for belong to the account's role (RFC 6749, section 5.2)."""

    code = "invalid_scope"
    title = "Invalid scope"


def issue_token(
    account: StaffAccount, *, master_key: MasterKey, asked: Iterable[str], now: datetime, lasts: timedelta
) -> tuple[str, frozenset[str]]:
    """A token, and the scopes it grants: all the role has, or those of them that were asked for.

    Raises InvalidScope where that leaves none.
    """
    asked, granted = frozenset(asked), SCOPES_OF[Role(account.role)]
    if asked:
        granted &= asked
    if not granted:
        raise InvalidScope(f"The {account.role} role has none of these scopes.", error="invalid_scope")
    claims = {
        "aud": AUDIENCE,
        "sub": str(account.id),
        "iat": now,
        "exp": now + lasts,
        "epoch": account.token_epoch,
        "scope": " ".join(sorted(granted)),
    }
    return jwt.encode(claims, master_key.derive(PURPOSE), algorithm=ALGORITHM), granted


_HOLDER = Prepared(
    select(StaffAccount.id, StaffAccount.username, StaffAccount.role).where(
        StaffAccount.id == bindparam("id"),
        StaffAccount.disabled_at.is_(None),
        StaffAccount.token_epoch == bindparam("epoch"),
    )
)


async def authenticate(database: Database, master_key: MasterKey, token: str, now: datetime) -> Principal | None:
    """Whoever holds a token of `issue_token`, unless it expired or the account has changed since."""
    claims = _claims(token, master_key)
    if claims is None or now.timestamp() >= claims["exp"]:
        return None
    async with database.read() as session:
        found = await _HOLDER.rows(session, id=UUID(claims["sub"]), epoch=claims["epoch"])
    if not found:
        return None
    [(staff_id, username, role)] = found
    return Principal(
        kind="staff",
        id=staff_id,
        name=username,
        role=role,
        scopes=SCOPES_OF[Role(role)].intersection(claims["scope"].split()),
    )


def _claims(token: str, master_key: MasterKey) -> dict[str, Any] | None:
    """What the token says, where one of our keys signed it: a new master key signs nobody out."""
    for key in master_key.derive_each(PURPOSE):
        try:
            return jwt.decode(token, key, algorithms=[ALGORITHM], audience=AUDIENCE, options=CHECKS)
        except (jwt.InvalidTokenError, RecursionError):  # RecursionError: a header of thousands of brackets
            continue
    return None
