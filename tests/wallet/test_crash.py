"""Tills and the server's backends killed with SIGKILL under load, again and again: nothing lost, nothing twice.

`FACEPAY_CRASHES` makes it longer.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from facepay.kernel.database import Database
from facepay.kernel.embedded import OWNER, SUPERUSER, EmbeddedPostgres
from facepay.migrate import connect, migrate
from facepay.wallet.upkeep import LEDGER
from facepay.wallet.verify import verify
from tests.conftest import folder_in_memory
from tests.wallet.books import Books
from tests.wallet.crash_tills import TILLS, charged, order_id

pytestmark = pytest.mark.anyio
CRASHES = int(os.environ.get("FACEPAY_CRASHES", "2"))
ORDERS = 120 * CRASHES


async def test_no_charge_is_lost_or_made_twice_whatever_is_killed(tmp_path: Path) -> None:
    with folder_in_memory() as data_dir, EmbeddedPostgres(Path(data_dir, "postgres")) as server:
        with connect(server.url(role=OWNER)) as connection:
            migrate(connection)
        database = Database(server.url(), pool_size=2)
        books = Books(database)
        member = await books.member(10 * ORDERS)
        await database.close()  # its connections would be among those that are cut
        crash_again_and_again(server, tmp_path, member, books.store_id)

        answered = dict(entry for till in range(TILLS) for entry in charged(tmp_path, till))
        assert set(answered) == set(range(ORDERS))
        with psycopg.connect(server.url().replace("+psycopg", "")) as connection:
            rows = connection.execute(
                "select cause_id, id::text from ledger.transfers where cause = 'order'"
            ).fetchall()
        assert sorted(rows) == sorted((order_id(number), transfer) for number, transfer in answered.items())
        books.database = database = Database(server.url(), pool_size=2)
        assert (await books.wallet(member)).posted == 0
        assert (await books.sales()).posted == 9 * ORDERS
        await LEDGER.seal_all(database)
        report = await verify(database)
        assert report.ok, report
        assert report.checked["links"] == ORDERS + 1
        await database.close()


def crash_again_and_again(server: EmbeddedPostgres, folder: Path, member: UUID, store: UUID) -> None:
    dice = random.Random(CRASHES)
    command = [sys.executable, "-m", "tests.wallet.crash_tills", server.url(), str(folder), str(member), str(store)]
    for crash in range(CRASHES):
        before = answers(folder)
        with subprocess.Popen([*command, str(ORDERS)]) as tills:
            while answers(folder) < before + 20 and tills.poll() is None:
                time.sleep(0.01)
            time.sleep(dice.uniform(0, 0.1))
            if crash % 2:
                kill_a_backend(server)
                time.sleep(dice.uniform(0, 0.3))
            tills.kill()
    subprocess.run([*command, str(ORDERS)], check=True, timeout=120)


def answers(folder: Path) -> int:
    return sum(len(charged(folder, till)) for till in range(TILLS))


def kill_a_backend(server: EmbeddedPostgres) -> None:
    """The server then ends all its connections and recovers from its log."""
    query = "select pid from pg_stat_activity where usename = 'facepay_app' order by state = 'active' desc limit 1"
    with suppress(psycopg.OperationalError):
        with psycopg.connect(server.url(role=SUPERUSER).replace("+psycopg", ""), autocommit=True) as connection:
            row = connection.execute(query).fetchone()
        if row:
            os.kill(row[0], signal.SIGKILL)
