"""A store that lends cars: a machine with lockers, rules, and members who may drive."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from facepay.catalog.products import add_product
from facepay.catalog.schemas import NewProduct
from facepay.members.members import check_age, register
from facepay.stores.devices import DeviceRole, register_device
from facepay.test_drives import licences
from facepay.test_drives.cars import add_car, add_model
from facepay.test_drives.credit import set_score
from facepay.test_drives.keys import judge_lockers
from facepay.test_drives.machines import fill_slot
from facepay.test_drives.rules import Rules, set_rules
from facepay.test_drives.upkeep import keep_drives
from facepay.wallet.verify import verify
from tests.conftest import Clock
from tests.photos import people, variant
from tests.shop import Shop

FEES = {"FEE-1": 20_000, "LATE-1": 3_000, "NOSHOW-1": 10_000, "CANCEL-1": 5_000, "DAMAGE-1": 1}
DEPOSIT = 50_000
RULES = {
    "levels": [
        {"name": "Trusted", "score_min": 700, "deposit": DEPOSIT},
        {"name": "Everybody", "fee_sku": "FEE-1", "deposit": DEPOSIT},
    ],
    "late_sku": "LATE-1",
    "no_show_sku": "NOSHOW-1",
    "cancel_sku": "CANCEL-1",
    "damage_sku": "DAMAGE-1",
    "liveness_required": False,
}
PHOTO = ("photo.jpg", people()[5], "image/jpeg")


@dataclass
class Forecourt:
    shop: Shop
    machine_id: str
    machine: dict[str, str]
    model_id: str
    cars: list[str] = field(default_factory=list)

    @classmethod
    async def open(cls, shop: Shop, *, cars: int = 1, **rules: Any) -> Forecourt:
        """With a car behind each of its lockers."""
        store_id, now = UUID(shop.store_id), shop.app.state.clock()
        async with shop.app.state.database.begin() as session:
            machine, token = await register_device(
                session, store_id=store_id, role=DeviceRole.VENDING, name="Lockers", lasts=None, now=now
            )
            for sku, price in FEES.items():
                fee = NewProduct(sku=sku, name=sku.lower(), price=price, tax_rate_basis_points=1300, currency="CNY")
                await add_product(session, now=now, **fee.model_dump())
            model = await add_model(session, name="Mustang", licence_class="C1", now=now)
            by = {"by": "staff:test", "now": now}
            await set_rules(session, store_id=store_id, rules=Rules.model_validate(RULES | rules), **by)
            court = cls(shop, str(machine.id), {"Authorization": f"Bearer {token}"}, str(model.id))
            for number in range(1, cars + 1):
                plate = f"A-{uuid4().hex[:6]}"
                car = await add_car(session, store_id=store_id, model_id=model.id, plate=plate, mileage_km=100, now=now)
                await fill_slot(session, machine_id=machine.id, number=number, car_id=car.id)
                court.cars.append(str(car.id))
        return court

    async def set_rules(self, **rules: Any) -> None:
        await self.shop.do("PUT", f"/v1/stores/{self.shop.store_id}/drive-rules", json=RULES | rules)

    async def add_car(self, locker: int, model_id: str | None = None) -> str:
        body = {"model_id": model_id or self.model_id, "plate": f"A-{uuid4().hex[:6]}", "mileage_km": 100}
        car = await self.shop.do("POST", f"/v1/stores/{self.shop.store_id}/cars", json=body)
        path = f"/v1/machines/{self.machine_id}/slots/{locker}"
        await self.shop.do("PUT", path, json={"car_id": car["id"]})
        self.cars.append(car["id"])
        return str(car["id"])

    async def add_driver(self, number: int | None = None, *, balance: int = 200_000, score: int | None = None) -> str:
        """One of the six people, or somebody who comes without a face."""
        if number is None:
            async with self.shop.app.state.database.begin() as session:
                member = str((await register(session, display_name="Wei", phone=None, now=self.now())).id)
        else:
            member = await self.shop.add_member(number)
        await self.permit(member, balance=balance, score=score)
        return member

    async def permit(self, member: str, *, balance: int = 200_000, score: int | None = None) -> None:
        """A checked birthday and a checked licence, and some money."""
        state, now = self.shop.app.state, self.now()
        driver: dict[str, Any] = {"member_id": UUID(member), "now": now}
        by_staff: dict[str, Any] = driver | {"by": "staff:test"}
        shown: dict[str, Any] = {"number": uuid4().hex[:18], "classes": ["C1"], "expires_on": date(2190, 1, 1)}
        told: dict[str, Any] = {"score": score, "provider": "Sesame Credit", "as_of": now.date()}
        async with state.database.begin() as session:
            await check_age(session, born_on=date(1990, 5, 1), **driver)
            await licences.submit(session, key=state.master_key, **shown, **driver)
            await licences.check(session, submitted_at=None, refused_why=None, **by_staff)
            if score is not None:
                await set_score(session, settings=state.settings, **told, **by_staff)
        if balance:
            await self.shop.top_up(member, balance)

    def asked(self, member: str, starts_at: datetime | None = None, **more: Any) -> dict[str, Any]:
        starts_at = starts_at or self.now() + timedelta(minutes=5)
        return {
            "store_id": self.shop.store_id,
            "machine_id": self.machine_id,
            "model_id": self.model_id,
            "member_id": member,
            "starts_at": starts_at.isoformat(),
        } | more

    def now(self) -> datetime:
        now: datetime = self.shop.app.state.clock()
        return now

    async def reserve(self, member: str, starts_at: datetime | None = None, **more: Any) -> httpx.Response:
        return await self.act("", self.asked(member, starts_at, **more))

    async def reserved(self, member: str, starts_at: datetime | None = None, **more: Any) -> dict[str, Any]:
        response = await self.reserve(member, starts_at, **more)
        assert response.status_code == 201, response.text
        drive: dict[str, Any] = response.json()
        return drive

    async def act(self, what: str, body: dict[str, Any], *, key: str | None = None) -> httpx.Response:
        """On a drive, say `/<id>/cancellation`."""
        headers = self.shop.staff | {"Idempotency-Key": key or uuid4().hex}
        return await self.shop.client.post(f"/v1/test-drives{what}", json=body, headers=headers)

    async def drive(self, drive_id: str) -> dict[str, Any]:
        drive: dict[str, Any] = await self.shop.do("GET", f"/v1/test-drives/{drive_id}")
        return drive

    async def show_face(
        self, person: int, number: str | None = None, *, key: str | None = None, **files: Any
    ) -> httpx.Response:
        frame = variant(people()[person], quality=80, scale=1.1)
        return await self.shop.client.post(
            f"/v1/machines/{self.machine_id}/handovers",
            files={"frame": ("frame.jpg", frame, "image/jpeg")} | files,
            data={"number": number} if number else {},
            headers=self.machine | {"Idempotency-Key": key or uuid4().hex},
        )

    async def commands(self) -> list[dict[str, Any]]:
        path = f"/v1/devices/{self.machine_id}/commands"
        items: list[dict[str, Any]] = (await self.shop.client.get(path, headers=self.machine)).json()["items"]
        return items

    async def acknowledge(self, outcome: str = "done", number: int | None = None) -> None:
        """What the machine says of its last command."""
        number = number or (await self.commands())[-1]["number"]
        body = {"outcome": outcome} | ({"failure": "Bolt is jammed"} if outcome == "failed" else {})
        path = f"/v1/devices/{self.machine_id}/commands/{number}/acknowledgement"
        response = await self.shop.client.post(path, json=body, headers=self.machine)
        assert response.is_success, response.text

    async def show_pass(self, member: str, number: str) -> httpx.Response:
        async with self.shop.app.state.database.begin() as session:
            shown = (await self.shop.pass_in(session, member)).token
        path, body = f"/v1/machines/{self.machine_id}/handovers/pass", {"pass": shown, "number": number}
        headers = self.machine | {"Idempotency-Key": uuid4().hex}
        return await self.shop.client.post(path, json=body, headers=headers)

    async def take_out(self, member: str, number: str) -> None:
        """By a pass, which is scanned."""
        answer = (await self.show_pass(member, number)).json()
        assert answer["decision"] == "open", answer
        await self.acknowledge()

    async def bring_back(
        self, number: str, *, locker: int = 1, mileage_km: int = 350, key: str | None = None
    ) -> httpx.Response:
        return await self.shop.client.post(
            f"/v1/machines/{self.machine_id}/returns",
            data={"number": number, "locker": str(locker), "mileage_km": str(mileage_km), "fuel_percent": "80"},
            files=[("photo", PHOTO)],
            headers=self.machine | {"Idempotency-Key": key or uuid4().hex},
        )

    async def keep(self) -> None:
        """What housekeeping does now and then."""
        state = self.shop.app.state
        await judge_lockers(state.database, now=state.clock())
        await keep_drives(state.database, settings=state.settings, now=state.clock())

    async def wallet(self, member: str) -> tuple[int, int]:
        """What may be spent, and what is on hold."""
        wallet = await self.shop.do("GET", f"/v1/members/{member}/wallet")
        return wallet["available"], wallet["held"]

    async def assert_books_verify(self) -> None:
        assert (await verify(self.shop.app.state.database)).ok

    async def alerts(self) -> list[str]:
        items = (await self.shop.do("GET", f"/v1/stores/{self.shop.store_id}/alerts"))["items"]
        return sorted(each["kind"] for each in items)

    async def later(self, clock: Clock, **time: float) -> None:
        """So much later, and housekeeping has been there twice; staff sign in anew, since their tokens end."""
        clock.ahead += timedelta(**time)
        self.shop = await self.shop.reached_by(self.shop.client)
        await self.keep()
        await self.keep()
