"""Let people come to a simulated store, watch it, and prove its books: `facepay simulate`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import stamina.instrumentation
from rich.console import Console
from rich.live import Live

from facepay.client import Refused
from facepay.demo.serving import Served, audited, serving
from facepay.demo.stage import OWNER, SceneWentWrong
from facepay.simulate.books import Books, proved
from facepay.simulate.crowd import Crowd, Plan
from facepay.simulate.opening import opened
from facepay.simulate.report import Report, devices_now

REFRESH_A_SECOND = 4
# The same faces pay again and again, as in no real store.
PERMISSIVE: dict[str, Any] = {"ten_minute_payments_max": 10_000, "step_up_above": 10**6}


@dataclass(frozen=True, slots=True)
class Server:
    """One that is up, and who may open a store there."""

    url: str
    username: str
    password: str


def play(console: Console, plan: Plan, server: Server | None, json_file: Path | None) -> int:
    """On that server or on one of its own; the exit status says whether the books are in order."""
    try:
        with _retries_unlogged(), _serving(console, server) as (up, own):
            crowd, books = asyncio.run(_play(console, plan, up))
            report = Report.of(crowd, books, audited(own.settings)[0] if own else None)
    except (SceneWentWrong, Refused, httpx.HTTPError, TimeoutError) as wrong:
        console.print(f"[red]It went wrong:[/] {str(wrong) or type(wrong).__name__}")
        return 1
    console.print(report.shown())
    if json_file:
        json_file.write_bytes(report.json())
    return 0 if report.ok else 1


@contextmanager
def _retries_unlogged() -> Iterator[None]:
    """They are counted, and would tear the table."""
    hooks = stamina.instrumentation.get_on_retry_hooks()
    stamina.instrumentation.set_on_retry_hooks(())
    try:
        yield
    finally:
        stamina.instrumentation.set_on_retry_hooks(hooks)


@contextmanager
def _serving(console: Console, server: Server | None) -> Iterator[tuple[Server, Served | None]]:
    if server:
        yield server, None
    else:
        with serving(console, port=0, **PERMISSIVE) as own:
            yield Server(own.address, OWNER, own.password), own


async def _play(console: Console, plan: Plan, server: Server) -> tuple[Crowd, Books]:
    with console.status("opening the store, enrolling people") as status:
        async with opened(server.url, server.username, server.password, plan) as store:
            status.stop()
            await _watched(console, store.crowd, asyncio.create_task(store.crowd.live()))
            return store.crowd, await proved(store)


async def _watched(console: Console, crowd: Crowd, living: asyncio.Task[None]) -> None:
    start = perf_counter()
    with Live(console=console, auto_refresh=False) as live:
        while not living.done():
            await asyncio.wait([living], timeout=1 / REFRESH_A_SECOND)
            live.update(devices_now(crowd, perf_counter() - start), refresh=True)
    await living
