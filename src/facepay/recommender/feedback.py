"""What members say of products, or do with them before a mirror: learnt only of those who agreed to profiling."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.recommender.consents import standing_agreement
from facepay.recommender.verdicts import Feedback, Verdict


async def feedback(session: AsyncSession, *, member_id: UUID, product_id: UUID, liked: bool, now: datetime) -> bool:
    """Learn whether they like it. False where nothing was learnt, since they didn't agree to profiling. The caller
    holds the member's row.
    """
    verdict = Verdict.LIKED if liked else Verdict.DISLIKED
    return await _learn(session, member_id=member_id, product_id=product_id, verdict=verdict, now=now)


async def tried_on(session: AsyncSession, *, member_id: UUID, product_id: UUID, now: datetime) -> bool:
    """Learn that they tried it on, which says less than a word of theirs. As `feedback` otherwise."""
    return await _learn(session, member_id=member_id, product_id=product_id, verdict=Verdict.TRIED_ON, now=now)


async def _learn(session: AsyncSession, *, member_id: UUID, product_id: UUID, verdict: Verdict, now: datetime) -> bool:
    if await standing_agreement(session, member_id=member_id) is None:
        return False
    said = {"verdict": verdict, "given_at": now}
    row = insert(Feedback).values(member_id=member_id, product_id=product_id, **said)
    may_replace = Feedback.verdict == Verdict.TRIED_ON if verdict == Verdict.TRIED_ON else None
    await session.execute(
        row.on_conflict_do_update(index_elements=["member_id", "product_id"], set_=said, where=may_replace)
    )
    return True
