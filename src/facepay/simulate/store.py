"""A small store that is open for a while, over HTTP, and loses its network in the middle."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from facepay.demo.stage import NAMES, PRODUCTS, STOCK, Stage, at_gate, at_kiosk
from facepay.simulate.cable import Cable
from facepay.simulate.device import OfflineDevice
from facepay.simulate.journal import Journal
from facepay.simulate.terminals import Gate, Kiosk, Lane, Terminal

KINDS: Mapping[str, type[Terminal]] = {"gate": Gate, "kiosk": Kiosk, "lane": Lane}
TOP_UP, POOR, POCKET_MONEY = 30_000, "Yan", 500
PASS_AMOUNT = 20_000
DRAIN_SECONDS_MAX = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """How long the network is cut for, in seconds, once a third of the visits is over; 0 for not at all."""

    visits: int
    outage_seconds: float
    gates: int
    kiosks: int
    lanes: int
    pace_seconds: float
    seed: int


@dataclass(slots=True)
class Store:
    """What stands in it, and what happened there."""

    terminals: list[Terminal]
    cable: Cable
    plan: Plan
    visits_over: int = 0
    taken: dict[str, int] = field(default_factory=dict)
    third_over: asyncio.Event = field(default_factory=asyncio.Event)

    def some(self, kind: type[Terminal], dice: random.Random) -> Any:
        return dice.choice([each for each in self.terminals if isinstance(each, kind)])

    def waiting(self) -> int:
        return sum(each.device.journal.waiting for each in self.terminals)

    async def live(self, shoppers: Mapping[str, Shopper]) -> None:
        """Until everybody has gone home and every queue is told. Raises TimeoutError where that takes too long."""
        closing = asyncio.Event()
        async with asyncio.TaskGroup() as running:
            touching = [running.create_task(each.keep_in_touch(closing)) for each in self.terminals]
            network = running.create_task(self._lose_network())
            async with asyncio.TaskGroup() as inside:
                for shopper in shoppers.values():
                    inside.create_task(shopper.shop(self))
            await network
            closing.set()
            await asyncio.wait_for(asyncio.gather(*touching), DRAIN_SECONDS_MAX)

    def count_visit(self) -> None:
        self.visits_over += 1
        if self.visits_over * 3 >= self.plan.visits * len(NAMES):
            self.third_over.set()

    async def _lose_network(self) -> None:
        await self.third_over.wait()
        if self.plan.outage_seconds:
            await self.cable.cut()
            await asyncio.sleep(self.plan.outage_seconds)
            await self.cable.mend()


@dataclass(slots=True)
class Shopper:
    """Shows their face, and their phone where that won't do."""

    name: str
    photo: bytes
    shown: str
    dice: random.Random

    async def shop(self, store: Store) -> None:
        gate_frame, frame = at_gate(self.photo), at_kiosk(self.photo)
        for _ in range(store.plan.visits):
            entered = await store.some(Gate, self.dice).pass_through("entry", gate_frame, self.shown)
            if entered.allowed:
                await self._think(store)
                basket = {str(self.dice.choice(PRODUCTS[:2])["sku"]): self.dice.randint(1, 3)}
                by_lane = store.plan.lanes and self.dice.random() < 0.5
                till = store.some(Lane if by_lane else Kiosk, self.dice)
                bought = await (till.walk_out if by_lane else till.check_out)(basket, frame, self.shown)
                if bought.allowed:
                    for sku, quantity in basket.items():
                        store.taken[sku] = store.taken.get(sku, 0) + quantity
                if not (by_lane and bought.allowed):
                    await self._think(store)
                    await store.some(Gate, self.dice).pass_through("exit", gate_frame, self.shown)
            store.count_visit()
            await self._think(store)

    async def _think(self, store: Store) -> None:
        await asyncio.sleep(store.plan.pace_seconds * self.dice.uniform(0.5, 1.5))


@asynccontextmanager
async def open_store(stage: Stage, plan: Plan, folder: Path) -> AsyncIterator[tuple[Store, dict[str, Shopper]]]:
    """Its devices hold a policy, and its members a pass."""
    shoppers = await asyncio.to_thread(_prepare, stage, plan)
    async with AsyncExitStack() as stack:
        cable = await stack.enter_async_context(Cable(str(stage.client.base_url)))
        # Each request on a connection of its own, so that one that can't connect has certainly not arrived.
        limits = httpx.Limits(max_keepalive_connections=0)
        client = httpx.AsyncClient(base_url=cable.address, timeout=10, limits=limits)
        await stack.enter_async_context(client)
        terminals = []
        for name, (device_id, headers) in stage.devices.items():
            journal = stack.enter_context(Journal(folder / f"{device_id}.sqlite"))
            device = OfflineDevice(UUID(device_id), client, journal, headers)
            await device.sync()
            terminals.append(KINDS[name.split()[0]](name, device))
        yield Store(terminals, cable, plan), shoppers


def _prepare(stage: Stage, plan: Plan) -> dict[str, Shopper]:
    stage.open_store()
    for role, number in (("gate", plan.gates), ("kiosk", plan.kiosks), ("lane", plan.lanes)):
        for each in range(1, number + 1):
            stage.add_device(role, f"{role} {each}")
    for product in PRODUCTS:
        quantity = {"quantity": STOCK * plan.visits}
        stage.as_staff("PUT", f"/v1/stores/{stage.store_id}/stock/{product['sku']}", json=quantity)
    policy = {"mode": "allow_signed_pass", "payment_max": PASS_AMOUNT, "pass_max": PASS_AMOUNT}
    stage.as_staff("PUT", f"/v1/stores/{stage.store_id}/offline-policy", json=policy)
    stage.enrol({name: POCKET_MONEY if name == POOR else TOP_UP for name in NAMES})
    return {
        name: Shopper(name, stage.faces[name], _pass_of(stage, name), random.Random(f"{plan.seed} {name}"))  # noqa: S311
        for name in NAMES
    }


def _pass_of(stage: Stage, name: str) -> str:
    path = f"/v1/members/{stage.ids[name]}/offline-passes"
    return str(stage.as_staff("POST", path, json={"amount_max": PASS_AMOUNT})["pass"])
