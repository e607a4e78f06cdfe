"""What operators see of a store's cars, over the API and on the page in a real browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from tests.browser import DESKTOP, OpenPage
from tests.conftest import Clock
from tests.server import on_a_socket
from tests.shop import Shop
from tests.test_drives.forecourt import Forecourt

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def told(stream: httpx.Response) -> AsyncIterator[Any]:
    async for line in stream.aiter_lines():
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))


async def busy_forecourt(shop: Shop) -> Forecourt:
    """One car is late, one back, one due to be picked up, and one is left."""
    court = await Forecourt.open(shop, cars=4, drive_hours=1, turnaround_minutes=0)
    for _ in range(2):
        member = await court.add_driver()
        drive = await court.reserved(member)
        await court.take_out(member, drive["number"])
    await court.bring_back(drive["number"], locker=2)
    return court


async def test_the_board_shows_where_cars_are_and_what_is_to_be_done(shop: Shop, clock: Clock) -> None:
    clock.ahead = (clock() + timedelta(days=1)).replace(hour=4) - clock()  # far from midnight: it is today's board
    court = await busy_forecourt(await shop.reached_by(shop.client))
    await court.later(clock, hours=2)
    shop = court.shop
    member = await court.add_driver()
    await court.reserved(member)
    board = await shop.do("GET", f"/v1/stores/{shop.store_id}/drives")
    assert board["cars"] == {"available": 2, "out": 1, "inspection": 1, "retired": 0}
    assert [each["state"] for each in (*board["late"], *board["pick_ups"], *board["inspections"])] == [
        "late",
        "reserved",
        "returned",
    ]
    assert board["late"][0]["locker"] is None
    assert "Wei" not in json.dumps(board)


async def test_the_stream_tells_of_changes_until_the_token_ends(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    async with on_a_socket(shop.app) as address, httpx.AsyncClient(base_url=address, timeout=20) as client:
        path = f"/v1/stores/{shop.store_id}/drives/events"
        async with client.stream("GET", path, headers=shop.staff) as stream:
            boards = told(stream)
            assert (await anext(boards))["pick_ups"] == []
            drive = await court.reserved(member)
            assert [each["number"] for each in (await anext(boards))["pick_ups"]] == [drive["number"]]
        assert (await client.get(path, headers=court.machine)).status_code == 401


async def test_the_page_follows_the_store(shop: Shop, open_page: OpenPage) -> None:
    court = await busy_forecourt(shop)
    token = shop.staff["Authorization"].removeprefix("Bearer ")
    async with on_a_socket(shop.app) as address:
        page = await open_page(f"{address}/drives#store={shop.store_id}&token={token}", viewport=DESKTOP)
        await expect(page.locator(".figures .out dd")).to_have_text("1")
        await expect(page.locator(".inspections li")).to_contain_text("locker 2")
        await expect(page.locator("section.late")).to_be_hidden()
        (back,) = (await shop.do("GET", "/v1/test-drives", params={"state": "returned"}))["items"]
        await court.act(f"/{back['id']}/inspection", {})
        await expect(page.locator(".inspections li")).to_have_count(0)
        await expect(page.locator(".figures .available dd")).to_have_text("3")
