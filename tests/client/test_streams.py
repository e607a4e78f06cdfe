"""Commands and events as they come, over a line that is cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from itertools import islice
from time import sleep
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from httpx_sse import ServerSentEvent

from facepay.client import AsyncClient, Client, Retries, devices
from facepay.client import shop as calls
from facepay.client.calls import new_key
from facepay.client.problems import Unauthenticated
from facepay.simulate.cable import Cable
from tests.channel.line import gate_of, numbers, tell
from tests.server import on_a_socket
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
HURRIED = Retries(wait_seconds=0.01)


async def _command(stream: AsyncGenerator[ServerSentEvent]) -> str:
    """The number of the next one: each connection begins with how the door stands."""
    while (event := await anext(stream)).event != "command":
        assert event.event == "door"
    return event.id


async def test_a_stream_goes_on_where_it_was_cut_until_its_token_is_taken_away(shop: Shop, app: FastAPI) -> None:
    gate = gate_of(shop)
    token = gate[1]["Authorization"].removeprefix("Bearer ")
    call = devices.command_stream(UUID(gate[0]))
    for kind in ("lock", "unlock"):
        await tell(shop, gate, {"kind": kind})
    async with (
        on_a_socket(app) as address,
        Cable(address) as cable,
        AsyncClient(cable.address, token=token, retries=HURRIED) as client,
        aclosing(client.stream(call, last_event_id="1")) as stream,
    ):
        assert await _command(stream) == "2"
        await cable.cut()
        await tell(shop, gate, {"kind": "lock"})
        waiting = asyncio.create_task(_command(stream))
        await asyncio.sleep(0.05)
        await cable.mend()
        assert await waiting == "3"
        await client(devices.acknowledge(UUID(gate[0]), 3))
        assert await numbers(shop, gate) == [1, 2]
        await shop.do("POST", f"/v1/devices/{gate[0]}/token", json={})
        with pytest.raises(Unauthenticated):
            await _command(stream)


async def test_an_integrator_whose_line_is_cut_hears_each_event_once_and_only_of_their_shop(
    shop: Shop, app: FastAPI
) -> None:
    mine, others = await shop.add_device("webshop"), await shop.add_device("webshop")
    payer = await shop.add_member_without_face()

    async def ask_for_payment(device: tuple[str, dict[str, str]]) -> str:
        body = {"amount": 450, "tax": 0, "currency": "CNY", "member_id": payer, "description": "Order 1042"}
        body["return_url"] = "https://shop.example.com/orders/1042"
        headers = device[1] | {"Idempotency-Key": new_key()}
        answer = await shop.client.post("/v1/payment-intents", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def hear(stream: AsyncGenerator[ServerSentEvent]) -> str:
        """Which intent the next one is about."""
        event = await anext(stream)
        assert event.event == "payment_intent.created"
        return str(event.json()["data"]["id"])

    call = calls.event_stream(types=["payment_intent.created"], device_id=UUID(mine[0]), after=0)
    first = await ask_for_payment(mine)
    async with (
        on_a_socket(app) as address,
        Cable(address) as cable,
        AsyncClient(cable.address, token=shop.staff["Authorization"].split()[1], retries=HURRIED) as client,
        aclosing(client.stream(call)) as stream,
    ):
        assert await hear(stream) == first, "what was before, with after=0"
        await cable.cut()
        await ask_for_payment(others)
        missed = [await ask_for_payment(mine) for _ in range(2)]
        waiting = asyncio.create_task(hear(stream))
        await asyncio.sleep(0.05)
        await cable.mend()
        assert [await waiting, await hear(stream)] == missed
        kept = [str(event.subject_id) async for event in client.all(calls.events(device_id=UUID(mine[0])))]
        assert kept == [*reversed(missed), first]


def test_a_stream_that_breaks_again_and_again_is_taken_up_however_long_each_lasted() -> None:
    asked: list[str | None] = []

    def events(number: int) -> Iterator[bytes]:
        yield f"event: door\ndata: {{}}\n\nid: {number}\nevent: command\ndata: {{}}\n\n".encode()
        sleep(0.03)
        raise httpx.ReadError("cut")

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Last-Event-ID"))
        return httpx.Response(200, content=events(len(asked)), headers={"Content-Type": "text/event-stream"})

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://shop")
    client = Client(http=http, retries=Retries(within_seconds=0.02, wait_seconds=0.001))
    stream = client.stream(devices.command_stream(UUID(int=1)))
    assert [event.id for event in islice(stream, 6) if event.event == "command"] == ["1", "2", "3"]
    assert asked == [None, "1", "2"]
