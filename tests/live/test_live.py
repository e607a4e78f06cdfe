"""The store as it is now: who sees what of it, and how soon."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.channel.line import event, gate_of, report
from tests.checkout.test_round_trips import recorded
from tests.conftest import Clock
from tests.nightwatch.watch import enter_by_pass, leave_by_pass, set_rules
from tests.server import on_a_socket
from tests.shelves.shelf import Shelf
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def live(shop: Shop, headers: dict[str, str] | None = None) -> dict[str, Any]:
    view: dict[str, Any] = await shop.do("GET", f"/v1/stores/{shop.store_id}/live", headers=headers or {})
    return view


async def token_of(shop: Shop, role: str) -> dict[str, str]:
    body = {"username": role, "password": PASSWORD, "display_name": role, "role": role}
    await shop.do("POST", "/v1/staff", json=body)
    form = {"username": role, "password": PASSWORD}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def test_the_view_shows_who_is_inside_what_devices_decided_and_the_day(shop: Shop) -> None:
    member = await shop.add_member_without_face(balance=5_000, name="Li Na")
    await enter_by_pass(shop, member)
    await leave_by_pass(shop, await enter_by_pass(shop))
    bought = await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], {"TEA-001": 2})
    assert bought.json()["code"] == "paid"
    refused = await shop.pass_at_gate((await shop.issue_pass(member))["pass"])
    assert refused.json()["code"] == "already_inside"

    view = await live(shop)
    (inside,) = view["people"]
    assert (inside["name"], inside["member_id"], inside["guests"]) == ("Li Na", member, 0)
    gate, kiosk = (
        next(each for each in view["decisions"] if each["device_id"] == device)
        for device in (shop.gate_id, shop.kiosk_id)
    )
    assert (gate["decision"], gate["code"], gate["name"]) == ("deny", "already_inside", "Li Na")
    assert (kiosk["decision"], kiosk["code"], kiosk["amount"], kiosk["currency"]) == ("paid", "paid", 900, "CNY")
    assert view["decisions"][0] == gate, "the newest first"
    today = view["today"]
    assert (today["inside"], today["visits"], today["entries"], today["people"]) == (1, 1, 2, 2)
    assert (today["orders"], today["turnover"], today["refusals"]) == (1, 900, 1)


async def test_names_money_and_alerts_are_for_those_whose_role_may_see_them(shop: Shop) -> None:
    member = await shop.add_member_without_face(balance=5_000, name="Li Na")
    await enter_by_pass(shop, member)
    await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], {"TEA-001": 1})
    await report(shop, gate_of(shop), event(1, "door_forced"))
    guard = await live(shop, await token_of(shop, "guard"))
    assert "Li Na" not in str(guard)
    assert member not in str(guard)
    assert (guard["today"]["inside"], guard["today"]["orders"], guard["today"]["turnover"]) == (1, None, None)
    assert {each["amount"] for each in guard["decisions"]} == {None}
    assert [each["kind"] for each in guard["alerts"]["first"]] == ["door_forced"]
    app = await token_of(shop, "app")
    assert (await shop.client.get(f"/v1/stores/{shop.store_id}/live", headers=app)).status_code == 403


async def test_a_device_that_falls_silent_shows_as_such_and_a_new_day_begins_at_nought(
    shop: Shop, clock: Clock
) -> None:
    await set_rules(shop, silent_after_seconds=60, capacity_max=4)
    beat = {"sent_at": clock().isoformat(), "status": "door ajar"}
    await shop.do("POST", f"/v1/devices/{shop.gate_id}/heartbeats", json=beat, headers=shop.gate)
    await enter_by_pass(shop)
    devices = {each["id"]: each for each in (await live(shop))["devices"]}
    assert (devices[shop.gate_id]["silent"], devices[shop.gate_id]["status"]) == (False, "door ajar")
    assert devices[shop.kiosk_id]["last_seen_at"] is None
    clock.ahead = timedelta(minutes=30)
    owner = await shop.reached_by(shop.client)
    view = await live(owner)
    assert {each["id"] for each in view["devices"] if each["silent"]} == {shop.gate_id}
    (figures,) = (await owner.do("GET", "/v1/live"))["items"]
    assert figures == {"store_id": shop.store_id, "inside": 1, "silent": 1, "alerts": 0}
    clock.ahead = timedelta(days=1)
    today = (await live(await shop.reached_by(shop.client)))["today"]
    assert (today["inside"], today["entries"], today["capacity_max"]) == (1, 0, 4)


async def test_slots_that_hold_too_little_are_named(shop: Shop) -> None:
    shelf = await Shelf.put_up(shop, restock_below=3)
    await shop.do("PUT", f"/v1/shelves/{shelf.id}/slots/A1/pieces", json={"pieces": {"TEA-001": 2}})
    (low,) = (await live(shop))["low_slots"]
    assert low == {"device_id": shelf.id, "slot": "A1", "pieces": 2, "restock_below": 3}


async def test_whoever_follows_is_told_within_a_second_until_their_access_ends(shop: Shop, app: FastAPI) -> None:
    guard = await token_of(shop, "guard")
    async with (
        on_a_socket(app) as address,
        httpx.AsyncClient(base_url=address, timeout=20) as client,
        client.stream("GET", f"/v1/stores/{shop.store_id}/live/events", headers=guard) as stream,
    ):
        views = (json.loads(line[5:]) async for line in stream.aiter_lines() if line.startswith("data:"))
        assert (await anext(views))["people"] == []
        await enter_by_pass(shop)
        assert len((await anext(views))["people"]) == 1
        (staff,) = [each for each in (await shop.do("GET", "/v1/staff"))["items"] if each["username"] == "guard"]
        await shop.do("DELETE", f"/v1/staff/{staff['id']}")
        assert [view async for view in views] == []


async def test_a_look_asks_the_database_as_often_however_much_there_is(shop: Shop, app: FastAPI) -> None:
    counts = []
    for _ in range(2):
        await enter_by_pass(shop)
        await shop.add_device("lane")
        with recorded() as sent:
            await live(shop)
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 12, "\n".join(sent)
