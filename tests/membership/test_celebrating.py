"""A birthday is seen by the first device, or by housekeeping, in whatever place it is that day."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from facepay.kernel.clock import utc_now
from facepay.members.members import Member
from facepay.membership import celebrating
from facepay.membership.celebrating import celebrate, keep_birthdays
from facepay.rewards.birthdays import BirthdayCoupon, day_of
from facepay.settings import Settings
from tests.conftest import OpenShop
from tests.rewards.till import set_rules
from tests.shop import Shop

pytestmark = pytest.mark.anyio
OFFER = {"amount": 100, "budget": 10_000, "days_before": 3, "days_after": 3}


async def _born(shop: Shop, number: int, born_on: date | None) -> str:
    member = await shop.add_member(number, enrol=False)
    await shop.do("PATCH", f"/v1/members/{member}", json={"born_on": born_on and str(born_on)})
    return member


async def _given(app: FastAPI) -> list[UUID | None]:
    async with app.state.database.begin() as session:
        return list(await session.scalars(select(BirthdayCoupon.member_id)))


async def _keep(app: FastAPI, now: datetime, **settings: Any) -> int:
    return await keep_birthdays(app.state.database, settings=Settings(_env_file=None, **settings), now=now)


async def test_housekeeping_gives_what_devices_left_undone(shop: Shop, app: FastAPI) -> None:
    now = datetime.fromisoformat("2027-03-01T04:00:00Z")
    due = [
        await _born(shop, number, born_on)
        for number, born_on in enumerate((date(1990, 2, 26), date(1990, 3, 4), date(2004, 2, 29)))
    ]
    for number, born_on in enumerate((date(1990, 2, 25), date(1990, 3, 5), None)):
        await _born(shop, number, born_on)
    assert await _keep(app, now) == 0, "there is no offer"
    await shop.do("PUT", "/v1/rewards/birthday-offer", json=OFFER)
    assert await _keep(app, now) == 3
    assert await _keep(app, now) == 0
    assert {str(each) for each in await _given(app)} == set(due)


async def test_housekeeping_goes_on_past_who_gets_nothing_and_ends_with_the_budget(shop: Shop, app: FastAPI) -> None:
    now = datetime.fromisoformat("2028-03-02T04:00:00Z")
    await _born(shop, 0, date(2004, 2, 29))  # whose birthday was the day before the first of these, in a leap year
    for number in (1, 2, 3):
        await _born(shop, number, date(1990, 3, 2))
    await shop.do("PUT", "/v1/rewards/birthday-offer", json=OFFER | {"days_after": 1, "budget": 200})
    assert await _keep(app, now) == 2
    assert len(await _given(app)) == 2


async def test_a_round_gives_only_so_many_and_the_next_goes_on(
    shop: Shop, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celebrating, "GIVEN_MAX", 2)
    now = datetime.fromisoformat("2028-03-02T04:00:00Z")
    for number in (1, 2, 3):
        await _born(shop, number, date(1990, 3, 2))
    await shop.do("PUT", "/v1/rewards/birthday-offer", json=OFFER)
    assert [await _keep(app, now) for _ in range(3)] == [2, 1, 0]


async def test_only_who_is_in_the_offers_tiers_gets_it(shop: Shop, app: FastAPI) -> None:
    await set_rules(shop, tiers=[{"name": "Silver", "min_spend": 400}])
    today = utc_now().date().replace(year=1992)
    rich, poor = await _born(shop, 0, today), await _born(shop, 1, today)
    await shop.do("PUT", f"/v1/members/{rich}/consent", json={"policy_version": "2026-01", "accepted": True})
    await shop.top_up(rich, 1000)
    token = (await shop.issue_pass(rich))["pass"]
    assert (await shop.pass_at_kiosk(token, {"TEA-001": 1})).json()["code"] == "paid"
    await shop.do("PUT", "/v1/rewards/birthday-offer", json=OFFER | {"tiers": ["Silver"]})
    assert await _keep(app, utc_now()) == 1
    assert await _given(app) == [UUID(rich)] != [UUID(poor)]


async def test_two_devices_and_housekeeping_at_once_see_one_birthday(open_shop: OpenShop) -> None:
    shop = await open_shop()
    app = shop.app
    await shop.do("PATCH", f"/v1/stores/{shop.store_id}", json={"timezone": "Asia/Shanghai"})  # as the chain
    today = day_of(utc_now(), "Asia/Shanghai").replace(year=1992)
    member = await shop.add_member(0, balance=1000)
    await shop.do("PATCH", f"/v1/members/{member}", json={"born_on": str(today)})
    await shop.do("PUT", "/v1/rewards/birthday-offer", json=OFFER)
    assert (await shop.at_gate(0)).json()["code"] == "welcome"
    assert (await shop.at_kiosk(0, {"TEA-001": 1})).json()["code"] == "paid"
    paths = [
        (f"/v1/devices/{device}/members/{member}/card", headers)
        for device, headers in ((shop.gate_id, shop.gate), (shop.kiosk_id, shop.kiosk))
    ]
    kept = asyncio.create_task(_keep(app, utc_now()))
    answers = await asyncio.gather(*(shop.client.get(path, headers=headers) for path, headers in paths * 2))
    await kept
    cards = [answer.json() for answer in answers]
    assert {card["birthday"]["greeting"] for card in cards} == {"Happy birthday, Person!"}
    assert len(await _given(app)) == 1
    assert (await shop.do("GET", "/v1/rewards/birthday-offer"))["budget_left"] == 9900
    coupons = {coupon["code"] for card in cards for coupon in card["coupons"] or [] if coupon["is_birthday"]}
    assert len(coupons) == 1


async def test_a_birthday_begins_at_midnight_where_the_store_is(shop: Shop, app: FastAPI) -> None:
    member = UUID(await _born(shop, 0, date(1990, 5, 2)))
    async with app.state.database.begin() as session:
        found = await session.get_one(Member, member)
        evening = datetime.fromisoformat("2026-05-01T16:00:00Z")
        for time_zone, is_today in (("Asia/Shanghai", True), ("Europe/Berlin", False)):
            near = await celebrate(session, member=found, time_zone=time_zone, now=evening, giving=False)
            assert near is not None
            assert near.is_today is is_today
        assert not await celebrate(
            session, member=found, time_zone="UTC", now=evening + timedelta(days=9), giving=False
        )
