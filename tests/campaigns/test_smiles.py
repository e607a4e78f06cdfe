"""A smile at a stand or kiosk: what counts as one, and what it wins."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from facepay.campaigns.playing import SmilePlay
from facepay.identity.watches import Watch
from facepay.kernel.clock import utc_now
from facepay.staff.accounts import StaffAccount
from facepay.vision.engine import Engine
from facepay.vision.frames import FrameLimits, decode_frame
from facepay.vision.heads import View
from tests.answers import verdict
from tests.campaigns.stand import (
    FAINT,
    LAUGH,
    ONE_YUAN,
    REST,
    SMILE,
    Stand,
    add_campaign,
    funds,
    jpeg,
    print_of,
    smiling,
)
from tests.conftest import Clock
from tests.photos import stranger
from tests.rewards.till import assert_books_in_order, pass_by
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


@pytest.fixture
async def stand(shop: Shop, app_engine: Engine) -> Stand:
    await shop.add_member(0, balance=50_000)
    return await Stand.put_up(shop, app_engine)


def moved(frame: bytes, right: int) -> bytes:
    """The same picture, all at once further to the right."""
    image = decode_frame(frame, limits=FrameLimits())
    return jpeg(np.roll(image, right, axis=1))


async def test_a_smile_wins_the_step_that_it_reaches(app: FastAPI, shop: Shop, stand: Stand) -> None:
    campaign = await add_campaign(shop, per_member_max=2, per_member_per_day_max=2)
    faint = await stand.smile(0, FAINT)
    assert (faint["decision"], faint["code"], faint["step"], faint["won"]) == ("retry", "no_smile", None, None)
    assert faint["next_step"]["basis_points"] == 1000
    assert faint["feedback"] == [{"code": "no_smile", "message": "Now smile a little more."}]
    assert await funds(shop, campaign) == (0, 0, 100_000)
    smile = await stand.smile(0, SMILE)
    assert (smile["decision"], smile["code"], smile["member"]["display_name"]) == ("won", "won", "Person 0")
    assert smile["neutral"] < 0.4 <= smile["strength"] < 0.7
    assert (smile["step"]["basis_points"], smile["next_step"]["basis_points"]) == (1000, 2000)
    assert (smile["won"]["basis_points"], smile["won"]["amount_max"]) == (1000, 500)
    assert smile["campaign"]["name"] == "Smile week"
    laugh = await stand.at_the_kiosk.smile(0, LAUGH)
    assert (laugh["won"]["amount_max"], laugh["next_step"]) == (1000, None)
    assert await funds(shop, campaign) == (0, 1500, 98_500)

    other = await add_campaign(shop, per_member_max=5, per_member_per_day_max=5)
    first, again = [await stand.smile(0, key="the-same-key", campaign_id=other) for _ in range(2)]
    assert first | {"timings_ms": {}} == again, "a retry wins once and hears the same"
    assert (await funds(shop, other))[1] == 1000
    reused = await stand.post(stand.burst(0, SMILE), key="the-same-key", campaign_id=other)
    assert verdict(reused) == (422, "idempotency_key_reused")
    await assert_books_in_order(app.state.database)


async def test_what_is_no_smile_wins_nothing(shop: Shop, stand: Stand) -> None:
    campaign = await add_campaign(shop)
    calm, laughing = smiling(stand.engine, 0, 0.0), smiling(stand.engine, 0, 1.0)
    nobody = jpeg(np.full((480, 390, 3), 96, np.uint8))
    for frames, code in [
        ([calm, calm, calm], "no_smile"),
        ([laughing, laughing, laughing], "not_neutral"),
        ([laughing, calm, laughing], "not_neutral"),
        ([smiling(stand.engine, 0, -1.0), smiling(stand.engine, 0, -0.5), calm], "no_smile"),  # the mouth drawn down
        ([calm, nobody, laughing], "face_lost"),
        ([calm, calm, moved(laughing, 90)], "face_swapped"),
        ([calm, calm, smiling(stand.engine, 1, 1.0)], "faces_disagree"),
    ]:
        answer = (await stand.post(frames)).json()
        assert (answer["decision"], answer["code"], answer["won"]) == ("retry", code, None), answer
    for views in (  # nor does a print that is turned, tilted or moved
        (View(), View(yaw=12), View(yaw=-12)),
        (View(), View(pitch=-15), View(pitch=-30)),
        (View(), View(roll=10), View(shift=(0.2, 0.1))),
    ):
        answer = (await stand.post([print_of(stand.engine, 0, view) for view in views])).json()
        assert (answer["decision"], answer["won"]) == ("retry", None), (views, answer)
    assert await funds(shop, campaign) == (0, 0, 100_000)


async def test_whoever_is_not_known_or_blocked_wins_nothing(app: FastAPI, shop: Shop, stand: Stand) -> None:
    campaign = await add_campaign(shop)
    assert verdict(await stand.post(stand.burst(0, REST)[:2])) == (422, "too_few_frames")
    assert verdict(await stand.post([b"no picture"] * 3)) == (415, "unsupported_image_type")
    assert verdict(await stand.post(stand.burst(0, LAUGH), campaign_id="x")) == (422, "invalid_request")
    elsewhere = Stand(shop, stand.engine, shop.kiosk_id, stand.headers)
    assert verdict(await elsewhere.post(stand.burst(0, LAUGH))) == (403, "device_of_other_store")
    at_gate = Stand(shop, stand.engine, shop.gate_id, shop.gate)
    assert verdict(await at_gate.post(stand.burst(0, LAUGH))) == (403, "insufficient_scope")

    unknown = await stand.smile(4)
    assert (unknown["decision"], unknown["code"], unknown["strength"]) == ("declined", "unknown_face", None)
    assert (await stand.post([stranger()] * 3)).json()["code"] == "unknown_face"
    member = (await shop.do("GET", "/v1/members"))["items"][0]["id"]
    await shop.do("PATCH", f"/v1/members/{member}", json={"status": "blocked"})
    assert (await stand.smile(0))["code"] == "member_blocked"
    await shop.do("PATCH", f"/v1/members/{member}", json={"status": "active"})
    await shop.do("DELETE", f"/v1/members/{member}/face")
    assert (await stand.smile(0))["code"] == "unknown_face", "who withdrew is a stranger"
    assert await funds(shop, campaign) == (0, 0, 100_000)
    async with app.state.database.begin() as session:
        kept = await session.execute(select(SmilePlay.code, SmilePlay.strength).where(SmilePlay.strength.is_not(None)))
        assert [code for code, _ in kept] == ["member_blocked"], "how strangers smile is nobody's business"


async def test_a_member_wins_as_often_as_the_campaign_says_and_days_are_the_store_s(
    shop: Shop, stand: Stand, clock: Clock
) -> None:
    campaign = await add_campaign(shop, per_member_max=2, per_member_per_day_max=1, **ONE_YUAN)
    zone = ZoneInfo((await shop.do("GET", f"/v1/stores/{shop.store_id}"))["timezone"])
    midnight = (datetime.now(zone) + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    until_midnight = midnight - datetime.now(zone)
    await pass_by(shop, clock, seconds=until_midnight.total_seconds() - 60)
    assert (await stand.smile(0))["code"] == "won"
    again = await stand.smile(0)
    assert (again["decision"], again["code"], again["campaign"]["id"]) == ("declined", "already_won_today", campaign)
    await pass_by(shop, clock, seconds=120)
    assert (await stand.smile(0))["code"] == "won"
    await pass_by(shop, clock, days=1)
    assert (await stand.smile(0))["code"] == "already_won"
    assert await funds(shop, campaign) == (0, 200, 99_800)


async def test_where_several_run_the_first_to_end_is_played_unless_another_is_named(
    app: FastAPI, shop: Shop, stand: Stand
) -> None:
    later = await add_campaign(shop, name="Later")
    sooner = await add_campaign(shop, name="Sooner", ends_at="2998-01-01T00:00:00Z")
    elsewhere = await shop.do("POST", "/v1/stores", json={"name": "Elsewhere", "code": "ELSE"})
    await add_campaign(shop, name="Elsewhere", store_ids=[elsewhere["id"]])
    await add_campaign(shop, name="Paused", active=False)
    await add_campaign(shop, name="Next year", starts_at="2998-01-01T00:00:00Z")
    listed = await shop.client.get(f"/v1/devices/{stand.id}/campaigns", headers=stand.headers)
    assert [each["name"] for each in listed.json()] == ["Sooner", "Later"]
    assert (await stand.smile(0, campaign_id=later))["campaign"]["id"] == later
    assert (await stand.smile(0))["campaign"]["id"] == sooner
    assert (await stand.smile(0))["code"] == "already_won", "in both"
    for campaign in (sooner, later):
        await shop.do("PATCH", f"/v1/campaigns/{campaign}", json={"active": False})
    assert (await stand.smile(0, campaign_id=later))["code"] == "no_campaign"
    assert (await stand.smile(0))["code"] == "no_campaign"

    # The last cents are won as far as they go.
    scarce = await add_campaign(shop, budget=130, per_member_max=9, per_member_per_day_max=9, **ONE_YUAN)
    won = [(await stand.smile(0))["won"] for _ in range(2)]
    assert [each["amount_max"] for each in won] == [100, 30]
    spent = await stand.smile(0)
    assert (spent["decision"], spent["code"], spent["step"]["amount"]) == ("declined", "budget_spent", 100)
    assert await funds(shop, scarce) == (0, 130, 0)
    await shop.do("PATCH", f"/v1/campaigns/{scarce}", json={"budget": 200})
    assert (await stand.smile(0))["won"]["amount_max"] == 70
    await assert_books_in_order(app.state.database)


async def test_where_the_face_alone_does_not_say_who_smiles_a_pin_does(app: FastAPI, shop: Shop, stand: Stand) -> None:
    campaign = await add_campaign(shop)
    one = (await shop.do("GET", "/v1/members"))["items"][0]["id"]
    await shop.do("PUT", f"/v1/members/{one}/pin", json={"pin": "739150"})
    async with app.state.database.begin() as session:
        staff = await session.scalar(select(StaffAccount.id))
        watch = {"member_id": UUID(one), "reason": "mistaken before", "watched_at": utc_now(), "watched_by": staff}
        session.add(Watch(**watch))

    async def say(pin: str, played: dict[str, Any]) -> dict[str, Any]:
        path = f"/v1/devices/{stand.id}/smiles/{played['smile_id']}/step-up"
        headers = stand.headers | {"Idempotency-Key": f"{pin}-{played['smile_id']}"}
        return dict((await shop.client.post(path, json={"answer": pin}, headers=headers)).json())

    without = await stand.smile(0, (1.0, 1.0, 1.0))
    assert (without["decision"], without["code"], without["step_up"]) == ("retry", "not_neutral", None)
    assert (await say("739150", without))["code"] == "attempt_not_found", "no PIN stands in for a smile"
    asked = await stand.smile(0, LAUGH)
    assert (asked["decision"], asked["code"], asked["strength"]) == ("step_up", "watched_member", None)
    assert (await say("111111", asked))["code"] == "wrong_answer"
    assert await funds(shop, campaign) == (0, 0, 100_000)
    won = await say("739150", asked)
    assert (won["decision"], won["code"]) == ("won", "won")
    assert await funds(shop, campaign) == (0, 1000, 99_000)
