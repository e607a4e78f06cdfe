"""Open a store for a while, watch it, and see whether all adds up in the end: `facepay simulate`."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Column, Table

from facepay.demo.serving import check_books, serving
from facepay.demo.stage import NAMES, PRODUCTS, STOCK, SceneWentWrong, Stage, yuan
from facepay.settings import Settings
from facepay.simulate.store import Plan, Store, open_store
from facepay.simulate.terminals import Terminal

REFRESH_A_SECOND = 4


def simulate(console: Console, plan: Plan, *, url: str | None, password: str | None) -> int:
    """On the server at `url`, or on one of its own; the exit status says whether all added up."""
    status = 0
    try:
        with _server(console, url, password) as (address, secret, settings):
            with httpx.Client(base_url=address, timeout=30) as client, tempfile.TemporaryDirectory() as folder:
                stage = Stage(client, console, secret)
                store = asyncio.run(_live(console, stage, plan, Path(folder)))
                _report(console, stage, store)
            if settings is None:
                console.print("Books: run [bold]facepay ledger verify[/] where the server runs.")
            else:
                check_books(console, settings)
    except* (SceneWentWrong, httpx.HTTPError, TimeoutError) as wrong:
        for each in _leaves(wrong):
            console.print(f"\n[red]It went wrong:[/] {str(each) or type(each).__name__}")
        status = 1
    return status


@contextmanager
def _server(console: Console, url: str | None, password: str | None) -> Iterator[tuple[str, str, Settings | None]]:
    """Six people come and go all the time, which no limit of ten minutes would allow."""
    if url is not None:
        yield url, password or "", None
    else:
        with serving(console, port=0, ten_minute_payments_max=10_000, step_up_above=10**6) as served:
            yield served.address, served.password, served.settings


async def _live(console: Console, stage: Stage, plan: Plan, folder: Path) -> Store:
    async with open_store(stage, plan, folder) as (store, shoppers):
        visits = f"{len(NAMES)} people, {plan.visits} visits each"
        console.print(f"\n[bold]A store that is open for a while[/] at {stage.client.base_url}: {visits}\n")
        with Live(_devices(store), console=console, refresh_per_second=REFRESH_A_SECOND) as live:
            living = asyncio.create_task(store.live(shoppers))
            while not living.done():
                await asyncio.wait([living], timeout=1 / REFRESH_A_SECOND)
                live.update(_devices(store))
            await living
        _check_told(store)
    return store


def _check_told(store: Store) -> None:
    for each in store.terminals:
        told, written = {verdict["id"] for verdict in each.verdicts}, each.device.journal.written
        if len(told) != written:
            raise SceneWentWrong(f"{each.name} wrote down {written} posts, and {len(told)} were told")


def _devices(store: Store) -> Table:
    """How each device does, just now."""
    table = Table(Column("device", no_wrap=True), "network", box=None, pad_edge=False, header_style="bold")
    for right in ("online", "offline", "refused", "to tell", "taken", "debts", "disputed", "p50", "p95 ms"):
        table.add_column(right, justify="right")
    for each in store.terminals:
        verdicts = Counter(verdict["verdict"] for verdict in each.verdicts)
        table.add_row(
            each.name,
            "[green]up[/]" if each.online else "[red]cut[/]",
            *(str(each.answers[kind]) for kind in ("online", "offline")),
            str(each.refusals.total() or ""),
            str(each.device.journal.waiting or ""),
            *(str(verdicts[kind] or "") for kind in ("accepted", "accepted_with_debt", "disputed")),
            *_percentiles(each),
        )
    return table


def _percentiles(terminal: Terminal) -> tuple[str, str]:
    if len(terminal.milliseconds) < 2:
        return "", ""
    cuts = quantiles(terminal.milliseconds, n=20)
    return f"{cuts[9]:.0f}", f"{cuts[18]:.0f}"


def _report(console: Console, stage: Stage, store: Store) -> None:
    """What came of the time without network. Raises SceneWentWrong where it doesn't add up."""
    verdicts = [verdict for each in store.terminals for verdict in each.verdicts]
    disputed = [verdict for verdict in verdicts if verdict["verdict"] == "disputed"]
    console.print(f"\nTold later: {len(verdicts)}, of which {yuan(sum(each['owed'] for each in verdicts))} are owed")
    listed = _listed(stage, "offline-disputes", settled=True)
    if {each["id"] for each in disputed} != {each["id"] for each in listed}:
        raise SceneWentWrong("staff see other disputes than the devices heard of")
    for (code, outcome), number in Counter((each["code"], each["outcome"]) for each in listed).most_common():
        console.print(f"  disputed: {number} x {code}, {outcome or 'for staff to settle'}")
    refusals = sum((each.refusals for each in store.terminals), Counter[str]())
    for code, number in refusals.most_common():
        console.print(f"  refused: {number} x {code}")
    _check_stock(console, stage, store, listed)


def _check_stock(console: Console, stage: Stage, store: Store, disputes: list[dict[str, Any]]) -> None:
    """What people took with them is gone from the count, or disputed."""
    unsold: Counter[str] = Counter()
    for dispute in disputes:
        unsold.update({good["sku"]: good["quantity"] for good in dispute["goods"] or []})
    left = {each["sku"]: each["quantity"] for each in _listed(stage, "stock")}
    for product in PRODUCTS:
        sku = str(product["sku"])
        taken, sold = store.taken.get(sku, 0), STOCK * store.plan.visits - left[sku]
        if sold + unsold[sku] != taken:
            raise SceneWentWrong(f"{sku}: {taken} were taken, {sold} sold, {unsold[sku]} disputed")
    console.print(f"Stock: {sum(store.taken.values())} pieces were taken, {unsold.total()} of them are disputed")


def _listed(stage: Stage, what: str, **query: Any) -> list[dict[str, Any]]:
    path, items, page = f"/v1/stores/{stage.store_id}/{what}", list[dict[str, Any]](), {"limit": 200, **query}
    while True:
        answer = stage.as_staff("GET", path, params=page)
        items += answer["items"]
        if answer["next_cursor"] is None:
            return items
        page["cursor"] = answer["next_cursor"]


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each
