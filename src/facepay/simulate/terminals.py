"""Gates, kiosks and lanes as they behave with and without network."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from time import perf_counter
from typing import Any, Literal
from uuid import uuid4

import httpx

from facepay.catalog.epc import Sgtin, encode_sgtin96
from facepay.demo.stage import PRODUCTS, SceneWentWrong, lines_of
from facepay.kernel.clock import utc_now
from facepay.simulate.device import Decision, OfflineDevice

TOUCH_SECONDS = 0.25
RETRY_SECONDS = 0.2
COMPANY_PREFIX_LENGTH = 7
TAG_READS = 5
GTINS = {str(product["sku"]): str(product["gtin"]).zfill(14) for product in PRODUCTS}
_SERIALS = count(1)


@dataclass(frozen=True, slots=True)
class Done:
    """What somebody at a terminal was answered."""

    allowed: bool
    code: str


@dataclass(slots=True)
class Terminal:
    """A device that turns to its policy when the network is gone, and tells before it decides with network again."""

    name: str
    device: OfflineDevice
    online: bool = True
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)

    async def keep_in_touch(self, closing: asyncio.Event) -> None:
        """Until the store closes and everything is told."""
        while not closing.is_set() or self.device.journal.waiting:
            try:
                self.verdicts += await self.device.tell()
                await self.device.sync()
            except httpx.TransportError:
                self.online = False
            else:
                self.online = self.device.journal.waiting == 0
            await asyncio.sleep(TOUCH_SECONDS)

    async def ask(self, path: str, *, method: str = "POST", insist: bool = False, **request: Any) -> Any | None:
        """The server's answer; None where the request didn't reach it, and isn't insisted on.

        One that may have reached it is sent again until it is answered: to decide offline as well could charge twice.
        """
        headers = {**self.device.headers, "Idempotency-Key": uuid4().hex, **request.pop("headers", {})}
        while self.online or insist:
            try:
                answer = await self.device.client.request(method, path, headers=headers, **request)
            except httpx.ConnectError:
                self.online = False
            except httpx.TransportError:
                insist = True
            else:
                if answer.is_success:
                    return answer.json()
                if answer.status_code < 500 and answer.json()["code"] != "idempotency_key_in_use":
                    raise SceneWentWrong(f"{path}: {answer.status_code} {answer.text}")
            if insist:
                await asyncio.sleep(RETRY_SECONDS)
        return None

    def note(self, start: float, answer: Any | None, offline: Decision | None, good: str) -> Done:
        """Count what was answered, and how long it took."""
        self.milliseconds.append((perf_counter() - start) * 1000)
        if offline is None:
            assert answer is not None
            done = Done(answer["decision"] == good, answer["code"])
        else:
            done = Done(offline.allowed, offline.code)
        self.answers["online" if offline is None else "offline"] += 1
        if not done.allowed:
            self.refusals[done.code] += 1
        return done


class Gate(Terminal):
    async def pass_through(self, way: Literal["entry", "exit"], frame: bytes, shown: str) -> Done:
        """By face, or by what the phone shows where there is no network."""
        start = perf_counter()
        path = f"/v1/gates/{self.device.device_id}/{'entries' if way == 'entry' else 'exits'}"
        answer = await self.ask(path, content=frame, headers={"Content-Type": "image/jpeg"})
        return self.note(start, answer, None if answer else self.device.admit(shown, way), "open")


class Kiosk(Terminal):
    async def check_out(self, basket: Mapping[str, int], frame: bytes, shown: str) -> Done:
        start = perf_counter()
        answer = await self.ask(
            f"/v1/kiosks/{self.device.device_id}/checkouts",
            files={"frame": ("frame.jpg", frame, "image/jpeg")},
            data={"basket": json.dumps({"lines": lines_of(basket)})},
        )
        return self.note(start, answer, None if answer else self.device.sell(shown, basket), "paid")


@dataclass(slots=True)
class Lane(Terminal):
    """One passage at a time."""

    free: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def walk_out(self, basket: Mapping[str, int], frame: bytes, shown: str) -> Done:
        async with self.free:
            start = perf_counter()
            answer = await self._passage(basket, frame)
            offline = None
            if answer is None:
                offline = self.device.sell(shown, basket)
                if offline.allowed:
                    self.device.admit(shown, "exit")
            return self.note(start, answer, offline, "release")

    async def _passage(self, basket: Mapping[str, int], frame: bytes) -> Any | None:
        """None where the network was gone when it began; one that has begun is ended with network."""
        lane = f"/v1/lanes/{self.device.device_id}/passages"
        began = utc_now()
        passage = await self.ask(lane, json={"trip_id": uuid4().hex, "started_at": began.isoformat()})
        if passage is None:
            return None
        here = f"{lane}/{passage['passage_id']}"
        reads = [
            {"epc": epc, "rssi_dbm": -45, "read_at": (began + timedelta(milliseconds=100 * number)).isoformat()}
            for epc in _tags(basket)
            for number in range(TAG_READS)
        ]
        await self.ask(f"{here}/reads", insist=True, json={"sequence": 1, "reads": reads})
        await self.ask(f"{here}/frames", insist=True, content=frame, headers={"Content-Type": "image/jpeg"})
        ended = began + timedelta(milliseconds=100 * TAG_READS)
        body = {"parts": 1, "finished_at": ended.isoformat()}
        answer = await self.ask(f"{here}/finish", insist=True, json=body)
        assert answer is not None
        if answer["decision"] != "release":  # they put the goods back, and go out by a gate
            await self.ask(here, method="DELETE", insist=True)
        return answer


def _tags(basket: Mapping[str, int]) -> list[str]:
    """A tag with a serial number of its own on each piece."""
    return [
        encode_sgtin96(Sgtin(GTINS[sku], next(_SERIALS), filter=1, company_prefix_length=COMPANY_PREFIX_LENGTH))
        for sku, quantity in basket.items()
        for _ in range(quantity)
    ]
