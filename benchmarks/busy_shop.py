"""A store with many devices and many members, served by the real server in a process of its own: for load."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

import httpx
from rich.console import Console

from benchmarks.load import Call
from facepay.simulate.people import portraits
from facepay.vision.samples import camera_frame
from tests.server import running
from tests.shop import PASSWORD

DEVICES, MEMBERS = 50, 25
BASKET = json.dumps({"lines": [{"sku": "TEA", "quantity": 1}]})
BOUNDARY = "facepay-benchmark"
console = Console(stderr=True)


@dataclass(slots=True)
class BusyShop:
    """`frames` show its members one by one, 720p as JPEG."""

    port: int
    client: httpx.Client
    pid: int
    staff: dict[str, str] = field(default_factory=dict)
    frames: list[bytes] = field(default_factory=list)
    devices: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def gate_calls(self) -> list[Call]:
        """Everybody at every gate in turn."""
        return [
            Call.post(f"/v1/gates/{gate['id']}/entries", gate["token"], "image/jpeg", frame)
            for gate, frame in zip(self.devices["gate"], cycle(self.frames), strict=False)
        ]

    def checkout_calls(self) -> list[Call]:
        return [
            Call.post(
                f"/v1/kiosks/{kiosk['id']}/checkouts",
                kiosk["token"],
                f"multipart/form-data; boundary={BOUNDARY}",
                _form(frame),
            )
            for kiosk, frame in zip(self.devices["kiosk"], cycle(self.frames), strict=False)
        ]

    def open(self) -> None:
        token = self._do("POST", "/v1/auth/token", data={"username": "owner", "password": PASSWORD})["access_token"]
        self.staff = {"Authorization": f"Bearer {token}"}
        store = self._do("POST", "/v1/stores", json={"name": "Busy", "code": "BUSY"})["id"]
        for role in ("gate", "kiosk"):
            path = f"/v1/stores/{store}/devices"
            self.devices[role] = [
                self._do("POST", path, json={"role": role, "name": f"{role} {number}"}) for number in range(DEVICES)
            ]
        tea = {"sku": "TEA", "name": "Tea", "price": 1, "tax_rate_basis_points": 1300}
        self._do("POST", "/v1/products", json=tea)
        self.frames.extend(islice(filter(None, map(self._joined, portraits())), MEMBERS))

    def _joined(self, portrait: bytes) -> bytes | None:
        """The frame of a new member with money, if this is somebody new whom the gate lets in."""
        consent = {"policy_version": "2026-01", "accepted": True}
        member = self._do("POST", "/v1/members", json={"display_name": "Busy", "consent": consent})["id"]
        files = [("frames", ("f.jpg", portrait, "image/jpeg"))]
        if not self.client.put(f"/v1/members/{member}/face", files=files, headers=self.staff).is_success:
            return None
        frame, gate = camera_frame([portrait]), self.devices["gate"][0]
        headers = {"Authorization": f"Bearer {gate['token']}", "Content-Type": "image/jpeg"}
        entry = self.client.post(f"/v1/gates/{gate['id']}/entries", content=frame, headers=headers)
        if entry.json().get("code") != "welcome":
            return None
        self._do(
            "POST",
            f"/v1/members/{member}/wallet/top-ups",
            json={"amount": 1_000_000, "currency": "CNY"},
            headers={"Idempotency-Key": uuid4().hex},
        )
        return frame

    def _do(self, method: str, path: str, **request: Any) -> Any:
        headers = self.staff | request.pop("headers", {})
        response = self.client.request(method, path, headers=headers, **request)
        response.raise_for_status()
        return response.json()


@contextmanager
def busy_shop(**settings: str) -> Iterator[BusyShop]:
    """With these settings of the server (`FACEPAY_*`)."""
    console.log(f"opening a shop: a server, {DEVICES} gates, {DEVICES} kiosks, {MEMBERS} members")
    with running(**settings) as (server, client):
        assert client.base_url.port
        shop = BusyShop(client.base_url.port, client, server.pid)
        shop.open()
        console.log("it is open")
        yield shop


def _form(frame: bytes) -> bytes:
    basket = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="basket"\r\n\r\n{BASKET}\r\n'
    picture = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="frame"; filename="f.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return basket.encode() + picture.encode() + frame + f"\r\n--{BOUNDARY}--\r\n".encode()
