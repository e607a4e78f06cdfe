"""Devices of a test shop that lose their network, with clocks that a test can set."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from facepay.checkout.audit import CHECKS
from facepay.kernel.clock import utc_now
from facepay.simulate.device import Moment, OfflineDevice
from facepay.simulate.journal import Journal
from facepay.wallet.upkeep import LEDGER
from facepay.wallet.verify import verify
from tests.conftest import Clock
from tests.shop import Shop

TEA = {"TEA-001": 2}  # 900 fen
UMBRELLA = {"UMB-003": 1}  # 5900 fen


@dataclass
class Watch:
    """A device's clocks: the true time is the shop's, and `wrong` is how far the wall clock is ahead of it."""

    clock: Clock
    wrong: timedelta = timedelta()
    boot: str = "first"
    started: datetime = field(default_factory=lambda: utc_now() - timedelta(days=1))

    def __call__(self) -> Moment:
        now = self.clock()
        return Moment(now + self.wrong, (now - self.started) // timedelta(milliseconds=1), self.boot)

    def restart(self) -> None:
        self.boot = uuid4().hex


@dataclass
class Field:
    shop: Shop
    clock: Clock
    folder: Path

    async def allow(self, payment_max: int = 10_000, pass_max: int = 20_000) -> None:
        body = {"mode": "allow_signed_pass", "payment_max": payment_max, "pass_max": pass_max}
        await self.shop.do("PUT", f"/v1/stores/{self.shop.store_id}/offline-policy", json=body)

    async def device(self, role: str) -> OfflineDevice:
        """In the shop, with a policy, and with a watch that is right."""
        device_id, headers = await self.shop.add_device(role)
        return await self.at(device_id, headers)

    async def at(self, device_id: str, headers: dict[str, str]) -> OfflineDevice:
        journal = Journal(self.folder / f"{device_id}.sqlite")
        device = OfflineDevice(UUID(device_id), self.shop.client, journal, headers, Watch(self.clock), _at_once)
        await device.sync()
        return device

    async def signed_pass(self, member_id: str, amount_max: int = 10_000, hours: int = 12) -> str:
        body = {"amount_max": amount_max, "hours": hours}
        issued = await self.shop.do("POST", f"/v1/members/{member_id}/offline-passes", json=body)
        return str(issued["pass"])

    async def disputes(self, **query: Any) -> list[dict[str, Any]]:
        path = f"/v1/stores/{self.shop.store_id}/offline-disputes"
        found: list[dict[str, Any]] = (await self.shop.do("GET", path, params=query))["items"]
        return found

    async def books_are_in_order(self) -> bool:
        database = self.shop.app.state.database
        await LEDGER.seal_all(database)
        return (await verify(database, extra_checks=CHECKS)).ok

    async def stock(self, sku: str, quantity: int) -> None:
        path = f"/v1/stores/{self.shop.store_id}/stock/{sku}"
        await self.shop.do("PUT", path, json={"quantity": quantity})

    async def stock_left(self, sku: str) -> int:
        listed = (await self.shop.do("GET", f"/v1/stores/{self.shop.store_id}/stock"))["items"]
        return next(int(each["quantity"]) for each in listed if each["sku"] == sku)


async def _at_once(_: float) -> None: ...


def outcomes(verdicts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["verdict"], each["code"]) for each in verdicts]


async def tell_raw(device: OfflineDevice, **changes: Any) -> httpx.Response:
    """What the device would tell now, changed."""
    untold = device.journal.untold()
    assert untold
    body = {
        "run": str(device.journal.run),
        "policy": untold.policy,
        "sent": device.moment().told(),
        "posts": list(untold.posts),
    }
    path = f"/v1/devices/{device.device_id}/offline-posts"
    return await device.client.post(path, json=body | changes, headers=device.headers)
