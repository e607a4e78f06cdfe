"""A device's end of the channel, and staff's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.shop import Shop

Device = tuple[str, dict[str, str]]


def gate_of(shop: Shop) -> Device:
    return shop.gate_id, shop.gate


async def tell(shop: Shop, device: Device, command: dict[str, Any], **more: Any) -> dict[str, Any]:
    """As staff; the command must be taken."""
    body = {"command": command, "reason": "Because"} | more
    answer: dict[str, Any] = await shop.do("POST", f"/v1/devices/{device[0]}/commands", json=body)
    return answer


async def fetch(shop: Shop, device: Device, **query: int) -> httpx.Response:
    return await shop.client.get(f"/v1/devices/{device[0]}/commands", params=query, headers=device[1])


async def numbers(shop: Shop, device: Device, **query: int) -> list[int]:
    """Of the commands that wait for the device."""
    return [item["number"] for item in (await fetch(shop, device, **query)).json()["items"]]


async def acknowledge(shop: Shop, device: Device, number: int, outcome: str = "done", **more: str) -> httpx.Response:
    path = f"/v1/devices/{device[0]}/commands/{number}/acknowledgement"
    return await shop.client.post(path, json={"outcome": outcome} | more, headers=device[1])


async def record(shop: Shop, device: Device) -> list[dict[str, Any]]:
    """What staff see of the device's commands, the newest first."""
    items: list[dict[str, Any]] = (await shop.do("GET", f"/v1/devices/{device[0]}/commands/record"))["items"]
    return items


async def alerts(shop: Shop) -> list[tuple[str, str, int]]:
    """Kind, severity and how often it was seen, by kind."""
    items = (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts"))["items"]
    return sorted((item["kind"], item["severity"], item["times"]) for item in items)


def event(sequence: int, kind: str = "door_opened", at: str = "2026-03-02T09:30:00Z", **details: Any) -> dict[str, Any]:
    return {"sequence": sequence, "kind": kind, "happened_at": at, "details": details}


async def report(shop: Shop, device: Device, *events: dict[str, Any], run: str = "boot-1") -> httpx.Response:
    body = {"run": run, "events": list(events)}
    return await shop.client.post(f"/v1/devices/{device[0]}/events", json=body, headers=device[1])


class Stream:
    """Server-sent events as a device reads them."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> tuple[str, str | None, Any]:
        """Kind, id and data of the next event. Raises EOFError at the end of the stream."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "data" in fields:
                    return fields["event"], fields.get("id"), json.loads(fields["data"])
        raise EOFError("the stream has ended")

    async def end(self) -> None:
        """Read on until the stream ends."""
        async with asyncio.timeout(10):
            async for _ in self._lines:
                pass
