"""Whatever members and staff do at once, in whatever order: a win is used once, and the books are in order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from facepay.campaigns.playing import SmilePlay, reward
from facepay.catalog.products import find_products
from facepay.checkout.adjustments import cancel_order, charge_more, take_back
from facepay.checkout.benefits import Wish
from facepay.checkout.orders import Order
from facepay.checkout.pricing import PricedBasket, price_basket
from facepay.checkout.refunds import refund_order
from facepay.checkout.selling import buy
from facepay.kernel.clock import utc_now
from facepay.kernel.errors import Conflict
from facepay.members.members import Member
from facepay.wallet.payments import expire_due_holds
from tests.campaigns.stand import add_campaign, funds
from tests.rewards.till import EARNING, add_coupon, assert_books_in_order, set_rules
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
SKUS = sorted(PRICES)


@dataclass
class Day:
    """Members, campaigns, and a die that says what they do next."""

    app: FastAPI
    shop: Shop
    die: Random
    members: list[str]
    campaigns: list[str]
    now: datetime

    async def win(self) -> None:
        played = SmilePlay(
            device_id=UUID(self.shop.kiosk_id),
            store_id=UUID(self.shop.store_id),
            wanted_id=UUID(self.die.choice(self.campaigns)),
            strength=0.9,
            created_at=self.now,
            decided_at=self.now,
        )
        async with self.app.state.database.begin() as session:
            member = await session.get_one(Member, self._somebody(), with_for_update={"key_share": True})
            await reward(session, played, member, self.now)

    async def buy(self) -> None:
        goods = {sku: self.die.randint(1, 3) for sku in self.die.sample(SKUS, 2)}
        wish = Wish(coupons=("WELCOME10",) if self.die.random() < 0.3 else ())
        async with self.app.state.database.begin() as session:
            member = await session.get_one(Member, self._somebody(), with_for_update={"key_share": True})
            basket = price_basket(goods, await find_products(session, skus=list(goods)), currency="CNY")
            assert isinstance(basket, PricedBasket)
            await buy(
                session,
                member=member,
                basket=basket,
                wish=wish,
                store_id=UUID(self.shop.store_id),
                device_id=UUID(self.shop.kiosk_id),
                now=self.now,
                settings=self.app.state.settings,
                proven=True,
            )

    async def put_right(self) -> None:
        """An order: given back in part or whole, cancelled, or charged for what it left out."""
        database, sku = self.app.state.database, self.die.choice(SKUS)
        async with database.begin() as session:
            orders = (await session.scalars(select(Order.id).order_by(Order.id.desc()).limit(8))).all()
        if not orders:
            return
        what: dict[str, Any] = {
            "order_id": self.die.choice(orders),
            "reason": "torn",
            "actor": "staff",
            "now": self.now,
        }
        how = self.die.randrange(4)
        try:
            async with database.begin() as session:
                match how:
                    case 0:
                        await refund_order(session, amount=self.die.choice([1, 7, 50, None]), **what)
                    case 1:
                        await take_back(session, quantities={sku: 1}, **what)
                    case 2:
                        await cancel_order(session, **what)
                    case _:
                        await charge_more(session, quantities={sku: 1}, settings=self.app.state.settings, **what)
        except Conflict:
            pass  # there is no more of it

    async def change(self) -> None:
        changes = self.die.choice([{"active": False}, {"active": True}, {"budget": 100}, {"budget": 3000}])
        path = f"/v1/campaigns/{self.die.choice(self.campaigns)}"
        response = await self.shop.client.patch(path, json=changes, headers=self.shop.staff)
        assert response.is_success or response.json()["code"] == "campaign_budget_promised"

    async def expire(self) -> None:
        self.now += timedelta(minutes=self.die.choice([1, 5, 20]))
        async with self.app.state.database.begin() as session:
            await expire_due_holds(session, now=self.now)

    def _somebody(self) -> UUID:
        return UUID(self.die.choice(self.members))


async def test_whatever_happens_at_once_no_cent_is_won_twice_or_lost(app: FastAPI, shop: Shop) -> None:
    await set_rules(shop, tiers=[{"name": "Gold", "min_spend": 3000, "discount_basis_points": 1500}], earning=EARNING)
    await add_coupon(shop, per_member_max=9, stacks_with_coupons=True)
    members = [await shop.add_member_without_face(balance=300_000, name=f"Number {number}") for number in range(3)]
    often = {"per_member_max": 99, "per_member_per_day_max": 99, "lasts_minutes": 15, "stacks_with_coupons": True}
    by_rate = {"strength_min": 0.4, "basis_points": 3333, "amount_max": 400}
    campaigns = [
        await add_campaign(shop, budget=1000, steps=[{"strength_min": 0.4, "amount": 137}], **often),
        await add_campaign(shop, budget=5000, steps=[by_rate], stacks_with_tier=False, **often),
    ]
    day = Day(app, shop, Random(6), members, campaigns, utc_now())
    acts = (day.win, day.buy, day.put_right, day.change, day.expire)
    for _ in range(8):
        await asyncio.gather(*(act() for act in day.die.choices(acts, weights=(4, 5, 4, 1, 1), k=6)))
    day.now += timedelta(days=1)
    await day.expire()
    await assert_books_in_order(app.state.database)
    used = 0
    for campaign in campaigns:
        given, reserved, left = await funds(shop, campaign)
        budget = (await shop.do("GET", f"/v1/campaigns/{campaign}"))["budget"]
        assert (reserved, given + left) == (0, budget)
        wins = (await shop.do("GET", f"/v1/campaigns/{campaign}/wins", params={"limit": 100}))["items"]
        assert 0 <= given <= sum(win["used"] for win in wins)
        assert all(win["used"] <= win["amount_max"] for win in wins)
        used += sum(win["used"] > 0 for win in wins)
    assert used, "else nothing was tested"
