"""Campaigns, coupons, tiers and the birthday offer in the console."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.console.desk import OURS, signed_in
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]


async def page(shop: Shop, path: str) -> str:
    answer = await shop.client.get(f"/console{path}")
    assert answer.status_code == 200, answer.text
    return answer.text


async def post(shop: Shop, path: str, **form: Any) -> httpx.Response:
    return await shop.client.post(f"/console{path}", data=form, headers=OURS)


def soon(shop: Shop) -> str:
    """As a form's field says it."""
    return str((shop.app.state.clock() + timedelta(days=7)).strftime("%Y-%m-%dT%H:%M"))


async def test_a_campaign_is_added_paused_and_given_a_larger_budget(shop: Shop) -> None:
    await signed_in(shop)
    rules = {"per_member_max": "3", "per_member_per_day_max": "1", "lasts_minutes": "60", "ends_at": soon(shop)}
    steps = {"strength 0": "50", "per_cent 0": "10", "amount_max 0": "5", "strength 1": "90", "amount 1": "8"}
    form = {"name": "Smile week", "budget": "100", "categories": "Drinks; Snacks"} | rules | steps
    answer = await post(shop, "/campaigns", **form, store_ids=[shop.store_id])
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"].removeprefix("/console")
    kept = await shop.do("GET", f"/v1{path}")
    assert [(each["strength_min"], each["basis_points"], each["amount"]) for each in kept["steps"]] == [
        (0.5, 1000, None),
        (0.9, None, 800),
    ]
    assert (kept["categories"], kept["store_ids"]) == (["Drinks", "Snacks"], [shop.store_id])
    assert "<meter" in await page(shop, "/campaigns")

    assert (await post(shop, f"{path}/activity", active="false")).status_code == 303
    assert "paused" in await page(shop, path)
    assert (await post(shop, path, budget="250", **rules)).status_code == 303
    kept = await shop.do("GET", f"/v1{path}")
    assert (kept["budget"], kept["active"]) == (25_000, False)
    assert "Nobody has won yet." in await page(shop, path)


async def test_a_coupon_is_added_changed_and_paused(shop: Shop) -> None:
    await signed_in(shop)
    code = f"TEA{uuid4().hex[:6].upper()}"
    rules = {"budget": "50", "per_member_max": "2", "ends_at": soon(shop)}
    answer = await post(shop, "/coupons", code=code, per_cent="12.5", stacks_with_tier="on", **rules)
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"].removeprefix("/console")
    kept = await shop.do("GET", f"/v1{path}")
    assert (kept["basis_points"], kept["budget"], kept["stacks_with_tier"]) == (1250, 5_000, True)
    assert (await post(shop, path, **rules | {"per_member_max": "5"})).status_code == 303
    assert (await post(shop, f"{path}/activity", active="false")).status_code == 303
    kept = await shop.do("GET", f"/v1{path}")
    assert (kept["per_member_max"], kept["active"]) == (5, False)
    assert code in await page(shop, "/coupons")
    assert (await post(shop, "/coupons", code=code, per_cent="5", **rules)).status_code == 409


async def test_tiers_points_and_the_birthday_offer_are_set(shop: Shop) -> None:
    await signed_in(shop)
    assert "There is none yet." in await page(shop, "/birthday-offer")
    tiers = {"name": ["Gold", ""], "min_spend": ["5000", ""], "discount": ["5", ""], "multiplier": ["200", ""]}
    answer = await post(shop, "/rewards", **tiers, category=["", "Drinks"], points=["1", "3"])
    assert answer.status_code == 303, answer.text
    book = await shop.do("GET", "/v1/rewards/rules")
    assert book["tiers"] == [
        {
            "name": "Gold",
            "min_spend": 500_000,
            "discount_basis_points": 500,
            "points_multiplier_basis_points": 20_000,
        }
    ]
    assert {each["category"]: each["points_per_100"] for each in book["earning"]} == {None: 1, "Drinks": 3}
    assert 'value="Gold"' in await page(shop, "/rewards")

    offer = {"per_cent": "20", "amount_max": "30", "days_before": "7", "days_after": "3", "budget": "500"}
    assert (await post(shop, "/birthday-offer", **offer, tiers=["Gold"], active="on")).status_code == 303
    kept = await shop.do("GET", "/v1/rewards/birthday-offer")
    assert (kept["basis_points"], kept["amount_max"], kept["tiers"], kept["active"]) == (2_000, 3_000, ["Gold"], True)
    assert (await post(shop, "/birthday-offer", **offer, amount="5")).status_code == 422
