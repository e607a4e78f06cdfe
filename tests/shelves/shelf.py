"""A shelf with a scale in each slot, as its device tells of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import httpx

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
        """Tea in A1, buns in A2 and umbrellas in A3, each slot full and counted."""
        shelf = cls(shop, *await shop.add_device("shelf"))
        slots = [
            {
                "code": f"A{number}",
                "noise_grams": 2.0,
                "restock_below": restock_below,
                "goods": [{"sku": sku, "unit_weight_grams": grams, "tolerance_grams": 2.0, "full_quantity": FULL}],
            }
            | ({"zone": [[(number - 1) / 3, 0.0], [number / 3, 0.6]]} if zones else {})
            for number, (sku, grams) in enumerate(GRAMS.items(), start=1)
        ]
        await shop.do("PUT", f"/v1/devices/{shelf.id}/planogram", json={"slots": slots})
        for slot, sku in zip(("A1", "A2", "A3"), GRAMS, strict=True):
            await shop.do("PUT", f"/v1/shelves/{shelf.id}/slots/{slot}/pieces", json={"pieces": {sku: FULL}})
        return shelf

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
