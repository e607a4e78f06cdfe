"""A family that shops: somebody whose wallet pays, and the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from facepay.families import changes
from facepay.families.schemas import NewDependant
from facepay.members.members import register
from tests.photos import people
from tests.shop import Shop

BALANCE = 100_000
PIN = "739150"
CONSENT = {"policy_version": "2026-01", "accepted": True}
TEA = {"TEA-001": 1}
BAO = {"BAO-002": 1}
UMBRELLA = {"UMB-003": 1}
WINE = {"WINE": 1}


@dataclass
class Household:
    shop: Shop
    id: str
    payer: str
    child: str
    faces: dict[str, int] = field(default_factory=dict)

    @classmethod
    async def of(cls, shop: Shop, *, balance: int = BALANCE, face: int | None = None, **terms: Any) -> Household:
        """A payer and a child, who has one of the six faces where that is asked for."""
        payer = await registered(shop, "Mei")
        child = await registered(shop, "Bao") if face is None else await shop.add_member(face)
        if balance:
            await shop.top_up(payer, balance)
        household = await cls.made(shop, payer, child, **terms)
        household.faces |= {} if face is None else {child: face}
        return household

    @classmethod
    async def with_faces(cls, shop: Shop, **terms: Any) -> Household:
        """Of a payer and a child who can be at several kiosks at once: whoever gets a pass loses the one before."""
        household = await cls.of(shop, face=0, **terms)
        files = [("frames", ("face.jpg", people()[1], "image/jpeg"))]
        await shop.do("PUT", f"/v1/members/{household.payer}/consent", json=CONSENT)
        await shop.do("PUT", f"/v1/members/{household.payer}/face", files=files)
        household.faces[household.payer] = 1
        return household

    @classmethod
    async def made(cls, shop: Shop, payer: str, child: str, **terms: Any) -> Household:
        async with shop.app.state.database.begin() as session:
            family = await changes.make(session, payer_id=UUID(payer), actor="staff:test", now=shop.app.state.clock())
        household = cls(shop, str(family.id), payer, child)
        await household.add(child, **terms)
        return household

    async def add(self, member_id: str, *, role: str = "child", **terms: Any) -> None:
        body = {"member_id": member_id, "role": role, "agreed": role == "adult"} | terms
        state, asked = self.shop.app.state, NewDependant.model_validate(body)
        by: dict[str, Any] = {"actor": "staff:test", "now": state.clock()}
        async with state.database.begin() as session:
            await changes.add(session, family_id=UUID(self.id), member_id=asked.member_id, terms=asked.terms(), **by)

    async def another(self, *, face: int | None = None, **terms: Any) -> str:
        if face is None:
            member_id = await registered(self.shop, "Ling")
        else:
            member_id = await self.shop.add_member(face)
            self.faces[member_id] = face
        await self.add(member_id, **terms)
        return member_id

    async def set(self, member_id: str | None = None, *, role: str = "child", **terms: Any) -> Any:
        path = f"/v1/families/{self.id}/members/{member_id or self.child}"
        return await self.shop.do("PUT", path, json={"role": role, "agreed": role == "adult"} | terms)

    async def approve(self, amount_max: int, *skus: str, **more: Any) -> Any:
        body = {"member_id": self.child, "amount_max": amount_max, "skus": list(skus)} | more
        return await self.shop.do("POST", f"/v1/families/{self.id}/approvals", json=body)

    async def see(self, path: str = "") -> Any:
        return await self.shop.do("GET", f"/v1/families/{self.id}{path}")

    async def notices(self, member_id: str | None = None) -> list[Any]:
        """What was told to the payer, or another, the last first."""
        found = await self.shop.do("GET", f"/v1/members/{member_id or self.payer}/notices")
        return [(each["kind"], each["amount"]) for each in found["items"]]

    async def at_kiosk(self, basket: dict[str, int], who: str | None = None, **wish: Any) -> httpx.Response:
        """By their face, where they have one here, or by a pass, which is proof enough of any amount."""
        who = who or self.child
        if who in self.faces:
            return await self.shop.at_kiosk(self.faces[who], basket, **wish)
        async with self.shop.app.state.database.begin() as session:
            shown = (await self.shop.pass_in(session, who)).token
        return await self.shop.pass_at_kiosk(shown, basket, **wish)

    async def buy(self, basket: dict[str, int], who: str | None = None, **wish: Any) -> Any:
        return (await self.at_kiosk(basket, who, **wish)).json()

    async def check_age(self, born_on: str, member_id: str | None = None) -> None:
        body = {"born_on": born_on}
        await self.shop.do("PUT", f"/v1/members/{member_id or self.child}/age-check", json=body)


async def registered(shop: Shop, name: str) -> str:
    async with shop.app.state.database.begin() as session:
        return str((await register(session, display_name=name, phone=None, now=shop.app.state.clock())).id)


async def add_wine(shop: Shop, age_min: int = 18) -> None:
    body = {"sku": "WINE", "name": "wine", "category": "Alcohol", "price": 8800, "tax_rate_basis_points": 1300}
    await shop.do("POST", "/v1/products", json=body | {"age_min": age_min})


async def alerts(shop: Shop, kind: str) -> list[Any]:
    found: list[Any] = (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts", params={"kind": kind}))["items"]
    return found
