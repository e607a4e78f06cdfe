"""Stepping up: where a face alone is not sure enough, the person proves who they are.

A step-up holds the few members it could be, asks for one factor that all of them have, counts wrong answers
and ends after a minute. It is spent once. A one-time pass of one of them answers it too, whatever it asked for. Wrong
answers count against the candidates, whatever the factor: whoever merely looks like a member can make new attempts
without end, and four digits are soon guessed.

Whoever has to lock both locks the members first, then the step-up, as whoever erases one of them does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, String, Uuid, delete, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.identity.passes import ShownPass, spend_one_of
from facepay.kernel.database import Base, Database
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.passwords import PasswordHasher
from facepay.members.members import DEPENDANTS_FIRST, Member
from facepay.members.pins import count_wrong_answer, is_locked, knows_pin

PHONE_DIGITS = 4
KEPT_FOR = timedelta(days=1)


class Factor(StrEnum):
    PIN = "pin"
    PHONE_LAST_FOUR = "phone_last_four"
    PASS = "pass"  # noqa: S105


class StepUp(Base):
    __tablename__ = "step_up"

    attempt_id: Mapped[UUID] = mapped_column(primary_key=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    candidate_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    factor: Mapped[str] = mapped_column(String(16))
    wrong_answers: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class AttemptNotFound(NotFound):
    """No attempt of this device with this id waits for an answer."""

    code = "attempt_not_found"
    title = "No such attempt"


class AttemptClosed(Conflict):
    """The attempt was answered already, has expired or saw too many wrong answers."""

    code = "attempt_closed"
    title = "Attempt closed"


@dataclass(frozen=True, slots=True)
class Proven:
    """The answer was right, and right for this member alone."""

    member_id: UUID


@dataclass(frozen=True, slots=True)
class Wrong:
    """The answer was wrong; `answers_left` may be zero."""

    answers_left: int


async def ask(
    session: AsyncSession,
    *,
    attempt_id: UUID,
    device_id: UUID,
    candidate_ids: Collection[UUID],
    now: datetime,
    lasts: timedelta,
) -> StepUp | None:
    """Open a step-up for an attempt; None where nobody is left to ask, or one of them is locked.

    An attempt that goes on, as a lane's does, may ask again: that takes the place of what it asked before.
    """
    members = await _hold(session, candidate_ids, read=True)
    if not members or any(is_locked(member, now=now) for member in members):
        return None
    asked = {
        "device_id": device_id,
        "candidate_ids": [member.id for member in members],
        "factor": _common_factor(members),
        "wrong_answers": 0,
        "expires_at": now + lasts,
        "closed_at": None,
    }
    row = insert(StepUp).values(attempt_id=attempt_id, **asked)
    found = await session.scalars(
        row.on_conflict_do_update(index_elements=["attempt_id"], set_=asked).returning(StepUp),
        execution_options={"populate_existing": True},
    )
    return found.one()


def _common_factor(members: Collection[Member]) -> Factor:
    """A PIN where everybody has one, the phone's last digits where they tell everybody apart, or else a pass."""
    if all(member.pin_hash for member in members):
        return Factor.PIN
    endings = {member.phone[-PHONE_DIGITS:] for member in members if member.phone}
    return Factor.PHONE_LAST_FOUR if len(endings) == len(members) else Factor.PASS


async def answer(
    session: AsyncSession,
    *,
    attempt_id: UUID,
    device_id: UUID,
    given: str | ShownPass,
    now: datetime,
    answers_max: int,
    hasher: PasswordHasher,
) -> Proven | Wrong:
    """Check one answer and count it. Raises AttemptNotFound and AttemptClosed."""
    step_up = await _open_step_up(session, attempt_id, device_id, now)
    members = await _hold(session, step_up.candidate_ids)
    step_up = await _open_step_up(session, attempt_id, device_id, now, lock=True)
    proven = (
        []
        if any(is_locked(member, now=now) for member in members)
        else await _who_proved(session, step_up, members, given, hasher, now)
    )
    if len(proven) == 1:
        step_up.closed_at, proven[0].pin_failures = now, 0
    else:
        step_up.wrong_answers += 1
        if step_up.wrong_answers >= answers_max:
            step_up.closed_at = now
        for member in members:
            count_wrong_answer(member, now=now)
    await session.flush()
    return Proven(proven[0].id) if len(proven) == 1 else Wrong(max(0, answers_max - step_up.wrong_answers))


async def is_waiting(session: AsyncSession, *, attempt_id: UUID, now: datetime) -> bool:
    """Whether a decision may still change: a second factor was asked for, and there is time to give it."""
    step_up = await session.get(StepUp, attempt_id)
    return step_up is not None and step_up.closed_at is None and now < step_up.expires_at


async def waiting_step_up(session: AsyncSession, *, attempt_id: UUID, device_id: UUID, now: datetime) -> StepUp | None:
    """What the attempt still waits for at this device, if anything."""
    step_up = await session.get(StepUp, attempt_id)
    waits = step_up is not None and step_up.closed_at is None and now < step_up.expires_at
    return step_up if waits and step_up is not None and step_up.device_id == device_id else None


async def _open_step_up(
    session: AsyncSession, attempt_id: UUID, device_id: UUID, now: datetime, *, lock: bool = False
) -> StepUp:
    step_up = await session.get(StepUp, attempt_id, with_for_update=lock or None)
    if step_up is None or step_up.device_id != device_id:
        raise AttemptNotFound("No attempt with this id waits at this device.")
    if step_up.closed_at is not None or now >= step_up.expires_at:
        raise AttemptClosed("This attempt was answered, has expired or saw too many wrong answers.")
    return step_up


async def _hold(session: AsyncSession, member_ids: Collection[UUID], *, read: bool = False) -> Sequence[Member]:
    """Those who are active: held against being erased, and unless it is to `read`, against other answers."""
    found = await session.scalars(
        select(Member)
        .where(Member.id.in_(member_ids), Member.status == "active")
        .order_by(*DEPENDANTS_FIRST)
        .with_for_update(read=read, key_share=True)
    )
    return found.all()


async def _who_proved(
    session: AsyncSession,
    step_up: StepUp,
    members: Sequence[Member],
    given: str | ShownPass,
    hasher: PasswordHasher,
    now: datetime,
) -> list[Member]:
    if isinstance(given, ShownPass):
        ids = [member.id for member in members]
        proven_id = await spend_one_of(session, shown=given, member_ids=ids, now=now)
        return [member for member in members if member.id == proven_id]
    match step_up.factor:
        case Factor.PIN:
            return [member for member in members if await knows_pin(member, given, hasher=hasher)]
        case Factor.PHONE_LAST_FOUR:
            return [member for member in members if member.phone and member.phone[-PHONE_DIGITS:] == given]
        case _:
            return []  # a pass was asked for, and digits are none


async def forget_expired(database: Database, *, now: datetime) -> None:
    """Drop step-ups that ended a day ago: whom a face was taken for is nobody's business any more."""
    async with database.begin() as session:
        await session.execute(delete(StepUp).where(StepUp.expires_at < now - KEPT_FOR))
