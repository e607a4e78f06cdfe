"""Campaigns as staff set them up."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from tests.answers import verdict
from tests.campaigns.stand import CAMPAIGN, ONE_YUAN, add_campaign, funds
from tests.rewards.till import assert_books_in_order, ledger_of
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
STEP = {"strength_min": 0.5, "basis_points": 1000, "amount_max": 500}
NONSENSE: list[dict[str, Any]] = [
    {"steps": []},
    {"steps": [STEP, STEP]},
    {"steps": [STEP, STEP | {"strength_min": 0.4}]},
    {"steps": [STEP | {"strength_min": 1.1}]},
    {"steps": [STEP | {"strength_min": 0}]},
    {"steps": [STEP | {"amount": 100}]},
    {"steps": [{"strength_min": 0.5, "basis_points": 1000}]},
    {"steps": [{"strength_min": 0.5}]},
    {"steps": [STEP | {"basis_points": 10_001}]},
    {"steps": [STEP | {"amount_max": 0}]},
    {"budget": -1},
    {"per_member_max": 0},
    {"per_member_per_day_max": 0},
    {"lasts_minutes": 0},
    {"ends_at": "2999-01-01T00:00:00"},
    {"name": " "},
    {"currency": "yuan"},
    {"mood": "happy"},
]


async def test_a_budget_is_set_aside_and_may_grow_and_shrink(app: FastAPI, shop: Shop) -> None:
    campaign = await add_campaign(shop)
    assert await funds(shop, campaign) == (0, 0, 100_000)
    assert await ledger_of(app.state.database, "campaign_budget", campaign) == 100_000
    path = f"/v1/campaigns/{campaign}"
    changed = await shop.do("PATCH", path, json={"budget": 40, "active": False, "lasts_minutes": 5})
    assert (changed["left"], changed["active"], changed["lasts_minutes"]) == (40, False, 5)
    assert changed["steps"][0] == {"strength_min": 0.4, "basis_points": 1000, "amount": None, "amount_max": 500}
    ended = await shop.client.patch(path, json={"ends_at": "2001-01-01T00:00:00Z"}, headers=shop.staff)
    assert verdict(ended) == (422, "campaign_period")
    assert (await shop.do("GET", path))["ends_at"] == "2999-01-01T00:00:00Z"
    await assert_books_in_order(app.state.database)


async def test_campaigns_are_listed_newest_first_and_their_wins_are_no_coupons(shop: Shop) -> None:
    ids = [await add_campaign(shop, name=f"Week {number}") for number in range(3)]
    first = await shop.do("GET", "/v1/campaigns", params={"limit": 2})
    assert [each["id"] for each in first["items"]] == ids[:0:-1]
    rest = await shop.do("GET", "/v1/campaigns", params={"cursor": first["next_cursor"]})
    assert [each["id"] for each in rest["items"]] == ids[:1]
    assert (await shop.do("GET", f"/v1/campaigns/{ids[0]}/wins"))["items"] == []


async def test_a_campaign_that_makes_no_sense_is_refused(shop: Shop) -> None:
    for changes in NONSENSE:
        response = await shop.client.post("/v1/campaigns", json=CAMPAIGN | changes, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request"), changes


async def test_a_campaign_names_stores_goods_and_a_period_that_there_are(shop: Shop) -> None:
    wrong: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({"ends_at": "2001-01-01T00:00:00Z"}, (422, "campaign_period")),
        ({"store_ids": [str(uuid4())]}, (404, "store_not_found")),
        ({"store_ids": [shop.store_id], "currency": "EUR"}, (422, "campaign_currency")),
        ({"skus": ["TEA-001", "TEA-00"]}, (422, "campaign_goods")),
    ]
    for changes, refused in wrong:
        response = await shop.client.post("/v1/campaigns", json=CAMPAIGN | changes, headers=shop.staff)
        assert verdict(response) == refused
    nowhere, client = f"/v1/campaigns/{uuid4()}", shop.client
    for response in (
        await client.get(nowhere, headers=shop.staff),
        await client.get(f"{nowhere}/wins", headers=shop.staff),
        await client.patch(nowhere, json={"active": False}, headers=shop.staff),
    ):
        assert verdict(response) == (404, "campaign_not_found")
    assert (await shop.do("GET", "/v1/campaigns"))["items"] == []


async def test_only_staff_for_rewards_set_campaigns_up(shop: Shop) -> None:
    assert (await shop.client.post("/v1/campaigns", json=CAMPAIGN, headers=shop.kiosk)).status_code == 401
    await shop.do(
        "POST",
        "/v1/staff",
        json={"username": "guard", "display_name": "Guard", "role": "auditor", "password": "a long pass phrase"},
    )
    form = {"username": "guard", "password": "a long pass phrase"}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    guard = {"Authorization": f"Bearer {token}"}
    refused = await shop.client.post("/v1/campaigns", json=CAMPAIGN | ONE_YUAN, headers=guard)
    assert verdict(refused) == (403, "insufficient_scope")
