"""What reviews teach the next calibration: cosines of matches that were found false or true, and not whose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.identity.verdicts import DeviceDecision
from facepay.kernel.database import Base

DECIMALS = 4


class Mark(Base):
    """An `impostor` score is a false match's, a `genuine` one a true match's. Nothing leads from it to a decision: not
    even its id says when it was made, nor is the score exactly the decision's.
    """

    __tablename__ = "review_mark"
    __table_args__ = (CheckConstraint("kind in ('impostor', 'genuine')", name="kind_known"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    pack: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(8))
    similarity: Mapped[float]
    marked_on: Mapped[date]


@dataclass(frozen=True, slots=True)
class Marks:
    """Cosines."""

    false_matches: tuple[float, ...]
    true_matches: tuple[float, ...]

    def __str__(self) -> str:
        return f"{len(self.false_matches)} reviewed false matches and {len(self.true_matches)} true ones"


def mark(session: AsyncSession, *, decision: DeviceDecision, false: bool, now: datetime) -> None:
    """Note the score of a decision by face; one by pass or by a second factor alone has none."""
    if decision.similarity is not None and decision.pack is not None:
        kind = "impostor" if false else "genuine"
        score = round(decision.similarity, DECIMALS)
        session.add(Mark(pack=decision.pack, kind=kind, similarity=score, marked_on=now.date()))


async def take_back(session: AsyncSession, *, decision: DeviceDecision) -> None:
    """Drop the genuine score that an earlier review of the same decision left: a decision counts once."""
    if decision.similarity is None:
        return
    score = round(decision.similarity, DECIMALS)
    same = select(Mark).where(Mark.pack == decision.pack, Mark.kind == "genuine", Mark.similarity == score)
    if earlier := await session.scalar(same.limit(1)):
        await session.delete(earlier)


async def marks_of(session: AsyncSession, *, pack: str) -> Marks:
    """All of a model pack."""
    rows = (await session.execute(select(Mark.kind, Mark.similarity).where(Mark.pack == pack))).all()
    return Marks(
        tuple(similarity for kind, similarity in rows if kind == "impostor"),
        tuple(similarity for kind, similarity in rows if kind == "genuine"),
    )
