"""How people looked at products: per store, product and day, and of nobody in particular.

A cell of these counts is shown once its day has closed, and only if at least `taste_group_min` of those in it are
people who didn't agree to profiling: what is held of those who did can then be taken out of it, and a group is left.
From then on it never changes. A cell with fewer is folded into the product's cell of today, so each look is in one
cell, and whatever sums of cells are subtracted from each other, what is left is whole cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Database

# A burst that comes later than that isn't counted; and a day closes when none can come any more.
LATE_MAX = timedelta(hours=1)
CLOSES_AFTER = timedelta(hours=2)


class AttentionCount(Base):
    """A cell, of the days from `since` to `day`. `looks` are people as far as a camera can tell, one for each stay, and
    `others` those of them who didn't agree to profiling.
    """

    __tablename__ = "attention_count"
    __table_args__ = (
        # A stay that goes on after midnight may bring the next day a smile, and no look.
        CheckConstraint("others between 0 and looks and smiles >= 0", name="counts"),
        CheckConstraint("attention_ms >= 0 and dwell_ms >= attention_ms", name="times"),
        CheckConstraint("since <= day", name="days"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True, index=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    since: Mapped[date]
    looks: Mapped[int]
    others: Mapped[int]
    smiles: Mapped[int]
    dwell_ms: Mapped[int]
    attention_ms: Mapped[int]
    closed: Mapped[bool] = mapped_column(default=False, server_default="false")


@dataclass(slots=True)
class Tally:
    """What a burst adds to a product's cell."""

    looks: int = 0
    others: int = 0
    smiles: int = 0
    dwell_ms: int = 0
    attention_ms: int = 0


async def count(session: AsyncSession, *, store_id: UUID, day: date, tallies: Mapping[UUID, Tally]) -> None:
    """Into the day's cells; what comes to a closed one is left out."""
    if not tallies:
        return
    row = insert(AttentionCount)
    sums = {
        name: getattr(AttentionCount, name) + getattr(row.excluded, name)
        for name in ("looks", "others", "smiles", "dwell_ms", "attention_ms")
    }
    await session.execute(
        row.on_conflict_do_update(
            index_elements=["store_id", "product_id", "day"], set_=sums, where=~AttentionCount.closed
        ),
        [
            {
                "store_id": store_id,
                "product_id": product_id,
                "day": day,
                "since": day,
                "looks": tally.looks,
                "others": tally.others,
                "smiles": tally.smiles,
                "dwell_ms": tally.dwell_ms,
                "attention_ms": tally.attention_ms,
                "closed": False,
            }
            for product_id, tally in sorted(tallies.items())
        ],
    )


# Days as the store's clocks have them.
_DUE = """
    attention_count.store_id = store.id and not attention_count.closed
    and attention_count.day < (cast(:closes as timestamptz) at time zone store.timezone)::date
"""
_CLOSE = text(f"update attention_count set closed = true from store where others >= :least and {_DUE}")  # noqa: S608
_FOLD = text(
    f"""
    with folded as (
        delete from attention_count using store where others < :least and {_DUE}
        returning attention_count.*, (cast(:now as timestamptz) at time zone store.timezone)::date as today
    )
    insert into attention_count as cell
           (store_id, product_id, day, since, looks, others, smiles, dwell_ms, attention_ms, closed)
    select store_id, product_id, today, min(since), sum(looks), sum(others), sum(smiles), sum(dwell_ms),
           sum(attention_ms), false
      from folded group by store_id, product_id, today order by store_id, product_id
        on conflict (store_id, product_id, day) do update
       set since = least(cell.since, excluded.since),
           looks = cell.looks + excluded.looks,
           others = cell.others + excluded.others,
           smiles = cell.smiles + excluded.smiles,
           dwell_ms = cell.dwell_ms + excluded.dwell_ms,
           attention_ms = cell.attention_ms + excluded.attention_ms
     where not cell.closed
    """  # noqa: S608
)


async def close_days(database: Database, *, group_min: int, now: datetime) -> None:
    """Close the cells of days that are over, and fold those with too few people into today's."""
    values = {"least": group_min, "closes": now - CLOSES_AFTER, "now": now}
    async with database.begin() as session:
        await session.execute(_CLOSE, values)
        await session.execute(_FOLD, values)
