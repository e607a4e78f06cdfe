"""Simulating a store: simulate."""

from __future__ import annotations

from typing import Annotated

import typer

from facepay.cli.running import console


def simulate(
    offline: Annotated[bool, typer.Option("--offline", help="Cut the network a third of the way.")] = False,
    outage: Annotated[float, typer.Option(min=0.1, max=600, help="For how many seconds it is cut.")] = 3.0,
    visits: Annotated[int, typer.Option(min=1, max=1000, help="How often each of the six shoppers comes.")] = 8,
    gates: Annotated[int, typer.Option(min=1, max=20)] = 2,
    kiosks: Annotated[int, typer.Option(min=1, max=20)] = 2,
    lanes: Annotated[int, typer.Option(min=0, max=20)] = 1,
    pace: Annotated[float, typer.Option(min=0, max=60, help="Seconds between a shopper's steps, on average.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Who buys what where, and how fast.")] = 1,
    url: Annotated[
        str | None, typer.Option(help="A server that is up, with a fresh database, instead of one of its own.")
    ] = None,
    password: Annotated[
        str | None, typer.Option(envvar="FACEPAY_ADMIN_PASSWORD", help="Of its staff account `owner`.")
    ] = None,
) -> None:
    """Open a small store for a while: gates, kiosks and lanes, and six people with real faces, over real HTTP.

    With `--offline`, all devices lose the network in the middle. They go on by their signed policy and the passes on
    people's phones, write down what they do, and tell it when the network is back: docs/offline.md. In the end
    everything that was written down must have been told once, the stock add up, and the books be in order; the exit
    status says whether they are.
    """
    from facepay.simulate.run import simulate as run
    from facepay.simulate.store import Plan

    plan = Plan(
        visits=visits,
        outage_seconds=outage if offline else 0,
        gates=gates,
        kiosks=kiosks,
        lanes=lanes,
        pace_seconds=pace,
        seed=seed,
    )
    raise typer.Exit(run(console, plan, url=url, password=password))
