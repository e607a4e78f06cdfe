"""A restaurant to test with: a table with a camera, dishes on its menu, people who sit down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import add_product
from facepay.catalog.schemas import NewProduct
from facepay.dining import seating, tables
from facepay.dining.menu import set_dish
from facepay.dining.menu_schemas import NewDish
from facepay.identity import passes
from facepay.kernel.auth import Principal
from facepay.stores.devices import DeviceRole, register_device
from tests.photos import camera_frame, people, stranger
from tests.shop import Shop

SEATS = 4


@cache
def at_table(*who: int | None, seats: int = SEATS) -> bytes:
    """A picture of people side by side, one a seat: members by their numbers, -1 a stranger, None nobody."""
    empty = _blank()
    portraits = [empty if each is None else stranger() if each < 0 else people()[each] for each in who]
    return camera_frame(portraits + [empty] * (seats - len(portraits)), width=480 * seats, height=640)


@cache
def _blank() -> bytes:
    return camera_frame([], width=320, height=320)


@dataclass
class Table:
    shop: Shop
    id: str
    device_id: str
    headers: dict[str, str]

    @classmethod
    async def set_up(cls, shop: Shop, name: str = "Table 7", *, seats: int = SEATS) -> Table:
        at: dict[str, Any] = {"store_id": UUID(shop.store_id), "name": name, "now": shop.app.state.clock()}
        async with shop.app.state.database.begin() as session:
            device, token = await register_device(session, role=DeviceRole.TABLE, lasts=None, **at)
            table = await tables.add_table(session, device_id=device.id, seats=seats, regions=None, **at)
        return cls(shop, str(table.id), str(device.id), {"Authorization": f"Bearer {token}"})

    @property
    def path(self) -> str:
        return f"/v1/tables/{self.device_id}"

    async def send(self, method: str, path: str, *, key: str | None = None, **request: Any) -> httpx.Response:
        headers = self.headers | {"Idempotency-Key": key or uuid4().hex} | request.pop("headers", {})
        return await self.shop.client.request(method, f"{self.path}{path}", headers=headers, **request)

    async def do(self, method: str, path: str, **request: Any) -> Any:
        response = await self.send(method, path, **request)
        assert response.is_success, response.text
        return response.json() if response.content else None

    async def show(self, frame: bytes | Sequence[bytes], *, key: str | None = None, **fields: Any) -> httpx.Response:
        """Frames of the table's camera."""
        if isinstance(frame, bytes) and not fields:
            jpeg = {"Content-Type": "image/jpeg"}
            return await self.send("POST", "/parties", key=key, content=frame, headers=jpeg)
        frames = [frame] if isinstance(frame, bytes) else frame
        files = [("frame", ("frame.jpg", each, "image/jpeg")) for each in frames]
        return await self.send("POST", "/parties", key=key, files=files, data=fields)

    async def seat(self, *who: int | None) -> dict[str, Any]:
        """The party, once they have sat down."""
        answer = await self.show(at_table(*who))
        assert answer.is_success, answer.text
        assert answer.json()["decision"] == "seated", answer.text
        party: dict[str, Any] = answer.json()["party"]
        return party

    async def place(self, seat: int, member: str | None = None) -> None:
        """A member who has shown a pass, or a guest."""
        state = self.shop.app.state
        device = Principal("device", UUID(self.device_id), "Table", "table", frozenset())
        at: dict[str, Any] = {"device": device, "seat": seat, "now": state.clock()}
        async with state.database.begin() as session:
            if member is None:
                await seating.sit_down_as_guest(session, **at)
                return
            shown = (await self.shop.pass_in(session, member)).token
            read = passes.read_pass(shown, key=state.master_key)
            _, seated = await seating.sit_down_by_pass(session, shown=read, settings=state.settings, **at)
            assert seated.cover.member_id == UUID(member), seated.record.code

    async def party(self) -> dict[str, Any]:
        party: dict[str, Any] = await self.do("GET", "/party")
        return party

    async def order(
        self, *items: dict[str, Any] | str, seat: int | None = None, key: str | None = None
    ) -> httpx.Response:
        """Dishes by their skus, or as they are wanted."""
        wanted = [{"sku": each} if isinstance(each, str) else each for each in items]
        return await self.send("POST", "/orders", key=key, json={"seat": seat, "items": wanted})


@dataclass
class Kitchen:
    shop: Shop
    headers: dict[str, str]

    @classmethod
    async def put_up(cls, shop: Shop) -> Kitchen:
        return cls(shop, (await shop.add_device("kitchen"))[1])

    async def tickets(self) -> list[dict[str, Any]]:
        """What the screen shows, the oldest first."""
        path = f"/v1/stores/{self.shop.store_id}/kitchen/tickets"
        answer = await self.shop.client.get(path, headers=self.headers)
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def press(self, ticket_id: str, step: str) -> httpx.Response:
        path = f"/v1/stores/{self.shop.store_id}/kitchen/tickets/{ticket_id}/{step}"
        return await self.shop.client.post(path, headers=self.headers)

    async def serve(self, ticket_id: str) -> None:
        for step in ("start", "ready", "collect"):
            assert (await self.press(ticket_id, step)).is_success


SOUP, NOODLES, CAKE, BEER = "SOUP", "NOODLES", "CAKE", "BEER"
DISHES: dict[str, dict[str, Any]] = {
    SOUP: {"price": 800, "allergens": ["celery"]},
    NOODLES: {"price": 2800, "allergens": ["gluten"], "ingredients": ["noodles", "pork"]},
    CAKE: {"price": 1500},
    BEER: {"price": 1200, "allergens": ["gluten"], "age_min": 18},
}
SAUCE = {
    "name": "Sauce",
    "least": 1,
    "most": 1,
    "choices": [{"name": "Plain"}, {"name": "Peanut", "price": 200, "allergens": ["peanuts"]}],
}
ON_MENU: dict[str, dict[str, Any]] = {
    SOUP: {"section": "Starters", "courses": [1, 2]},
    NOODLES: {"section": "Mains", "courses": [2], "options": [SAUCE]},
    CAKE: {"section": "Sweets", "courses": [3]},
    BEER: {"section": "Drinks"},
}
PLAIN_NOODLES = {"sku": NOODLES, "options": {"Sauce": ["Plain"]}}
PEANUT_NOODLES = {"sku": NOODLES, "options": {"Sauce": ["Peanut"]}}


async def write_menu(shop: Shop) -> None:
    async with shop.app.state.database.begin() as session:
        for sku, product in DISHES.items():
            await add_dish(session, shop, sku, product | {"prepared": True}, **ON_MENU[sku])


async def add_dish(session: AsyncSession, shop: Shop, sku: str, product: dict[str, Any], **on_menu: Any) -> None:
    now = shop.app.state.clock()
    sold = NewProduct(sku=sku, currency="CNY", **({"name": sku.title(), "tax_rate_basis_points": 600} | product))
    await add_product(session, now=now, **sold.model_dump())
    await put_on_menu(session, shop, sku, **on_menu)


async def put_on_menu(session: AsyncSession, shop: Shop, sku: str, **on_menu: Any) -> None:
    dish, now = NewDish(**on_menu), shop.app.state.clock()
    values = {name: getattr(dish, name) for name in NewDish.model_fields}
    await set_dish(session, store_id=UUID(shop.store_id), sku=sku, now=now, **values)
