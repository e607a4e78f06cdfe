"""A storm of alerts: how fast they are raised and counted, and whether all are.

python -m benchmarks.alerts [--sightings 10000] [--at-once 32]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import uvloop
from rich.console import Console
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Alert, raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.alerts.records import AlertSighting
from facepay.alerts.watch import keep_watch
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.embedded import OWNER, EmbeddedPostgres
from facepay.kernel.hub import Hub
from facepay.migrate import connect, migrate
from facepay.stores.stores import Store

KIND = AlertKind("storm", Severity.WARNING, "Something is seen again and again.")
console = Console()
HELD_SECONDS = 1.0
EACH = 4  # alerts in a transaction, in any order


@dataclass(frozen=True)
class Storm:
    """`seconds` until all were raised; `counted_seconds` more until all were counted."""

    raised: int
    seconds: float
    counted_seconds: float
    raise_ms: list[float]
    counted: int
    alerts: int


async def rage(database: Database, store_id: UUID, *, sightings: int, subjects: int, at_once: int) -> Storm:
    """Transactions of a few sightings each, so many at a time, while another one holds the first subject all along."""
    dice, names, raised = random.Random(1), [f"{number} of {subjects}" for number in range(subjects)], []
    each = min(EACH, subjects)
    orders = [dice.sample(names, k=each) for _ in range(sightings // each)]

    async def see(session: AsyncSession, subject: str) -> None:
        await raise_alert(session, KIND, store_id=store_id, subject=subject, now=utc_now(), number=1)

    async def worker() -> None:
        while orders:
            order, began = orders.pop(), time.perf_counter()
            async with database.begin() as session:
                for subject in order:
                    await see(session, subject)
            raised.append((time.perf_counter() - began) * 1000)

    async def hold() -> int:
        """A transaction that has seen the first subject, and lasts for as long as the storm does."""
        seen = 0
        async with database.begin() as session:
            while orders:
                await see(session, names[0])
                seen += 1
                await asyncio.sleep(HELD_SECONDS)
        return seen

    before = await counts(database)
    async with database.begin() as session:
        await see(session, names[0])
    began = time.perf_counter()
    holding = asyncio.create_task(hold())
    await asyncio.gather(*(worker() for _ in range(at_once)))
    seen = await holding
    seconds = time.perf_counter() - began
    while await waiting(database):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.02)
    counted = time.perf_counter() - began - seconds
    after = await counts(database)
    return Storm(1 + seen + sightings, seconds, counted, raised, after[0] - before[0], after[1] - before[1])


async def counts(database: Database) -> tuple[int, int]:
    async with database.read() as session:
        times, alerts = (await session.execute(select(func.sum(Alert.times), func.count()))).one()
        return int(times or 0), alerts


async def waiting(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(AlertSighting)) or 0


async def measure(url: str, sightings: int, at_once: int) -> None:
    database, hub = Database(url, pool_size=at_once + 8), Hub()
    async with database.begin() as session:
        store = Store(name="Storm", code="STORM", timezone="UTC", currency="CNY", created_at=utc_now())
        session.add(store)
    background = [asyncio.create_task(each) for each in (hub.run(database), keep_watch(database, hub, utc_now))]
    for subjects in (1, 20, sightings):
        storm = await rage(database, store.id, sightings=sightings, subjects=subjects, at_once=at_once)
        console.print(
            f"{subjects} subjects: {storm.raised} seen in {storm.seconds:.1f} s"
            f" ({storm.raised / storm.seconds:.0f}/s), a transaction {statistics.median(storm.raise_ms):.1f} ms,"
            f" at most {max(storm.raise_ms):.0f}; {storm.counted} counted in {storm.alerts} alerts"
            f" {storm.counted_seconds:.1f} s later"
        )
    for task in background:
        task.cancel()
    await asyncio.gather(*background, return_exceptions=True)
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sightings", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=32)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as server:
        with connect(server.url(role=OWNER)) as connection:
            migrate(connection)
        uvloop.run(measure(server.url(), asked.sightings, asked.at_once))


if __name__ == "__main__":
    main()
