"""Streams of commands, over real connections."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from facepay.channel import delivery
from tests.channel.line import Stream, acknowledge, gate_of, numbers, tell
from tests.server import on_a_socket
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
OPEN = {"kind": "open", "seconds": 5}


async def test_a_stream_resumes_where_it_was_cut_and_ends_with_its_token(shop: Shop, app: FastAPI) -> None:
    gate = gate_of(shop)
    path = f"/v1/devices/{gate[0]}/commands/stream"
    await tell(shop, gate, {"kind": "lock"})
    async with on_a_socket(app) as address, httpx.AsyncClient(base_url=address, headers=gate[1]) as device:
        async with device.stream("GET", path) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            stream = Stream(response.aiter_lines())
            assert await stream.next() == (
                "door",
                None,
                {"locked": True, "exits_locked": False, "released": False, "command_number": 1},
            )
            assert (await stream.next())[:2] == ("command", "1")
            await tell(shop, gate, OPEN)
            kind, number, data = await stream.next()
            assert (kind, number, data["command"]) == ("command", "2", OPEN)
        await tell(shop, gate, {"kind": "unlock"})
        async with device.stream("GET", path, headers={"Last-Event-ID": "2"}) as response:
            stream = Stream(response.aiter_lines())
            assert (await stream.next())[0] == "door"
            assert (await stream.next())[1] == "3"
            assert await numbers(shop, gate) == [1, 2, 3]  # delivered, and acknowledged by nobody yet
            await shop.do("POST", f"/v1/devices/{gate[0]}/token", json={})
            with pytest.raises(EOFError):
                await stream.next()


async def test_a_stream_repeats_what_is_not_acknowledged_and_ends_with_the_server(
    shop: Shop, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "AGAIN_SECONDS", 0.05)
    gate = gate_of(shop)
    await tell(shop, gate, OPEN)
    async with (
        on_a_socket(app) as address,
        httpx.AsyncClient(base_url=address, headers=gate[1]) as device,
        device.stream("GET", f"/v1/devices/{gate[0]}/commands/stream") as response,
    ):
        stream = Stream(response.aiter_lines())
        await stream.next()
        assert [(await stream.next())[1] for _ in range(3)] == ["1", "1", "1"]
        await acknowledge(shop, gate, 1)
        await tell(shop, gate, {"kind": "lock"})
        while (await stream.next())[1] == "1":
            pass  # it was on its way already
        assert (await stream.next())[1] == "2"
        app.state.hub.close()
        await stream.end()
