"""What would a chain of this size need?"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from facepay.cli.running import console


def capacity(
    stores: Annotated[int, typer.Option(min=1, help="Stores of the chain.")] = 1,
    members: Annotated[int, typer.Option(min=1, help="Members with a face.")] = 1_000,
    visits: Annotated[int, typer.Option(min=0, help="Visits of a store on a usual day.")] = 1_000,
    sales: Annotated[int, typer.Option(min=0, help="Sales of a store on a usual day.")] = 800,
    peak: Annotated[float, typer.Option(min=1, help="How many times the day's mean the busiest second is.")] = 4,
    regions: Annotated[int, typer.Option(min=1, help="Regions in which members are at home.")] = 1,
    gpu_frames: Annotated[float, typer.Option(min=1, help="Frames a second of your GPU, which you measured.")] = 1_000,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say how many cores, GPUs, shards, and how much memory and disk a chain needs, and how that comes about.

    A model, from costs that were measured on one machine: see docs/capacity.md, and measure on yours before you buy.
    """
    from rich.table import Table

    from facepay.capacity import Chain, Hardware, needs

    chain = Chain(stores, members, visits, sales, peak, regions)
    found = needs(chain, hardware=Hardware(gpu_frames_a_second=gpu_frames))
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2))
        return
    table = Table("what", "needed", "how that comes about", title=f"{stores:,} stores, {members:,} members")
    for each in found:
        table.add_row(each.what, f"{_shown(each.amount)} {each.unit}".strip(), each.why)
    console.print(table)


def _shown(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 10 or amount == int(amount) else f"{amount:,.2g}"
