"""Scenarios played over HTTP with real faces: `facepay demo`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress

import httpx
from rich.console import Console

from facepay.demo.box import Box
from facepay.demo.counter import Counter
from facepay.demo.day import Day
from facepay.demo.drive import Drive
from facepay.demo.fitting import Fitting
from facepay.demo.lane import Lane
from facepay.demo.online import Online
from facepay.demo.restaurant import Restaurant
from facepay.demo.scenarios import Scenario
from facepay.demo.serving import Served, check_books, serving
from facepay.demo.shelves import Shelves
from facepay.demo.smile import Smile
from facepay.demo.stage import OWNER, STORE, SceneWentWrong, Stage
from facepay.demo.warehouse import Warehouse

STAGES: dict[Scenario, type[Stage]] = {
    Scenario.DAY: Day,
    Scenario.LANE: Lane,
    Scenario.SHELVES: Shelves,
    Scenario.COUNTER: Counter,
    Scenario.SMILE: Smile,
    Scenario.ONLINE: Online,
    Scenario.BOX: Box,
    Scenario.WAREHOUSE: Warehouse,
    Scenario.DRIVE: Drive,
    Scenario.RESTAURANT: Restaurant,
    Scenario.FITTING: Fitting,
}


def run_demo(console: Console, *, scenario: Scenario, serve: bool, port: int) -> int:
    """Play a scenario; the exit status says whether everything came out as it should."""
    try:
        with serving(console, port=port, **STAGES[scenario].settings) as served:
            pages = play(scenario, console, served)
            _leave(console, served, pages, serve=serve)
    except (SceneWentWrong, httpx.HTTPError) as wrong:
        console.print(f"\n[red]It went wrong:[/] {wrong}")
        return 1
    return 0


def play(scenario: Scenario, console: Console, served: Served) -> Mapping[str, str]:
    """On a server that is empty yet; answers what pages there are to look at.

    Raises SceneWentWrong where anything, or the books, didn't come out right.
    """
    played = STAGES[scenario]
    if played.begins_at:
        served.clock.put_forward(played.begins_at, STORE["timezone"])
    console.print(f"\n[bold]{played.title}[/] at {served.address}: over HTTP, faces from photographs\n")
    with (
        httpx.Client(base_url=served.address, timeout=30) as client,
        played(
            client,
            console,
            served.password,
            engine=served.engine,
            clock=served.clock,
            pass_time=served.pass_time,
            database_url=served.settings.database_url,
        ) as stage,
    ):
        stage.play()
    check_books(console, served.settings)
    return stage.pages()


def _leave(console: Console, served: Served, pages: Mapping[str, str], *, serve: bool) -> None:
    console.print(f"\nAPI docs: {served.address}/docs   (sign in as [bold]{OWNER}[/] / [bold]{served.password}[/])")
    if serve:
        for name, path in pages.items():
            console.print(f"{name}: {served.address}{path}", soft_wrap=True, highlight=False)
        console.print("Serving until Ctrl-C.")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    else:
        console.print("They go with this demo; [bold]--serve[/] keeps the store open.")
