"""How many shelf events one worker takes, and whether it falls behind at 200 a second.

    .venv/bin/python -m benchmarks.shelves [--seconds 30] [--rate 200]

Starts the real server, one process with the embedded, durable Postgres, and posts to it from twenty shelves in ten
stores with somebody inside each: takes and returns that are judged, kept and followed by baskets and slots. First at
the given rate, each shelf once a second, each report sent when it is due whatever became of the others; then as fast as
the answers come.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Annotated, Any
from uuid import uuid4

import httpx
import numpy as np
import psutil
import typer
from rich.console import Console

from tests.server import running
from tests.shop import PASSWORD

STORES, SHELVES_EACH, SLOTS, BATCH, BATCH_MAX = 10, 2, 12, 10, 50
WEIGHTS = [113.0, 271.0, 347.0, 449.0, 563.0, 683.0]  # none is nearly a multiple of its neighbour's
MISJUDGED_MAX = 0.02


@dataclass
class Shelf:
    """A device, and what lies in its slots, so that nothing is taken that isn't there."""

    client: httpx.AsyncClient
    id: str
    headers: dict[str, str]
    dice: random.Random
    numbers: count[int] = field(default_factory=lambda: count(1))
    taken: dict[int, int] = field(default_factory=dict)
    refused: int = 0

    def change(self) -> dict[str, Any]:
        slot = self.dice.randrange(SLOTS)
        back = self.taken.get(slot, 0) > 0 and self.dice.random() < 0.3
        self.taken[slot] = self.taken.get(slot, 0) + (-1 if back else 1)
        grams = WEIGHTS[slot % len(WEIGHTS)] * (1 if back else -1) + self.dice.gauss(0, 2)
        at = datetime.now(UTC).isoformat()
        return {"sequence": next(self.numbers), "slot": f"S{slot}", "at": at, "delta_grams": grams, "hand": True}

    async def report(self, changes: int) -> float:
        """Seconds until the answer; a report that the server has no room for is sent again, as devices do."""
        body = {"run": "bench", "events": [self.change() for _ in range(changes)]}
        begun = time.perf_counter()
        path = f"/v1/shelves/{self.id}/events"
        while (response := await self.client.post(path, json=body, headers=self.headers)).status_code == 503:
            self.refused += 1
            await asyncio.sleep(float(response.headers["Retry-After"]))
        answer = response.raise_for_status().json()
        assert answer["accepted"] + answer["repeated"] == changes
        return time.perf_counter() - begun


def main(seconds: Annotated[int, typer.Option(min=1)] = 30, rate: Annotated[int, typer.Option(min=1)] = 200) -> None:
    console = Console()
    with running() as (server, client):
        asyncio.run(measure(console, str(client.base_url), psutil.Process(server.pid), seconds, rate))


async def measure(console: Console, address: str, server: psutil.Process, seconds: int, rate: int) -> None:
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        shelves, visits, staff = await open_stores(client)
        for shelf in shelves:
            await shelf.report(BATCH)
        used, begun = _cpu(server), time.perf_counter()
        latencies, backlog = await at_rate(shelves, seconds, rate)
        wall = time.perf_counter() - begun
        share = (_cpu(server) - used) / wall
        p50, p95, p99 = np.percentile(np.array(latencies) * 1000, [50, 95, 99])
        console.print(
            f"{len(latencies) * BATCH / wall:.0f} events/s for {wall:.0f} s in reports of {BATCH}:"
            f" p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms; at most {backlog} reports waited at once;"
            f" {sum(shelf.refused for shelf in shelves)} refused and sent again;"
            f" {share:.0%} of a core for the worker and its database"
            f"  ({os.cpu_count()} cores, load {os.getloadavg()[0]:.1f})"
        )
        for changes in (BATCH, BATCH_MAX):
            done = await flat_out(shelves, max(1, seconds // 3), changes)
            console.print(f"flat out, reports of {changes}: {done:.0f} events/s")
        await check(client, shelves, visits, staff)
        console.print(f"every basket holds what was taken and not put back, to {MISJUDGED_MAX:.0%}")


async def at_rate(shelves: list[Shelf], seconds: int, rate: int) -> tuple[list[float], int]:
    """Each report when it is due; how long each took, and how many waited at the worst moment."""
    latencies: list[float] = []
    waiting = most = 0

    async def one(shelf: Shelf) -> None:
        nonlocal waiting
        waiting += 1
        latencies.append(await shelf.report(BATCH))
        waiting -= 1

    begun, interval = time.perf_counter(), BATCH / rate
    async with asyncio.TaskGroup() as group:
        for number in range(round(seconds / interval)):
            await asyncio.sleep(max(0.0, begun + number * interval - time.perf_counter()))
            group.create_task(one(shelves[number % len(shelves)]))
            most = max(most, waiting)
    return latencies, most


async def flat_out(shelves: list[Shelf], seconds: int, changes: int) -> float:
    until, done = time.perf_counter() + seconds, 0

    async def keep_on(shelf: Shelf) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await shelf.report(changes)
            done += changes

    begun = time.perf_counter()
    await asyncio.gather(*(keep_on(shelf) for shelf in shelves))
    return done / (time.perf_counter() - begun)


async def check(client: httpx.AsyncClient, shelves: list[Shelf], visits: list[str], staff: dict[str, str]) -> None:
    for number, visit in enumerate(visits):
        basket = (await client.get(f"/v1/visits/{visit}/basket", headers=staff)).raise_for_status().json()
        here = shelves[number * SHELVES_EACH : (number + 1) * SHELVES_EACH]
        taken = sum(sum(shelf.taken.values()) for shelf in here)
        held = sum(line["quantity"] for line in basket["lines"])
        assert abs(held - taken) <= MISJUDGED_MAX * taken, f"{held} in the basket, {taken} taken"


async def open_stores(client: httpx.AsyncClient) -> tuple[list[Shelf], list[str], dict[str, str]]:
    """The shelves, store by store, the visit of each store, and staff's headers."""
    form = {"username": "owner", "password": PASSWORD}
    token = (await client.post("/v1/auth/token", data=form)).raise_for_status().json()["access_token"]
    staff = {"Authorization": f"Bearer {token}"}

    async def call(method: str, path: str, **request: Any) -> Any:
        headers = staff | request.pop("headers", {})
        response = (await client.request(method, path, headers=headers, **request)).raise_for_status()
        return response.json() if response.content else None

    for number, _ in enumerate(WEIGHTS):
        body = {"sku": f"SKU-{number}", "name": f"Goods {number}", "price": 450, "tax_rate_basis_points": 0}
        await call("POST", "/v1/products", json=body)
    member = (await call("POST", "/v1/members", json={"display_name": "Bench"}))["id"]
    shelves: list[Shelf] = []
    visits = []
    for number in range(STORES):
        store = (await call("POST", "/v1/stores", json={"name": f"Store {number}", "code": f"B{number}"}))["id"]
        visits.append(await _enter(call, store, member))
        for _ in range(SHELVES_EACH):
            device = await call("POST", f"/v1/stores/{store}/devices", json={"role": "shelf", "name": "Shelf"})
            headers = {"Authorization": f"Bearer {device['token']}"}
            await call("PUT", f"/v1/devices/{device['id']}/planogram", json={"slots": _slots()})
            shelves.append(Shelf(client, device["id"], headers, random.Random(len(shelves))))
    return shelves, visits, staff


async def _enter(call: Callable[..., Awaitable[Any]], store: str, member: str) -> str:
    gate = await call("POST", f"/v1/stores/{store}/devices", json={"role": "gate", "name": "Gate"})
    text = (await call("POST", f"/v1/members/{member}/passes"))["pass"]
    headers = {"Authorization": f"Bearer {gate['token']}", "Idempotency-Key": uuid4().hex}
    entered = await call("POST", f"/v1/gates/{gate['id']}/entries/pass", json={"pass": text}, headers=headers)
    visit: str = entered["visit_id"]
    return visit


def _slots() -> list[dict[str, Any]]:
    """Each with a good of its own weight, and a neighbour's."""

    def good(kind: int) -> dict[str, Any]:
        return {
            "sku": f"SKU-{kind}",
            "unit_weight_grams": WEIGHTS[kind],
            "tolerance_grams": 2.0,
            "full_quantity": 1000,
        }

    kinds = len(WEIGHTS)
    return [
        {"code": f"S{slot}", "noise_grams": 2.0, "goods": [good(slot % kinds), good((slot + 1) % kinds)]}
        for slot in range(SLOTS)
    ]


def _cpu(process: psutil.Process) -> float:
    """Seconds that a process and its children have worked."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


if __name__ == "__main__":
    typer.run(main)
