"""A shop with a watchlist, and the three people whom a ban takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

from tests.photos import people
from tests.shop import PASSWORD, Shop

WHY = {"purpose": "Somebody waits at the gate"}


@dataclass
class Desk:
    """`first` proposes, `second` approves, `third` decides on appeals; each as headers of theirs."""

    shop: Shop
    first: dict[str, str]
    second: dict[str, str]
    third: dict[str, str]

    @classmethod
    async def open(cls, shop: Shop) -> Desk:
        for username in ("second", "third"):
            body = {"username": username, "display_name": username, "role": "owner", "password": PASSWORD}
            await shop.do("POST", "/v1/staff", json=body)
        return cls(shop, shop.staff, await _token(shop, "second"), await _token(shop, "third"))

    async def sign_in(self) -> None:
        """Again, after days."""
        self.first, self.second, self.third = [
            await _token(self.shop, username) for username in ("owner", "second", "third")
        ]
        self.shop.staff = self.first

    async def propose(self, person: int | bytes, **changes: Any) -> httpx.Response:
        ban = {
            "store_id": self.shop.store_id,
            "name": "Somebody",
            "reason": "theft",
            "story": "Left with two bags unpaid, twice.",
            "days": 90,
            "review_days": 30,
        } | changes
        photo = person if isinstance(person, bytes) else people()[person]
        return await self.shop.client.post(
            "/v1/watchlist/bans",
            data={"ban": json.dumps(ban)},
            files=[("frames", ("face.jpg", photo, "image/jpeg"))],
            headers=self.first,
        )

    async def ban(self, person: int | bytes, **changes: Any) -> str:
        """Proposed and approved."""
        proposed = await self.propose(person, **changes)
        assert proposed.status_code == 201, proposed.text
        ban_id = str(proposed.json()["id"])
        approved = await self.say(ban_id, "approval", by=self.second)
        assert approved.status_code == 200, approved.text
        return ban_id

    async def say(self, ban_id: str, what: str, *, by: dict[str, str]) -> httpx.Response:
        return await self.shop.client.post(f"/v1/watchlist/bans/{ban_id}/{what}", headers=by)

    async def look(self, path: str, **query: str) -> httpx.Response:
        return await self.shop.client.get(f"/v1/watchlist/{path}", params=WHY | query, headers=self.first)

    async def waiting(self) -> list[dict[str, Any]]:
        path = f"/v1/stores/{self.shop.store_id}/watchlist-hits"
        hits: list[dict[str, Any]] = (await self.shop.do("GET", path, params=WHY | {"waiting": "true"}))["items"]
        return hits

    async def answer(self, hit_id: str, answer: str) -> httpx.Response:
        path = f"/v1/watchlist/hits/{hit_id}/answer"
        return await self.shop.client.post(path, json={"answer": answer}, headers=self.second)

    async def alerts(self) -> list[dict[str, Any]]:
        alerts: list[dict[str, Any]] = (await self.shop.do("GET", f"/v1/stores/{self.shop.store_id}/alerts"))["items"]
        return alerts


async def _token(shop: Shop, username: str) -> dict[str, str]:
    token = await shop.client.post("/v1/auth/token", data={"username": username, "password": PASSWORD})
    return {"Authorization": f"Bearer {token.json()['access_token']}"}
