"""Each member gets one coupon for their birthday, whoever sees them first and whatever they say their birthday is."""

from __future__ import annotations

import asyncio
from calendar import isleap
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from facepay.kernel.database import Database
from facepay.members.members import Member
from facepay.rewards import birthdays
from facepay.rewards.birthdays import DAYS_MAX, BirthdayCoupon, birthday_near
from facepay.rewards.coupons import Coupon
from facepay.wallet.verify import verify
from tests.answers import verdict
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
OFFER = {"basis_points": 2000, "amount_max": 500, "budget": 1000}
PATH = "/v1/rewards/birthday-offer"
DAYS = st.dates(date(1904, 1, 1), date(2030, 12, 31))
NEAR = st.integers(0, DAYS_MAX)


@given(DAYS, st.dates(date(2031, 1, 1), date(2060, 12, 31)), NEAR, NEAR)
def test_a_day_is_near_one_birthday_or_none(born_on: date, day: date, before: int, after: int) -> None:
    birthday = birthday_near(born_on, day, before=before, after=after)
    years = (day.year - 1, day.year, day.year + 1)
    near = [each for each in (_birthday(born_on, year) for year in years) if -before <= (day - each).days <= after]
    assert near == ([birthday] if birthday else [])


def _birthday(born_on: date, year: int) -> date:
    if (born_on.month, born_on.day) == (2, 29) and not isleap(year):
        return date(year, 3, 1)
    return date(year, born_on.month, born_on.day)


def test_who_was_born_on_29_february_has_their_birthday_on_1_march_and_grows_older_on_it() -> None:
    born_on = date(2004, 2, 29)
    assert birthday_near(born_on, date(2026, 3, 1), before=0, after=0) == date(2026, 3, 1)
    assert birthday_near(born_on, date(2026, 2, 28), before=0, after=0) is None
    assert birthday_near(born_on, date(2028, 2, 29), before=0, after=0) == date(2028, 2, 29)
    member = Member(born_on=born_on)
    assert (member.age_at(date(2026, 2, 28)), member.age_at(date(2026, 3, 1))) == (21, 22)


def test_nobody_has_a_birthday_on_the_day_of_their_birth() -> None:
    assert birthday_near(date(2026, 5, 1), date(2026, 5, 1), before=7, after=7) is None


def test_a_day_begins_where_the_store_is() -> None:
    midnight = datetime(2026, 5, 1, 16, 0, tzinfo=UTC)
    assert birthdays.day_of(midnight, "Asia/Shanghai") == date(2026, 5, 2)
    assert birthdays.day_of(midnight, "Europe/Berlin") == date(2026, 5, 1)


async def _given(database: Database, member: str, birthday: date, now: datetime) -> UUID:
    coupon = await _give(database, member, birthday, now)
    assert coupon is not None
    return coupon.id


async def _give(database: Database, member: str, birthday: date, now: datetime) -> Coupon | None:
    async with database.begin() as session:
        locked = await session.get_one(Member, UUID(member), with_for_update={"key_share": True})
        offer = await birthdays.read_offer(session)
        return await birthdays.give(
            session, member=locked, offer=offer, birthday=birthday, time_zone="Asia/Shanghai", now=now
        )


async def _offer(shop: Shop, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await shop.do("PUT", PATH, json=OFFER | changes)
    return answer


async def test_the_coupon_is_the_members_own_to_the_end_of_the_last_day_and_is_told_of(
    shop: Shop, app: FastAPI
) -> None:
    await _offer(shop, days_after=3)
    member, now = await shop.add_member(0, enrol=False), datetime.now(UTC)
    birthday = birthdays.day_of(now, "Asia/Shanghai")
    coupon = await _give(app.state.database, member, birthday, now)
    assert coupon is not None
    assert (coupon.basis_points, coupon.budget, coupon.member_id) == (2000, 500, UUID(member))
    last = datetime.combine(birthday + timedelta(days=4), datetime.min.time(), UTC) - timedelta(hours=8)
    assert coupon.ends_at == last
    (notice,) = (await shop.do("GET", f"/v1/members/{member}/notices"))["items"]
    assert (notice["kind"], notice["details"]["basis_points"]) == ("birthday_offer", 2000)
    (usable,) = (await shop.do("GET", f"/v1/members/{member}/rewards"))["coupons"]
    assert (usable["label"], usable["is_own"]) == ("Birthday", True)


async def test_two_devices_and_housekeeping_at_once_give_one_coupon_and_the_books_verify(
    shop: Shop, app: FastAPI
) -> None:
    await _offer(shop)
    member, now = await shop.add_member(0, enrol=False), datetime.now(UTC)
    given = await asyncio.gather(*(_give(app.state.database, member, now.date(), now) for _ in range(4)))
    assert len({coupon.id for coupon in given if coupon}) == 1
    assert None not in given
    assert (await shop.do("GET", PATH))["budget_left"] == 500
    assert (await verify(app.state.database)).ok


async def test_the_last_of_the_budget_is_given_once(shop: Shop, app: FastAPI) -> None:
    await _offer(shop, budget=1000)
    members, now = [await shop.add_member(number, enrol=False) for number in range(4)], datetime.now(UTC)
    given = await asyncio.gather(*(_give(app.state.database, member, now.date(), now) for member in members))
    assert sum(coupon is not None for coupon in given) == 2
    async with app.state.database.begin() as session:
        assert len((await session.scalars(select(BirthdayCoupon))).all()) == 2, "who got nothing may get it later"
    refused = await shop.client.put(PATH, json=OFFER | {"budget": 999}, headers=shop.staff)
    assert verdict(refused) == (409, "birthday_budget_given")
    assert (await _offer(shop, budget=1500))["budget_left"] == 500
    assert (await verify(app.state.database)).ok


async def test_another_birthday_gives_no_second_coupon_and_the_next_years_does(shop: Shop, app: FastAPI) -> None:
    await _offer(shop)
    database, member = app.state.database, await shop.add_member(0, enrol=False)
    first = await _given(database, member, date(2028, 1, 2), datetime(2027, 12, 28, tzinfo=UTC))
    assert await _given(database, member, date(2027, 12, 30), datetime(2027, 12, 29, tzinfo=UTC)) == first
    assert await _given(database, member, date(2028, 9, 1), datetime(2028, 9, 1, tzinfo=UTC)) == first
    assert await _given(database, member, date(2029, 1, 2), datetime(2028, 12, 28, tzinfo=UTC)) != first


async def test_what_nobody_used_goes_back_to_the_budget_once(shop: Shop, app: FastAPI) -> None:
    await _offer(shop, budget=500)
    database = app.state.database
    member, now = await shop.add_member(0, balance=10_000), datetime.now(UTC)
    assert await _give(database, member, now.date(), now)
    paid = (await shop.at_kiosk(0, {"TEA-001": 1})).json()
    assert paid["order"]["discounts"] == [{"reason": "coupon", "label": "Birthday", "amount": 90}]
    assert await birthdays.close_ended(database, now=now) == 0, "it hasn't ended"
    ended = now + timedelta(days=10)
    await asyncio.gather(*(birthdays.close_ended(database, now=ended) for _ in range(2)))
    assert await birthdays.close_ended(database, now=ended) == 0
    offer = await shop.do("GET", PATH)
    assert (offer["budget"], offer["budget_left"]) == (500, 410)
    assert (await verify(database)).ok


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"amount": 100}, (422, "invalid_request")),
        ({"amount_max": None}, (422, "invalid_request")),
        ({"basis_points": None}, (422, "invalid_request")),
        ({"days_before": 32}, (422, "invalid_request")),
        ({"budget": -1}, (422, "invalid_request")),
        ({"tiers": ["Gold"]}, (422, "tier_unknown")),
    ],
)
async def test_an_offer_that_makes_no_sense_is_refused(
    shop: Shop, changes: dict[str, Any], refused: tuple[int, str]
) -> None:
    assert verdict(await shop.client.put(PATH, json=OFFER | changes, headers=shop.staff)) == refused
    assert verdict(await shop.client.get(PATH, headers=shop.staff)) == (404, "birthday_offer_not_set")
