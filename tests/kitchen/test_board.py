"""The board of orders ready: numbers, and nothing of whose."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from facepay.kernel import watching
from tests.answers import verdict
from tests.channel.line import Stream
from tests.conftest import Clock
from tests.kitchen.cook import Kitchen
from tests.server import on_a_socket

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_the_board_shows_numbers_the_newest_ready_one_first_and_nothing_of_whose(kitchen: Kitchen) -> None:
    numbers = [(await kitchen.order()).pickup_number for _ in range(5)]
    first, second, third, _, fifth = [each["id"] for each in await kitchen.tickets()]
    for ticket, state in ((third, "ready"), (first, "ready"), (second, "preparing"), (fifth, "collected")):
        await kitchen.bring_to(ticket, state)
    for role in ("display", "kitchen", "kiosk"):
        _, headers = await kitchen.shop.add_device(role)
        seen = (await kitchen.shop.client.get(f"{kitchen.path}/board", headers=headers)).json()
        assert seen["ready"] == [numbers[0], numbers[2]]
        assert seen["preparing"] == [numbers[1], numbers[3]]
        assert seen.keys() == {"ready", "preparing", "wait_seconds", "at"}


async def test_a_board_belongs_to_its_store(kitchen: Kitchen) -> None:
    other = (await kitchen.shop.do("POST", "/v1/stores", json={"name": "Other", "code": "OTHER"}))["id"]
    _, headers = await kitchen.shop.add_device("display", other)
    for path in ("board", "board/events"):
        answer = await kitchen.shop.client.get(f"{kitchen.path}/{path}", headers=headers)
        assert verdict(answer) == (403, "device_of_other_store")
        answer = await kitchen.shop.client.get(f"{kitchen.path}/{path}", headers=kitchen.shop.gate)
        assert verdict(answer) == (403, "insufficient_scope")


async def test_how_long_it_takes_is_the_median_of_the_last_orders_once_there_are_enough(
    kitchen: Kitchen, clock: Clock
) -> None:
    for number, each in enumerate((3, 30, 5, 4, 6)):
        assert (await kitchen.see("/board"))["wait_seconds"] is None, number
        await kitchen.order(now=clock() - timedelta(minutes=each))
        (ticket,) = await kitchen.tickets()
        await kitchen.bring_to(ticket["id"], "collected")
    assert (await kitchen.see("/board"))["wait_seconds"] // 60 == 5
    clock.ahead += timedelta(hours=2)
    assert (await kitchen.see("/board"))["wait_seconds"] is None


async def test_a_board_hears_of_each_change_and_of_its_end(kitchen: Kitchen, app: FastAPI) -> None:
    display_id, headers = await kitchen.shop.add_device("display")
    async with (
        on_a_socket(app) as address,
        httpx.AsyncClient(base_url=address, headers=headers) as display,
        display.stream("GET", f"{kitchen.path}/board/events") as response,
    ):
        stream = Stream(response.aiter_lines())
        assert await next_board(stream) == ([], [])
        number = (await kitchen.order()).pickup_number
        assert await next_board(stream) == ([number], [])
        (ticket,) = await kitchen.tickets()
        for step, shown in (("start", ([number], [])), ("ready", ([], [number])), ("collect", ([], []))):
            await kitchen.press(ticket["id"], step)
            assert await next_board(stream) == shown
        await kitchen.shop.do("DELETE", f"/v1/devices/{display_id}")
        with pytest.raises(EOFError):
            await stream.next()


async def test_a_board_that_nothing_happens_on_shows_that_it_is_alive_and_ends_with_the_server(
    kitchen: Kitchen, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "AGAIN_SECONDS", 0.02)
    async with (
        on_a_socket(app) as address,
        httpx.AsyncClient(base_url=address, headers=kitchen.screen) as display,
        display.stream("GET", f"{kitchen.path}/board/events") as response,
    ):
        stream = Stream(response.aiter_lines())
        times = [(await stream.next())[2]["at"] for _ in range(3)]
        assert times == sorted(set(times))
        app.state.hub.close()
        await stream.end()


async def next_board(stream: Stream) -> tuple[list[str], list[str]]:
    """What is being prepared, and what is ready."""
    kind, _, data = await stream.next()
    assert kind == "board"
    return data["preparing"], data["ready"]
