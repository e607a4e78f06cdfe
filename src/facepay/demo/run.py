"""Scenarios played over HTTP with real faces: `facepay demo`."""

from __future__ import annotations

import threading
from contextlib import suppress

import httpx
from rich.console import Console

from facepay.demo.day import Day
from facepay.demo.scenarios import Scenario
from facepay.demo.serving import check_books, serving
from facepay.demo.stage import OWNER, SceneWentWrong, Stage
from facepay.settings import Settings

STAGES: dict[Scenario, type[Stage]] = {Scenario.DAY: Day}


def run_demo(console: Console, *, scenario: Scenario, serve: bool, port: int) -> int:
    """Play a scenario; the exit status says whether everything came out as it should."""
    try:
        with (
            serving(console, port=port) as served,
            httpx.Client(base_url=served.address, timeout=30) as client,
        ):
            _play(scenario, console, client, served.settings, served.password, serve=serve)
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
    check_books(console, settings)
    console.print(f"\nAPI docs: {address}/docs   (sign in as [bold]{OWNER}[/] / [bold]{password}[/])")
    if serve:
        console.print("Serving until Ctrl-C.")
        _wait_for_interrupt()
    else:
        console.print("They go with this demo; [bold]make demo ARGS=--serve[/] keeps the store open.")


def _wait_for_interrupt() -> None:
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
