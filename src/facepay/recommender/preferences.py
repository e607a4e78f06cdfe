"""What a member likes, product by product: a score that rises as they look and smile, and fades.

A score is in weighted seconds: each second that they looked counts as one, and up to three times where they smiled.
It is kept as of one instant and halves with each half-life after it, so looks count the same in whatever order they
come. A category's score is the sum of its products'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    DateTime,
    Float,
    ForeignKey,
    UniqueConstraint,
    case,
    cast,
    delete,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.products import Product
from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.ids import new_id

# As much as ten attentive minutes at once: nobody who fell asleep before a shelf likes it a hundred times as much.
SCORE_MAX = 600.0
SMILE_WEIGHT = 2.0
# Looks with less than this between them are one.
STAY_GAP = timedelta(seconds=5)
# Nothing is left of a score after so many half-lives (and Postgres's power() refuses results near zero).
HALF_LIVES_MAX = 50
FORGOTTEN_AFTER_HALF_LIVES = 10


class Preference(Identified, Base):
    """`score` is as of `scored_at`. Where the member wants to hear no more of a product it is `excluded`, and the rest
    is empty.
    """

    __tablename__ = "preference"
    __table_args__ = (
        UniqueConstraint("member_id", "product_id"),
        CheckConstraint(f"score between 0 and {SCORE_MAX}", name="score_in_bounds"),
        CheckConstraint("looks >= 0 and smile_ms between 0 and attention_ms", name="counts"),
        CheckConstraint("not excluded or score = 0 and looks = 0 and attention_ms = 0", name="excluded_is_empty"),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), index=True)
    score: Mapped[float]
    scored_at: Mapped[datetime]
    since: Mapped[datetime]
    last_at: Mapped[datetime]
    looks: Mapped[int]
    attention_ms: Mapped[int]
    smile_ms: Mapped[int]  # of it
    excluded: Mapped[bool] = mapped_column(default=False, server_default="false")


@dataclass(frozen=True, slots=True)
class Evidence:
    """That a member looked at a product between two instants for `attention_ms`, and smiled for `smile_ms` of them;
    `smile` is the mean strength.
    """

    product_id: UUID
    began_at: datetime
    ended_at: datetime
    attention_ms: int
    smile_ms: int
    smile: float

    @property
    def weight(self) -> float:
        """In weighted seconds."""
        return min(SCORE_MAX, self.attention_ms / 1000 * (1 + SMILE_WEIGHT * self.smile))


def faded(score: float, *, since: datetime, at: datetime, half_life: timedelta) -> float:
    """What is left of it at a later instant."""
    half_lives = max(0.0, (at - since) / half_life)
    return 0.0 if half_lives > HALF_LIVES_MAX else score * 0.5**half_lives


def faded_in_sql(
    score: ColumnElement[float],
    *,
    since: ColumnElement[datetime],
    at: ColumnElement[datetime],
    half_life: timedelta,
) -> ColumnElement[float]:
    """The same in a statement."""
    seconds = cast(func.extract("epoch", at - since), Float)
    half_lives = func.greatest(0.0, seconds / half_life.total_seconds())
    return case((half_lives > HALF_LIVES_MAX, 0.0), else_=score * func.power(0.5, half_lives))


def instant(at: datetime) -> ColumnElement[datetime]:
    """As a value of a statement."""
    return cast(at, DateTime(timezone=True))


async def learn(session: AsyncSession, *, member_id: UUID, evidence: Sequence[Evidence], half_life: timedelta) -> None:
    """Add what was seen, in one statement; nothing is learnt of what the member excluded."""
    if not evidence:
        return
    row = insert(Preference)
    new = row.excluded
    at = func.greatest(Preference.scored_at, new.scored_at)
    before = faded_in_sql(
        Preference.__table__.c.score, since=Preference.__table__.c.scored_at, at=at, half_life=half_life
    )
    score = func.least(SCORE_MAX, before + faded_in_sql(new.score, since=new.scored_at, at=at, half_life=half_life))
    goes_on = (new.since <= Preference.last_at + STAY_GAP) & (new.last_at >= Preference.since - STAY_GAP)
    changed = {
        "score": score,
        "scored_at": at,
        "since": func.least(Preference.since, new.since),
        "last_at": func.greatest(Preference.last_at, new.last_at),
        "looks": Preference.looks + case((goes_on, 0), else_=1),
        "attention_ms": Preference.attention_ms + new.attention_ms,
        "smile_ms": Preference.smile_ms + new.smile_ms,
    }
    await session.execute(
        row.on_conflict_do_update(index_elements=["member_id", "product_id"], set_=changed, where=~Preference.excluded),
        [
            {
                "id": new_id(),
                "member_id": member_id,
                "product_id": each.product_id,
                "score": each.weight,
                "scored_at": each.ended_at,
                "since": each.began_at,
                "last_at": each.ended_at,
                "looks": 1,
                "attention_ms": each.attention_ms,
                "smile_ms": each.smile_ms,
                "excluded": False,
            }
            for each in sorted(evidence, key=lambda each: each.product_id)
        ],
    )


async def exclude(session: AsyncSession, *, member_id: UUID, product_id: UUID, now: datetime) -> None:
    """Forget that they like it, and suggest it no more. The caller holds the member's row."""
    empty = {"score": 0.0, "scored_at": now, "since": now, "last_at": now, "looks": 0, "attention_ms": 0, "smile_ms": 0}
    row = insert(Preference).values(id=new_id(), member_id=member_id, product_id=product_id, excluded=True, **empty)
    await session.execute(
        row.on_conflict_do_update(index_elements=["member_id", "product_id"], set_=empty | {"excluded": True})
    )


async def include(session: AsyncSession, *, member_id: UUID, product_id: UUID) -> None:
    """Take back that they excluded it. The caller holds the member's row."""
    await session.execute(
        delete(Preference).where(
            Preference.member_id == member_id, Preference.product_id == product_id, Preference.excluded
        )
    )


async def forget_inferred(session: AsyncSession, *, member_id: UUID) -> None:
    """All that was inferred; what the member excluded themselves stays so. The caller holds the member's row."""
    await session.execute(delete(Preference).where(Preference.member_id == member_id, ~Preference.excluded))


async def forget_faded(database: Database, *, half_life: timedelta, now: datetime) -> None:
    """Drop what has faded to a thousandth."""
    before = now - FORGOTTEN_AFTER_HALF_LIVES * half_life
    async with database.begin() as session:
        await session.execute(delete(Preference).where(Preference.last_at < before, ~Preference.excluded))


async def product_scores(
    session: AsyncSession, *, member_id: UUID, half_life: timedelta, now: datetime
) -> dict[str, float]:
    """By sku, as they are now."""
    rows = await session.execute(
        select(Product.sku, _score_now(half_life, now))
        .join(Preference, Preference.product_id == Product.id)
        .where(Preference.member_id == member_id, ~Preference.excluded)
    )
    return {sku: float(score) for sku, score in rows}


async def category_scores(
    session: AsyncSession, *, member_id: UUID, half_life: timedelta, now: datetime
) -> dict[str, float]:
    """By category, the highest first."""
    score = func.sum(_score_now(half_life, now))
    rows = await session.execute(
        select(Product.category, score)
        .join(Preference, Preference.product_id == Product.id)
        .where(Preference.member_id == member_id, Product.category.is_not(None), ~Preference.excluded)
        .group_by(Product.category)
        .order_by(score.desc(), Product.category)
    )
    return {str(category): float(total) for category, total in rows}


def _score_now(half_life: timedelta, now: datetime) -> ColumnElement[float]:
    own = Preference.__table__.c
    return faded_in_sql(own.score, since=own.scored_at, at=instant(now), half_life=half_life)
