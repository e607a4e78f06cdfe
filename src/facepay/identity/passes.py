"""One-time passes: the way in, and the way to pay, of everybody who shows no face, and a second factor.

The shop's own app asks for one on behalf of the member who is signed in there, and shows it as a QR code for a minute,
with eight digits beside it for a keypad. A pass is 256 random bits, which nobody guesses. The digits are guessed once
in 10^8 / (passes out) tries, so a device takes five wrong codes in five minutes, and no code alone is proof enough for
a large amount. Only keyed hashes are kept, a row a member: a new pass takes the place of the one before.

Whoever has to lock both locks the member first, then the pass.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, LargeBinary, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Database
from facepay.kernel.errors import Conflict, Overloaded
from facepay.kernel.secrets import MasterKey, fingerprint
from facepay.members.members import Member, get_member

TOKEN_BYTES = 32
CODE_DIGITS = 8
# A token in base32: the smallest QR code, and one that scanners with another keyboard layout read as well.
PASS_TEXT = r"^([A-Z2-7]{52}|[0-9]{8})$"  # noqa: S105
DRAWS_MAX = 5
WRONG_CODES_MAX = 5
COUNTED_FOR = timedelta(minutes=5)
KEPT_FOR = timedelta(hours=1)

PassFault = Literal["pass_unknown", "pass_expired", "pass_spent", "pass_codes_locked"]
HINTS: dict[PassFault, str] = {
    "pass_unknown": "Show the pass that the app shows now.",
    "pass_expired": "Ask the app for a new pass.",
    "pass_spent": "Ask the app for a new pass.",
    "pass_codes_locked": "Show the QR code instead of typing, or wait five minutes.",
}


class OneTimePass(Base):
    """A member's latest pass. Spent or expired ones stay for an hour, so that a device can say which it was."""

    __tablename__ = "one_time_pass"

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    spent_at: Mapped[datetime | None]


class CodeGuesses(Base):
    """Wrong codes typed at a device lately. A right one doesn't start the count afresh: who guesses may have one."""

    __tablename__ = "code_guesses"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    wrong: Mapped[int]
    counted_from: Mapped[datetime]


class MemberBlocked(Conflict):
    """Staff have blocked this member: they get no pass."""

    code = "member_blocked"
    title = "Member blocked"


@dataclass(frozen=True, slots=True, repr=False)
class IssuedPass:
    """The only copy of a pass in clear."""

    token: str
    code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class ShownPass:
    """A pass as a device read it: its hash under each key that may have made it, and whether it was typed."""

    hashes: tuple[bytes, ...]
    typed: bool


def read_pass(text: str, *, key: MasterKey) -> ShownPass:
    """`text` is a token or a code, as in PASS_TEXT."""
    hashes = tuple(fingerprint(each, text.encode()) for each in key.derive_each("passes"))
    return ShownPass(hashes, typed=len(text) == CODE_DIGITS)


def draw_code() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


async def issue(
    session: AsyncSession,
    *,
    member_id: UUID,
    key: MasterKey,
    now: datetime,
    lasts: timedelta,
    draw: Callable[[], str] = draw_code,
) -> IssuedPass:
    """A new pass, which ends the member's former one. Raises MemberNotFound and MemberBlocked."""
    member = await get_member(session, member_id, lock=True)
    if not member.is_active:
        raise MemberBlocked("This member is blocked.")
    for _ in range(DRAWS_MAX):
        token = base64.b32encode(secrets.token_bytes(TOKEN_BYTES)).decode().rstrip("=")
        issued = IssuedPass(token, draw(), now + lasts)
        if await _keep(session, member_id, issued, key):
            return issued
    raise Overloaded("Every code that was drawn is another member's.")


async def _keep(session: AsyncSession, member_id: UUID, issued: IssuedPass, key: MasterKey) -> bool:
    """False where another member has this code just now."""
    fresh = {
        "token_hash": read_pass(issued.token, key=key).hashes[0],
        "code_hash": read_pass(issued.code, key=key).hashes[0],
        "expires_at": issued.expires_at,
        "spent_at": None,
    }
    latest = insert(OneTimePass).values(member_id=member_id, **fresh)
    try:
        async with session.begin_nested():
            await session.execute(latest.on_conflict_do_update(index_elements=["member_id"], set_=fresh))
    except IntegrityError as error:
        if "uq_one_time_pass_code_hash" in str(error.orig):
            return False
        raise
    return True


async def spend(session: AsyncSession, *, shown: ShownPass, device_id: UUID, now: datetime) -> Member | PassFault:
    """The member whose pass was shown, their row locked until the transaction ends; or why it opens nothing."""
    if not shown.typed:
        return await _take(session, shown, now)
    guesses = await _lock_guesses(session, device_id, now)
    if guesses.wrong >= WRONG_CODES_MAX:
        return "pass_codes_locked"
    taken = await _take(session, shown, now)
    if not isinstance(taken, Member):
        guesses.wrong += 1
    return taken


async def _take(session: AsyncSession, shown: ShownPass, now: datetime) -> Member | PassFault:
    found = await session.execute(
        select(Member, OneTimePass.expires_at, OneTimePass.spent_at)
        .join(OneTimePass, OneTimePass.member_id == Member.id)
        .where(_is(shown))
        .with_for_update(of=Member, key_share=True)
    )
    row = found.one_or_none()
    if row is None:
        return "pass_unknown"
    member, expires_at, spent_at = row
    if spent_at is None and now >= expires_at:
        return "pass_expired"
    # Two devices may have waited for the member's row with the same pass: one of them takes it.
    taken = await spend_one_of(session, shown=shown, member_ids=[member.id], now=now)
    return member if taken else "pass_spent"


async def spend_one_of(
    session: AsyncSession, *, shown: ShownPass, member_ids: Collection[UUID], now: datetime
) -> UUID | None:
    """Which of these members a pass proves; None where it isn't a live one of theirs. The caller locked their rows."""
    return await session.scalar(
        update(OneTimePass)
        .where(
            _is(shown),
            OneTimePass.member_id.in_(member_ids),
            OneTimePass.spent_at.is_(None),
            OneTimePass.expires_at > now,
        )
        .values(spent_at=now)
        .returning(OneTimePass.member_id)
    )


def _is(shown: ShownPass) -> ColumnElement[bool]:
    column = OneTimePass.code_hash if shown.typed else OneTimePass.token_hash
    return column.in_(shown.hashes)


async def _lock_guesses(session: AsyncSession, device_id: UUID, now: datetime) -> CodeGuesses:
    """Until the transaction ends, so that guesses can't be tried side by side."""
    none_yet = insert(CodeGuesses).values(device_id=device_id, wrong=0, counted_from=now)
    await session.execute(none_yet.on_conflict_do_nothing())
    guesses = await session.get_one(CodeGuesses, device_id, with_for_update=True)
    if now >= guesses.counted_from + COUNTED_FOR:
        guesses.wrong, guesses.counted_from = 0, now
    return guesses


async def forget_passes(database: Database, *, now: datetime) -> None:
    """Drop what expired an hour ago."""
    async with database.begin() as session:
        await session.execute(delete(OneTimePass).where(OneTimePass.expires_at < now - KEPT_FOR))
