"""A server for as long as a scenario plays: an embedded Postgres and the API on a real socket, both of this process."""

from __future__ import annotations

import asyncio
import secrets
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from pydantic import SecretStr
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from facepay.access_log.log import LOG as ACCESS_LOG
from facepay.access_log.verify import verify as verify_access_log
from facepay.alerts.escalation import escalate_due
from facepay.app import create_app
from facepay.bootstrap import with_database
from facepay.demo.clock import StoreClock
from facepay.demo.stage import OWNER, SceneWentWrong
from facepay.dining.departures import settle_departures
from facepay.housekeeping import Task, keep_house_once, rounds
from facepay.kernel.database import Database
from facepay.kernel.proofs import Report
from facepay.online.audit import CHECKS
from facepay.settings import Settings
from facepay.shelves.settling import charge_left_visits, settle_late_changes
from facepay.test_drives.upkeep import keep_drives
from facepay.vision.engine import Engine, load_engine
from facepay.wallet.upkeep import LEDGER
from facepay.wallet.verify import verify

HOUSEKEEPING_TRIES_MAX = 200
ENDS_WITHIN_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Served:
    """`password` is the owner's."""

    address: str
    password: str
    settings: Settings
    clock: StoreClock
    engine: Engine
    app: FastAPI
    portal: BlockingPortal

    def pass_time(self, span: timedelta) -> None:
        """It is later, the night watch has made its rounds, and what shelves, tables and drives came to is settled."""
        self.clock.ahead += span
        self.portal.call(self._keep_house)

    async def _keep_house(self) -> None:
        """On the server's own database."""
        database: Database = self.app.state.database
        tasks = [
            Task(settle.__name__, 0, partial(settle, database, settings=self.settings, now=self.clock()))
            for settle in (settle_late_changes, charge_left_visits, settle_departures, keep_drives)
        ]
        tasks += rounds(database, self.clock)
        for _ in range(HOUSEKEEPING_TRIES_MAX):
            # An alert that the server holds just then is passed over, and due until its step is taken.
            if await keep_house_once(database, tasks) and not await escalate_due(database, now=self.clock()):
                return
            await asyncio.sleep(0.05)  # the server itself is at it
        raise SceneWentWrong("the server's housekeeping took too long")


@contextmanager
def serving(console: Console, *, port: int, engine: Engine | None = None, **changes: Any) -> Iterator[Served]:
    """With an empty database that goes with it, where the changes to the settings name none. Raises SceneWentWrong
    where it doesn't start.
    """
    clock = StoreClock()
    with tempfile.TemporaryDirectory(prefix="facepay-demo-") as folder:
        password = secrets.token_urlsafe(12)
        values = {
            "data_dir": Path(folder),
            "database_url": None,
            "master_key": None,
            "admin_username": OWNER,
            "admin_password": SecretStr(password),
            "log_level": "warning",
            "log_format": "console",
            "currency": "CNY",
            "webhook_private_hosts": "127.0.0.1",
        }
        settings = Settings(**(values | changes))
        with _progress(console) as progress, with_database(settings) as ready:
            engine = engine or load_engine(ready.model_pack, progress=progress)
            progress("starting the API")
            app = create_app(ready, engine=engine, clock=clock)
            with _running(app, ready, port) as (address, portal):
                progress("")
                yield Served(address, password, ready, clock, engine, app, portal)


def audited(settings: Settings) -> tuple[Report, Report]:
    """The books, and the access log."""

    async def audit() -> tuple[Report, Report]:
        async with _database(settings) as database:
            await LEDGER.seal_all(database)
            await ACCESS_LOG.seal_all(database)
            return await verify(database, extra_checks=CHECKS), await verify_access_log(database)

    return asyncio.run(audit())


def check_books(console: Console, settings: Settings) -> None:
    """And the access log, where there is any. Raises SceneWentWrong where they aren't in order."""
    books, access_log = audited(settings)
    console.print(f"\nBooks: {books}")
    if access_log.checked["events"]:
        console.print(f"Access log: {access_log}")
    if not (books.ok and access_log.ok):
        raise SceneWentWrong("the books are not in order")


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    """Beside the server's own connections."""
    assert settings.database_url
    database = Database(settings.database_url, pool_size=2)
    try:
        yield database
    finally:
        await database.close()


@contextmanager
def _progress(console: Console) -> Iterator[Any]:
    """Says what is being loaded; an empty text ends it."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting Postgres")

        def tell(text: str) -> None:
            progress.update(task, description=text)
            if not text:
                progress.stop()

        yield tell


@contextmanager
def _running(app: FastAPI, settings: Settings, port: int) -> Iterator[tuple[str, BlockingPortal]]:
    """The API on a real socket, in a thread of this process, which the portal leads to."""
    try:
        listener = socket.create_server((settings.host, port))
    except OSError as error:
        raise SceneWentWrong(f"{settings.host}:{port} can't be listened on: {error.strerror}") from error
    # Its connections inherit it: without it, answers on a kept connection wait 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(app, access_log=False, log_level="warning")
    server = uvicorn.Server(config)
    with start_blocking_portal(backend_options={"loop_factory": config.get_loop_factory()}) as portal:
        serving = portal.start_task_soon(server.serve, [listener])
        try:
            while not server.started:
                if serving.done():
                    raise SceneWentWrong("the API did not start")
                time.sleep(0.02)
            yield f"http://{settings.host}:{listener.getsockname()[1]}", portal
        finally:
            portal.call(app.state.hub.close)  # whoever still listens hears the end
            server.should_exit = True
            serving.result(ENDS_WITHIN_SECONDS)
