"""What a guard sees of a store, over the API and on the page in a real browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from playwright.async_api import expect

from tests.browser import DESKTOP, OpenPage
from tests.channel.line import Device, event, gate_of, report
from tests.nightwatch.watch import enter_by_pass, set_rules
from tests.server import on_a_socket
from tests.shop import PASSWORD, Shop
from tests.watchlist.desk import Desk

pytestmark = [pytest.mark.anyio, pytest.mark.reopened(watchlist=True)]


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    async with on_a_socket(app) as address:
        yield address


async def guard_of(shop: Shop) -> dict[str, str]:
    body = {"username": "guard", "password": PASSWORD, "display_name": "Night guard", "role": "guard"}
    await shop.do("POST", "/v1/staff", json=body)
    form = {"username": "guard", "password": PASSWORD}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def test_a_guard_sees_who_is_inside_how_doors_stand_and_what_to_look_at(shop: Shop) -> None:
    await set_rules(shop, capacity_max=8, silent_after_seconds=60)
    await enter_by_pass(shop)
    door: Device = await shop.add_device("door")
    await report(shop, gate_of(shop), event(1, "door_opened"), event(2, "door_held_open"))
    await report(shop, door, event(1, "door_closed"))
    body = {"name": "Vault", "capacity_max": 2}
    await shop.do("POST", f"/v1/stores/{shop.store_id}/zones", json=body)
    path = f"/v1/stores/{shop.store_id}/guard"
    view = await shop.do("GET", path, headers=await guard_of(shop))
    assert (view["inside"]["people"], view["inside"]["capacity_max"]) == (1, 8)
    assert [(zone["name"], zone["people"], zone["capacity_max"]) for zone in view["inside"]["zones"]] == [
        ("Vault", 0, 2)
    ]
    stands = {each["id"]: each["state"] for each in view["doors"]}
    assert (stands[shop.gate_id], stands[door[0]]) == ("held_open", "closed")
    assert view["figures"]["by_severity"] == {"info": 0, "warning": 1, "critical": 0}
    (alert,) = view["alerts"]
    assert (alert["kind"], alert["words"]) == ("door_held_open", "A door is open for longer than it may.")
    events = (await shop.do("GET", f"/v1/devices/{shop.gate_id}/events"))["items"]
    assert alert["evidence_kind"] == "device_event"
    assert [each["kind"] for each in events if each["id"] == alert["evidence_id"]] == ["door_held_open"]
    assert view["figures"]["unacknowledged_since"] == alert["raised_at"]
    await shop.do("POST", f"/v1/alerts/{alert['id']}/acknowledgement")
    view = await shop.do("GET", path)
    assert (view["figures"]["unacknowledged"], view["figures"]["unacknowledged_since"]) == (0, None)


async def test_a_guard_is_told_of_changes_until_their_access_is_taken_away(
    shop: Shop, app: FastAPI, address: str
) -> None:
    guard = await guard_of(shop)
    path = f"/v1/stores/{shop.store_id}/guard/events"
    async with httpx.AsyncClient(base_url=address, timeout=20) as client:
        async with client.stream("GET", path, headers=guard) as stream:
            views = told(stream)
            assert (await anext(views))["alerts"] == []
            await report(shop, gate_of(shop), event(1, "door_forced"))
            assert [each["kind"] for each in (await anext(views))["alerts"]] == ["door_forced"]
            (staff,) = [each for each in (await shop.do("GET", "/v1/staff"))["items"] if each["username"] == "guard"]
            await shop.do("DELETE", f"/v1/staff/{staff['id']}")
            await report(shop, gate_of(shop), event(2, "tamper"))
            assert [each async for each in views] == []
        refused = await client.get(path, headers=shop.gate)
        assert refused.status_code == 401


async def told(stream: httpx.Response) -> AsyncIterator[Any]:
    async for line in stream.aiter_lines():
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))


async def test_a_guard_signs_in_resolves_an_alert_and_lets_in_who_waits_at_a_door(
    shop: Shop, address: str, open_page: OpenPage
) -> None:
    desk = await Desk.open(shop)
    await desk.ban(1)
    await guard_of(shop)
    await report(shop, gate_of(shop), event(1, "door_forced"), event(2, "tamper"))
    page = await open_page(f"{address}/guard", viewport=DESKTOP)
    await page.get_by_label("Name").fill("guard")
    await page.get_by_label("Password").fill("not it")
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.locator(".refusal")).to_be_visible()
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.locator("body")).to_have_attribute("data-state", "live")
    cards = page.locator(".alert")
    await expect(cards).to_have_count(2)
    await expect(page.locator(".figures .critical dd")).to_have_text("2")
    await expect(page.locator(".doors .wrong")).to_contain_text("tampered with, forced open")

    first = cards.filter(has_text="opened that nobody")
    await first.get_by_role("button", name="Look after it").click()
    await expect(first).to_contain_text("somebody looks after it")
    await first.get_by_role("button", name="Resolve").click()
    await expect(cards).to_have_count(1)
    await expect(page.locator(".figures .critical dd")).to_have_text("1")
    await page.reload()  # the tab knows its token still
    await expect(cards).to_have_count(1)

    assert (await shop.at_gate(1)).json()["code"] == "please_wait"
    hit = page.locator(".hit")
    await expect(hit).to_contain_text("refused in")
    await expect(page.locator("canvas")).to_have_count(0)  # each look is written down
    await hit.get_by_role("button", name="Compare").click()
    await expect(page.locator("figcaption")).to_have_text(["At the door", "Banned"])
    await hit.get_by_role("button", name="Let in").click()
    await expect(hit).to_have_count(0)
    assert (await shop.at_gate(1)).json()["code"] != "please_wait"
    views = (await shop.do("GET", "/v1/watchlist/views", headers=desk.first))["items"]
    assert {"frame", "photo"} <= {view["shown"] for view in views}
