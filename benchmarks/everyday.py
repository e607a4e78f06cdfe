"""What the requests that staff's screens make all day cost: CPU of the server, and how long their answer takes.

    python -m benchmarks.everyday [--seconds 30] [--save]

The real server with the embedded, durable Postgres; one caller, who asks again once it is answered. Kinds take turns,
so that whatever else the machine does, it does to all of them alike. The CPU is the server process's, Postgres apart.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import httpx
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.saving import parser, save
from facepay.simulate.people import portraits
from tests.server import running
from tests.shop import PASSWORD

WARM, ROUND = 10, 20
Row = dict[str, Any]
Ask = Callable[[], Any]


def kinds_for(client: httpx.Client) -> dict[str, Ask]:
    def send(method: str, path: str, **request: Any) -> Any:
        return client.request(method, path, **request).raise_for_status().json()

    member = {"display_name": "Wei", "consent": {"policy_version": "2026-01", "accepted": True}}
    known = f"/v1/members/{send('POST', '/v1/members', json=member)['id']}"
    store = f"/v1/stores/{send('POST', '/v1/stores', json={'name': 'Busy', 'code': 'BUSY'})['id']}"
    face = [("frames", ("face.jpg", next(portraits()), "image/jpeg"))]
    return {
        "see a wallet": lambda: send("GET", f"{known}/wallet"),
        "list 50 members": lambda: send("GET", "/v1/members"),
        "register a member": lambda: send("POST", "/v1/members", json=member),
        "register a device": lambda: send("POST", f"{store}/devices", json={"role": "gate", "name": "West"}),
        "issue a pass": lambda: send("POST", f"{known}/passes"),
        "enrol a face": lambda: send("PUT", f"{known}/face", files=face),
    }


def measure(server: psutil.Process, kinds: dict[str, Ask], seconds: float) -> list[Row]:
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    cpu = dict.fromkeys(kinds, 0.0)
    for ask in list(kinds.values()) * WARM:
        ask()
    until = perf_counter() + seconds
    while perf_counter() < until:
        for kind, ask in kinds.items():
            before = sum(server.cpu_times()[:2])
            for _ in range(ROUND):
                began = perf_counter()
                ask()
                took[kind].append((perf_counter() - began) * 1000)
            cpu[kind] += sum(server.cpu_times()[:2]) - before
    return [
        {
            "kind": kind,
            "cpu_ms": round(cpu[kind] * 1000 / len(took[kind]), 1),
            "p50_ms": round(float(np.percentile(took[kind], 50)), 1),
            "p99_ms": round(float(np.percentile(took[kind], 99)), 1),
        }
        for kind in kinds
    ]


def table(rows: list[Row]) -> Table:
    shown = Table(title="A request: milliseconds")
    shown.add_column("of staff")
    for column in ("CPU of the server", "p50", "p99"):
        shown.add_column(column, justify="right")
    for row in rows:
        shown.add_row(row["kind"], *(f"{row[name]:.1f}" for name in ("cpu_ms", "p50_ms", "p99_ms")))
    return shown


def main() -> None:
    options = parser(__doc__, seconds=30, of="requests").parse_args()
    with running(FACEPAY_RATE_PERSON_PER_MINUTE="1000000") as (server, client):
        form = {"username": "owner", "password": PASSWORD}
        token = client.post("/v1/auth/token", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        rows = measure(psutil.Process(server.pid), kinds_for(client), options.seconds)
    Console().print(table(rows))
    if options.save:
        save("everyday", rows)


if __name__ == "__main__":
    main()
