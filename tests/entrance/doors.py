"""What a gate does in these tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx

from facepay.kernel.clock import utc_now
from tests.conftest import Clock
from tests.photos import people, variant
from tests.shop import Shop


@dataclass
class StillClock(Clock):
    """Stands where a test sets it: how fast the test runs decides nothing."""

    started_at: datetime = field(default_factory=utc_now)

    def __call__(self) -> datetime:
        return self.started_at + self.ahead


def at_camera(person: bytes | int) -> bytes:
    """A frame, or one of the six people as a camera at the gate sees them."""
    return person if isinstance(person, bytes) else variant(people()[person], quality=70, scale=0.9)


async def start(shop: Shop, trip_id: str = "trip-1", **asked: Any) -> httpx.Response:
    body = {"trip_id": trip_id, "direction": "entry"} | asked
    return await shop.client.post(f"/v1/gates/{shop.gate_id}/turns", json=body, headers=shop.gate)


async def show(shop: Shop, turn: dict[str, Any], person: bytes | int) -> Any:
    path = f"/v1/gates/{shop.gate_id}/turns/{turn['turn_id']}/frames"
    headers = shop.gate | {"Content-Type": "image/jpeg"}
    response = await shop.client.post(path, content=at_camera(person), headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def answer(shop: Shop, turn: dict[str, Any], digits: str) -> httpx.Response:
    path = f"/v1/gates/{shop.gate_id}/turns/{turn['turn_id']}/step-up"
    return await shop.client.post(path, json={"answer": digits}, headers=shop.gate)


async def enter(shop: Shop, person: bytes | int, *, key: str | None = None, **party: Any) -> Any:
    """An entry outside of turns, with whoever comes along."""
    response = await shop.client.post(
        f"/v1/gates/{shop.gate_id}/entries",
        files={"frame": ("frame.jpg", at_camera(person), "image/jpeg")},
        data={name: str(value) for name, value in party.items()},
        headers=shop.gate | {"Idempotency-Key": key or uuid4().hex},
    )
    assert response.status_code == 200, response.text
    return response.json()


async def open_group(shop: Shop) -> str:
    response = await shop.client.post(f"/v1/gates/{shop.gate_id}/visit-groups", headers=shop.gate)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def visit(shop: Shop, visit_id: str) -> Any:
    visits = (await shop.do("GET", f"/v1/stores/{shop.store_id}/visits"))["items"]
    return next(each for each in visits if each["id"] == visit_id)
