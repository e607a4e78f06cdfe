"""Waiting for transactions that wait for each other."""

from __future__ import annotations

import asyncio

from sqlalchemy import func, select, text

from facepay.kernel.database import Database

WAITING = (
    select(func.count())
    .select_from(text("pg_stat_activity"))
    .where(text("datname = current_database() and wait_event_type = 'Lock'"))
)


async def somebody_waits(database: Database, *, least: int = 1) -> None:
    """Until so many transactions wait for what another one holds."""
    async with asyncio.timeout(10), database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        while (await connection.scalar(WAITING) or 0) < least:  # noqa: ASYNC110  # Postgres tells nobody
            await asyncio.sleep(0.01)
