"""Devices in the console: put up by a code, looked after, told what to do."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.console.desk import OURS, signed_in
from tests.qr import read_qr
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]


async def page(shop: Shop, path: str, **query: Any) -> str:
    answer = await shop.client.get(f"/console{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


async def post(shop: Shop, path: str, **form: Any) -> httpx.Response:
    return await shop.client.post(f"/console{path}", data=form, headers=OURS)


async def added(shop: Shop, role: str, **form: Any) -> tuple[str, str]:
    """A new device's id and name, by the form."""
    name = f"{role} {uuid4().hex[:6]}"
    answer = await post(shop, f"/stores/{shop.store_id}/devices", role=role, name=name, **form)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].rsplit("/", 1)[1], name


async def test_a_tablet_is_added_and_paired_by_what_the_page_shows(shop: Shop) -> None:
    await signed_in(shop)
    tablet, name = await added(shop, "kiosk", checks=["replay", "challenge"])
    assert name in await page(shop, f"/devices/{tablet}")
    assert (await shop.do("GET", f"/v1/devices/{tablet}"))["presentation_checks"] == ["challenge", "replay"]

    shown = (await post(shop, f"/devices/{tablet}/pairing", token_days="30")).text
    code = re.search(r"<strong>([0-9A-Z]{4}-[0-9A-Z]{4})</strong>", shown)
    svg = re.search(r"<svg.*?</svg>", shown, re.S)
    assert code
    assert svg
    assert read_qr(svg[0]).endswith(f"/kiosk#pair={code[1]}")
    paired = await shop.client.post("/v1/pairings", json={"code": code[1]})
    assert paired.json()["device_id"] == tablet
    assert paired.json()["expires_at"]


async def test_devices_are_shown_by_role_and_state(shop: Shop) -> None:
    await signed_in(shop)
    lane, lane_name = await added(shop, "lane")
    _, shelf_name = await added(shop, "shelf")
    path = f"/stores/{shop.store_id}/devices"
    only_lanes = await page(shop, path, role="lane")
    assert lane_name in only_lanes
    assert shelf_name not in only_lanes
    assert "never seen" in only_lanes
    assert lane_name in await page(shop, path, state="silent")

    assert (await post(shop, f"/devices/{lane}/revocation")).status_code == 303
    assert lane_name not in await page(shop, path, role="lane")
    assert lane_name in await page(shop, path, state="revoked")
    gone = await page(shop, f"/devices/{lane}")
    assert "/pairing" not in gone
    assert "/commands" not in gone, "nothing is left to do with it"


async def test_a_token_is_rotated_and_shown_once(shop: Shop) -> None:
    await signed_in(shop)
    gate, _ = await added(shop, "gate")
    token = re.search(r"fpd_[\w-]{43}", (await post(shop, f"/devices/{gate}/token")).text)
    assert token
    body = {"sent_at": shop.app.state.clock().isoformat(), "status": "door ajar"}
    headers = {"Authorization": f"Bearer {token[0]}"}
    assert (await shop.client.post(f"/v1/devices/{gate}/heartbeats", json=body, headers=headers)).is_success
    after = await page(shop, f"/devices/{gate}")
    assert "door ajar" in after
    assert token[0] not in after


async def test_a_gate_is_told_to_open_once_however_often_the_form_is_sent(shop: Shop) -> None:
    await signed_in(shop)
    gate, _ = await added(shop, "gate")
    form = {"kind": "open", "seconds": "5", "reason": "A delivery", "key": uuid4().hex}
    for _ in range(2):
        assert (await post(shop, f"/devices/{gate}/commands", **form)).status_code == 303
    told = (await shop.do("GET", f"/v1/devices/{gate}/commands/record"))["items"]
    assert [(each["command"], each["reason"]) for each in told] == [({"kind": "open", "seconds": 5}, "A delivery")]
    assert "A delivery" in await page(shop, f"/devices/{gate}")
    assert "A delivery" in await page(shop, f"/devices/{gate}/commands")


async def test_what_the_api_refuses_is_said_beside_the_form(shop: Shop) -> None:
    await signed_in(shop)
    gate, _ = await added(shop, "gate")
    form = {"kind": "open", "seconds": "500", "reason": "Too long", "key": uuid4().hex}
    headers = OURS | {"HX-Request": "true"}
    answer = await shop.client.post(f"/console/devices/{gate}/commands", data=form, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["hx-retarget"] == "#problem"
    assert "seconds" in answer.text


async def test_gaps_in_what_a_device_reported_are_shown(shop: Shop) -> None:
    await signed_in(shop)
    gate_id, gate = await shop.add_device("gate")
    events = [
        {"sequence": number, "kind": "door_opened", "happened_at": shop.app.state.clock().isoformat()}
        for number in (1, 4)
    ]
    body = {"run": "boot-17", "events": events}
    assert (await shop.client.post(f"/v1/devices/{gate_id}/events", json=body, headers=gate)).is_success
    shown = await page(shop, f"/devices/{gate_id}")
    assert "door_opened" in shown
    assert "2\N{EN DASH}3" in shown
    assert "door_opened" in await page(shop, f"/devices/{gate_id}/events")


async def test_a_guard_tells_doors_and_changes_no_device(shop: Shop) -> None:
    gate, _ = await shop.add_device("gate")
    name = f"guard{uuid4().hex[:6]}"
    password = "a long pass phrase"
    staff = {"username": name, "display_name": "Guard", "role": "guard", "password": password}
    await shop.do("POST", "/v1/staff", json=staff)
    await signed_in(shop, name, password)
    shown = await page(shop, f"/devices/{gate}")
    assert f"/console/devices/{gate}/commands" in shown
    assert f"/console/devices/{gate}/pairing" not in shown
    assert (await post(shop, f"/devices/{gate}/pairing")).status_code == 403
    assert (await post(shop, f"/devices/{gate}/revocation")).status_code == 403


async def test_cameras_page_opens(shop: Shop) -> None:
    await signed_in(shop)
    assert "Cameras" in await page(shop, f"/stores/{shop.store_id}/cameras")
