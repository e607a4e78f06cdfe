"""A fitting room to test with: a mirror, garments of several styles, sizes and colours, and staff who bring them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests.photos import people, stranger
from tests.shop import Shop

COLOURS = {"NAVY": "#1f2d4f", "WHITE": "#f4f2ec", "RED": "#b3202c"}
# By style: the kind, the price, and what it is worn for. Each comes in the sizes and the colours.
STYLES: dict[str, tuple[str, int, list[str]]] = {
    "SHIRT": ("top", 19900, ["work"]),
    "TEE": ("top", 9900, ["leisure"]),
    "CHINO": ("bottom", 29900, ["work", "leisure"]),
}
SIZES = ("M", "L")
PIECES = 5


def sku_of(style: str, colour: str, size: str) -> str:
    return f"{style}-{colour}-{size}"


@dataclass
class Cabin:
    """One mirror of a shop, and its staff's hands."""

    shop: Shop
    device_id: str
    headers: dict[str, str]

    @classmethod
    async def set_up(cls, shop: Shop) -> Cabin:
        device_id, headers = await shop.add_device("mirror")
        return cls(shop, device_id, headers)

    async def send(self, method: str, path: str, *, key: str | None = None, **request: Any) -> httpx.Response:
        headers = self.headers | {"Idempotency-Key": key or uuid4().hex} | request.pop("headers", {})
        return await self.shop.client.request(method, f"/v1/mirrors/{self.device_id}{path}", headers=headers, **request)

    async def do(self, method: str, path: str, **request: Any) -> Any:
        response = await self.send(method, path, **request)
        assert response.is_success, response.text
        return response.json() if response.content else None

    async def look(self, who: int | bytes, *, key: str | None = None) -> httpx.Response:
        """A member by their number, or a picture."""
        frame = people()[who] if isinstance(who, int) else who
        return await self.send("POST", "/sessions", key=key, content=frame, headers={"Content-Type": "image/jpeg"})

    async def stand(self, who: int | None = None) -> str:
        """The path of the session that a member, or a stranger, has opened."""
        answer = (await self.look(stranger() if who is None else who)).json()
        assert answer["decision"] == ("guest" if who is None else "member"), answer
        return f"/sessions/{answer['session_id']}"

    async def ask(self, session: str, sku: str, *, key: str | None = None) -> httpx.Response:
        return await self.send("POST", f"{session}/requests", key=key, json={"sku": sku})

    async def outfits(self, session: str, **query: Any) -> Any:
        return await self.do("GET", f"{session}/outfits", params=query)

    async def step(self, request_id: str, step: str, *, headers: dict[str, str] | None = None) -> httpx.Response:
        path = f"/v1/stores/{self.shop.store_id}/fitting-requests/{request_id}/{step}"
        return await self.shop.client.post(path, headers=headers or self.shop.staff)

    async def bring(self, request_id: str) -> None:
        for step in ("accept", "bring", "brought"):
            answer = await self.step(request_id, step)
            assert answer.is_success, answer.text

    async def pay(self, who: int, basket: dict[str, Any]) -> dict[str, Any]:
        """At the kiosks' own route, with the mirror's token."""
        answer = await self.shop.client.post(
            f"/v1/kiosks/{self.device_id}/checkouts",
            files={"frame": ("frame.jpg", people()[who], "image/jpeg")},
            data={"basket": json.dumps(basket)},
            headers=self.headers | {"Idempotency-Key": uuid4().hex},
        )
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told


async def hang_up(shop: Shop, *, sizes: tuple[str, ...] = SIZES, pieces: int = PIECES) -> None:
    """All garments, some pieces of each on the rails."""
    products = ["sku,name,category,price,tax_rate_basis_points,colour,store_code,stock"]
    garments = ["sku,style,kind,size,size_system,occasions"]
    for style, (kind, price, occasions) in STYLES.items():
        for colour, code in COLOURS.items():
            for size in sizes:
                sku, name = sku_of(style, colour, size), f"{colour.title()} {style.lower()}"
                products.append(f"{sku},{name},{style},{price},1300,{code},XIXI,{pieces}")
                garments.append(f"{sku},{style},{kind},{size},EU,{'; '.join(occasions)}")
    for path, lines in (("products", products), ("garments", garments)):
        sent = {"content": "\n".join(lines).encode(), "headers": {"Content-Type": "text/csv"}}
        await shop.do("POST", f"/v1/{path}/import", **sent)


async def agree(shop: Shop, member_id: str) -> None:
    """They let the shop learn what they like."""
    body = {"policy_version": "2026-01", "accepted": True}
    await shop.do("PUT", f"/v1/members/{member_id}/profiling-consent", json=body)
