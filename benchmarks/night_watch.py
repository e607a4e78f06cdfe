"""The night watch's rounds over a busy store: how long each takes, and whether it reads any large table whole.

python -m benchmarks.night_watch [--visits 10000] [--devices 200]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import uvloop
from rich.console import Console
from sqlalchemy import Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement, Executable

from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.embedded import OWNER, SUPERUSER, EmbeddedPostgres
from facepay.migrate import connect, migrate
from facepay.nightwatch import gate_patrol, patrol, tag_patrol

# A day of visits, for each of them ten attempts and twenty events, and a sale for every other.
FILL = """
set session_replication_role = replica;
insert into store (id, name, code, timezone, currency, created_at)
    select gen_random_uuid(), 'Store ' || n, 'S' || n, 'Asia/Shanghai', 'CNY', now() from generate_series(1, 20) n;
insert into schedule (id, store_id, name, timetable, version, created_at, changed_at)
    select gen_random_uuid(), id, 'Never', '{"weekly": {}, "special_days": {}}', 1, now(), now() from store;
insert into house_rules (store_id, capacity_max, one_party_at_a_time, opening_schedule_id, closing_grace_minutes,
        closing_notice_minutes, face_must_show, entries_offline, stay_max_minutes, still_max_minutes,
        silent_after_seconds, tailgating_watched, refusals_max, refusals_within_minutes)
    select store.id, 100, false, schedule.id, 10, 15, true, false, 120, 15, 120, true, 5, 10
    from store join schedule on schedule.store_id = store.id;
create temporary table here as select id from store where code = 'S1';
insert into device (id, store_id, role, name, token_hash, edge_matching, created_at, last_seen_at, presentation_checks)
    select gen_random_uuid(), here.id, (array['gate', 'lane', 'door', 'shelf', 'camera', 'kiosk'])[1 + n %% 6],
        'Device ' || n, sha256(n::text::bytea), false, now(),
        now() - case when n %% 50 = 0 then interval '1 hour' else interval '5 seconds' end, '{}'
    from here, generate_series(1, %(devices)s) n;
create temporary table gate as select id, row_number() over (order by id) - 1 as number from device where role = 'gate';
create temporary table member_here as select gen_random_uuid() as id, number from generate_series(0, 499) number;
insert into visit (id, store_id, member_id, entered_at, entry_gate_id, left_at, basket_unpaid, guests, is_host)
    select uuidv7(interval '1 second' * -86400 * n / %(visits)s), here.id, member_here.id,
        now() - interval '1 second' * 86400 * n / %(visits)s, gate.id,
        case when n > 60 then now() - interval '1 second' * 86400 * n / %(visits)s + interval '3 minutes' end,
        false, n %% 3, false
    from here, generate_series(1, %(visits)s) n
        join member_here on member_here.number = n %% 500
        join gate on gate.number = n %% (select count(*) from gate);
insert into gate_attempt (id, gate_id, direction, decision, code, member_id, faces, guests, identified_by, created_at,
        decided_at)
    select gen_random_uuid(), gate.id, case when n %% 100 = 1 then 'exit' else 'entry' end,
        case when n %% 10 = 0 then 'deny' else 'open' end,
        case when n %% 10 = 0 then 'unknown_face' when n %% 100 = 1 then 'not_inside' else 'welcome' end,
        case when n %% 10 <> 0 then member_here.id end, 1 + (n %% 100 = 2)::int, 0, 'face', at, at
    from generate_series(1, 10 * %(visits)s) n
        join member_here on member_here.number = n %% 500
        join gate on gate.number = n %% (select count(*) from gate),
        lateral (select now() - interval '1 second' * 86400 * n / (10 * %(visits)s) as at) moment;
insert into device_event (id, device_id, run, sequence, kind, happened_at, received_at, details)
    select gen_random_uuid(), gate.id, 'boot', n, case when n %% 20 = 0 then 'tags_seen' else 'door_opened' end, at, at,
        case when n %% 20 = 0
            then jsonb_build_object('3034257BF4' || lpad(to_hex(n), 14, '0'), 9) else '{}'::jsonb end
    from generate_series(1, 20 * %(visits)s) n join gate on gate.number = n %% (select count(*) from gate),
        lateral (select now() - interval '1 second' * 86400 * n / (20 * %(visits)s) as at) moment;
insert into shelf_event (id, store_id, device_id, run, sequence, slot, said_at, at, received_at, delta_grams, finding)
    select uuidv7(interval '1 second' * -86400 * n / (10 * %(visits)s)), here.id, device.id, 'boot', n, 'A1', at, at,
        at, -100, 'taken'
    from here, generate_series(1, 10 * %(visits)s) n, (select id from device where role = 'shelf' limit 1) device,
        lateral (select now() - interval '1 second' * 86400 * n / (10 * %(visits)s) as at) moment;
insert into shop_order (id, store_id, device_id, member_id, currency, total, tax, refunded, created_at)
    select uuidv7(interval '1 second' * -86400 * n / %(visits)s), here.id, device.id, member_here.id, 'CNY', 100, 0, 0,
        now() - interval '1 second' * 86400 * n / %(visits)s
    from here, generate_series(1, %(visits)s / 2) n join member_here on member_here.number = n %% 500,
        (select id from device where role = 'kiosk' limit 1) device;
"""
LARGE = ("visit", "gate_attempt", "device_event", "shelf_event", "shop_order")
console = Console()


def statements(now: datetime) -> Iterator[tuple[str, Select[Any]]]:
    yield "stays", patrol.long_stays(now)
    yield "closing", patrol.occupied_with_hours()
    yield "stillness", patrol.still_stores(now)
    yield "devices", patrol.silent_devices(now)
    yield "refusals", gate_patrol.refusing_gates(now)
    yield "entries", gate_patrol.crowded_entries(now)
    yield "exits", gate_patrol.uncounted_exits(now)
    yield "tags", tag_patrol.sightings(now)


async def explain(database: Database, now: datetime) -> None:
    """Print what each statement took inside the server, and any large table that it read whole."""
    for name, statement in statements(now):
        async with database.begin() as session:
            lines = [row[0] for row in await session.execute(Explained(statement))]
        whole = [table for table in LARGE if any(f"Seq Scan on {table}" in line for line in lines)]
        console.print(f"{name}: {lines[-1].strip()}, reads whole: {', '.join(whole) or 'nothing large'}")
        if whole:
            console.print("\n".join(lines), markup=False, highlight=False)


class Explained(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(Explained)
def _explained(element: Explained, compiler: Any, **options: Any) -> str:
    return f"explain (analyze) {compiler.process(element.statement, **options)}"


async def rounds(database: Database) -> None:
    """The first raises what there is to be told; the others find it again."""
    watches = (
        patrol.watch_stays,
        patrol.watch_closing,
        patrol.watch_stillness,
        patrol.watch_devices,
        gate_patrol.watch_refusals,
        gate_patrol.watch_entries,
        gate_patrol.watch_exits,
        tag_patrol.watch_tags,
    )
    for watch in watches:
        took = []
        for _ in range(11):
            start = time.perf_counter()
            await watch(database, now=utc_now())
            took.append((time.perf_counter() - start) * 1000)
        console.print(f"{watch.__name__}: first {took[0]:.1f} ms, then {statistics.median(took[1:]):.1f} ms")


async def measure(url: str, superuser_url: str, visits: int, devices: int) -> None:
    with psycopg.connect(superuser_url.replace("+psycopg", ""), autocommit=True) as superuser:
        with psycopg.ClientCursor(superuser) as cursor:
            cursor.execute(FILL, {"visits": visits, "devices": devices})
        superuser.execute("vacuum analyze")
    database = Database(url)
    await explain(database, utc_now())
    await rounds(database)
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=10_000)
    parser.add_argument("--devices", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as server:
        with connect(server.url(role=OWNER)) as connection:
            migrate(connection)
        uvloop.run(measure(server.url(), server.url(role=SUPERUSER), asked.visits, asked.devices))


if __name__ == "__main__":
    main()
