"""What is done behind the payments: hot accounts folded, transfers chained. Each call is a transaction of its own."""

from __future__ import annotations

from sqlalchemy import text

from facepay.kernel.chain import Log
from facepay.kernel.database import Database

LEDGER = Log("ledger", record="transfer", sealed_text="ledger.sealed_text")


async def fold_hot_accounts(database: Database) -> int:
    """Write down the sums of hot accounts, so that few entries are left to add; answers how many had new ones."""
    async with database.begin() as session:
        return int(await session.scalar(text("select ledger.fold()")) or 0)
