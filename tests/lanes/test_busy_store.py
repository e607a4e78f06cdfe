"""Everything at once, drawn at random: whatever meets, nothing fails, the books verify and stock adds up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from facepay.kernel.database import Database
from facepay.lanes.passages import close_overdue
from tests.conftest import Clock, OpenShop
from tests.lanes.lane import GOODS, LaneShop, Passage, assert_books_verify

pytestmark = pytest.mark.anyio
OUT = text("select sku, cast(sum(quantity - returned) as int) from order_line group by sku")
SOLD_TWICE = text("select epc from sold_tag where returned_at is null group by epc having count(*) > 1")
WORTH = {200, 201, 204, 404, 409}  # a conflict is an answer; an error of the server, or a circle of waits, is none


class BusyStore:
    def __init__(self, lanes: LaneShop, members: list[str], random: Random) -> None:
        self.lanes, self.shop, self.members, self.random = lanes, lanes.shop, members, random
        self.tags = [lanes.tag(sku) for sku in GOODS for _ in range(6)]
        self.trips: list[str] = []

    async def call(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
        sent = headers | {"Idempotency-Key": uuid4().hex}
        answer = await self.shop.client.request(method, path, json=body, headers=sent)
        assert answer.status_code in WORTH, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def new_pass(self) -> dict[str, str]:
        return {"pass": (await self.shop.issue_pass(self.random.choice(self.members)))["pass"]}

    async def walk_out(self) -> None:
        lane, trip = self.random.randrange(2), uuid4().hex
        started = await self.lanes.begin(trip, lane)
        if started.status_code != 200:
            return
        self.trips.append(trip)
        passage, headers = Passage(self.lanes, lane, started.json()), self.lanes.lanes[lane][1]
        path = f"/v1/lanes/{self.lanes.lanes[lane][0]}/passages/{passage.id}"
        some = self.random.sample(self.tags, 3)
        await asyncio.gather(
            passage.read(*some, times=4), self.call("POST", f"{path}/pass", headers, await self.new_pass())
        )
        await asyncio.gather(passage.finish(), passage.finish(), self.call("GET", path, headers))
        at_kiosk = f"/v1/kiosks/{self.shop.kiosk_id}/passages/{passage.id}/pass"
        await self.call("POST", at_kiosk, self.shop.kiosk, await self.new_pass())
        await self.call("DELETE", path, headers)

    async def come_or_go(self) -> None:
        way = self.random.choice(["entries", "exits"])
        path = f"/v1/gates/{self.shop.gate_id}/{way}/pass"
        await self.call("POST", path, self.shop.gate, await self.new_pass())

    async def pay_at_kiosk(self) -> None:
        basket = {"lines": [{"sku": sku, "quantity": 1} for sku in GOODS]}
        path = f"/v1/kiosks/{self.shop.kiosk_id}/checkouts/pass"
        await self.call("POST", path, self.shop.kiosk, await self.new_pass() | {"basket": basket})

    async def command(self) -> None:
        body = {"command": {"kind": self.random.choice(["lock", "unlock", "unlock"])}, "reason": "Just so"}
        device = self.random.choice([self.lanes.lanes[0][0], self.lanes.lanes[1][0], self.shop.gate_id])
        await self.call("POST", f"/v1/devices/{device}/commands", self.shop.staff, body)

    async def set_right(self) -> None:
        if self.trips:
            path, because = f"/v1/purchases/{self.random.choice(self.trips)}", {"reason": "Just so"}
            lines = [{"sku": sku, "quantity": 1} for sku in GOODS]
            await self.call("POST", f"{path}/adjustments", self.shop.staff, because | {"lines": lines})
            await self.call("POST", f"{path}/cancellation", self.shop.staff, because)

    async def link(self) -> None:
        path = f"/v1/stores/{self.shop.store_id}/visit-groups"
        inside = await self.shop.do("GET", f"/v1/stores/{self.shop.store_id}/visits", params={"inside": "true"})
        visits = [visit["id"] for visit in inside["items"]][:2]
        if visits:
            group = await self.call("POST", path, self.shop.staff, {"visit_ids": visits, "host_visit_id": visits[0]})
            if "id" in group:
                host = {"host_visit_id": visits[-1]}
                await self.call("PATCH", f"{path}/{group['id']}", self.shop.staff, host)

    async def be_busy(self, tasks: int) -> None:
        usual: list[Callable[[], Awaitable[None]]] = [self.walk_out, self.walk_out, self.come_or_go, self.pay_at_kiosk]
        for _ in range(tasks):
            await self.random.choice([*usual, self.command, self.set_right, self.link])()


async def test_whatever_happens_at_once_the_books_verify_and_stock_adds_up(open_shop: OpenShop, clock: Clock) -> None:
    shop = await open_shop(passage_seconds=60)
    database: Database = shop.app.state.database
    members = [await shop.add_member_without_face(balance=100_000, name=f"M{number}") for number in range(4)]
    busy = BusyStore(await LaneShop.open(shop), members, Random(20_260_101))
    await asyncio.gather(*(busy.be_busy(4) for _ in range(5)))
    clock.ahead += timedelta(minutes=5)
    await close_overdue(database, now=clock())
    async with database.begin() as session:
        sold: dict[str, int] = dict((await session.execute(OUT)).all())
        assert (await session.scalars(SOLD_TWICE)).all() == []
    await assert_books_verify(database, **sold)
