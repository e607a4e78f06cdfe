"""What somebody usually has around this hour is what they had together most often, and it is theirs to be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.membership.usual import AROUND, Habit, PastOrder, Together, habit_of
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TEA, BUN = UUID(int=1), UUID(int=2)
AGREED = {"policy_version": "2026-01", "accepted": True}
SETS = st.sampled_from([frozenset({(TEA, 1)}), frozenset({(TEA, 1), (BUN, 1)}), frozenset({(BUN, 2)})])


def had(together: Together, *, days: int, hours: float = 0) -> PastOrder:
    return PastOrder(NOON - timedelta(days=days) + timedelta(hours=hours), together)


def test_what_came_most_often_around_this_hour_wins_and_of_equals_the_latest() -> None:
    tea, both = frozenset({(TEA, 1)}), frozenset({(TEA, 1), (BUN, 1)})
    evening = [had(both, days=day, hours=8) for day in range(1, 9)]
    assert habit_of([had(tea, days=1), had(tea, days=2), *evening], at=NOON) == Habit(tea, 2, 2)
    equals = [had(tea, days=3), had(tea, days=4), had(both, days=1), had(both, days=9)]
    assert habit_of(equals, at=NOON) == Habit(both, 2, 4)
    assert habit_of([had(tea, days=1), had(both, days=2)], at=NOON) is None, "once is no habit"


def test_midnight_is_around_half_past_eleven() -> None:
    late = NOON.replace(hour=23, minute=30)
    orders = [PastOrder(late - timedelta(days=day, hours=-1), frozenset({(TEA, 1)})) for day in (2, 3)]
    found = habit_of(orders, at=late)
    assert found is not None
    assert found.times == 2


@given(st.lists(st.tuples(SETS, st.integers(1, 170), st.integers(-11, 11)), max_size=30))
def test_a_habit_is_a_majority_of_nothing_else(orders: list[tuple[Any, int, int]]) -> None:
    past = [had(together, days=days, hours=hours) for together, days, hours in orders]
    around = [order for order in past if abs(order.at.hour - 12) * timedelta(hours=1) <= AROUND]
    found = habit_of(past, at=NOON)
    counts = [sum(order.together == each for order in around) for each in {order.together for order in around}]
    assert (found.times if found else max([0, *(count for count in counts if count < 2)])) == max(counts, default=0)
    assert found is None or found.of == len(around)


async def _usual(shop: Shop, member: str) -> Any:
    return (await shop.do("GET", f"/v1/members/{member}/card?store_id={shop.store_id}"))["usual_order"]


async def test_a_usual_order_takes_consent_and_is_nothing_they_mustnt_have(shop: Shop) -> None:
    member = await shop.add_member(0, balance=20_000)
    for _ in range(2):
        await shop.at_kiosk(0, {"TEA-001": 2})
    assert await _usual(shop, member) is None, "they haven't agreed to profiling"
    await shop.do("PUT", f"/v1/members/{member}/profiling-consent", json=AGREED)
    assert await _usual(shop, member) is None, "what came before they agreed doesn't count"
    for _ in range(2):
        await shop.at_kiosk(0, {"TEA-001": 2})
    assert (await _usual(shop, member))["total"] == 900
    diet = {"allergens": ["nuts"], "consent": AGREED}
    await shop.do("PUT", f"/v1/members/{member}/diet", json=diet)
    assert await _usual(shop, member) is None, "nobody has said what is in it"
    tea = next(each for each in (await shop.do("GET", "/v1/products"))["items"] if each["sku"] == "TEA-001")
    await shop.do("PATCH", f"/v1/products/{tea['id']}", json={"allergens": []})
    assert (await _usual(shop, member))["times"] == 2
    await shop.do("PATCH", f"/v1/products/{tea['id']}", json={"age_min": 18})
    assert await _usual(shop, member) is None, "nobody knows how old they are"
    await shop.do("PATCH", f"/v1/products/{tea['id']}", json={"age_min": None})
    await shop.do("DELETE", f"/v1/members/{member}/taste")
    assert await _usual(shop, member) is None, "they had all of it forgotten"


async def test_what_the_store_hasnt_got_isnt_offered_as_usual(shop: Shop) -> None:
    member = await shop.add_member(0, balance=20_000)
    await shop.do("PUT", f"/v1/members/{member}/profiling-consent", json=AGREED)
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/stock/TEA-001", json={"quantity": 5})
    for _ in range(2):
        assert (await shop.at_kiosk(0, {"TEA-001": 2})).json()["code"] == "paid"
    assert await _usual(shop, member) is None
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/stock/TEA-001", json={"quantity": 2})
    assert await _usual(shop, member)
