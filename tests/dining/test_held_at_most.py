"""Nobody who has left is charged for what others ordered beyond what is held for them; no cent of service is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from facepay.kernel.clock import utc_now
from facepay.wallet.accounts import Balance
from tests.dining.dinner import DUCK, TEA, Dinner
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
LATE = timedelta(minutes=11)


@pytest.fixture
async def dinner(shop: Shop) -> Dinner:
    dinner = await Dinner.at(shop)
    await dinner.set_policy(margin_basis_points=0, unattended_minutes=10)
    return dinner


async def cooked(dinner: Dinner) -> None:
    tickets = f"/v1/stores/{dinner.shop.store_id}/tickets"
    for ticket in (await dinner.shop.do("GET", f"{tickets}?state=received"))["items"]:
        await dinner.shop.do("POST", f"{tickets}/{ticket['id']}/start")


async def serve(dinner: Dinner, basis_points: int, **policy: int) -> None:
    body = {"sku": "SERVICE", "name": "Service", "price": 0, "tax_rate_basis_points": 600}
    await dinner.shop.do("POST", "/v1/products", json=body)
    policy = {"margin_basis_points": 0, "unattended_minutes": 10} | policy
    await dinner.set_policy(**policy, service_basis_points=basis_points, service_sku="SERVICE")


async def test_of_what_others_ordered_nothing_is_charged_beyond_the_hold(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=10_000)
    await dinner.order("DUCK")
    await dinner.order("TEA-001", seat=2)
    await cooked(dinner)
    await dinner.leave(2)
    assert await dinner.settle(utc_now() + LATE) == 1
    assert await dinner.wallet(2) == Balance(10_000 - TEA, 0)
    assert await dinner.held(1) == DUCK
    assert (await dinner.pay(1))["total"] == DUCK
    assert await dinner.is_free()
    await dinner.books_agree()


async def test_a_margin_that_is_held_pays_as_much_of_the_tables_as_it_covers(dinner: Dinner) -> None:
    await serve(dinner, 1000, margin_basis_points=10_000)
    await dinner.sit(1, balance=40_000)
    await dinner.sit(2, balance=10_000)
    await dinner.order("DUCK")
    await dinner.order("TEA-001", seat=2)
    await cooked(dinner)
    held = await dinner.held(2)
    assert held == 2 * (TEA + TEA // 10)
    await dinner.leave(2)
    await dinner.settle(utc_now() + LATE)
    assert await dinner.wallet(2) == Balance(10_000 - held, 0)
    whole = DUCK + TEA + (DUCK + TEA) // 10
    assert (await dinner.bill())["left"] == whole - held
    assert (await dinner.pay(1))["total"] == whole - held
    assert await dinner.is_free()
    await dinner.books_agree()


async def test_who_ordered_nothing_walks_away_for_nothing(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=10_000)
    await dinner.order("DUCK")
    await cooked(dinner)
    await dinner.leave(2)
    await dinner.settle(utc_now() + LATE)
    assert await dinner.wallet(2) == Balance(10_000, 0)
    assert (await dinner.pay(1))["total"] == DUCK
    await dinner.books_agree()


async def test_the_last_to_pay_pays_the_odd_cent_of_service_too(dinner: Dinner) -> None:
    await serve(dinner, 5000)
    body = {"sku": "MINT", "name": "Mint", "price": 1, "tax_rate_basis_points": 600}
    await dinner.shop.do("POST", "/v1/products", json=body)
    await dinner.shop.do("PUT", f"/v1/stores/{dinner.shop.store_id}/menu/MINT", json={"section": "All"})
    await dinner.sit(1, balance=100)
    await dinner.sit(2, balance=100)
    await dinner.order("MINT", seat=1)
    assert (await dinner.bill("person"))["total"] == 2
    assert (await dinner.pay(1, split="person"))["left"] == 1
    assert (await dinner.pay(2, split="person"))["left"] == 0
    assert (await dinner.wallet(1), await dinner.wallet(2)) == (Balance(99, 0), Balance(99, 0))
    assert await dinner.is_free()
    await dinner.books_agree()
