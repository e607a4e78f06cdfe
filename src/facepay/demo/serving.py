"""A server for as long as a scenario plays: an embedded Postgres and the API on a real socket, both of this process."""

from __future__ import annotations

import asyncio
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from facepay.app import create_app
from facepay.bootstrap import with_database
from facepay.checkout.audit import CHECKS
from facepay.demo.stage import OWNER, SceneWentWrong
from facepay.kernel.database import Database
from facepay.settings import Settings
from facepay.vision.engine import Engine, load_engine
from facepay.wallet.upkeep import seal_all
from facepay.wallet.verify import Report, verify


@dataclass(frozen=True, slots=True)
class Served:
    """`password` is the owner's."""

    address: str
    password: str
    settings: Settings


@contextmanager
def serving(console: Console, *, port: int, **changes: Any) -> Iterator[Served]:
    """With an empty database that goes with it. Raises SceneWentWrong where it doesn't start."""
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
        }
        settings = Settings(**(values | changes))
        with _progress(console) as progress, with_database(settings) as ready:
            engine = load_engine(ready.model_pack, progress=progress)
            progress("starting the API")
            with _running(ready, engine, port) as address:
                progress("")
                yield Served(address, password, ready)


def check_books(console: Console, settings: Settings) -> None:
    """Raises SceneWentWrong where they aren't in order."""

    async def check() -> Report:
        assert settings.database_url
        database = Database(settings.database_url, pool_size=2)
        try:
            await seal_all(database)
            return await verify(database, extra_checks=CHECKS)
        finally:
            await database.close()

    report = asyncio.run(check())
    console.print(f"\nBooks: {report}")
    if not report.ok:
        raise SceneWentWrong("the books are not in order")


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
def _running(settings: Settings, engine: Engine, port: int) -> Iterator[str]:
    """The API on a real socket, in a thread of this process."""
    try:
        listener = socket.create_server((settings.host, port))
    except OSError as error:
        raise SceneWentWrong(f"{settings.host}:{port} can't be listened on: {error.strerror}") from error
    config = uvicorn.Config(create_app(settings, engine=engine), access_log=False, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise SceneWentWrong("the API did not start")
            thread.join(0.02)
        yield f"http://{settings.host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
