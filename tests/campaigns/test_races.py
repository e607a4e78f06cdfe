"""Many who smile at once, and one who is everywhere at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from facepay.campaigns.playing import SmilePlay, reward
from facepay.kernel.clock import utc_now
from facepay.members.members import Member
from facepay.stores.stores import Store
from facepay.vision.engine import Engine
from tests.campaigns.stand import CALM, LAUGH, ONE_YUAN, Stand, add_campaign, funds
from tests.lanes.lane import GOODS, LaneShop
from tests.locks import somebody_waits
from tests.rewards.till import assert_books_in_order
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TEA = PRICES["TEA-001"]


@pytest.fixture
async def stand(shop: Shop, app_engine: Engine) -> Stand:
    await shop.add_member(0, balance=50_000)
    return await Stand.put_up(shop, app_engine)


@pytest.fixture
async def crowd(shop: Shop, stand: Stand) -> Sequence[int]:
    """The numbers of two members."""
    await shop.add_member(CALM[1])
    return CALM


async def reach(app: FastAPI, shop: Shop, device: str, member_id: str, now: datetime) -> tuple[str, int]:
    """A smile, from where they were recognised on."""
    played = SmilePlay(
        device_id=UUID(device), store_id=UUID(shop.store_id), strength=0.9, created_at=now, decided_at=now
    )
    async with app.state.database.begin() as session:
        member = await session.get_one(Member, UUID(member_id), with_for_update={"key_share": True})
        decision = await reward(session, played, member, now)
        return decision.record.code, decision.coupon.budget if decision.coupon else 0


async def test_ten_who_smile_at_once_win_the_last_cent_once(app: FastAPI, shop: Shop) -> None:
    campaign = await add_campaign(shop, budget=330, **ONE_YUAN)
    device, _ = await shop.add_device("display")
    members = [await shop.add_member_without_face(name=f"Number {number}") for number in range(10)]

    answers = await asyncio.gather(*(reach(app, shop, device, member, utc_now()) for member in members))
    assert Counter(answers) == {("won", 100): 3, ("won", 30): 1, ("budget_spent", 0): 6}
    assert await funds(shop, campaign) == (0, 330, 0)
    await assert_books_in_order(app.state.database)


async def test_a_day_whose_midnight_comes_twice_is_one_day(app: FastAPI, shop: Shop) -> None:
    await add_campaign(shop, per_member_max=9, **ONE_YUAN)
    device, _ = await shop.add_device("display")
    member = await shop.add_member_without_face()
    async with app.state.database.begin() as session:
        store = await session.get_one(Store, UUID(shop.store_id))
        store.timezone = "America/Havana"  # where clocks go back from one to midnight
    midnights = [datetime(2030, 11, 3, hour, 10, tzinfo=UTC) for hour in (4, 5)]
    assert [(await reach(app, shop, device, member, at))[0] for at in midnights] == ["won", "already_won_today"]


async def test_members_at_kiosk_and_stand_at_once_share_what_is_left_and_no_budget_is_lowered_below_it(
    app: FastAPI, shop: Shop, stand: Stand, crowd: Sequence[int]
) -> None:
    campaign = await add_campaign(shop, budget=150, per_member_max=2, per_member_per_day_max=2, **ONE_YUAN)
    answers = await asyncio.gather(*(at.smile(who) for at in (stand, stand.at_the_kiosk) for who in crowd))
    won = sorted(answer["won"]["amount_max"] for answer in answers if answer["won"])
    assert won == [50, 100]
    assert Counter(answer["code"] for answer in answers) == {"won": 2, "budget_spent": 2}
    assert await funds(shop, campaign) == (0, 150, 0)

    other = await add_campaign(shop, budget=300, **ONE_YUAN)
    path = f"/v1/campaigns/{other}"

    async def lower() -> int:
        return (await shop.client.patch(path, json={"budget": 100}, headers=shop.staff)).status_code

    status, *answers = await asyncio.gather(lower(), *(stand.smile(who, campaign_id=other) for who in crowd))
    given, reserved, left = await funds(shop, other)
    total = sum(answer["won"]["amount_max"] for answer in answers if answer["won"])
    assert (given, reserved, reserved + left) == (0, total, 100 if status == 200 else 300)
    assert status == 200 or total > 100
    refused = await shop.client.patch(path, json={"budget": reserved - 1}, headers=shop.staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "campaign_budget_promised")
    await assert_books_in_order(app.state.database)


async def test_one_member_at_two_devices_at_once_and_one_request_sent_twice_win_once(shop: Shop, stand: Stand) -> None:
    campaign = await add_campaign(shop, per_member_max=5, **ONE_YUAN)
    answers = await asyncio.gather(*(at.smile(0) for at in (stand, stand.at_the_kiosk) for _ in range(2)))
    assert Counter(answer["code"] for answer in answers) == {"won": 1, "already_won_today": 3}
    assert await funds(shop, campaign) == (0, 100, 99_900)

    other = await add_campaign(shop, per_member_max=5, per_member_per_day_max=5, **ONE_YUAN)
    frames = stand.burst(0, LAUGH)
    copies = await asyncio.gather(*(stand.post(frames, key="one-and-the-same", campaign_id=other) for _ in range(4)))
    assert {copy.json()["code"] for copy in copies} <= {"won", "idempotency_key_in_use"}
    assert await funds(shop, other) == (0, 100, 99_900)


async def test_a_win_is_used_once_by_kiosks_and_a_lane_at_once(app: FastAPI, shop: Shop, stand: Stand) -> None:
    campaign = await add_campaign(shop, **ONE_YUAN)
    lanes = await LaneShop.open(shop)
    await stand.smile(0)
    await shop.at_gate(0)
    passage = await lanes.start()
    await passage.look(0)
    await passage.read(lanes.tag("SOCKS"))

    async def at_kiosk() -> int:
        return int((await shop.at_kiosk(0, {"TEA-001": 1})).json()["order"]["discount"])

    async def at_lane() -> int:
        left = await passage.finish()
        assert left["code"] == "paid", left
        return int(left["order"]["discount"])

    assert sorted(await asyncio.gather(at_kiosk(), at_lane(), at_kiosk())) == [0, 0, 100]
    assert await shop.balance((await shop.do("GET", "/v1/members"))["items"][-1]["id"]) == (
        50_000 - 2 * TEA - GOODS["SOCKS"][1] + 100
    )
    assert await funds(shop, campaign) == (100, 0, 99_900)
    await assert_books_in_order(app.state.database)


async def test_a_pause_waits_for_whoever_smiles_and_nobody_wins_after_it(
    app: FastAPI, shop: Shop, stand: Stand
) -> None:
    campaign = await add_campaign(shop, **ONE_YUAN)
    path = f"/v1/campaigns/{campaign}"
    async with app.state.database.begin() as session:
        # The member's row holds up whoever smiles before they win.
        await session.execute(select(Member.id).with_for_update())
        smiling = asyncio.create_task(stand.smile(0))
        await somebody_waits(app.state.database)
        await shop.do("PATCH", path, json={"active": False})
    assert (await smiling)["code"] == "no_campaign"
    assert await funds(shop, campaign) == (0, 0, 100_000)


async def test_what_ends_between_quote_and_sale_is_charged_in_full(app: FastAPI, shop: Shop, stand: Stand) -> None:
    member = (await shop.do("GET", "/v1/members"))["items"][-1]["id"]
    await shop.do("PUT", f"/v1/members/{member}/pin", json={"pin": "739150"})
    await shop.do("PUT", f"/v1/members/{member}/limits", json={"step_up_above": 0})
    campaign = await add_campaign(shop, lasts_minutes=1, **ONE_YUAN)
    await stand.smile(0)
    app.state.clock.ahead += timedelta(seconds=30)
    asked = (await shop.at_kiosk(0, {"TEA-001": 1})).json()
    assert (asked["decision"], asked["total"]) == ("step_up", TEA)
    app.state.clock.ahead += timedelta(seconds=40)
    paid = await shop.client.post(
        f"/v1/kiosks/{shop.kiosk_id}/checkouts/{asked['checkout_id']}/step-up",
        json={"answer": "739150"},
        headers=shop.kiosk | {"Idempotency-Key": uuid4().hex},
    )
    assert (paid.json()["code"], paid.json()["order"]["discounts"], paid.json()["total"]) == ("paid", [], TEA)
    assert await funds(shop, campaign) == (0, 100, 99_900)
    await assert_books_in_order(app.state.database)
