"""When each task of housekeeping was last done, where every replica sees it: nothing else tells that it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Interval, String, case, cast, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base

# A task that no release has any more is forgotten.
FORGOTTEN_AFTER = cast("7 days", Interval)


class UpkeepTask(Base):
    """By the database's clock, which all replicas share."""

    __tablename__ = "upkeep_task"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    every_seconds: Mapped[float]
    first_tried_at: Mapped[datetime]
    tried_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(String(60))


@dataclass(frozen=True, slots=True)
class Tried:
    name: str
    every_seconds: float
    error: str | None = None
    """The exception's class, where it failed."""


async def record(session: AsyncSession, tried: list[Tried]) -> None:
    rows = insert(UpkeepTask).values(
        [
            {
                "name": each.name,
                "every_seconds": each.every_seconds,
                "first_tried_at": func.now(),
                "tried_at": func.now(),
                "done_at": None if each.error else func.now(),
                "error": each.error,
            }
            for each in tried
        ]
    )
    latest = {name: rows.excluded[name] for name in ("every_seconds", "tried_at", "error")}
    done_at = case((rows.excluded.error.is_(None), rows.excluded.done_at), else_=UpkeepTask.done_at)
    await session.execute(rows.on_conflict_do_update(index_elements=["name"], set_=latest | {"done_at": done_at}))
    await session.execute(delete(UpkeepTask).where(UpkeepTask.tried_at < func.now() - FORGOTTEN_AFTER))


async def overdue_seconds(session: AsyncSession) -> Mapping[str, float]:
    """Of each task that was ever tried: for how long it should have been done by now. 0 is well."""
    waited = func.now() - func.coalesce(UpkeepTask.done_at, UpkeepTask.first_tried_at)
    late = func.greatest(literal(0.0), func.extract("epoch", waited) - UpkeepTask.every_seconds)
    found = await session.execute(select(UpkeepTask.name, late))
    return {name: float(seconds) for name, seconds in found}
