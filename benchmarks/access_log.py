"""The access log on one durable server: events written by many doors at once, then sealed, proved and forgotten.

python -m benchmarks.access_log [--writers 16] [--seconds 5] [--events 100000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import uvloop
from pydantic_core import to_json
from rich.console import Console
from sqlalchemy import text

from benchmarks.ledger import repeat
from facepay.access_log.log import LOG, NewEvent, Person, write
from facepay.access_log.retention import forget_events
from facepay.access_log.verify import verify
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.embedded import OWNER, SUPERUSER, EmbeddedPostgres
from facepay.kernel.ids import new_id
from facepay.migrate import connect, migrate

STORE, DOOR = new_id(), new_id()
FACTORS = [{"factor": "face", "result": "matched"}, {"factor": "pin", "result": "matched"}]
console = Console()


def attempt() -> NewEvent:
    person = Person(new_id(), new_id(), {"similarity": 0.7134, "threshold": 0.3302, "margin": 0.81})
    return NewEvent(
        "attempt",
        STORE,
        "granted",
        f"device:{DOOR}",
        "granted",
        access_point_id=DOOR,
        policy=f"{DOOR}@3",
        factors=FACTORS,
        persons=[person],
    )


async def written(database: Database, writers: int, seconds: float) -> float:
    """Events per second, each in a transaction of its own."""

    async def door(go_on: Callable[[], bool]) -> int:
        done = 0
        while go_on():
            async with database.begin() as session:
                await write(session, attempt(), now=utc_now())
            done += 1
        return done

    return await repeat(writers, seconds, door)


async def fill(database: Database, events: int) -> None:
    """As the function writes them, but many in a transaction."""
    fill = text(
        "select count(access_log.write(gen_random_uuid(), now(), cast(:event as jsonb))) from generate_series(1, 1000)"
    )
    for _ in range(events // 1000):
        async with database.begin() as session:
            await session.execute(fill, {"event": to_json(attempt()).decode()})


async def timed(what: str, events: int, work: Callable[[], Awaitable[object]]) -> None:
    start = time.perf_counter()
    answer = await work()
    took = time.perf_counter() - start
    console.print(f"{what}: {took:.1f} s, {events / took:,.0f} events/s ({answer})")


def age(superuser_url: str) -> None:
    """31 days, before they are sealed; the log's last day can't be forgotten."""
    with psycopg.connect(superuser_url.replace("+psycopg", ""), autocommit=True) as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update access_event set created_at = created_at - interval '31 days'")
        superuser.execute("vacuum analyze")


async def measure(url: str, superuser_url: str, writers: int, seconds: float, events: int) -> None:
    database = Database(url, pool_size=writers)
    console.print(f"{writers} writers: {await written(database, writers, seconds):,.0f} events/s")
    await fill(database, events)
    age(superuser_url)
    await timed("seal", events, lambda: LOG.seal_all(database))
    await timed("prove", events, lambda: verify(database))
    await timed("forget", events, lambda: forget_events(database, lasts=timedelta(days=30), now=utc_now()))
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--events", type=int, default=100_000, help="to seal, prove and forget, in thousands")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="facepay-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
    ):
        with connect(server.url(role=OWNER)) as connection:
            migrate(connection)
        uvloop.run(measure(server.url(), server.url(role=SUPERUSER), options.writers, options.seconds, options.events))


if __name__ == "__main__":
    main()
