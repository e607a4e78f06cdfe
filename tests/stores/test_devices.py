from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from facepay.stores.devices import Device
from tests.answers import verdict
from tests.conftest import Clock
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def beat(shop: Shop, device_id: str, token: dict[str, str], **body: Any) -> httpx.Response:
    sent = {"sent_at": datetime.now(UTC).isoformat()} | body
    return await shop.client.post(f"/v1/devices/{device_id}/heartbeats", json=sent, headers=token)


async def test_a_token_is_shown_once_and_only_its_hash_is_kept(shop: Shop, app: FastAPI) -> None:
    path = f"/v1/stores/{shop.store_id}/devices"
    response = await shop.client.post(path, json={"role": "lane", "name": "Lane 1"}, headers=shop.staff)
    device = response.json()
    token = device.pop("token")
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/devices/{device['id']}"
    assert response.headers["cache-control"] == "no-store"
    assert token.startswith("fpd_")
    assert len(token) == 4 + 43
    assert await shop.do("GET", f"/v1/devices/{device['id']}") == device
    assert device in (await shop.do("GET", path))["items"]
    async with app.state.database.begin() as session:
        kept = await session.scalar(select(Device.token_hash).where(Device.name == "Lane 1"))
    assert kept == hashlib.sha256(token.encode()).digest()


async def test_rotating_and_revoking_take_effect_at_once(shop: Shop) -> None:
    path = f"/v1/devices/{shop.gate_id}"
    rotated = await shop.do("POST", f"{path}/token", json={})
    new = {"Authorization": f"Bearer {rotated['token']}"}
    assert verdict(await beat(shop, shop.gate_id, shop.gate)) == (401, "unauthenticated")
    assert (await beat(shop, shop.gate_id, new)).is_success
    for _ in range(2):  # repeating it changes nothing
        await shop.do("DELETE", path)
    assert verdict(await beat(shop, shop.gate_id, new)) == (401, "unauthenticated")
    response = await shop.client.post(f"{path}/token", json={}, headers=shop.staff)
    assert verdict(response) == (409, "device_revoked")
    assert (await shop.do("GET", path))["revoked_at"]


async def test_an_expired_token_is_refused_until_it_is_rotated(shop: Shop, clock: Clock) -> None:
    body = {"role": "gate", "name": "Hired for a day", "token_days": 1}
    device = await shop.do("POST", f"/v1/stores/{shop.store_id}/devices", json=body)
    token = {"Authorization": f"Bearer {device['token']}"}
    assert (await beat(shop, device["id"], token)).is_success
    rotated = await shop.do("POST", f"/v1/devices/{device['id']}/token", json={"token_days": 3})
    clock.ahead = timedelta(days=2)
    assert verdict(await beat(shop, device["id"], token)) == (401, "unauthenticated")
    renewed = {"Authorization": f"Bearer {rotated['token']}"}
    assert (await beat(shop, device["id"], renewed)).is_success
    clock.ahead = timedelta(days=3, seconds=1)
    assert verdict(await beat(shop, device["id"], renewed)) == (401, "unauthenticated")
    assert (await beat(shop, shop.gate_id, shop.gate)).is_success  # never expires


async def test_a_heartbeat_shows_when_a_device_was_seen_and_how_wrong_its_clock_is(shop: Shop, clock: Clock) -> None:
    assert (await shop.do("GET", f"/v1/devices/{shop.gate_id}"))["last_seen_at"] is None
    sent_at = (clock() + timedelta(minutes=2)).isoformat()
    answer = (await beat(shop, shop.gate_id, shop.gate, sent_at=sent_at, status="door ajar")).json()
    assert answer["clock_skew_ms"] == pytest.approx(120_000, abs=5_000)
    seen = await shop.do("GET", f"/v1/devices/{shop.gate_id}")
    assert (seen["clock_skew_ms"], seen["status"]) == (answer["clock_skew_ms"], "door ajar")
    assert seen["last_seen_at"] == answer["server_time"]
    behind = (await beat(shop, shop.gate_id, shop.gate, sent_at="0001-01-01T00:00:00+14:00")).json()
    assert behind["clock_skew_ms"] < 0
    assert (await beat(shop, shop.gate_id, shop.gate, sent_at="9999-12-31T23:59:59-12:00")).is_success


WRONG_BEATS: list[dict[str, Any]] = [
    {"sent_at": "yesterday"},
    {"sent_at": "2026-03-02T09:30:00"},  # in which time zone?
    {"sent_at": None},
    {"status": "a\0b"},
    {"status": "x" * 201},
    {"mood": "good"},
]


async def test_a_heartbeat_that_makes_no_sense_is_refused(shop: Shop) -> None:
    for wrong in WRONG_BEATS:
        assert verdict(await beat(shop, shop.gate_id, shop.gate, **wrong)) == (422, "invalid_request"), wrong


async def test_a_device_speaks_for_nobody_else_and_never_for_staff(shop: Shop) -> None:
    assert verdict(await beat(shop, shop.kiosk_id, shop.gate)) == (403, "device_of_other_store")
    assert verdict(await beat(shop, str(uuid4()), shop.gate)) == (403, "device_of_other_store")
    assert verdict(await beat(shop, shop.gate_id, shop.staff)) == (401, "unauthenticated")
    assert verdict(await shop.client.get("/v1/stores", headers=shop.gate)) == (401, "unauthenticated")


async def test_each_role_may_do_its_own_work_only(shop: Shop) -> None:
    lane_id, lane = await shop.add_device("lane")
    _, monitor = await shop.add_device("monitor")
    assert (await beat(shop, lane_id, lane)).is_success
    assert (await shop.client.get("/metrics", headers=monitor)).is_success
    for token in (shop.gate, shop.kiosk, lane):
        assert verdict(await shop.client.get("/metrics", headers=token)) == (403, "insufficient_scope")
    wrong = await shop.client.post(
        f"/v1/kiosks/{lane_id}/checkouts", files={"frame": b"x"}, headers=lane | {"Idempotency-Key": "k"}
    )
    assert verdict(wrong) == (403, "insufficient_scope")


async def test_devices_are_found_by_role_and_by_how_they_are(shop: Shop, clock: Clock) -> None:
    gone, _ = await shop.add_device("lane")
    await shop.do("DELETE", f"/v1/devices/{gone}")
    path = f"/v1/stores/{shop.store_id}/devices"

    async def found(**asked: Any) -> list[str]:
        return [each["id"] for each in (await shop.do("GET", path, params=asked))["items"]]

    assert await found(role="gate") == [shop.gate_id]
    assert await found(revoked=True) == [gone]
    assert gone not in await found(revoked=False)
    await beat(shop, shop.gate_id, shop.gate)
    long_ago = (clock() - timedelta(minutes=2)).isoformat()
    assert await found(silent_since=long_ago, revoked=False) == [shop.kiosk_id], "which never beat"
    clock.ahead = timedelta(minutes=5)
    assert shop.gate_id in await found(silent_since=(clock() - timedelta(minutes=2)).isoformat())


async def test_a_device_is_renamed_and_nothing_else(shop: Shop) -> None:
    path = f"/v1/devices/{shop.gate_id}"
    assert (await shop.do("PATCH", path, json={"name": "North gate"}))["name"] == "North gate"
    for body in ({"role": "kiosk"}, {"name": None}, {"name": ""}, {"store_id": str(uuid4()), "name": "x"}):
        assert verdict(await shop.client.patch(path, json=body, headers=shop.staff)) == (422, "invalid_request")


WRONG_DEVICES: list[dict[str, Any]] = [
    {"role": "owner"},
    {"name": "a\0"},
    {"token_days": 0},
    {"token_days": -1},
    {"token_days": 10**30},
    {"x": 1},
]


async def test_a_device_that_makes_no_sense_is_refused(shop: Shop) -> None:
    for wrong in WRONG_DEVICES:
        body = {"role": "gate", "name": "Gate"} | wrong
        response = await shop.client.post(f"/v1/stores/{shop.store_id}/devices", json=body, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request"), wrong


async def test_unknown_devices_are_not_found(shop: Shop) -> None:
    path = f"/v1/devices/{uuid4()}"
    for method, where, body in [
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("POST", "/token", {}),
    ]:
        response = await shop.client.request(method, path + where, json=body, headers=shop.staff)
        assert verdict(response) == (404, "device_not_found")


CAMERA = {"fx": 612.4, "fy": 612.1, "cx": 321.7, "cy": 238.9, "width": 640, "height": 480}


async def test_a_device_says_what_its_3d_camera_is_and_what_no_camera_is_gets_refused(shop: Shop) -> None:
    path = f"/v1/devices/{shop.kiosk_id}"
    assert (await shop.do("GET", path))["camera"] is None
    assert (await shop.do("PATCH", path, json={"camera": CAMERA}))["camera"] == CAMERA | {"depth_unit_mm": 1.0}
    finer = CAMERA | {"depth_unit_mm": 0.25}
    assert (await shop.do("PATCH", path, json={"camera": finer}))["camera"] == finer
    assert (await shop.do("PATCH", path, json={"name": "Till 2"}))["camera"] == finer
    wrongs: list[tuple[dict[str, Any], str]] = [
        ({"cx": 700.0}, "principal point"),
        ({"fx": 60.0, "fy": 60.0}, "fx is in pixels"),
        ({"fx": 0.9, "fy": 0.9}, "fx is in pixels"),
        ({"fy": 900.0}, "nearly square"),
        ({"width": 0}, "width"),
        ({"height": 480.5}, "height"),
        ({"depth_unit_mm": 0}, "depth_unit_mm"),
        ({"skew": 1}, "skew"),
    ]
    for wrong, reason in wrongs:
        response = await shop.client.patch(path, json={"camera": CAMERA | wrong}, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request")
        assert reason in response.text
    assert (await shop.do("PATCH", path, json={"camera": None}))["camera"] is None
