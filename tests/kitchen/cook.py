"""A kitchen to test with: dishes on sale, and a screen at which somebody cooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from facepay.catalog.products import add_product
from facepay.catalog.schemas import NewProduct
from facepay.kernel.database import Database
from facepay.settings import Settings
from facepay.stores.devices import DeviceRole, register_device
from tests.checkout.counter import Counter
from tests.shop import Shop

NOODLES, SOUP = "NOODLES", "SOUP"


@dataclass
class Kitchen:
    shop: Shop
    counter: Counter
    screen: dict[str, str]
    screen_id: str
    somebody: str = ""

    @classmethod
    async def open(cls, app: FastAPI, shop: Shop) -> Kitchen:
        store_id, now = UUID(shop.store_id), app.state.clock()
        async with app.state.database.begin() as session:
            for sku in (NOODLES, SOUP):
                dish = NewProduct(
                    sku=sku, name=sku.title(), price=2800, tax_rate_basis_points=600, currency="CNY", prepared=True
                )
                await add_product(session, now=now, **dish.model_dump())
            screen, token = await register_device(
                session, store_id=store_id, role=DeviceRole.KITCHEN, name="Kitchen", lasts=None, now=now
            )
        return cls(shop, Counter.of(app, shop), {"Authorization": f"Bearer {token}"}, str(screen.id))

    @property
    def path(self) -> str:
        return f"/v1/stores/{self.shop.store_id}"

    @property
    def database(self) -> Database:
        return self.counter.database

    @property
    def settings(self) -> Settings:
        return self.counter.settings

    async def member(self, balance: int = 100_000) -> str:
        return await self.shop.add_member_without_face(balance=balance)

    async def order(self, basket: dict[str, int] | None = None, *, member: str | None = None, **means: Any) -> Any:
        """Sold to somebody, unless a member is given."""
        if member is None:
            member = self.somebody = self.somebody or await self.member()
        sold = await self.counter.sold(member, basket or {NOODLES: 1}, **means)
        return sold.order

    async def see(self, path: str) -> Any:
        """As the kitchen's screen; it must be allowed."""
        response = await self.shop.client.get(f"{self.path}{path}", headers=self.screen)
        assert response.is_success, response.text
        return response.json()

    async def tickets(self) -> list[Any]:
        """On the screen, the oldest first."""
        items: list[Any] = (await self.see("/kitchen/tickets"))["items"]
        return items

    async def ticket(self, number: str) -> Any:
        return next(ticket for ticket in await self.tickets() if ticket["number"] == number)

    async def press(self, ticket_id: str, step: str, **body: str) -> httpx.Response:
        path = f"{self.path}/kitchen/tickets/{ticket_id}/{step}"
        return await self.shop.client.post(path, json=body or None, headers=self.screen)

    async def bring_to(self, ticket_id: str, state: str) -> None:
        """From received on."""
        for step, leads_to in (("start", "preparing"), ("ready", "ready"), ("collect", "collected")):
            assert (await self.press(ticket_id, step)).json()["state"] == leads_to
            if leads_to == state:
                return

    async def recorded(self, state: str) -> list[Any]:
        """What staff see of the tickets in this state."""
        items: list[Any] = (await self.shop.do("GET", f"{self.path}/tickets", params={"state": state}))["items"]
        return items
