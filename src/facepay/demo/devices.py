"""Devices without their hardware, on the network all the same: a lane's RFID portal, a door, and who follows it all.

`demo.shelf` has the shelf.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any
from uuid import uuid4

import httpx
from anyio.from_thread import start_blocking_portal

from facepay.catalog.epc import POINT_OF_SALE, Sgtin, encode_sgtin96
from facepay.demo.stage import PRODUCTS, SceneWentWrong, Stage

COMPANY_PREFIX_LENGTH = 7
WITHIN_SECONDS = 10.0
# How the sensor of a door shows that a command was carried out.
EFFECTS = {"lock": "door_locked", "unlock": "door_unlocked", "release": "door_unlocked", "open": "door_opened"}


def tag(sku: str, serial: int) -> str:
    """What the printer writes to the label of a piece."""
    gtin = next(product["gtin"] for product in PRODUCTS if product["sku"] == sku)
    sgtin = Sgtin(f"{gtin:0>14}", serial, filter=POINT_OF_SALE, company_prefix_length=COMPANY_PREFIX_LENGTH)
    return encode_sgtin96(sgtin)


class Passage:
    """Somebody in a lane: what its portal reads and its camera sees, and what the lane is told."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._opened_at = stage, stage.now()
        lane_id, self._headers = stage.devices["lane"]
        self._path, self.trip_id = f"/v1/lanes/{lane_id}/passages", uuid4().hex
        started = self._post("", json={"trip_id": self.trip_id, "started_at": self._opened_at.isoformat()})
        self.id = str(started["passage_id"])
        self._parts = 0
        self._path = f"{self._path}/{self.id}"

    def read(self, epcs: Sequence[str], *, part: int = 1, rssi_dbm: float = -47.0) -> Any:
        """Tags that answer ten times in a second."""
        moments = [(self._opened_at + timedelta(seconds=tenth / 10)).isoformat() for tenth in range(5, 15)]
        reads = [{"epc": epc, "rssi_dbm": rssi_dbm, "read_at": moment} for moment in moments for epc in epcs]
        self._parts = max(self._parts, part)
        return self._post("/reads", json={"sequence": part, "reads": reads})

    def look(self, frame: bytes) -> Any:
        return self._post("/frames", content=frame, headers={"Content-Type": "image/jpeg"})

    def show_pass(self, shown: dict[str, str]) -> Any:
        return self._post("/pass", json=shown)

    def finish(self) -> Any:
        finished_at = self._opened_at + timedelta(seconds=2)
        return self._post("/finish", json={"parts": self._parts, "finished_at": finished_at.isoformat()})

    def _post(self, what: str, *, headers: dict[str, str] | None = None, **body: Any) -> Any:
        return self._stage.call("POST", f"{self._path}{what}", headers={**self._headers, **(headers or {})}, **body)


class Listener:
    """Something that listens to the server beside the story; `hear` waits for the next that it was told."""

    def __init__(self, stage: Stage, headers: dict[str, str]) -> None:
        self._stage, self._headers = stage, headers
        self._heard: SimpleQueue[tuple[Any, float]] = SimpleQueue()

    def hear(self) -> Any:
        """The stage's next row shows how long it took, from its last call on.

        Raises SceneWentWrong where nothing comes, and httpx.HTTPError.
        """
        try:
            heard, at = self._heard.get(timeout=WITHIN_SECONDS)
        except Empty:
            raise SceneWentWrong(f"the {type(self).__name__} heard nothing for {WITHIN_SECONDS:.0f} s") from None
        if isinstance(heard, httpx.HTTPError):
            raise heard
        self._stage.took_ms = (at - self._stage.called_at) * 1000
        return heard

    @contextmanager
    def listening(self) -> Iterator[None]:
        """In a thread of its own."""
        with start_blocking_portal() as portal:
            task = portal.start_task_soon(self._connect)
            try:
                yield
            finally:
                task.cancel()

    async def _connect(self) -> None:
        async with httpx.AsyncClient(base_url=self._stage.client.base_url, headers=self._headers, timeout=30) as client:
            try:
                await self._listen(client)
            except httpx.HTTPError as error:
                self._note(error)

    async def _listen(self, client: httpx.AsyncClient) -> None:
        raise NotImplementedError

    def _note(self, heard: Any) -> None:
        self._heard.put((heard, perf_counter()))


class Door(Listener):
    """A device that does what it is told: its door moves, has its sensor show it, and only then says that it is done.

    One that is told to say something is heard saying it.
    """

    def __init__(self, stage: Stage, device: str) -> None:
        device_id, headers = stage.devices[device]
        super().__init__(stage, headers)
        self._path, self._run, self._numbers = f"/v1/devices/{device_id}", uuid4().hex, count(1)

    def tell(self, *kinds: str, **details: Any) -> None:
        """What its sensors notice by themselves, one after the other."""
        self._stage.call("POST", f"{self._path}/events", headers=self._headers, json=self._events(kinds, details))

    async def _listen(self, client: httpx.AsyncClient) -> None:
        carried_out = 0
        while True:
            answer = await client.get(f"{self._path}/commands", params={"wait": 20})
            for command in answer.raise_for_status().json()["items"]:
                told, number = command["command"], command["number"]
                effect = EFFECTS.get(told["kind"])
                if effect and number > carried_out:
                    (await client.post(f"{self._path}/events", json=self._events([effect], {}))).raise_for_status()
                carried_out = number
                path = f"{self._path}/commands/{number}/acknowledgement"
                (await client.post(path, json={"outcome": "done"})).raise_for_status()
                self._note(effect or told["text"])

    def _events(self, kinds: Sequence[str], details: Mapping[str, Any]) -> dict[str, Any]:
        shared = {"happened_at": self._stage.now().isoformat(), "details": details}
        return {
            "run": self._run,
            "events": [shared | {"sequence": next(self._numbers), "kind": kind} for kind in kinds],
        }


class Follower(Listener):
    """Follows what the server tells as server-sent events, say of the virtual basket of a visit."""

    def __init__(self, stage: Stage, path: str, headers: dict[str, str]) -> None:
        super().__init__(stage, headers)
        self._path = path

    async def _listen(self, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", self._path) as stream:
            async for line in stream.raise_for_status().aiter_lines():
                if line.startswith("data:"):
                    self._note(json.loads(line.removeprefix("data:")))
