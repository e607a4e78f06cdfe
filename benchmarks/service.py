"""What a device waits for, side by side with plain InsightFace on the same frame, weights and cores.

    .venv/bin/python -m benchmarks.service [--rounds 15]

Starts the real server in a process of its own, with the embedded, durable Postgres, and lets gate
decisions, checkouts and `FaceAnalysis.get` take turns, so that noise hits all three alike.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import numpy as np
import onnxruntime
import psutil
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.peers import bare_detector, bare_recogniser, plain_insightface
from facepay.vision.packs import find_pack
from facepay.vision.samples import camera_frame, people
from tests.server import running
from tests.shop import PASSWORD

BLOCK, WARM_UP = 15, 3
Milliseconds = list[float]


def main(rounds: Annotated[int, typer.Option(min=1)] = 15) -> None:
    console = Console()
    begun = time.perf_counter()
    with running() as (server, client):
        ready_seconds = time.perf_counter() - begun
        gate, kiosk = open_shop(client)
        plain = plain_insightface(camera_frame([people()[0]]))
        times = measure(gate, kiosk, plain, rounds)
        memory = psutil.Process(server.pid).memory_info().rss / 2**20
    console.print(table(times))
    console.print(f"memory of the worker {memory:.0f} MB, from process start to ready {ready_seconds:.2f} s")
    median = {name: statistics.median(milliseconds) for name, milliseconds in times.items()}
    gate_ms, bare_ms = median["gate decision over HTTP"], median["bare detector"] + median["bare recogniser"]
    console.print(
        f"gate decision / FaceAnalysis.get = [bold]{gate_ms / median['FaceAnalysis.get']:.2f}[/], / bare sum of "
        f"{bare_ms:.1f} ms = [bold]{gate_ms / bare_ms:.2f}[/]  ({os.cpu_count()} cores, {rounds} rounds of {BLOCK})"
    )


def open_shop(client: httpx.Client) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A member inside a store; a gate decision and a checkout to repeat."""

    def call(method: str, path: str, **request: Any) -> Any:
        response = client.request(method, path, **request)
        response.raise_for_status()
        return response.json() if response.content else None

    token = call("POST", "/v1/auth/token", data={"username": "owner", "password": PASSWORD})["access_token"]
    staff = {"Authorization": f"Bearer {token}"}
    store = call("POST", "/v1/stores", json={"name": "Bench", "code": "BENCH"}, headers=staff)["id"]
    devices = {
        role: call("POST", f"/v1/stores/{store}/devices", json={"role": role, "name": role}, headers=staff)
        for role in ("gate", "kiosk")
    }
    call(
        "POST",
        "/v1/products",
        json={"sku": "TEA", "name": "Tea", "price": 1, "tax_rate_basis_points": 0},
        headers=staff,
    )
    for face in people():
        consent = {"policy_version": "2026-01", "accepted": True}
        member = call("POST", "/v1/members", json={"display_name": "Bench", "consent": consent}, headers=staff)["id"]
        call("PUT", f"/v1/members/{member}/face", files=[("frames", ("f.jpg", face, "image/jpeg"))], headers=staff)
        call(
            "POST",
            f"/v1/members/{member}/wallet/top-ups",
            json={"amount": 1_000_000, "currency": "CNY"},
            headers=staff | {"Idempotency-Key": uuid4().hex},
        )
    frame = camera_frame([people()[0]])
    gate_headers = {"Authorization": f"Bearer {devices['gate']['token']}", "Content-Type": "image/jpeg"}
    kiosk_headers = {"Authorization": f"Bearer {devices['kiosk']['token']}"}
    basket = json.dumps({"lines": [{"sku": "TEA", "quantity": 1}]})

    def gate() -> None:
        answer = call("POST", f"/v1/gates/{devices['gate']['id']}/entries", content=frame, headers=gate_headers)
        assert answer["code"] in {"welcome", "already_inside"}, answer

    def kiosk() -> None:
        answer = call(
            "POST",
            f"/v1/kiosks/{devices['kiosk']['id']}/checkouts",
            files={"frame": ("f.jpg", frame, "image/jpeg")},
            data={"basket": basket},
            headers=kiosk_headers | {"Idempotency-Key": uuid4().hex},
        )
        assert answer["decision"] == "paid", answer

    return gate, kiosk


def bare_networks() -> dict[str, Callable[[], Any]]:
    """Each alone, as ONNX Runtime runs it by default."""
    pack = find_pack()

    def opened(path: Path) -> onnxruntime.InferenceSession:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    return {
        "bare detector": bare_detector(opened(pack.detector.path)),
        "bare recogniser": bare_recogniser(opened(pack.recogniser.path)),
    }


def measure(
    gate: Callable[[], Any], kiosk: Callable[[], Any], plain: Callable[[], Any], rounds: int
) -> dict[str, Milliseconds]:
    """Each case keeps the machine busy for a block of calls, as a camera's stream does; then the next one's turn."""
    cases = {"FaceAnalysis.get": plain, "gate decision over HTTP": gate, "checkout, frame to ledger": kiosk}
    cases |= bare_networks()
    times: dict[str, Milliseconds] = {name: [] for name in cases}
    for _ in track(range(rounds), description="measuring", transient=True):
        for name, case in cases.items():
            for number in range(BLOCK + WARM_UP):
                begun = time.perf_counter()
                case()
                if number >= WARM_UP:
                    times[name].append((time.perf_counter() - begun) * 1000)
            time.sleep(0.2)  # plain InsightFace's idle threads go on spinning; nobody else should pay for it
    return times


def table(times: dict[str, Milliseconds]) -> Table:
    shown = Table("", "median ms", "p95 ms", "ratio to FaceAnalysis.get")
    base = statistics.median(times["FaceAnalysis.get"])
    for name, milliseconds in times.items():
        median = statistics.median(milliseconds)
        shown.add_row(name, f"{median:.1f}", f"{np.percentile(milliseconds, 95):.1f}", f"{median / base:.2f}")
    return shown


if __name__ == "__main__":
    typer.run(main)
