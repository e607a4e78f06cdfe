"""Scenarios played over HTTP with real faces: `facepay demo`."""

from __future__ import annotations

import asyncio
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from pydantic import SecretStr
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from facepay.app import create_app
from facepay.bootstrap import with_database
from facepay.checkout.audit import CHECKS
from facepay.demo.day import Day
from facepay.demo.scenarios import Scenario
from facepay.demo.stage import OWNER, SceneWentWrong, Stage
from facepay.kernel.database import Database
from facepay.settings import Settings
from facepay.vision.engine import Engine, load_engine
from facepay.wallet.upkeep import seal_all
from facepay.wallet.verify import Report, verify

STAGES: dict[Scenario, type[Stage]] = {Scenario.DAY: Day}


def run_demo(console: Console, *, scenario: Scenario, serve: bool, port: int) -> int:
    """Play a scenario; the exit status says whether everything came out as it should."""
    with tempfile.TemporaryDirectory(prefix="facepay-demo-") as folder:
        password = secrets.token_urlsafe(12)
        settings = Settings(
            data_dir=Path(folder),
            database_url=None,
            master_key=None,
            admin_username=OWNER,
            admin_password=SecretStr(password),
            log_level="warning",
            log_format="console",
            currency="CNY",
        )
        try:
            with _progress(console) as progress, with_database(settings) as ready:
                engine = load_engine(ready.model_pack, progress=progress)
                progress("starting the API")
                with _running(ready, engine, port) as address, httpx.Client(base_url=address, timeout=30) as client:
                    progress("")
                    _play(scenario, console, client, ready, password, serve=serve)
        except (SceneWentWrong, httpx.HTTPError) as wrong:
            console.print(f"\n[red]It went wrong:[/] {wrong}")
            return 1
    return 0


def _play(
    scenario: Scenario, console: Console, client: httpx.Client, settings: Settings, password: str, *, serve: bool
) -> None:
    address = client.base_url
    played = STAGES[scenario]
    console.print(f"\n[bold]{played.title}[/] at {address}, every line over HTTP, every face a photograph\n")
    with played(client, console, password) as stage:
        stage.play()
    _check_books(console, settings)
    console.print(f"\nAPI docs: {address}/docs   (sign in as [bold]{OWNER}[/] / [bold]{password}[/])")
    if serve:
        console.print("Serving until Ctrl-C.")
        _wait_for_interrupt()
    else:
        console.print("They go with this demo; [bold]make demo ARGS=--serve[/] keeps the store open.")


def _check_books(console: Console, settings: Settings) -> None:
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


def _wait_for_interrupt() -> None:
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
