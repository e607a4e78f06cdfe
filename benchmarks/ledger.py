"""Transfers per second: the ledger beside pgbench's TPC-B and beside plain ORM round trips, on one durable server.

    python -m benchmarks.ledger [--seconds 5] [--rounds 3] [--grow 10000000]

Every round runs each contestant once, so that whatever else the machine does hits all alike; what counts is the
ratio to pgbench of the same round, of which the median is shown. `--grow` then fills the ledger to that many
entries, proves it, and measures again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import uvloop
from rich.console import Console
from rich.table import Table
from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from facepay.kernel.database import Database
from facepay.kernel.embedded import DATABASE, OWNER, SUPERUSER, EmbeddedPostgres
from facepay.kernel.embedded_host import find_binaries
from facepay.kernel.ids import new_id
from facepay.migrate import connect, migrate
from facepay.wallet.accounts import Account, member_wallet, store_sales
from facepay.wallet.ledger import Cause, Entry, Posting, post, statement_for
from facepay.wallet.upkeep import LEDGER, fold_hot_accounts
from facepay.wallet.verify import verify

WALLETS = 100_000
CLIENTS = (8, 32)
BATCH = 16
CREDIT = 10**12  # a wallet's overdraft, so that nobody has to be topped up
PGBENCH_SCALE = 32
STORE = store_sales(UUID(int=2))
CAUSE = Cause("order", UUID(int=1))

Contestant = Callable[[EmbeddedPostgres, int, float], Coroutine[Any, Any, float]]
console = Console()


class Base(DeclarativeBase):
    pass


class OrmAccount(Base):
    __tablename__ = "orm_account"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class OrmTransfer(Base):
    __tablename__ = "orm_transfer"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    payer_id: Mapped[int]
    payee_id: Mapped[int]
    amount: Mapped[int]


def wallet(number: int) -> Account:
    return member_wallet(UUID(int=number))


class Draw:
    """Payments of random wallets; ids of wallets are worked out once, as an app would have them at hand."""

    ids: list[UUID] = []  # noqa: RUF012

    @classmethod
    def payment(cls, hot: bool) -> Posting:
        payer, payee = random.sample(cls.ids, 2)
        if hot:
            payee = STORE.id
        now = datetime.now(UTC)
        entries = (Entry(payer, -100), Entry(payee, 100))
        return Posting(f"order:{new_id()}:payment", "transfer", CAUSE, "device:1", now, entries)


async def repeat(
    clients: int, seconds: float, client: Callable[[Callable[[], bool]], Coroutine[Any, Any, int]]
) -> float:
    """Run `client(go_on)` many times at once; their transfers per second."""
    start = time.perf_counter()
    done = await asyncio.gather(*(client(lambda: time.perf_counter() < start + seconds) for _ in range(clients)))
    return sum(done) / (time.perf_counter() - start)


@cache
def sent(statement: TextClause) -> bytes:
    """A statement with the driver's own placeholders."""
    return str(statement.compile(dialect=dialect())).encode()  # type: ignore[no-untyped-call]


def through_psycopg(batch: int, hot: bool) -> Contestant:
    """One prepared statement, one round trip."""

    async def run(server: EmbeddedPostgres, clients: int, seconds: float) -> float:
        async def client(go_on: Callable[[], bool]) -> int:
            done = 0
            connection = await psycopg.AsyncConnection.connect(address(server), autocommit=True, prepare_threshold=0)
            async with connection, connection.cursor() as cursor:
                while go_on():
                    statement, parameters = statement_for([Draw.payment(hot) for _ in range(batch)])
                    await cursor.execute(sent(statement), parameters)
                    assert all(row[0] == "ok" for row in await cursor.fetchall())
                    done += batch
            return done

        return await repeat(clients, seconds, client)

    return run


async def through_a_session(server: EmbeddedPostgres, clients: int, seconds: float) -> float:
    """As a request does it: a transaction of its own, through SQLAlchemy."""
    database = Database(server.url(), pool_size=clients)

    async def client(go_on: Callable[[], bool]) -> int:
        done = 0
        while go_on():
            async with database.begin() as session:
                (outcome,) = await post(session, [Draw.payment(hot=True)])
                assert outcome.code == "ok"
            done += 1
        return done

    try:
        return await repeat(clients, seconds, client)
    finally:
        await database.close()


async def through_the_orm(server: EmbeddedPostgres, clients: int, seconds: float) -> float:
    """The same transfer as one would write it first: lock, lock, update, update, insert."""
    engine = create_async_engine(server.url(role=OWNER), pool_size=clients)
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def client(go_on: Callable[[], bool]) -> int:
        done = 0
        while go_on():
            async with sessions.begin() as session:
                await orm_payment(session, random.randint(1, WALLETS), 0)
            done += 1
        return done

    try:
        return await repeat(clients, seconds, client)
    finally:
        await engine.dispose()


async def orm_payment(session: AsyncSession, payer_id: int, payee_id: int) -> None:
    payer = await session.get_one(OrmAccount, payer_id, with_for_update=True)
    payee = await session.get_one(OrmAccount, payee_id, with_for_update=True)
    payer.balance -= 100
    await session.flush()
    payee.balance += 100
    await session.flush()
    session.add(OrmTransfer(id=new_id(), payer_id=payer_id, payee_id=payee_id, amount=100))


async def pgbench(server: EmbeddedPostgres, clients: int, seconds: float) -> float:
    """TPC-B-like, as it comes: seven statements, simple protocol."""
    output = await asyncio.to_thread(
        run_pgbench, server, "--no-vacuum", f"--client={clients}", "--jobs=2", f"--time={max(1, round(seconds))}"
    )
    found = re.search(r"tps = ([\d.]+)", output)
    assert found, output
    return float(found[1])


def run_pgbench(server: EmbeddedPostgres, *arguments: str) -> str:
    command = [str(find_binaries({}) / "pgbench"), f"--host={server.socket_dir}", f"--username={SUPERUSER}", *arguments]
    return subprocess.run([*command, "pgbench"], check=True, capture_output=True, text=True).stdout


CONTESTANTS: dict[str, Contestant] = {
    "pgbench, TPC-B-like": pgbench,
    "one by one into one store": through_psycopg(1, hot=True),
    "one by one between wallets": through_psycopg(1, hot=False),
    f"batches of {BATCH} into one store": through_psycopg(BATCH, hot=True),
    "one by one, through a session": through_a_session,
    "five ORM round trips into one store": through_the_orm,
}


def address(server: EmbeddedPostgres, role: str = "facepay_app", database: str = DATABASE) -> str:
    return server.url(role=role, database=database).replace("+psycopg", "")


def prepare(server: EmbeddedPostgres) -> None:
    with connect(server.url(role=OWNER)) as connection:
        migrate(connection)
        Base.metadata.create_all(connection)
        connection.execute(
            text("insert into orm_account select n, 0 from generate_series(0, :most) n"), {"most": WALLETS}
        )
    Draw.ids = [wallet(number).id for number in range(WALLETS)]
    with psycopg.connect(address(server, OWNER)) as owner, owner.cursor() as cursor:
        cursor.execute(
            "select ledger.open_account(%s, 'sales', %s, 'CNY', 'credit', true, null, null, now())",
            [STORE.id, STORE.owner_id],
        )
        cursor.execute("create temp table wallet (id uuid, owner_id uuid)")
        with cursor.copy("copy wallet from stdin") as copy:
            for number, account_id in enumerate(Draw.ids):
                copy.write_row((account_id, UUID(int=number)))
        cursor.execute(
            "select count(ledger.open_account(id, 'wallet', owner_id, 'CNY', 'credit', false, %s, null, now()))"
            " from wallet",
            [-CREDIT],
        )
    with psycopg.connect(address(server, SUPERUSER, "postgres"), autocommit=True) as superuser:
        superuser.execute("create database pgbench")
    run_pgbench(server, "--initialize", "--quiet", f"--scale={PGBENCH_SCALE}")
    settle(server)


def settle(server: EmbeddedPostgres) -> None:
    """Leave nothing over for autovacuum and the checkpointer to do while the clock runs."""
    with psycopg.connect(address(server, SUPERUSER), autocommit=True) as superuser:
        superuser.execute("vacuum analyze")
        superuser.execute("checkpoint")


def measure(server: EmbeddedPostgres, seconds: float, rounds: int) -> dict[tuple[str, int], tuple[float, float]]:
    """Transfers per second and the ratio to pgbench, as medians, by contestant and number of clients."""
    rates: dict[tuple[str, int], list[float]] = {}
    for number in range(rounds):
        for clients in CLIENTS:
            for name, contestant in CONTESTANTS.items():
                console.log(f"round {number + 1} of {rounds}: {name}, {clients} clients")
                rate = uvloop.run(contestant(server, clients, seconds))
                rates.setdefault((name, clients), []).append(rate)
    baseline = next(iter(CONTESTANTS))
    return {
        (name, clients): (
            statistics.median(values),
            statistics.median(a / b for a, b in zip(values, rates[baseline, clients], strict=True)),
        )
        for (name, clients), values in rates.items()
    }


def entry_count(server: EmbeddedPostgres) -> int:
    with psycopg.connect(address(server)) as connection:
        row = connection.execute("select count(*) from ledger.entries").fetchone()
    assert row
    return int(row[0])


def grow(server: EmbeddedPostgres, entries: int) -> None:
    """Fill the ledger with a consistent history: each round every wallet pays the store 1 fen."""
    with psycopg.connect(address(server, OWNER), autocommit=True) as owner:
        while (now := entry_count(server)) < entries:
            console.log(f"growing: {now:,} of {entries:,} entries")
            owner.execute(ROUND, [STORE.id, STORE.id])
    console.log("sealing, folding and proving")
    uvloop.run(prove(server))


ROUND = """
with payers as materialized (
    select b.account_id, b.posted, b.held, b.version, nextval('ledger.transfer_position') as position,
           overlay(overlay(gen_random_uuid()::text placing
               substr(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0'), 1, 8) from 1 for 8)
               placing substr(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0'), 9, 4)
               from 10 for 4)::uuid as id, clock_timestamp() as at
      from ledger.balances b
), transfers as (
    insert into ledger.transfers
    select id, position, 'order:' || id || ':payment', 'transfer', null, 'order', id, 'device:1', at, at from payers
), entries as (
    insert into ledger.entries
    select account_id, version + 1, id, 'CNY', -1, 0, posted - 1, held, at from payers
    union all
    select %s, position, id, 'CNY', 1, 0, null, null, at from payers where %s is not null
)
update ledger.balances b set posted = b.posted - 1, version = b.version + 1
  from payers p where b.account_id = p.account_id
"""


async def prove(server: EmbeddedPostgres) -> None:
    database = Database(server.url(), pool_size=2)
    try:
        start = time.perf_counter()
        await LEDGER.seal_all(database)
        console.log(f"sealed in {time.perf_counter() - start:.0f} s")
        await fold_hot_accounts(database)
        start = time.perf_counter()
        console.log(f"{await verify(database)} in {time.perf_counter() - start:.0f} s")
    finally:
        await database.close()


def show(title: str, results: dict[tuple[str, int], tuple[float, float]]) -> None:
    headings = [f"{heading} at {clients}" for clients in CLIENTS for heading in ("transfers/s", "of pgbench")]
    table = Table("contestant", *headings, title=title)
    for name in CONTESTANTS:
        cells = []
        for clients in CLIENTS:
            rate, ratio = results[name, clients]
            cells += [f"{rate:,.0f}", f"{ratio:.2f}"]
        table.add_row(name, *cells)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="of each contestant in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--grow", type=int, default=0, metavar="ENTRIES", help="fill the ledger and measure again")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="facepay-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
    ):
        console.log(f"opening {WALLETS:,} wallets")
        prepare(server)
        before = measure(server, options.seconds, options.rounds)
        show(f"up to {entry_count(server):,} entries, fsync and synchronous_commit on", before)
        if options.grow:
            grow(server, options.grow)
            settle(server)
            after = measure(server, options.seconds, options.rounds)
            show(f"from {options.grow:,} entries on", after)
            for key, (rate, ratio) in after.items():
                console.print(f"{key[0]}, {key[1]} clients: {rate / before[key][0]:.2f} of before, ", end="")
                console.print(f"{ratio / before[key][1]:.2f} against pgbench")


if __name__ == "__main__":
    main()
