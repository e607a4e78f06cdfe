"""Passers-by leave nothing behind: not in the database, not in the log, not in a metric."""

from __future__ import annotations

import json

import httpx
import pytest

from facepay.vision.engine import Engine
from tests.answers import verdict
from tests.conftest import OpenApp, OpenShop
from tests.photos import people, stranger
from tests.privacy.catalogue import rows
from tests.shop import Shop

pytestmark = pytest.mark.anyio
# The record that a gate or kiosk refused somebody, without who.
RECORDS = {"gate_attempt", "checkout", "idempotency_record"}


async def test_a_stranger_is_in_no_table(shop: Shop, owner_database_url: str) -> None:
    await shop.add_member(0, balance=1000)
    before = rows(owner_database_url)
    assert (await shop.at_gate(stranger(), key="stranger-1")).json()["code"] == "unknown_face"
    assert (await shop.at_kiosk(stranger(), {"TEA-001": 1})).json()["code"] == "unknown_face"
    after = rows(owner_database_url)
    changed = {table for table in after if after[table] != before[table]}
    assert changed == RECORDS
    (attempt,) = map(json.loads, after["gate_attempt"])
    assert attempt["member_id"] is attempt["similarity"] is attempt["threshold"] is None
    (checkout,) = map(json.loads, after["checkout"])
    assert checkout["member_id"] is checkout["similarity"] is checkout["threshold"] is None
    assert all(len(record) < 2500 for record in after["idempotency_record"])


async def test_a_template_rests_sealed_and_rotated(shop: Shop, owner_database_url: str, engine: Engine) -> None:
    member_id = await shop.add_member(0)
    (row,) = map(json.loads, rows(owner_database_url)["template"])
    embedding = engine.analyse(people()[0]).faces[0].embedding
    assert embedding is not None
    assert embedding.tobytes()[:16].hex() not in row["sealed"]
    await shop.do("DELETE", f"/v1/members/{member_id}/face")
    left = rows(owner_database_url)
    assert left["template"] == []
    assert json.loads(left["template_key"][0])["wrapped_key"] is None


async def test_logs_name_nobody(open_shop: OpenShop, capsys: pytest.CaptureFixture[str]) -> None:
    shop = await open_shop(log_level="debug")
    await shop.add_member(0, balance=1000, phone="+8613800138001")
    await shop.at_gate(0)
    await shop.at_kiosk(0, {"TEA-001": 1})
    await shop.client.get("/v1/members/13800138001", headers=shop.staff)
    await shop.do("POST", "/v1/members", json={"display_name": "Person 1", "phone": "+8613800138002"})
    logged = capsys.readouterr().out
    assert logged.count('"event": "request"') == 5  # with the sign-in
    for secret in ("Person 0", "Person 1", "13800138001", "13800138002", "fpd_", "eyJ", "similarity"):
        assert secret not in logged


async def test_a_bug_is_answered_and_logged_without_its_message(
    open_app: OpenApp, capsys: pytest.CaptureFixture[str]
) -> None:
    app = await open_app(log_level="error")

    @app.get("/v1/broken")
    async def broken() -> None:
        raise ValueError("Person 0, +8613800138001")

    # An exception that gets through to the server is written to its log, with its message.
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        response = await client.get("/v1/broken")
    assert verdict(response) == (500, "internal_error")
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["request_id"] == response.headers["x-request-id"] == response.json()["request_id"]
    assert json.loads(line)["error"] == "ValueError"
    assert "Person 0" not in line + response.text
