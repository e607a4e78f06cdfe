"""A dinner to test with: people of known names sit at tables, order what has a price, and pay with passes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select

from facepay.dining import departures, holds, ordering
from facepay.dining.bill_schemas import DiningPolicyRequest
from facepay.dining.items import PartyItem
from facepay.dining.ordering import NotCovered, Wish
from facepay.dining.parties import party_at
from facepay.dining.policies import keep_policy
from facepay.dining.tables import table_at
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.members.members import register
from facepay.settings import Settings
from facepay.wallet.accounts import Balance, store_tips, wallet_balance
from facepay.wallet.accounts import balance as account_balance
from tests.dining.room import Table, add_dish, put_on_menu
from tests.rewards.till import assert_books_in_order
from tests.shop import Shop

DUCK, TEA, SOUP = 10_000, 450, 1290


@dataclass
class Dinner:
    """`members` are by the seats that they sit down at."""

    shop: Shop
    table: Table
    members: dict[int, str] = field(default_factory=dict)

    @classmethod
    async def at(cls, shop: Shop, name: str = "Table 7") -> Dinner:
        """The first table of a store brings its menu along, which is short; nothing is held beyond what was ordered."""
        dinner = cls(shop, await Table.set_up(shop, name))
        if name == "Table 7":
            async with dinner.database.begin() as session:
                await add_dish(session, shop, "DUCK", {"name": "Peking duck", "price": DUCK}, section="All")
                for sku in ("TEA-001", "BAO-002"):
                    await put_on_menu(session, shop, sku, section="All")
                policy = DiningPolicyRequest(margin_basis_points=0).model_dump(exclude={"service_sku"})
                await keep_policy(session, store_id=UUID(shop.store_id), values=policy | {"service_product_id": None})
        return dinner

    @property
    def database(self) -> Database:
        database: Database = self.shop.app.state.database
        return database

    @property
    def settings(self) -> Settings:
        settings: Settings = self.shop.app.state.settings
        return settings

    async def set_policy(self, **fields: Any) -> None:
        await self.shop.do("PUT", f"/v1/stores/{self.shop.store_id}/dining-policy", json=fields)

    async def serve(self, basis_points: int, **policy: Any) -> None:
        """For a service charge, from here on."""
        body = {"sku": "SERVICE", "name": "Service", "price": 0, "tax_rate_basis_points": 600}
        await self.shop.do("POST", "/v1/products", json=body)
        charge = {"service_basis_points": basis_points, "service_sku": "SERVICE"}
        await self.set_policy(**{"margin_basis_points": 0} | charge | policy)

    async def sit(self, seat: int, *, balance: int | None = None, member: str | None = None) -> str | None:
        """A member with this much money; without any, a guest."""
        if balance is not None:
            async with self.database.begin() as session:
                registered = await register(session, display_name="Wei", phone=None, now=utc_now())
            member = str(registered.id)
            if balance:
                await self.shop.top_up(member, balance)
        await self.table.place(seat, member)
        if member:
            self.members[seat] = member
        return member

    async def order(
        self, sku: str, quantity: int = 1, *, seat: int | None = None, now: datetime | None = None
    ) -> PartyItem:
        """Raises NotCovered."""
        async with self.database.begin() as session:
            party = await party_at(
                session, table=await table_at(session, device_id=UUID(self.table.device_id), lock=True), lock=True
            )
            (item,) = await ordering.order(
                session,
                party=party,
                seat=seat,
                wishes=[Wish(sku, quantity, confirms_allergens=True)],
                age_checked=True,
                now=now or utc_now(),
                settings=self.settings,
            )
            return item

    async def refused(self, sku: str, quantity: int = 1, *, seat: int | None = None) -> str:
        try:
            await self.order(sku, quantity, seat=seat)
        except NotCovered as refused:
            return str(refused.measured["why"])
        raise AssertionError("it was covered")

    async def cancel(self, item: PartyItem) -> None:
        await self.table.do("DELETE", f"/items/{item.id}")

    async def agree(self, member: str | int, **guarantee: Any) -> dict[str, Any]:
        """With a scanned pass, which proves enough."""
        member_id = self.members[member] if isinstance(member, int) else member
        shown = await self.shows(member_id)
        body = {"pass": shown, "guarantee": guarantee}
        agreed: dict[str, Any] = await self.table.do("POST", "/guarantees/pass", json=body)
        return agreed

    async def shows(self, member: str) -> str:
        """A pass, that is scanned."""
        async with self.database.begin() as session:
            return (await self.shop.pass_in(session, member)).token

    async def bill(self, split: str = "seat") -> dict[str, Any]:
        bill: dict[str, Any] = await self.table.do("GET", f"/bill?split={split}")
        return bill

    async def ask_to_pay(self, member: str | int, *, key: str | None = None, **bill: Any) -> httpx.Response:
        """Whoever sits at this seat, or somebody, with a scanned pass."""
        member_id = self.members[member] if isinstance(member, int) else member
        shown = await self.shows(member_id)
        return await self.table.send("POST", "/payments/pass", key=key, json={"pass": shown, "bill": bill})

    async def pay(self, member: str | int, **bill: Any) -> dict[str, Any]:
        answer = await self.ask_to_pay(member, **bill)
        assert answer.is_success, answer.text
        paid: dict[str, Any] = answer.json()
        return paid

    async def wallet(self, member: str | int) -> Balance:
        member_id = self.members[member] if isinstance(member, int) else member
        async with self.database.begin() as session:
            return await wallet_balance(session, member_id=UUID(member_id))

    async def held(self, member: str | int) -> int:
        return (await self.wallet(member)).held

    async def tips(self) -> int:
        async with self.database.begin() as session:
            return (await account_balance(session, store_tips(UUID(self.shop.store_id)).id)).posted

    async def is_free(self) -> bool:
        return (await self.table.send("GET", "/party")).status_code == 404

    async def leave(self, *seats: int) -> dict[str, Any]:
        left: dict[str, Any] = await self.table.do("POST", "/departures", json={"seats": list(seats)})
        return left

    async def settle(self, now: datetime) -> int:
        return await departures.settle_departures(self.database, settings=self.settings, now=now)

    async def hold_ids(self) -> list[UUID]:
        async with self.database.begin() as session:
            found = await session.scalars(select(holds.Guarantee.hold_id).where(holds.Guarantee.hold_id.is_not(None)))
            return [each for each in found if each]

    async def books_agree(self) -> None:
        await assert_books_in_order(self.database)
