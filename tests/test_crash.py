"""The server is killed while kiosks pay, and started again: nobody is charged twice, and no charge is lost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import folder_in_memory
from tests.photos import people
from tests.server import free_port, start
from tests.shop import PASSWORD

KIOSKS = 4
PAYMENTS_EACH = 3
PRICE = 100
BALANCE = 100_000


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with folder_in_memory() as folder:
        yield Path(folder)


def test_a_killed_server_charges_each_key_once(data_dir: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    server = start(data_dir, port)
    try:
        staff, kiosk, member = open_shop(address)
        payments: list[dict[str, Any]] = []
        paid_once = threading.Event()
        shoppers = [threading.Thread(target=shop, args=(address, kiosk, payments, paid_once)) for _ in range(KIOSKS)]
        for shopper in shoppers:
            shopper.start()
        assert paid_once.wait(60)  # and the others are in the middle of it
        server.kill()
        server.wait()
        server = start(data_dir, port)
        for shopper in shoppers:
            shopper.join(120)
        with httpx.Client(base_url=address, headers=staff) as client:
            orders = client.get("/v1/orders", params={"limit": 200}).json()["items"]
            wallet = client.get(f"/v1/members/{member}/wallet").json()
    finally:
        server.terminate()  # and its Postgres, whose folder goes
        server.wait(20)
    assert len(payments) == KIOSKS * PAYMENTS_EACH
    assert {payment["order"]["id"] for payment in payments} == {order["id"] for order in orders}
    assert len(orders) == KIOSKS * PAYMENTS_EACH
    assert wallet["available"] == BALANCE - len(orders) * PRICE


def open_shop(address: str) -> tuple[dict[str, str], dict[str, Any], str]:
    with httpx.Client(base_url=address, timeout=30) as client:

        def call(method: str, path: str, **request: Any) -> Any:
            response = client.request(method, path, **request)
            assert response.is_success, response.text
            return response.json()

        token = call("POST", "/v1/auth/token", data={"username": "owner", "password": PASSWORD})["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        store = call("POST", "/v1/stores", json={"name": "Crash", "code": "CRASH"})["id"]
        kiosk = call("POST", f"/v1/stores/{store}/devices", json={"role": "kiosk", "name": "till"})
        product = {"sku": "TEA", "name": "Tea", "price": PRICE, "tax_rate_basis_points": 1300}
        call("POST", "/v1/products", json=product)
        consent = {"policy_version": "2026-01", "accepted": True}
        member = call("POST", "/v1/members", json={"display_name": "Lin", "consent": consent})["id"]
        call("PUT", f"/v1/members/{member}/face", files=[("frames", ("f.jpg", people()[0], "image/jpeg"))])
        top_up = {"amount": BALANCE, "currency": "CNY"}
        call("POST", f"/v1/members/{member}/wallet/top-ups", json=top_up, headers={"Idempotency-Key": uuid4().hex})
        return {"Authorization": f"Bearer {token}"}, kiosk, member


def shop(address: str, kiosk: dict[str, Any], payments: list[dict[str, Any]], paid_once: threading.Event) -> None:
    """Pay a few times; after any doubt, again with the same key."""
    headers = {"Authorization": f"Bearer {kiosk['token']}"}
    with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        for _ in range(PAYMENTS_EACH):
            payments.append(pay(client, kiosk["id"], uuid4().hex))
            paid_once.set()


def pay(client: httpx.Client, kiosk_id: str, key: str) -> dict[str, Any]:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            response = client.post(
                f"/v1/kiosks/{kiosk_id}/checkouts",
                files={"frame": ("f.jpg", people()[0], "image/jpeg")},
                data={"basket": json.dumps({"lines": [{"sku": "TEA", "quantity": 1}]})},
                headers={"Idempotency-Key": key},
            )
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if response.status_code == 200:
            answer: dict[str, Any] = response.json()
            assert answer["decision"] == "paid", answer
            return answer
        assert response.status_code in (409, 503), response.text
        time.sleep(0.2)
    raise AssertionError("no answer in time")
