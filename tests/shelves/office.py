"""What staff and the house's own tasks do about baskets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import update

from facepay.entrance.groups import VisitGroup
from facepay.entrance.visits import Visit
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.settings import Settings
from facepay.shelves.settling import charge_left_visit, charge_left_visits, settle_late_changes
from tests.shop import Shop

BALANCE = 50_000
LATER = timedelta(minutes=30)


@dataclass
class Office:
    shop: Shop
    database: Database
    settings: Settings

    async def pay(self, visit: str) -> None:
        """As whoever takes a visit's money for what its basket holds."""
        async with self.database.begin() as session:
            await charge_left_visit(session, visit_id=UUID(visit), settings=self.settings, now=utc_now())

    async def group(self, host_visit: str, *guest_visits: str) -> None:
        """From now on the host's member pays for all of them."""
        group = VisitGroup(id=new_id(), store_id=UUID(self.shop.store_id), opened_by="staff:test", opened_at=utc_now())
        async with self.database.begin() as session:
            session.add(group)
            await session.flush()
            for visit in (host_visit, *guest_visits):
                joined = update(Visit).where(Visit.id == UUID(visit))
                await session.execute(joined.values(group_id=group.id, is_host=visit == host_visit))

    async def settle(self) -> None:
        await settle_late_changes(self.database, settings=self.settings, now=utc_now())

    async def charge_left(self, later: timedelta = LATER) -> int:
        return await charge_left_visits(self.database, settings=self.settings, now=utc_now() + later)

    async def decide(
        self, review: dict[str, Any], quantity: int, *, key: str | None = None, **more: str
    ) -> httpx.Response:
        body = {"sku": review["sku"], "quantity": quantity, "note": "seen on camera"} | more
        headers = self.shop.staff | {"Idempotency-Key": key or uuid4().hex}
        return await self.shop.client.post(f"/v1/shelf-reviews/{review['id']}", json=body, headers=headers)

    async def correct(self, visit: str, sku: str, quantity: int, *, key: str | None = None) -> httpx.Response:
        body = {"sku": sku, "quantity": quantity, "note": "told at the desk"}
        headers = self.shop.staff | {"Idempotency-Key": key or uuid4().hex}
        return await self.shop.client.post(f"/v1/visits/{visit}/basket/corrections", json=body, headers=headers)

    async def told(self, member_id: str) -> list[tuple[str, int]]:
        """Kind and amount of the member's notices, the newest first."""
        notices = (await self.shop.do("GET", f"/v1/members/{member_id}/notices"))["items"]
        return [(notice["kind"], notice["amount"]) for notice in notices]
