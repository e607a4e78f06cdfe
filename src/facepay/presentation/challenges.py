"""Challenges: what a person is asked to do before the camera, bound to one device, for seconds, and spent once.

One that is about something (a payment) is bound to that as well.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, String, delete, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Database
from facepay.vision.liveness.challenge import EXPRESSIONS, POSES, STEPS_MAX, STEPS_MIN, Action, draw

KEPT_FOR = timedelta(days=1)

ClaimFault = Literal["challenge_unknown", "challenge_expired", "challenge_spent"]


class Challenge(Base):
    """One challenge. Its id is its nonce: 122 random bits, where an ordinary id begins with the time."""

    __tablename__ = "presentation_challenge"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    subject_id: Mapped[UUID | None]
    steps: Mapped[list[str]] = mapped_column(ARRAY(String(16)))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    spent_at: Mapped[datetime | None]


def draw_steps(*, expressions: bool) -> tuple[Action, ...]:
    """Two or three; three where the models see no expressions, which leaves few actions."""
    actions = (*POSES, *EXPRESSIONS) if expressions else POSES
    steps = secrets.choice(range(STEPS_MIN, STEPS_MAX + 1)) if expressions else STEPS_MAX
    return draw(actions, steps=steps, choose=secrets.choice)


async def issue(
    session: AsyncSession,
    *,
    device_id: UUID,
    steps: Sequence[Action],
    now: datetime,
    lasts: timedelta,
    subject_id: UUID | None = None,
) -> Challenge:
    """A new challenge of these steps."""
    challenge = Challenge(
        id=uuid4(),
        device_id=device_id,
        subject_id=subject_id,
        steps=list(steps),
        created_at=now,
        expires_at=now + lasts,
    )
    session.add(challenge)
    await session.flush()
    return challenge


async def spend(
    session: AsyncSession, *, challenge_id: UUID, device_id: UUID, now: datetime, subject_id: UUID | None = None
) -> Sequence[Action] | ClaimFault:
    """The steps of a challenge, which no burst can answer again, or why there are none."""
    this_one = (
        (Challenge.id == challenge_id)
        & (Challenge.device_id == device_id)
        & Challenge.subject_id.is_not_distinct_from(subject_id)
    )
    spent = await session.execute(
        update(Challenge)
        .where(this_one, Challenge.spent_at.is_(None), Challenge.expires_at > now)
        .values(spent_at=now)
        .returning(Challenge.steps)
    )
    steps = spent.scalar_one_or_none()
    if steps is not None:
        return [Action(step) for step in steps]
    known = await session.scalar(select(Challenge).where(this_one))
    if known is None:
        return "challenge_unknown"
    return "challenge_spent" if known.spent_at is not None else "challenge_expired"


async def forget_challenges(database: Database, *, now: datetime) -> None:
    """Drop what expired a day ago."""
    async with database.begin() as session:
        await session.execute(delete(Challenge).where(Challenge.expires_at < now - KEPT_FOR))
