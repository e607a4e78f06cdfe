"""Attempts: what people give at an access point, one factor after the other, until it opens or is refused.

A point has one attempt at a time, for as long as its policy says. A new one takes the place of whatever is open there:
whoever walked away keeps nobody waiting, and what they had given is written down as given up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, delete, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.access.policies import Factor
from facepay.identity.sighting import Advice
from facepay.kernel.auth import PresentationCheck
from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.ids import new_id

KEPT_FOR = timedelta(days=1)
STARTS_MAX = 3
FACTORS_MAX = 12  # of one attempt


class AttemptNotFound(NotFound):
    """There has been no attempt with this id at this access point."""

    code = "attempt_not_found"
    title = "No such attempt"


class PointBusy(Conflict):
    """Other attempts begin at this access point in the same moment."""

    code = "access_point_busy"
    title = "Access point busy"


class AccessAttempt(Identified, Base):
    """One attempt, for a day; what came of it stays in the access log. `code` is the reason that the log has."""

    __tablename__ = "access_attempt"
    __table_args__ = (
        CheckConstraint("decision in ('granted', 'denied')", name="decision_known"),
        CheckConstraint("(ended_at is null) = (code is null)", name="ended_for_a_reason"),
        Index("uq_access_attempt_open", "access_point_id", unique=True, postgresql_where=text("ended_at is null")),
        Index("ix_access_attempt_access_point_id_ended_at", "access_point_id", "ended_at"),
        Index("ix_access_attempt_expires_at", "expires_at"),
    )

    access_point_id: Mapped[UUID] = mapped_column(ForeignKey("access_point.id"))
    opened_under: Mapped[str] = mapped_column(String(80))  # the policy's version
    opened_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    decision: Mapped[str | None] = mapped_column(String(8))
    code: Mapped[str | None] = mapped_column(String(40))

    def is_over(self, now: datetime) -> bool:
        return self.ended_at is not None or now >= self.expires_at

    def end(self, code: str, *, now: datetime, decision: str | None = None) -> None:
        self.ended_at, self.code, self.decision = now, code, decision


class AttemptFactor(Base):
    """A factor as it was given. `person` counts those who take part in the attempt from 0; `measured` is of theirs."""

    __tablename__ = "access_attempt_factor"
    __table_args__ = (
        CheckConstraint("factor in ('face', 'badge', 'fingerprint', 'pin', 'invitation')", name="factor_known"),
        Index("ix_access_attempt_factor_holder_id", "holder_id"),
    )

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("access_attempt.id", ondelete="cascade"), primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    person: Mapped[int] = mapped_column(SmallInteger)
    factor: Mapped[Factor] = mapped_column(String(16))
    fault: Mapped[str | None] = mapped_column(String(40))
    holder_id: Mapped[UUID | None] = mapped_column(ForeignKey("access_holder.id", ondelete="cascade"))
    measured: Mapped[dict[str, Any]] = mapped_column(JSONB)
    checks: Mapped[list[str]] = mapped_column(ARRAY(String(16)))  # that a face has passed
    reader_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"))
    duress: Mapped[bool] = mapped_column(server_default=text("false"))
    given_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of one factor: whose it is, where it says so, or why it proves nothing."""

    factor: Factor
    holder_id: UUID | None = None
    fault: str | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)
    checks: frozenset[PresentationCheck] = frozenset()
    reader_id: UUID | None = None
    duress: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """Nothing was given that says anything; what was given before still counts."""

    code: str
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """The attempt ends here, whatever else would be given, by what was shown as this factor. `suspect` is the device
    that may have been tampered with.
    """

    factor: Factor
    code: str
    advice: tuple[Advice, ...] = ()
    suspect: UUID | None = None


Given = Proof | Again | Stopped


async def start(
    session: AsyncSession, *, access_point_id: UUID, opened_under: str, lasts: timedelta, now: datetime
) -> tuple[AccessAttempt, AccessAttempt | None]:
    """A new attempt, and the one whose place it takes, which is over. Raises PointBusy."""
    given_up = None
    for _ in range(STARTS_MAX):
        fresh = insert(AccessAttempt).values(
            id=new_id(),
            access_point_id=access_point_id,
            opened_under=opened_under,
            opened_at=now,
            expires_at=now + lasts,
        )
        if attempt := await session.scalar(fresh.on_conflict_do_nothing().returning(AccessAttempt)):
            return attempt, given_up
        still_open = select(AccessAttempt).where(
            AccessAttempt.access_point_id == access_point_id, AccessAttempt.ended_at.is_(None)
        )
        if other := await session.scalar(still_open.with_for_update()):
            given_up = other
            other.end("expired" if now >= other.expires_at else "given_up", now=now)
            await session.flush()
    raise PointBusy("Other attempts begin here in this moment.", headers={"Retry-After": "1"})


async def attempt_of(session: AsyncSession, *, attempt_id: UUID, access_point_id: UUID) -> AccessAttempt:
    """Locked until the transaction ends. Raises AttemptNotFound."""
    attempt = await session.get(AccessAttempt, attempt_id, with_for_update=True)
    if attempt is None or attempt.access_point_id != access_point_id:
        raise AttemptNotFound("There has been no attempt with this id at this access point.")
    return attempt


async def factors_of(session: AsyncSession, *, attempt_id: UUID) -> list[AttemptFactor]:
    """In the order in which they were given."""
    of_attempt = select(AttemptFactor).where(AttemptFactor.attempt_id == attempt_id)
    return list(await session.scalars(of_attempt.order_by(AttemptFactor.place)))


async def refusals_since(session: AsyncSession, *, access_point_id: UUID, since: datetime) -> int:
    refused = select(func.count()).where(
        AccessAttempt.access_point_id == access_point_id,
        AccessAttempt.ended_at > since,
        AccessAttempt.decision == "denied",
    )
    return await session.scalar(refused) or 0


async def forget_attempts(database: Database, *, now: datetime) -> None:
    """Drop those that ran out a day ago: the access log has them."""
    async with database.begin() as session:
        old = AccessAttempt.expires_at < now - KEPT_FOR
        await session.execute(delete(AccessAttempt).where(old, AccessAttempt.ended_at.is_not(None)))
