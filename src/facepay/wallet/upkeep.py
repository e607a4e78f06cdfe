"""What is done behind the payments: hot accounts folded, transfers chained. Each call is a transaction of its own."""

from __future__ import annotations

import asyncio
import time

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


async def seal_all(database: Database, *, patience_seconds: float = 2.0) -> int:
    """Chain all that has been posted until now; answers the position that the chain reaches.

    A transaction that is still under way, anywhere on the server, holds the chain up. Without progress for
    `patience_seconds` the rest is left for the next time.
    """
    async with database.begin() as session:
        goal = int(await session.scalar(text("select ledger.last_position()")) or 0)
    reached, waiting_since = -1, time.monotonic()
    while reached < goal and time.monotonic() - waiting_since < patience_seconds:
        now = await seal_transfers(database)
        if now > reached:
            reached, waiting_since = now, time.monotonic()
        else:
            await asyncio.sleep(0.005)
    return reached
