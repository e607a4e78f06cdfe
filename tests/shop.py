"""A shop to test with: the whole app over HTTP, its staff, one gate, one kiosk and some members."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.passes import IssuedPass, issue
from facepay.members.biometric_uses import Use, record_use
from facepay.members.consents import record_consent
from facepay.members.members import register
from facepay.stores.devices import DeviceRole, register_device
from facepay.templates.templates import replace_templates
from facepay.wallet import top_ups
from facepay.wallet.providers.provider import Movement
from tests.photos import people, variant

PASSWORD = "a long pass phrase"  # of the owner that every test shop starts with
PRICES = {"TEA-001": 450, "BAO-002": 1290, "UMB-003": 5900}


@dataclass
class Shop:
    client: httpx.AsyncClient
    staff: dict[str, str] = field(default_factory=dict)
    store_id: str = ""
    gate_id: str = ""
    gate: dict[str, str] = field(default_factory=dict)
    kiosk_id: str = ""
    kiosk: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def open(cls, client: httpx.AsyncClient) -> Shop:
        shop = await cls(client).reached_by(client)
        shop.store_id = (await shop.do("POST", "/v1/stores", json={"name": "Xixi Road", "code": "XIXI"}))["id"]
        shop.gate_id, shop.gate = await shop.add_device("gate")
        shop.kiosk_id, shop.kiosk = await shop.add_device("kiosk")
        for sku, price in PRICES.items():
            body = {"sku": sku, "name": sku.lower(), "price": price, "tax_rate_basis_points": 1300}
            await shop.do("POST", "/v1/products", json=body)
        return shop

    async def reached_by(self, client: httpx.AsyncClient) -> Shop:
        """The same shop behind another app on its database, or on a clone of that; the owner signs in there."""
        form = {"username": "owner", "password": PASSWORD}
        token = (await client.post("/v1/auth/token", data=form)).json()["access_token"]
        return replace(self, client=client, staff={"Authorization": f"Bearer {token}"})

    async def do(self, method: str, path: str, **request: Any) -> Any:
        """As staff; the request must succeed."""
        headers = self.staff | request.pop("headers", {})
        response = await self.client.request(method, path, headers=headers, **request)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    async def add_device(self, role: str, store_id: str | None = None) -> tuple[str, dict[str, str]]:
        """Straight into the database, as members are: over HTTP it takes three times as long."""
        state, store = self.app.state, UUID(store_id or self.store_id)
        name = f"{role} {uuid4().hex[:4]}"
        async with state.database.begin() as session:
            device, token = await register_device(
                session, store_id=store, role=DeviceRole(role), name=name, lasts=None, now=state.clock()
            )
        return str(device.id), {"Authorization": f"Bearer {token}"}

    async def add_member(
        self, number: int, *, balance: int = 0, phone: str | None = None, pin: str | None = None, enrol: bool = True
    ) -> str:
        """One of the six people, with a face unless told otherwise; nobody asks whether it is somebody else's."""
        state, now = self.app.state, self.app.state.clock()
        keeper = state.recogniser.keeper
        seen = await state.recogniser.inference.analyse(people()[number], points=True) if enrol else None
        async with state.database.begin() as session:
            member = await register(session, display_name=f"Person {number}", phone=phone, now=now)
            consent = await record_consent(
                session,
                member=member,
                policy_version="2026-01",
                jurisdiction=None,
                keeps_photo=False,
                settings=state.settings,
                now=now,
            )
            if seen:
                await replace_templates(
                    session,
                    protection=keeper.protection,
                    member_id=member.id,
                    consent_id=consent.id,
                    pack=keeper.pack,
                    faces=[(seen.faces[0].embedding, seen.faces[0].quality)],
                    now=now,
                )
                record_use(session, member_id=member.id, use=Use.ENROLLED, actor="staff:test", now=now)
        if seen:
            await keeper.follow(state.database)
        return await self._with(str(member.id), balance=balance, pin=pin)

    async def add_member_without_face(self, *, balance: int = 0, pin: str | None = None, name: str = "Wei") -> str:
        """Somebody who doesn't consent to face recognition."""
        state = self.app.state
        async with state.database.begin() as session:
            member = await register(session, display_name=name, phone=None, now=state.clock())
        return await self._with(str(member.id), balance=balance, pin=pin)

    async def _with(self, member_id: str, *, balance: int, pin: str | None) -> str:
        if pin:
            await self.do("PUT", f"/v1/members/{member_id}/pin", json={"pin": pin})
        if balance:
            await self.top_up(member_id, balance)
        return member_id

    async def issue_pass(self, member_id: str) -> dict[str, str]:
        """To be scanned, or typed: as the API answers, but for its picture."""
        async with self.app.state.database.begin() as session:
            issued = await self.pass_in(session, member_id)
        return {"pass": issued.token, "code": issued.code}

    async def pass_in(self, session: AsyncSession, member_id: str) -> IssuedPass:
        """The same in a transaction of somebody's."""
        state = self.app.state
        lasts = timedelta(seconds=state.settings.pass_seconds)
        return await issue(session, member_id=UUID(member_id), key=state.master_key, now=state.clock(), lasts=lasts)

    async def pass_at_gate(
        self,
        text: str,
        way: str = "entries",
        *,
        key: str | None = None,
        gate: tuple[str, dict[str, str]] | None = None,
    ) -> httpx.Response:
        gate_id, headers = gate or (self.gate_id, self.gate)
        sent = headers | ({"Idempotency-Key": key} if key else {})
        return await self.client.post(f"/v1/gates/{gate_id}/{way}/pass", json={"pass": text}, headers=sent)

    async def pass_at_kiosk(
        self, text: str, basket: dict[str, int], *, key: str | None = None, **wish: Any
    ) -> httpx.Response:
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in basket.items()]
        return await self.client.post(
            f"/v1/kiosks/{self.kiosk_id}/checkouts/pass",
            json={"pass": text, "basket": {"lines": lines} | wish},
            headers=self.kiosk | {"Idempotency-Key": key or uuid4().hex},
        )

    async def top_up(self, member_id: str, amount: int) -> None:
        """Settled at once, as if the provider had told; the whole way takes ten times as long."""
        state = self.app.state
        asked: dict[str, Any] = {"amount": amount, "currency": "CNY", "now": state.clock()}
        async with state.database.begin() as session:
            row = await top_ups.record(session, member_id=UUID(member_id), actor="system:test", **asked)
            told = Movement(f"ch_{row.id.hex}", "charge", row.id, amount, "CNY", "succeeded", decided_at=asked["now"])
            await top_ups.settle(session, told)

    async def top_up_by_provider(self, member_id: str, amount: int) -> None:
        path = f"/v1/members/{member_id}/wallet/top-ups"
        body = {"amount": amount, "currency": "CNY"}
        await self.do("POST", path, json=body, headers={"Idempotency-Key": uuid4().hex})

    @property
    def app(self) -> FastAPI:
        """Where it runs in this process."""
        transport = self.client._transport
        assert isinstance(transport, httpx.ASGITransport)
        return cast(FastAPI, transport.app)

    async def balance(self, member_id: str) -> int:
        return int((await self.do("GET", f"/v1/members/{member_id}/wallet"))["available"])

    async def at_gate(
        self, frame: bytes | int, way: str = "entries", *, key: str | None = None, **headers: str
    ) -> httpx.Response:
        """A frame, or one of the six people as a camera at the gate sees them."""
        body = frame if isinstance(frame, bytes) else variant(people()[frame], quality=70, scale=0.9)
        sent = self.gate | {"Content-Type": "image/jpeg"} | ({"Idempotency-Key": key} if key else {}) | headers
        return await self.client.post(f"/v1/gates/{self.gate_id}/{way}", content=body, headers=sent)

    async def at_kiosk(
        self, frame: bytes | int, basket: dict[str, int] | Any, *, key: str | None = None, **wish: Any
    ) -> httpx.Response:
        """`wish` is what a basket may ask for beside its lines: coupons, redeem_points."""
        body = frame if isinstance(frame, bytes) else variant(people()[frame], quality=80, scale=1.1)
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in basket.items()]
        return await self.client.post(
            f"/v1/kiosks/{self.kiosk_id}/checkouts",
            files={"frame": ("frame.jpg", body, "image/jpeg")},
            data={"basket": json.dumps({"lines": lines} | wish)},
            headers=self.kiosk | {"Idempotency-Key": key or uuid4().hex},
        )
