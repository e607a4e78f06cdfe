"""A counter without a camera: who buys is known, so that tests can sell to them as every device does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import find_products
from facepay.checkout import adjustments
from facepay.checkout.benefits import Offer, Wish
from facepay.checkout.limits import NAMES
from facepay.checkout.orders import Order
from facepay.checkout.pricing import PricedBasket, price_basket
from facepay.checkout.refunds import Refund
from facepay.checkout.selling import NotSold, Sold, quote, sell
from facepay.checkout.sold_tags import SoldTag
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.members.members import get_member
from facepay.settings import Settings
from facepay.wallet.accounts import Balance, wallet_balance
from facepay.wallet.debts import collect, owed
from facepay.wallet.payments import authorise
from tests.shop import Shop


async def sold_tags(session: AsyncSession) -> set[str]:
    """All of them, for all that is committed."""
    return set(await session.scalars(select(SoldTag.epc).where(SoldTag.returned_at.is_(None))))


@dataclass
class Counter:
    shop: Shop
    database: Database
    settings: Settings

    @classmethod
    def of(cls, app: FastAPI, shop: Shop) -> Counter:
        """Where limits, which have tests of their own, are in nobody's way."""
        roomy = dict.fromkeys(NAMES, 10**9)
        return cls(shop, app.state.database, app.state.settings.model_copy(update=roomy))

    async def sell(
        self,
        member_id: str,
        basket: dict[str, int],
        *,
        hold_id: UUID | None = None,
        advance_max: int | None = 0,
        in_hand: bool = False,
        coupons: Collection[str] = (),
        redeem_points: int = 0,
        now: datetime | None = None,
    ) -> Sold | NotSold:
        now = now or utc_now()
        async with self.database.begin() as session:
            member = await get_member(session, UUID(member_id), lock=True)
            priced = price_basket(basket, await find_products(session, skus=list(basket)), currency="CNY")
            assert isinstance(priced, PricedBasket)
            offered = await quote(
                session,
                member=member,
                basket=priced,
                wish=Wish(tuple(coupons), redeem_points),
                store_id=UUID(self.shop.store_id),
                now=now,
                settings=self.settings,
                proven=True,
            )
            if not isinstance(offered, Offer):
                assert isinstance(offered, NotSold)
                return offered
            return await sell(
                session,
                offered=offered,
                member=member,
                store_id=UUID(self.shop.store_id),
                device_id=UUID(self.shop.kiosk_id),
                now=now,
                settings=self.settings,
                hold_id=hold_id,
                advance_max=advance_max,
                in_hand=in_hand,
            )

    async def sold(self, member_id: str, basket: dict[str, int], **means: Any) -> Sold:
        outcome = await self.sell(member_id, basket, **means)
        assert isinstance(outcome, Sold), outcome
        return outcome

    async def hold(self, member_id: str, amount: int, *, expires_at: datetime | None = None) -> UUID:
        async with self.database.begin() as session:
            held = await authorise(
                session,
                order_id=new_id(),
                member_id=UUID(member_id),
                amount=amount,
                currency="CNY",
                actor="test",
                now=utc_now(),
                expires_at=expires_at,
            )
        assert held.ok, held
        return held.transfer_id

    async def wallet(self, member_id: str) -> Balance:
        async with self.database.begin() as session:
            return await wallet_balance(session, member_id=UUID(member_id))

    async def owed(self, member_id: str) -> int:
        async with self.database.begin() as session:
            return await owed(session, member_id=UUID(member_id), unit="CNY")

    async def collect(self, member_id: str) -> int:
        async with self.database.begin() as session:
            return await collect(session, member_id=UUID(member_id), unit="CNY", actor="test", now=utc_now())

    async def write_off(self, member_id: str) -> httpx.Response:
        headers = self.shop.staff | {"Idempotency-Key": uuid4().hex}
        path = f"/v1/members/{member_id}/debts/write-off"
        return await self.shop.client.post(path, json={"reason": "gone"}, headers=headers)

    async def charge_more(self, order_id: UUID | str, basket: dict[str, int], **means: Any) -> Sold | NotSold:
        async with self.database.begin() as session:
            return await adjustments.charge_more(
                session,
                order_id=UUID(str(order_id)),
                quantities=basket,
                reason="left out",
                actor="test",
                now=utc_now(),
                settings=self.settings,
                **means,
            )

    async def ask(self, order_id: UUID | str, what: str, *, key: str | None = None, **body: Any) -> httpx.Response:
        """`what` becomes of an order, over HTTP, by staff."""
        headers = self.shop.staff | {"Idempotency-Key": key or uuid4().hex}
        path = f"/v1/orders/{order_id}/{what}"
        return await self.shop.client.post(path, json={"reason": "as asked"} | body, headers=headers)

    async def returned(self, order_id: UUID | str, basket: dict[str, int], **more: Any) -> Any:
        response = await self.ask(order_id, "returns", lines=lines(basket), **more)
        assert response.status_code == 201, response.text
        return response.json()

    async def cancelled(self, order_id: UUID | str, **more: Any) -> Any:
        response = await self.ask(order_id, "cancellation", **more)
        assert response.status_code == 201, response.text
        return response.json()

    async def order(self, order_id: UUID | str) -> Any:
        return await self.shop.do("GET", f"/v1/orders/{order_id}")

    async def money(self, member_id: str) -> tuple[int, int]:
        """What all orders of a member took in money, and what went back to the wallet."""
        took = select(func.coalesce(func.sum(Order.total - Order.gift - Order.points_value), 0))
        back = select(func.coalesce(func.sum(Refund.amount - Refund.gift - Refund.points_value), 0))
        async with self.database.begin() as session:
            taken = await session.scalar(took.where(Order.member_id == UUID(member_id)))
            given = await session.scalar(back.join(Order).where(Order.member_id == UUID(member_id)))
        return int(taken or 0), int(given or 0)

    async def stock(self, sku: str, quantity: int | None = None) -> int:
        """What is counted, after counting `quantity` where one is given."""
        path = f"/v1/stores/{self.shop.store_id}/stock"
        if quantity is not None:
            await self.shop.do("PUT", f"{path}/{sku}", json={"quantity": quantity})
        counted = (await self.shop.do("GET", path))["items"]
        return next(int(each["quantity"]) for each in counted if each["sku"] == sku)

    async def told(self, member_id: str) -> list[str]:
        """The kinds of a member's notices, the oldest first."""
        notices = (await self.shop.do("GET", f"/v1/members/{member_id}/notices"))["items"]
        return [notice["kind"] for notice in reversed(notices)]


def lines(basket: dict[str, int]) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": quantity} for sku, quantity in basket.items()]
