"""A shop with two payment lanes, side by side, and goods that bear RFID tags."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text

from facepay.catalog.epc import Sgtin, encode_sgtin96
from facepay.catalog.products import add_product
from facepay.catalog.stock import upsert_stock
from facepay.checkout.audit import CHECKS
from facepay.kernel.database import Database
from facepay.stores.devices import DeviceRole, register_device
from facepay.wallet.verify import verify
from tests.photos import people, variant
from tests.shop import Shop

GOODS = {"SOCKS": ("06901234567892", 990), "SCARF": ("06901234500011", 4900)}
STOCK = 100
Device = tuple[str, dict[str, str]]


@dataclass
class LaneShop:
    shop: Shop
    lanes: list[Device] = field(default_factory=list)
    serials: count[int] = field(default_factory=lambda: count(1))
    # By the lanes' own clock, which is nobody else's.
    opened_at: datetime = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)

    @classmethod
    async def open(cls, shop: Shop) -> LaneShop:
        """Straight into its database: by the API it takes ten times as long."""
        store_id, now = UUID(shop.store_id), shop.app.state.clock()
        async with shop.app.state.database.begin() as session:
            registered = [
                await register_device(session, store_id=store_id, role=DeviceRole.LANE, name=name, lasts=None, now=now)
                for name in ("left", "right")
            ]
            stock = {}
            for sku, (gtin, price) in GOODS.items():
                values = {"sku": sku, "gtin": gtin, "name": sku.lower(), "price": price, "currency": "CNY"}
                product = await add_product(session, **values, tax_rate_basis_points=1300, now=now)
                stock[store_id, product.id] = STOCK
            await upsert_stock(session, quantities=stock, now=now)
        return cls(shop, [(str(device.id), {"Authorization": f"Bearer {token}"}) for device, token in registered])

    def tag(self, sku: str) -> str:
        """The tag of another piece."""
        return encode_sgtin96(Sgtin(GOODS[sku][0], next(self.serials), filter=1, company_prefix_length=7))

    async def ask(self, path: str, lane: int = 0, method: str = "POST", **request: Any) -> httpx.Response:
        lane_id, headers = self.lanes[lane]
        sent = headers | request.pop("headers", {})
        return await self.shop.client.request(method, f"/v1/lanes/{lane_id}/passages{path}", headers=sent, **request)

    async def begin(self, trip: str, lane: int = 0) -> httpx.Response:
        return await self.ask("", lane, json={"trip_id": trip, "started_at": self.opened_at.isoformat()})

    async def start(self, lane: int = 0, *, trip: str | None = None) -> Passage:
        answer = await self.begin(trip or uuid4().hex, lane)
        assert answer.status_code == 200, answer.text
        return Passage(self, lane, answer.json())

    async def walk(self, who: int | bytes, *epcs: str, lane: int = 0) -> dict[str, Any]:
        """Somebody through a lane, with these tags."""
        passage = await self.start(lane)
        await passage.look(who)
        await passage.read(*epcs)
        return await passage.finish()

    async def at_kiosk(self, passage: Passage, who: int | bytes, goods: str = "{}") -> httpx.Response:
        frame = who if isinstance(who, bytes) else variant(people()[who], quality=80, scale=1.1)
        return await self.shop.client.post(
            f"/v1/kiosks/{self.shop.kiosk_id}/passages/{passage.id}",
            files={"frame": ("frame.jpg", frame, "image/jpeg")},
            data={"goods": goods},
            headers=self.shop.kiosk | {"Idempotency-Key": uuid4().hex},
        )

    async def stock(self, sku: str) -> int:
        found = await self.shop.do("GET", f"/v1/stores/{self.shop.store_id}/stock")
        return next(int(each["quantity"]) for each in found["items"] if each["sku"] == sku)

    async def alerts(self, kind: str) -> list[dict[str, Any]]:
        path = f"/v1/stores/{self.shop.store_id}/alerts"
        items: list[dict[str, Any]] = (await self.shop.do("GET", path, params={"kind": kind}))["items"]
        return items

    async def inside(self) -> list[str]:
        found = await self.shop.do("GET", f"/v1/stores/{self.shop.store_id}/visits", params={"inside": "true"})
        return [visit["member_id"] for visit in found["items"]]


@dataclass
class Passage:
    lanes: LaneShop
    lane: int
    started: dict[str, Any]
    parts: int = 0

    @property
    def id(self) -> str:
        return str(self.started["passage_id"])

    async def post(self, path: str, **request: Any) -> dict[str, Any]:
        answer = await self.lanes.ask(f"/{self.id}{path}", self.lane, **request)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def look(self, frame: int | bytes, **headers: str) -> dict[str, Any]:
        """A frame, or one of the six people as the lane's camera sees them."""
        body = frame if isinstance(frame, bytes) else variant(people()[frame], quality=75, scale=1.0)
        return await self.post("/frames", content=body, headers={"Content-Type": "image/jpeg"} | headers)

    async def read(
        self, *epcs: str, sequence: int = 1, rssi_dbm: float = -45.0, times: int = 10, after: float = 0.5
    ) -> dict[str, Any]:
        """Tags that answer so many tenths of a second, from so many seconds after the passage opened."""
        first = self.lanes.opened_at + timedelta(seconds=after)
        reads = [
            {"epc": epc, "antenna": 1, "rssi_dbm": rssi_dbm, "read_at": (first + number * TENTH).isoformat()}
            for epc in epcs
            for number in range(times)
        ]
        self.parts = max(self.parts, sequence)
        return await self.post("/reads", json={"sequence": sequence, "reads": reads})

    async def show_pass(self, member_id: str) -> dict[str, Any]:
        issued = await self.lanes.shop.issue_pass(member_id)
        return await self.post("/pass", json={"pass": issued["pass"]})

    async def finish(self, **body: Any) -> dict[str, Any]:
        finished_at = (self.lanes.opened_at + timedelta(seconds=4)).isoformat()
        return await self.post("/finish", json={"parts": self.parts, "finished_at": finished_at} | body)

    async def see(self) -> dict[str, Any]:
        return await self.post("", method="GET")


TENTH = timedelta(milliseconds=100)


async def assert_books_verify(database: Database, **sold: int) -> None:
    """Money adds up, nothing is on hold, and stock is what it was less these pieces."""
    report = await verify(database, extra_checks=CHECKS)
    assert report.ok, report
    async with database.begin() as session:
        held = await session.scalar(text("select coalesce(sum(amount - captured - released), 0) from ledger.holds"))
        rows = await session.execute(
            text("select sku, quantity from stock join product on product.id = stock.product_id")
        )
    assert held == 0
    assert dict(rows.all()) == {sku: STOCK - sold.get(sku, 0) for sku in GOODS}
