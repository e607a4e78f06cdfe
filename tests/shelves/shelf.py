"""A shelf with a scale in each slot, as its device tells of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx

from facepay.catalog.products import find_products
from facepay.entrance.visits import Visit, close_visit
from facepay.kernel.ids import new_id
from facepay.shelves.planogram import Good, Slot, set_planogram
from facepay.shelves.restock import count_slot
from facepay.stores.devices import DeviceRole, register_device
from tests.shop import Shop

GRAMS = {"TEA-001": 512.0, "BAO-002": 130.0, "UMB-003": 410.0}
FULL = 12


@dataclass
class Shelf:
    shop: Shop
    id: str
    headers: dict[str, str]
    run: str = field(default_factory=lambda: uuid4().hex)
    numbers: count[int] = field(default_factory=lambda: count(1))

    @classmethod
    async def put_up(cls, shop: Shop, *, zones: bool = False, restock_below: int = 0) -> Shelf:
        """Tea in A1, buns in A2 and umbrellas in A3, each slot full and counted: straight into the shop's database,
        which by the API takes ten times as long.
        """
        now, slots = shop.app.state.clock(), []
        async with shop.app.state.database.begin() as session:
            device, token = await register_device(
                session, store_id=UUID(shop.store_id), role=DeviceRole.SHELF, name="shelf", lasts=None, now=now
            )
            products = await find_products(session, skus=GRAMS)
            for number, (sku, grams) in enumerate(GRAMS.items(), start=1):
                good = Good(products[sku].id, sku, grams, tolerance_grams=2.0, full_quantity=FULL)
                left, right = (number - 1) / 3, number / 3
                zone = ((left, 0.0), (right, 0.0), (right, 0.6), (left, 0.6)) if zones else None
                slots.append(Slot(f"A{number}", 2.0, (good,), restock_below=restock_below, zone=zone))
                await count_slot(
                    session, device_id=device.id, slot=f"A{number}", pieces={good.product_id: FULL}, now=now
                )
            await set_planogram(session, device_id=device.id, slots=slots, by="staff:test", now=now)
        return cls(shop, str(device.id), {"Authorization": f"Bearer {token}"})

    def event(self, slot: str, delta_grams: float, *, ago: timedelta = timedelta(), **more: Any) -> dict[str, Any]:
        at = datetime.now(UTC) - ago
        told = {"sequence": next(self.numbers), "slot": slot, "at": at.isoformat(), "delta_grams": delta_grams}
        return told | more

    async def post(self, *events: dict[str, Any]) -> httpx.Response:
        body = {"run": self.run, "events": list(events)}
        return await self.shop.client.post(f"/v1/shelves/{self.id}/events", json=body, headers=self.headers)

    async def tell(self, *events: dict[str, Any]) -> list[str]:
        """What each of them was found to be; they must be taken."""
        response = await self.post(*events)
        assert response.status_code == 200, response.text
        return [each["finding"] for each in response.json()["findings"]]

    async def lying(self) -> dict[str, int]:
        slots = await self.shop.do("GET", f"/v1/shelves/{self.id}/slots")
        return {each["sku"]: each["pieces"] for each in slots}

    async def basket(self, visit_id: str) -> dict[str, tuple[int, int]]:
        """What is sure and what is possible, by sku."""
        basket = await self.shop.do("GET", f"/v1/visits/{visit_id}/basket")
        return {line["sku"]: (line["sure"], line["possible"]) for line in basket["lines"]}

    async def reviews(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.shop.do("GET", f"/v1/stores/{self.shop.store_id}/shelf-reviews"))[
            "items"
        ]
        return found


async def come_in(shop: Shop, number: int = 0, *, balance: int = 50_000) -> tuple[str, str]:
    """Ids of a member and of the visit that their face opened."""
    member_id = await shop.add_member(number, balance=balance)
    return member_id, (await shop.at_gate(number)).json()["visit_id"]


async def let_in(shop: Shop, *, balance: int = 50_000) -> tuple[str, str]:
    """Ids of a member without a face, and of the visit that a gate has opened for them."""
    member_id = await shop.add_member_without_face(balance=balance)
    visit = Visit(
        id=new_id(),
        store_id=UUID(shop.store_id),
        member_id=UUID(member_id),
        entered_at=shop.app.state.clock(),
        entry_gate_id=UUID(shop.gate_id),
    )
    async with shop.app.state.database.begin() as session:
        session.add(visit)
    return member_id, str(visit.id)


async def go_out(shop: Shop, visit_id: str) -> None:
    async with shop.app.state.database.begin() as session:
        visit = await session.get_one(Visit, UUID(visit_id), with_for_update=True)
        await close_visit(session, visit, gate_id=UUID(shop.gate_id), now=shop.app.state.clock())


async def pay_at_kiosk(shop: Shop, member_id: str, basket: dict[str, int]) -> dict[str, Any]:
    """Their order."""
    issued = await shop.issue_pass(member_id)
    paid = (await shop.pass_at_kiosk(issued["pass"], basket)).json()
    assert paid["code"] == "paid", paid
    order: dict[str, Any] = paid["order"]
    return order
