"""Standing: by a provider's score, which the shop imports where the member agrees to it, or by the membership tier.

The original asked Sesame Credit (350 to 950) for 700 and more, and lent for nothing then. Whose score it is and what it
may be, the shop says (`FACEPAY_DRIVE_SCORE_MIN`, `_MAX`); it only ever gives a member a better level.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.checkout.benefits import member_tier
from facepay.kernel.database import Base
from facepay.kernel.errors import NotFound, Problem
from facepay.members.members import get_member
from facepay.rewards.rules import read_rules
from facepay.settings import Settings
from facepay.test_drives.rules import Level, Rules


class CreditScore(Base):
    __tablename__ = "credit_score"

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    score: Mapped[int]
    provider: Mapped[str] = mapped_column(String(200))
    as_of: Mapped[date]
    set_by: Mapped[str] = mapped_column(String(80))
    set_at: Mapped[datetime]


class ScoreNotFound(NotFound):
    """No score is known of this member."""

    code = "score_not_found"
    title = "No score"


class ScoreOutOfRange(Problem):
    """No provider of this shop's gives such a score."""

    status = 422
    code = "score_out_of_range"
    title = "Score out of range"


async def set_score(
    session: AsyncSession,
    *,
    member_id: UUID,
    score: int,
    provider: str,
    as_of: date,
    by: str,
    now: datetime,
    settings: Settings,
) -> CreditScore:
    """Raises MemberNotFound and ScoreOutOfRange."""
    low, high = settings.drive_score_min, settings.drive_score_max
    if not low <= score <= high:
        raise ScoreOutOfRange(f"A score is {low} to {high}.", score=score, score_min=low, score_max=high)
    await get_member(session, member_id, lock=True)
    row = CreditScore(member_id=member_id, score=score, provider=provider, as_of=as_of, set_by=by, set_at=now)
    kept = await session.merge(row)
    await session.flush()
    return kept


async def score_of(session: AsyncSession, member_id: UUID) -> CreditScore:
    """Raises ScoreNotFound."""
    score = await session.get(CreditScore, member_id)
    if score is None:
        raise ScoreNotFound("No score is known of this member.")
    return score


async def forget_score(session: AsyncSession, *, member_id: UUID) -> None:
    """Raises MemberNotFound and ScoreNotFound."""
    await get_member(session, member_id, lock=True)
    await session.delete(await score_of(session, member_id))
    await session.flush()


async def level_of(
    session: AsyncSession, *, member_id: UUID, rules: Rules, currency: str, now: datetime
) -> Level | None:
    """The first level that they reach; None where there is none for them."""
    known = await session.get(CreditScore, member_id)
    fresh = known is not None and known.as_of >= (now - timedelta(days=rules.score_days)).date()
    score = known.score if known is not None and fresh else None
    rewards = await read_rules(session)
    tier = await member_tier(session, rewards, member_id=member_id, currency=currency, now=now)
    reached = {each.name for each in rewards.tiers if tier is not None and each.min_spend <= tier.min_spend}
    return next((level for level in rules.levels if _reaches(level, score, reached)), None)


def _reaches(level: Level, score: int | None, tiers: set[str]) -> bool:
    if level.score_min is None and level.tier is None:
        return True
    by_score = level.score_min is not None and score is not None and score >= level.score_min
    return by_score or level.tier in tiers
