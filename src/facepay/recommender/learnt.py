"""What was learnt of all members together, product by product. Nothing here tells of one person: whatever rests on
fewer people than the minimum group isn't kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, REAL, ForeignKey, Index, Uuid, delete, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, insert_rows

Ids = Mapped[list[UUID]]
Shares = Mapped[list[float]]
Rows = Sequence[dict[str, Any]]
# A part of a second of the event loop each: they become JSON there.
WRITTEN_AT_ONCE = 200


class ProductNeighbours(Base):
    """`together`: products that whoever likes this one likes more often than everybody does, and by how much of the
    members more. `alike`: those of its kind, by what the catalogue says, and how alike (0 to 1). The nearest first.
    `bought_again` is the share of its buyers who buy it again.
    """

    __tablename__ = "product_neighbours"

    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True)
    together: Ids = mapped_column(ARRAY(Uuid()))
    together_shares: Shares = mapped_column(ARRAY(REAL()))
    alike: Ids = mapped_column(ARRAY(Uuid()))
    alike_shares: Shares = mapped_column(ARRAY(REAL()))
    bought_again: Mapped[float] = mapped_column(REAL())


class ProductPopularity(Base):
    """`share` is a product's of all that is bought in a store, counted by people. By part of the day and by weather it
    says how many times as often it is bought then.
    """

    __tablename__ = "product_popularity"
    __table_args__ = (Index("ix_product_popularity_store_id_share", "store_id", "share"),)

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True)
    share: Mapped[float] = mapped_column(REAL())
    by_part: Shares = mapped_column(ARRAY(REAL()))
    by_weather: Shares = mapped_column(ARRAY(REAL()))


async def replace_learnt(session: AsyncSession, *, neighbours: Rows, popularity: Rows) -> None:
    """All of it at once, in the place of what was learnt before; whoever reads sees the one or the other."""
    await session.execute(text("lock table product_neighbours in share row exclusive mode"))
    for table, rows in ((ProductNeighbours, neighbours), (ProductPopularity, popularity)):
        await session.execute(delete(table))
        for first in range(0, len(rows), WRITTEN_AT_ONCE):
            await insert_rows(session, table, rows[first : first + WRITTEN_AT_ONCE])
