"""How long somebody with thirty tagged goods waits at the exit: from the lane's last frame to `release`.

    .venv/bin/python -m benchmarks.lane [--passages 100] [--tags 30]

Starts the real server in a process of its own, with the embedded, durable Postgres. Each passage is a whole one over
HTTP: somebody comes in at the gate, the portal reads every tag ten times a second for two seconds and tells so in three
parts, then the camera has a face and the lane asks for a decision. Each pays for goods that nobody bought before. In
turn with them somebody pays for the same goods at a kiosk, face and basket in one request: what a lane is held against.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import uuid4

import httpx
import numpy as np
import typer
from biip.checksums import gs1_standard_check_digit
from rich.console import Console
from rich.progress import track
from rich.table import Table

from facepay.catalog.epc import POINT_OF_SALE, Sgtin, encode_sgtin96
from facepay.vision.samples import camera_frame, people
from tests.server import running
from tests.shop import PASSWORD

PRODUCTS, PARTS, WARM_UP = 10, 3, 5
COMPANY_PREFIX = "6901234"
RELEASED, AT_KIOSK = "last frame to released", "a kiosk checkout"
READS_PER_TAG, READ_EVERY = 20, timedelta(milliseconds=100)
Headers = dict[str, str]


def main(
    passages: Annotated[int, typer.Option(min=1)] = 100, tags: Annotated[int, typer.Option(min=1, max=500)] = 30
) -> None:
    console = Console()
    with running() as (_, client):
        lane = open_lane(client)
        for number in track(range(WARM_UP + passages), description="walking through", transient=True):
            if number == WARM_UP:
                lane.milliseconds.clear()
            lane.let_through(number, tags)
            lane.check_out(tags)
    console.print(table(lane.milliseconds))
    released, paid = (np.median(lane.milliseconds[what]) for what in (RELEASED, AT_KIOSK))
    console.print(f"{RELEASED}: {released / paid:.2f} times as long as {AT_KIOSK}")
    console.print(f"{passages} passages of {tags} tags, one by one, {os.cpu_count()} cores")


@dataclass
class Lane:
    """One lane, the gate before it, and a kiosk; `milliseconds` by what was waited for."""

    client: httpx.Client
    gate: tuple[str, Headers]
    lane: tuple[str, Headers]
    kiosk: tuple[str, Headers]
    gtins: list[str]
    frame: bytes
    milliseconds: dict[str, list[float]] = field(default_factory=dict)

    def let_through(self, number: int, tags: int) -> None:
        """Somebody comes in, takes goods, and walks out with them."""
        self._pass_gate("entries")
        lane_id, headers = self.lane
        opened_at = datetime.now(UTC)
        begin = {"trip_id": uuid4().hex, "started_at": opened_at.isoformat()}
        passage = f"/v1/lanes/{lane_id}/passages/" + str(
            self._post(f"/v1/lanes/{lane_id}/passages", headers, json=begin)["passage_id"]
        )
        for part in range(PARTS):
            body = {"sequence": part + 1, "reads": self._reads(number, range(part, tags, PARTS), opened_at)}
            self._post(f"{passage}/reads", headers, what="a part of the reads", json=body)
        last_frame_at = time.perf_counter()
        self._post(f"{passage}/frames", headers, what="the last frame", content=self.frame)
        end = {"parts": PARTS, "finished_at": (opened_at + READS_PER_TAG * READ_EVERY).isoformat()}
        released = self._post(f"{passage}/finish", headers, what="the decision", json=end)
        self._note(RELEASED, last_frame_at)
        assert (released["decision"], released["total"]) == ("release", tags), released

    def check_out(self, tags: int) -> None:
        """Somebody comes in, pays for the same goods at the kiosk, and leaves."""
        self._pass_gate("entries")
        kiosk_id, headers = self.kiosk
        pieces = Counter(tag % PRODUCTS for tag in range(tags))
        basket = {"lines": [{"sku": f"SKU-{item}", "quantity": quantity} for item, quantity in pieces.items()]}
        paid = self._post(
            f"/v1/kiosks/{kiosk_id}/checkouts",
            headers | {"Idempotency-Key": uuid4().hex},
            what=AT_KIOSK,
            data={"basket": json.dumps(basket)},
            files={"frame": ("frame.jpg", self.frame, "image/jpeg")},
        )
        assert (paid["decision"], paid["order"]["total"]) == ("paid", tags), paid
        self._pass_gate("exits")

    def _pass_gate(self, way: str) -> None:
        gate_id, headers = self.gate
        passed = self._post(f"/v1/gates/{gate_id}/{way}", headers, content=self.frame)
        assert passed["decision"] == "open", passed

    def _reads(self, number: int, tags: range, opened_at: datetime) -> list[dict[str, Any]]:
        return [
            {"epc": self._epc(number, tag), "rssi_dbm": -45, "read_at": (opened_at + READ_EVERY * read).isoformat()}
            for tag in tags
            for read in range(READS_PER_TAG)
        ]

    def _epc(self, number: int, tag: int) -> str:
        gtin = self.gtins[tag % len(self.gtins)]
        return encode_sgtin96(Sgtin(gtin, number << 10 | tag, POINT_OF_SALE, len(COMPANY_PREFIX)))

    def _post(self, path: str, headers: Headers, *, what: str | None = None, **request: Any) -> Any:
        sent = headers | ({"Content-Type": "image/jpeg"} if "content" in request else {})
        begun = time.perf_counter()
        response = self.client.post(path, headers=sent, **request)
        if what:
            self._note(what, begun)
        assert response.is_success, response.text
        return response.json()

    def _note(self, what: str, begun: float) -> None:
        self.milliseconds.setdefault(what, []).append((time.perf_counter() - begun) * 1000)


def open_lane(client: httpx.Client) -> Lane:
    """A store with six members, and products for one fen each."""

    def call(path: str, headers: Headers, **request: Any) -> Any:
        response = client.request(request.pop("method", "POST"), path, headers=headers, **request)
        response.raise_for_status()
        return response.json() if response.content else None

    token = call("/v1/auth/token", {}, data={"username": "owner", "password": PASSWORD})["access_token"]
    staff = {"Authorization": f"Bearer {token}"}
    store_id = call("/v1/stores", staff, json={"name": "Bench", "code": "BENCH"})["id"]
    devices = {}
    for role in ("gate", "lane", "kiosk"):
        device = call(f"/v1/stores/{store_id}/devices", staff, json={"role": role, "name": role})
        devices[role] = device["id"], {"Authorization": f"Bearer {device['token']}"}
    gtins = [gtin_of(item) for item in range(PRODUCTS)]
    for item, gtin in enumerate(gtins):
        body = {"sku": f"SKU-{item}", "name": f"Goods {item}", "gtin": gtin, "price": 1, "tax_rate_basis_points": 0}
        call("/v1/products", staff, json=body)
    for face in people():
        consent = {"policy_version": "2026-01", "accepted": True}
        member_id = call("/v1/members", staff, json={"display_name": "Bench", "consent": consent})["id"]
        call(f"/v1/members/{member_id}/face", staff, method="PUT", files=[("frames", ("f.jpg", face, "image/jpeg"))])
        once = staff | {"Idempotency-Key": uuid4().hex}
        call(f"/v1/members/{member_id}/wallet/top-ups", once, json={"amount": 1_000_000, "currency": "CNY"})
    return Lane(client, devices["gate"], devices["lane"], devices["kiosk"], gtins, camera_frame([people()[0]]))


def gtin_of(item: int) -> str:
    body = f"0{COMPANY_PREFIX}{item:05}"
    return f"{body}{gs1_standard_check_digit(body)}"


def table(milliseconds: dict[str, list[float]]) -> Table:
    shown = Table("", "p50 ms", "p95 ms", "worst ms")
    for what, times in milliseconds.items():
        shown.add_row(what, *(f"{value:.1f}" for value in (*np.percentile(times, [50, 95]), max(times))))
    return shown


if __name__ == "__main__":
    typer.run(main)
