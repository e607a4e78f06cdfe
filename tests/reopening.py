"""Puts a shop that many tests share back to how it was opened: its rows, and the faces its app has in memory."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from uuid import UUID

import psycopg
from fastapi import FastAPI
from psycopg.errors import DeadlockDetected, LockNotAvailable

TABLES = """
    select format('%I.%I', schemaname, tablename) from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema') and tablename not in ('gallery_version', 'upkeep_task')
    order by 1
"""
LIMITS = "-c lock_timeout=5s -c deadlock_timeout=50ms"
# No trigger stops a ledger from being unwritten, no foreign key asks for an order, and plans are made once.
AS_NOBODY_MAY = f"-c session_replication_role=replica -c plan_cache_mode=force_generic_plan {LIMITS}"
FACES = "select member_id from template_key union all select id from ban"
OTHERS = """
    select from pg_stat_activity where datname = current_database() and xact_start is not null
    and backend_type = 'client backend' and pid <> pg_backend_pid() limit 1
"""
TRIES = 5
PATIENCE_SECONDS = 1.0


class OpenedRows:
    """What every table of the opened shop held; `put_back` makes it so again in a clone, whatever was done there."""

    def __init__(self, address: str) -> None:
        with psycopg.connect(address) as connection:
            tables = [name for (name,) in connection.execute(TABLES)]
            self._filled = " union all ".join(f"select '{each}' where exists (select from {each})" for each in tables)
            self._rows = {each: _copied(connection, each) for each in self._filled_in(connection)}

    def put_back(self, connection: psycopg.Connection) -> None:
        """An app's own tasks may be at work meanwhile: their transactions come to an end first, and whom the database
        bids give way tries again.
        """
        _wait_until_still(connection)
        for _ in range(TRIES - 1):
            try:
                return self._put_back(connection)
            except (DeadlockDetected, LockNotAvailable):
                pass
        return self._put_back(connection)

    def _put_back(self, connection: psycopg.Connection) -> None:
        with connection.transaction():
            if filled := self._filled_in(connection):
                connection.execute("; ".join(f"delete from {table}" for table in filled))
            for table, rows in self._rows.items():
                with connection.cursor().copy(f"copy {table} from stdin") as copying:
                    copying.write(rows)

    def _filled_in(self, connection: psycopg.Connection) -> list[str]:
        return [name for (name,) in connection.execute(self._filled, prepare=True)]


@dataclass(frozen=True)
class KeptShop:
    """A database for one test after the other, and the connection that puts it back."""

    name: str
    rows: OpenedRows
    connection: psycopg.Connection

    async def put_back(self) -> None:
        """In a thread, since an app's own tasks may hold rows until they come to run."""
        await asyncio.to_thread(self.rows.put_back, self.connection)

    def forget_faces(self, app: FastAPI) -> None:
        """In all its galleries, by a version that is counted on: they take no older news."""
        lookout = app.state.recogniser.look_out
        keepers = [app.state.gallery_keeper, *([lookout.likeness.banned] if lookout else [])]
        gone: dict[UUID, tuple[()]] = {face: () for (face,) in self.connection.execute(FACES)}
        counted = self.connection.execute("update gallery_version set version = version + 1 returning id, version")
        versions: dict[int, int] = dict(counted.fetchall())
        for keeper in keepers:
            keeper.gallery.replace(gone, version=versions.get(keeper.kept.gallery, 0))


def _wait_until_still(connection: psycopg.Connection) -> None:
    """What they have written and not yet committed can't be found. Whoever holds on for long has to do without."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while connection.execute(OTHERS, prepare=True).fetchone() and time.monotonic() < deadline:
        time.sleep(0.002)


def _copied(connection: psycopg.Connection, table: str) -> bytes:
    with connection.cursor().copy(f"copy {table} to stdout") as copying:
        return b"".join(bytes(each) for each in copying)
