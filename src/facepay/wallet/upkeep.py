"""What is done behind the payments: hot accounts folded, transfers chained. Each call is a transaction of its own."""

from __future__ import annotations

from sqlalchemy import text

from facepay.kernel.database import Database

POSITIONS_MAX = 2000


async def fold_hot_accounts(database: Database) -> int:
    """Write down the sums of hot accounts, so that few entries are left to add; answers how many had new ones."""
    async with database.begin() as session:
        return int(await session.scalar(text("select ledger.fold()")) or 0)


async def seal_transfers(database: Database, *, positions_max: int = POSITIONS_MAX) -> int:
    """Chain the next transfers that can't change any more; answers the position that the chain reaches."""
    async with database.begin() as session:
        return int(await session.scalar(text("select ledger.seal(:most)"), {"most": positions_max}) or 0)


async def seal_all(database: Database) -> int:
    """Chain until a call gets no further. Transfers of transactions still under way stay for the next time."""
    # The horizon moves one call late, so it takes two calls without progress to know.
    reached, stalled = -1, 0
    while stalled < 2:
        now = await seal_transfers(database)
        stalled = 0 if now > reached else stalled + 1
        reached = max(reached, now)
    return reached
