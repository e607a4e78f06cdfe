"""A family's limits and ages, for any amounts and any birthday; and any shopping, against a model of it."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from random import Random
from uuid import uuid4

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from facepay.checkout.buyers import age_faults
from facepay.checkout.limits import NAMES, Declined, Standing, lower
from facepay.checkout.pricing import PricedLine
from facepay.members.members import Member
from tests.families.household import Household
from tests.rewards.till import assert_books_in_order, refund
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
LIMITS = st.none() | st.integers(0, 2000)
NO_LIMIT = dict.fromkeys(NAMES)


@given(st.lists(st.integers(1, 1000), max_size=20), LIMITS, LIMITS)
def test_no_purchases_exceed_a_limit_and_none_within_it_is_refused(
    amounts: list[int], payment_max: int | None, daily_max: int | None
) -> None:
    spent = 0
    limits = NO_LIMIT | {"payment_max": payment_max, "daily_spend_max": daily_max}
    for amount in amounts:
        verdict = Standing(False, NO_LIMIT, today=spent, today_here=0, payments_lately=0).over(limits, amount)
        fits = (payment_max is None or amount <= payment_max) and (daily_max is None or spent + amount <= daily_max)
        assert (verdict is None) == fits
        if isinstance(verdict, Declined):
            assert verdict.limit is not None
            assert verdict.measured is not None
            assert verdict.measured > verdict.limit
        spent += amount if fits else 0
    assert daily_max is None or spent <= daily_max


@given(LIMITS, LIMITS, st.integers(1, 3000))
def test_two_limits_together_refuse_what_either_does(one: int | None, other: int | None, amount: int) -> None:
    both = lower(one, other)
    assert (both is not None and amount > both) == any(each is not None and amount > each for each in (one, other))


def anniversary(born_on: date, year: int) -> date:
    """Of a birthday on 29 February, in other years, the day after the 28th."""
    try:
        return born_on.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


@given(st.dates(date(1930, 1, 1), date(2026, 1, 1)), st.integers(1, 99), st.dates(date(2026, 1, 2), date(2090, 1, 1)))
def test_goods_are_sold_from_the_birthday_on_and_never_before(born_on: date, age_min: int, day: date) -> None:
    line = PricedLine(uuid4(), "WINE", "wine", 1, 8800, 1300, age_min=age_min)
    buyer = Member(born_on=born_on, age_checked_at=datetime.now(UTC))
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    old_enough = anniversary(born_on, born_on.year + age_min) <= day
    assert [fault.code for fault in age_faults([line], buyer, noon, "UTC")] == (
        [] if old_enough else ["age_restricted"]
    )
    unchecked = Member(born_on=born_on)
    assert [fault.code for fault in age_faults([line], unchecked, noon, "UTC")] == ["age_check_needed"]


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_a_family_buys_and_gives_back_comes_out_as_in_a_model(
    shop: Shop, app: FastAPI, seed: int
) -> None:
    """The model knows prices and limits, and neither orders nor a database."""
    draw = Random(seed)
    limits: dict[str, int | None] = {
        "payment_max": draw.choice([None, 1000, 2000]),
        "daily_max": draw.choice([None, 1500, 3000]),
    }
    money = draw.choice([3000, 100_000])
    household = await Household.of(shop, balance=money, **limits)
    people = [household.payer, household.child, await household.another(daily_max=2000)]
    rules: list[dict[str, int | None]] = [
        {"payment_max": None, "daily_max": None},
        limits,
        {"payment_max": None, "daily_max": 2000},
    ]
    spent: dict[str, int] = defaultdict(int)
    bought: list[tuple[str, str, int]] = []
    for _ in range(12):
        if bought and draw.random() < 0.25:
            who, order, total = bought.pop(draw.randrange(len(bought)))
            part = draw.randint(1, total)
            await refund(shop, order, part)
            spent[who], money = spent[who] - part, money + part
            continue
        number, sku, pieces = draw.randrange(3), draw.choice(["TEA-001", "BAO-002"]), draw.randint(1, 2)
        who, total = people[number], PRICES[sku] * pieces
        limit = lower(rules[number]["payment_max"], _left(rules[number]["daily_max"], spent[who]))
        within = limit is None or total <= limit
        expected = "family_limit" if not within else "paid" if total <= money else "insufficient_funds"
        answer = await household.buy({sku: pieces}, who)
        assert answer["code"] == expected, answer
        if expected == "paid":
            bought.append((who, answer["order"]["id"], total))
            spent[who], money = spent[who] + total, money - total
    assert await shop.balance(household.payer) == money
    assert {each["member_id"]: each["amount"] for each in (await household.see("/spending"))["members"]} == {
        each: spent[each] for each in people
    }
    await assert_books_in_order(app.state.database)


def _left(daily_max: int | None, spent: int) -> int | None:
    return None if daily_max is None else daily_max - spent
