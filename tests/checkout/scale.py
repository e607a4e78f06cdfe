"""A kiosk with a scale, and its key."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facepay.checkout.weighing import Scale
from facepay.edge_device import sign_weighing
from tests.conftest import Clock
from tests.shop import Shop

KEY = Ed25519PrivateKey.from_private_bytes(bytes([6] * 32))
SCALE = Scale(serial="S-1", capacity_grams=15_000, interval_grams=5)
TOMATO = {"sku": "TOMATO", "name": "Tomatoes", "price": 598, "tax_rate_basis_points": 900, "sold_by": "weight"}


@dataclass
class Weigher:
    shop: Shop
    clock: Clock

    async def open(self) -> Weigher:
        await self.register(self.shop.kiosk_id)
        await self.shop.do("POST", "/v1/products", json=TOMATO)
        return self

    async def register(self, kiosk_id: str, key: Ed25519PrivateKey = KEY) -> None:
        public_key = b64encode(key.public_key().public_bytes_raw()).decode()
        await self.shop.do("PATCH", f"/v1/devices/{kiosk_id}", json={"public_key": public_key})

    def sign(self, gross_grams: int, tare_grams: int = 0, **other: Any) -> str:
        reading: dict[str, Any] = {
            "sku": "TOMATO",
            "unit_price": 598,
            "scale": SCALE,
            "device_id": UUID(self.shop.kiosk_id),
            "key": KEY,
            "weighed_at": self.clock(),
            "nonce": uuid4().hex,
        }
        return sign_weighing(gross_grams=gross_grams, tare_grams=tare_grams, **(reading | other))

    async def pay(self, member_id: str, *weighings: str, key: str | None = None, sku: str = "TOMATO") -> httpx.Response:
        return await self.buy(member_id, [{"sku": sku, "weighing": each} for each in weighings], key=key)

    async def buy(
        self,
        member_id: str,
        lines: list[dict[str, Any]],
        *,
        key: str | None = None,
        kiosk: tuple[str, dict[str, str]] | None = None,
    ) -> httpx.Response:
        """By a pass, and the same pass again under the same key."""
        kiosk_id, headers = kiosk or (self.shop.kiosk_id, self.shop.kiosk)
        shown = await self.shop.issue_pass(member_id)
        return await self.send({"pass": shown["pass"], "basket": {"lines": lines}}, kiosk_id, headers, key)

    async def send(
        self, body: dict[str, Any], kiosk_id: str, headers: dict[str, str], key: str | None = None
    ) -> httpx.Response:
        sent = headers | {"Idempotency-Key": key or uuid4().hex}
        return await self.shop.client.post(f"/v1/kiosks/{kiosk_id}/checkouts/pass", json=body, headers=sent)

    async def stock(self) -> int:
        listed = await self.shop.do("GET", f"/v1/stores/{self.shop.store_id}/stock")
        return int(next(each["quantity"] for each in listed["items"] if each["sku"] == "TOMATO"))

    async def count(self, grams: int) -> None:
        await self.shop.do("PUT", f"/v1/stores/{self.shop.store_id}/stock/TOMATO", json={"quantity": grams})
