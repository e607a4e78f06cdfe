"""What members bought, without a till for each, and a recommender that learns when it is told to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from facepay.catalog.products import Product
from facepay.checkout.orders import Order, OrderLine
from facepay.kernel.ids import new_id
from facepay.members.members import register
from facepay.recommender import consents
from facepay.recommender.learning import learn
from tests.shop import Shop

POLICY = {"policy_version": "2026-01"}


async def learn_now(shop: Shop) -> None:
    """As it does every hour by itself."""
    state = shop.app.state
    await learn(state.database, settings=state.settings, now=state.clock())


async def suggested(shop: Shop, member: str, **query: Any) -> list[tuple[str, str]]:
    """Skus with the reasons."""
    path = f"/v1/members/{member}/recommendations"
    found = await shop.do("GET", path, params={"store_id": shop.store_id} | query)
    return [(each["sku"], each["reason"]) for each in found]


async def agree(shop: Shop, *members: str) -> None:
    """To having their taste kept, all at once."""
    state = shop.app.state
    async with state.database.begin() as session:
        for member in members:
            await consents.agree(session, member_id=UUID(member), settings=state.settings, now=state.clock(), **POLICY)


async def add_product(shop: Shop, sku: str, category: str | None = None, **more: Any) -> str:
    body = {"sku": sku, "name": sku.lower(), "price": 500, "tax_rate_basis_points": 1300, "category": category}
    return str((await shop.do("POST", "/v1/products", json=body | more))["id"])


async def product_ids(shop: Shop) -> dict[str, UUID]:
    async with shop.app.state.database.read() as session:
        return dict((await session.execute(select(Product.sku, Product.id))).all())


async def members_of(shop: Shop, number: int) -> list[str]:
    """Registered all at once."""
    state = shop.app.state
    async with state.database.begin() as session:
        now = state.clock()
        members = [
            await register(session, display_name=f"Member {index}", phone=None, now=now) for index in range(number)
        ]
    return [str(member.id) for member in members]


async def bought(
    shop: Shop, *members: str, skus: list[str], at: datetime | None = None, payer: str | None = None
) -> None:
    """One order of all of these for each of the members, just now; paid by themselves or by `payer`."""
    products, when = await product_ids(shop), at or shop.app.state.clock() - timedelta(milliseconds=1)
    ids = {member: new_id() for member in members}
    money = {"currency": "CNY", "total": 1, "tax": 0, "refunded": 0}
    orders = [
        {
            "id": ids[member],
            "store_id": UUID(shop.store_id),
            "device_id": UUID(shop.kiosk_id),
            "member_id": UUID(payer or member),
            "buyer_id": UUID(member) if payer else None,
            "created_at": when,
        }
        | money
        for member in members
    ]
    lines = [
        {
            "order_id": ids[member],
            "position": position,
            "product_id": products[sku],
            "sku": sku,
            "name": sku,
            "quantity": 1,
            "unit_price": 1,
            "tax_rate_basis_points": 0,
            "total": 1,
            "tax": 0,
        }
        for member in members
        for position, sku in enumerate(skus, start=1)
    ]
    async with shop.app.state.database.begin() as session:
        await session.execute(insert(Order), orders)
        await session.execute(insert(OrderLine), lines)
