"""The report of a store's sales, from its orders and from closed days, on one server with a year of orders.

python -m benchmarks.sales [--orders 1000000] [--rounds 7] [--save]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.ledger import address, settle
from benchmarks.saving import save
from facepay.kernel.database import Database
from facepay.kernel.embedded import OWNER, EmbeddedPostgres
from facepay.kernel.ids import new_id
from facepay.migrate import connect, migrate
from facepay.reports.closed_days import close_days
from facepay.reports.sales import Books, sales_of
from facepay.reports.spans import Span
from facepay.stores.stores import Store

STORE, KIOSK, MEMBER = new_id(), new_id(), new_id()
PRODUCTS = 2_000
SPANS_DAYS = (1, 7, 28, 365)
console = Console()

# Two lines an order, one in twenty given back in part, one in ten with a discount; random, and the same every time.
FILL = (
    "insert into store (id, name, code, timezone, currency, created_at)"
    " values (%(store)s, 'Shop', 'SHOP', 'Asia/Shanghai', 'CNY', now())",
    "insert into device (id, store_id, role, name, token_hash, created_at)"
    " values (%(kiosk)s, %(store)s, 'kiosk', 'Kiosk', '\\x00', now())",
    "insert into member (id, display_name, status, pin_failures, created_at, updated_at)"
    " values (%(member)s, 'Member', 'active', 0, now(), now())",
    "insert into product (id, sku, name, price, tax_rate_basis_points, currency, active, created_at, updated_at)"
    " select gen_random_uuid(), 'P' || n, 'Product ' || n, 500, 1300, 'CNY', true, now(), now()"
    " from generate_series(1, %(products)s) n",
    "select setseed(0.5)",
    "create temp table sold as select n, gen_random_uuid() as id, %(now)s - random() * interval '365 days' as at,"
    " random() as chance from generate_series(1, %(orders)s) n",
    # As time went by, so that neighbours in time are neighbours on disk.
    "insert into shop_order (id, store_id, device_id, member_id, currency, total, tax, refunded, created_at)"
    " select id, %(store)s, %(kiosk)s, %(member)s, 'CNY', 1000, 115, case when chance < 0.05 then 500 else 0 end, at"
    " from sold order by at",
    "create temp table shelf as select row_number() over () as number, id, sku, name from product",
    "create index on shelf (number)",
    "insert into order_line (order_id, position, product_id, sku, name, quantity, unit_price, tax_rate_basis_points,"
    " total, tax) select s.id, p.position, f.id, f.sku, f.name, 1, 500, 1300, 500, 57 from sold s"
    " cross join generate_series(1, 2) p (position)"
    # Some sell far more than others.
    " join shelf f on f.number = 1 + floor(%(products)s * power(abs(hashint8extended(s.n, p.position)) / 9.3e18, 3))"
    " order by s.at",
    "insert into order_discount (order_id, position, reason, label, amount)"
    " select id, 1, 'tier', 'Gold', 10 from sold where chance > 0.9",
    "insert into refund (id, order_id, amount, tax, currency, reason, actor, transfer_id, created_at)"
    " select gen_random_uuid(), id, 500, 57, 'CNY', 'Stale', 'staff', gen_random_uuid(),"
    " least(at + interval '1 hour', %(now)s) from sold where chance < 0.05",
)


def fill(server: EmbeddedPostgres, orders: int, now: datetime) -> None:
    with connect(server.url(role=OWNER)) as connection:
        migrate(connection)
    values = {"store": STORE, "kiosk": KIOSK, "member": MEMBER, "products": PRODUCTS, "orders": orders, "now": now}
    with psycopg.connect(address(server, OWNER)) as owner:
        for statement in FILL:
            owner.execute(statement.encode(), values)
    settle(server)


async def measured(database: Database, days: int, now: datetime, rounds: int) -> tuple[float, list[Books]]:
    """Milliseconds, as the median, and the report."""
    took: list[float] = []
    async with database.begin() as session:
        store = await session.get_one(Store, STORE)
        last = now.astimezone(ZoneInfo(store.timezone)).date()
        span = Span(last - timedelta(days=days - 1), last, store.timezone)
        for _ in range(rounds):
            start = time.perf_counter()
            books = await sales_of(session, store=store, span=span, by="day")
            took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took), books


async def compare(server: EmbeddedPostgres, now: datetime, rounds: int) -> list[dict[str, float]]:
    rows = []
    database = Database(server.url(), pool_size=2)
    try:
        before = {days: await measured(database, days, now, rounds) for days in SPANS_DAYS}
        start = time.perf_counter()
        await close_days(database, now=now, days=max(SPANS_DAYS))
        console.log(f"closed the year's days in {time.perf_counter() - start:.1f} s")
        settle(server)
        for days, (slow, told) in before.items():
            fast, same = await measured(database, days, now, rounds)
            assert same == told
            rows.append({"days": days, "orders": told[0].total.orders, "orders_ms": slow, "closed_days_ms": fast})
    finally:
        await database.close()
    return rows


def show(rows: Sequence[Mapping[str, float]]) -> None:
    table = Table("days", "orders", "from orders, ms", "with closed days, ms", "ratio")
    for row in rows:
        slow, fast = row["orders_ms"], row["closed_days_ms"]
        table.add_row(f"{row['days']}", f"{row['orders']:,}", f"{slow:.0f}", f"{fast:.0f}", f"{slow / fast:.1f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--save", action="store_true", help="write docs/figures/sales.json")
    options = parser.parse_args()
    now = datetime.now(UTC)
    with (
        tempfile.TemporaryDirectory(prefix="facepay-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
    ):
        console.log(f"making {options.orders:,} orders")
        fill(server, options.orders, now)
        rows = uvloop.run(compare(server, now, options.rounds))
    show(rows)
    if options.save:
        save("sales", rows)


if __name__ == "__main__":
    main()
