"""What one entry, exit and sale cost, with one store in the database and with ten thousand: what capacity rests on.

    python -m benchmarks.capacity [--stores 10000] [--members 200000] [--seconds 10] [--save]

The real server with a durable Postgres of its own; first as it is opened, then, still running, among other stores with
their devices, members, wallets, visits and orders. Says processor time of app, models and Postgres, time in statements,
WAL and disk for each, and which tables were read row by row.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.busy_shop import BusyShop, busy_shop
from benchmarks.ledger import address, settle
from benchmarks.load import Call, Plan, send
from benchmarks.many_stores import fill
from benchmarks.saving import parser, save
from facepay.kernel.embedded import APP, OWNER, SUPERUSER, EmbeddedPostgres
from facepay.migrate import connect, migrate
from facepay.vision.engine import load_engine

ROWS_READ_MIN = 1_000
WARM_SECONDS = 2
console = Console(width=160)


@dataclass(frozen=True, slots=True)
class Reading:
    """Since the server began: seconds, bytes, and rows of each table that were read without an index."""

    app: float
    postgres: float
    statements: float
    transactions: int
    wal: int
    disk: int
    scanned: dict[str, int]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one request, in milliseconds and bytes; `app_ms` with the models' work, `statements_ms` as Postgres counts."""

    what: str
    stores: int
    requests: int
    p50_ms: float
    p99_ms: float
    app_ms: float
    postgres_ms: float
    statements_ms: float
    transactions: float
    wal_bytes: float
    disk_bytes: float
    scanned: dict[str, int]


class Meter:
    def __init__(self, server: EmbeddedPostgres, shop: BusyShop) -> None:
        self._app = psutil.Process(shop.pid)
        self._connection = psycopg.connect(address(server, SUPERUSER), autocommit=True)
        row = self._connection.execute("select pg_backend_pid()").fetchone()
        assert row
        parent = psutil.Process(row[0]).parent()
        assert parent is not None
        self._postgres = parent
        self.memory = self._app.memory_full_info().pss

    def read(self) -> Reading:
        self._connection.execute("select pg_stat_force_next_flush()")
        time.sleep(1.2)  # other sessions tell what they did a second later
        row = self._connection.execute(
            "select active_time / 1000, xact_commit, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,"
            " pg_database_size(datname) from pg_stat_database where datname = current_database()"
        ).fetchone()
        assert row
        statements, transactions, wal, disk = row
        scanned = self._connection.execute("select relid::regclass::text, seq_tup_read from pg_stat_user_tables")
        return Reading(
            app=_cpu(self._app),
            postgres=sum(map(_cpu, self._postgres.children(recursive=True))),
            statements=statements,
            transactions=transactions,
            wal=wal,
            disk=disk,
            scanned=dict(scanned.fetchall()),
        )

    def cost(self, what: str, stores: int, shop: BusyShop, calls: Sequence[Call], seconds: float) -> Cost:
        """Of calls that are sent one by one."""
        send(Plan(shop.port, calls, WARM_SECONDS))
        before = self.read()
        outcome = send(Plan(shop.port, calls, seconds))
        after = self.read()
        bad = [answer.body[:200] for answer in outcome.answers if answer.status != 200 and answer.status != 201]
        assert not bad, bad[0]
        took, count = sorted(answer.took * 1000 for answer in outcome.answers), len(outcome.answers)
        read = {name: (rows - before.scanned.get(name, 0)) // count for name, rows in after.scanned.items()}
        return Cost(
            what,
            stores,
            count,
            statistics.median(took),
            took[int(count * 0.99)],
            (after.app - before.app) * 1000 / count,
            (after.postgres - before.postgres) * 1000 / count,
            (after.statements - before.statements) * 1000 / count,
            (after.transactions - before.transactions) / count,
            (after.wal - before.wal) / count,
            (after.disk - before.disk) / count,
            {name: rows for name, rows in read.items() if rows >= ROWS_READ_MIN},
        )


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def measure(meter: Meter, shop: BusyShop, stores: int, seconds: float) -> list[Cost]:
    """Everybody comes in, at some gate, and goes out again; then everybody pays."""
    entries = shop.gate_calls()
    exits = [Call(call.head.replace(b"/entries", b"/exits"), call.body) for call in entries]
    costs = [
        meter.cost("entry or exit", stores, shop, entries + exits, seconds),
        meter.cost("sale", stores, shop, shop.checkout_calls(), seconds),
    ]
    for each in costs:
        console.log(f"{each.what}: p50 {each.p50_ms:.1f} ms, {each.requests} requests")
    return costs


def inference_ms(frame: bytes, rounds: int = 40) -> float:
    """Processor time of the models for one frame, decoding in it."""
    engine = load_engine()
    engine.analyse(frame)
    start = time.process_time()
    for _ in range(rounds):
        engine.analyse(frame)
    return (time.process_time() - start) * 1000 / rounds


def show(costs: Sequence[Cost]) -> None:
    names = ["stores", "requests", "p50_ms", "p99_ms", "app_ms", "postgres_ms", "statements_ms", "transactions"]
    names += ["wal_bytes", "disk_bytes"]
    table = Table("of one", *names, "rows read without an index")
    for cost in sorted(costs, key=lambda each: (each.what, each.stores)):
        values = (getattr(cost, name) for name in names)
        cells = [f"{value:,.0f}" if value >= 100 or isinstance(value, int) else f"{value:.2f}" for value in values]
        table.add_row(cost.what, *cells, str(cost.scanned or "none"))
    console.print(table)


def main() -> None:
    arguments = parser(__doc__, seconds=10, of="each kind of request")
    arguments.add_argument("--stores", type=int, default=10_000)
    arguments.add_argument("--members", type=int, default=200_000)
    options = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="facepay-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
    ):
        with connect(server.url(role=OWNER)) as connection:
            migrate(connection)
        with busy_shop(FACEPAY_DATABASE_URL=server.url(role=APP)) as shop:
            meter = Meter(server, shop)
            costs = measure(meter, shop, 1, options.seconds)
            memory = meter.memory
            console.log(f"filling: {options.stores:,} stores, {options.members:,} members")
            sizes = fill(address(server, OWNER), stores=options.stores, members=options.members)
            settle(server)
            costs += measure(meter, shop, options.stores, options.seconds)
            rows: list[dict[str, Any]] = [asdict(each) for each in costs]
            rows.append({"what": "frame, models alone", "app_ms": inference_ms(shop.frames[0])})
            rows.append({"what": "memory of a worker", "bytes": memory})
            rows.append({"what": "bytes a row", **sizes})
    show(costs)
    for row in rows[len(costs) :]:
        console.print(row)
    if options.save:
        save("capacity", rows)


if __name__ == "__main__":
    main()
