"""What is learnt of all members together: what goes together, what is bought when, and nothing of any one of them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from facepay.checkout.orders import Order
from facepay.housekeeping import LEARNING_LOCK, Task, alone_with, keep_house_once
from facepay.recommender.feedback import tried_on
from facepay.recommender.learnt import ProductNeighbours, ProductPopularity
from tests.conftest import Clock, OpenShop
from tests.recommender.history import add_product, agree, bought, learn_now, members_of, product_ids, suggested
from tests.shop import Shop

# Two are a group.
pytestmark = [pytest.mark.anyio, pytest.mark.reopened(taste_group_min=2, admin_token_minutes=1440)]


async def together(shop: Shop, sku: str) -> set[str]:
    """What goes with it."""
    products = await product_ids(shop)
    names = {product_id: each for each, product_id in products.items()}
    async with shop.app.state.database.read() as session:
        found = await session.scalar(
            select(ProductNeighbours.together).where(ProductNeighbours.product_id == products[sku])
        )
    return {names[each] for each in found or ()}


async def a_crowd(shop: Shop) -> tuple[str, str]:
    """Two who buy tea and buns, and four who buy neither together: enough to tell from chance."""
    members = await members_of(shop, 6)
    await agree(shop, *members)
    await bought(shop, *members[:2], skus=["TEA-001", "BAO-002"])
    await bought(shop, *members[2:], skus=["UMB-003"])
    return members[0], members[1]


async def test_what_several_like_together_is_suggested_to_who_likes_one_of_it_with_its_name(shop: Shop) -> None:
    await a_crowd(shop)
    (newcomer,) = await members_of(shop, 1)
    await agree(shop, newcomer)
    await bought(shop, newcomer, skus=["TEA-001"])
    await learn_now(shop)
    found = await shop.do("GET", f"/v1/members/{newcomer}/recommendations", params={"store_id": shop.store_id})
    bun = next(each for each in found if each["sku"] == "BAO-002")
    assert (bun["reason"], bun["because"], bun["words"]) == ("because", "tea-001", "Because you bought tea-001.")


async def test_what_fewer_than_a_group_like_together_is_kept_nowhere(shop: Shop) -> None:
    one, _ = await a_crowd(shop)
    await bought(shop, one, skus=["UMB-003"])
    await learn_now(shop)
    assert await together(shop, "TEA-001") == {"BAO-002"}
    assert "UMB-003" not in await together(shop, "BAO-002")


async def test_who_withdraws_is_erased_or_has_it_deleted_is_in_nothing_that_is_learnt_next(shop: Shop) -> None:
    one, other = await a_crowd(shop)

    async def bought_again() -> None:
        await agree(shop, one)
        await bought(shop, one, other, skus=["TEA-001", "BAO-002"])

    for path, again in (("/profiling-consent", bought_again), ("/taste", bought_again), ("", None)):
        await learn_now(shop)
        assert await together(shop, "TEA-001") == {"BAO-002"}, path
        await shop.do("DELETE", f"/v1/members/{one}{path}", headers={"Idempotency-Key": "erase-one"})
        await learn_now(shop)
        assert await together(shop, "TEA-001") == set(), path
        if again:
            await again()


async def test_nothing_counts_from_before_they_agreed(shop: Shop) -> None:
    members = await members_of(shop, 2)
    await bought(shop, *members, skus=["TEA-001", "BAO-002"])
    await agree(shop, *members)
    await learn_now(shop)
    assert await together(shop, "TEA-001") == set()
    assert ("TEA-001", "bought") not in await suggested(shop, members[0])


async def test_a_purchase_is_of_who_stood_there_and_not_of_who_paid(shop: Shop) -> None:
    parent, child = await members_of(shop, 2)
    await agree(shop, parent, child)
    for _ in range(2):
        await bought(shop, child, skus=["TEA-001"], payer=parent)
        await bought(shop, parent, skus=["UMB-003"])
    others = await members_of(shop, 2)
    await agree(shop, *others)
    for _ in range(2):
        await bought(shop, *others, skus=["TEA-001", "UMB-003"])
    await learn_now(shop)
    assert (await suggested(shop, child))[0] == ("TEA-001", "bought")
    assert (await suggested(shop, parent))[0] == ("UMB-003", "bought")


async def test_a_cancelled_order_is_no_taste(shop: Shop) -> None:
    (member,) = await members_of(shop, 1)
    await agree(shop, member)
    await bought(shop, member, skus=["TEA-001"])
    async with shop.app.state.database.begin() as session:
        await session.execute(update(Order).values(cancelled_at=shop.app.state.clock()))
    assert {reason for _, reason in await suggested(shop, member)} == {"sold_here"}


async def test_the_morning_s_bun_comes_first_in_the_morning(shop: Shop) -> None:
    members = await members_of(shop, 40)
    morning = (shop.app.state.clock() - timedelta(days=2)).replace(hour=8)
    evening = morning + timedelta(hours=11)
    await bought(shop, *members[:30], skus=["BAO-002"], at=morning)
    await bought(shop, *members, skus=["TEA-001"], at=evening)
    await learn_now(shop)
    (guest,) = await members_of(shop, 1)
    early, late = [(await suggested(shop, guest, hour=hour))[0] for hour in (8, 19)]
    assert (early, late) == (("BAO-002", "bought_now"), ("TEA-001", "bought_now"))


async def test_what_is_bought_in_the_rain_comes_first_in_the_rain(shop: Shop, clock: Clock) -> None:
    shop = await shop.reached_by(shop.client)  # by a token that lasts
    members = await members_of(shop, 40)
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/weather", json={"weather": "rain"})
    clock.ahead += timedelta(minutes=1)
    await bought(shop, *members[:30], skus=["UMB-003"])
    clock.ahead += timedelta(minutes=1)
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/weather", json={"weather": "clear"})
    clock.ahead += timedelta(minutes=1)
    await bought(shop, *members, skus=["TEA-001"])
    await learn_now(shop)
    (guest,) = await members_of(shop, 1)
    assert (await suggested(shop, guest))[0] == ("TEA-001", "bought_in_weather")  # as it was last reported
    assert (await suggested(shop, guest, weather="rain"))[0] == ("UMB-003", "bought_in_weather")
    clock.ahead += timedelta(hours=4)
    assert {reason for _, reason in await suggested(shop, guest)}.isdisjoint({"bought_in_weather"})


async def test_one_who_buys_a_lot_makes_nothing_popular(shop: Shop) -> None:
    (member,) = await members_of(shop, 1)
    for _ in range(20):
        await bought(shop, member, skus=["TEA-001"])
    await learn_now(shop)
    async with shop.app.state.database.read() as session:
        assert (await session.scalars(select(ProductPopularity))).all() == []


async def test_where_profiling_is_off_nobody_agrees_and_nothing_of_theirs_is_used(
    open_shop: OpenShop, shop: Shop
) -> None:
    one, _ = await a_crowd(shop)
    await learn_now(shop)
    shop = await open_shop(profiling=False, taste_group_min=2)
    await learn_now(shop)
    assert await together(shop, "TEA-001") == set()
    assert "bought" not in {reason for _, reason in await suggested(shop, one)}
    refused = await shop.client.put(
        f"/v1/members/{one}/profiling-consent",
        json={"policy_version": "2026-01", "accepted": True},
        headers=shop.staff,
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "profiling_off")


async def test_what_is_tried_on_says_less_than_a_word_and_never_instead_of_it(shop: Shop, clock: Clock) -> None:
    (member,) = await members_of(shop, 1)
    products, database = await product_ids(shop), shop.app.state.database
    tea = {"member_id": UUID(member), "product_id": products["TEA-001"]}

    async def try_on(now: datetime) -> bool:
        async with database.begin() as session:
            return await tried_on(session, **tea, now=now)

    assert not await try_on(clock())
    await agree(shop, member)
    assert await try_on(clock())
    assert (await suggested(shop, member))[0] == ("TEA-001", "tried_on")
    path = f"/v1/members/{member}/taste/TEA-001/feedback"
    assert await shop.do("PUT", path, json={"liked": True}) == {"learnt": True}
    assert await try_on(clock())
    assert (await suggested(shop, member))[0] == ("TEA-001", "liked")
    await shop.do("PUT", path, json={"liked": False})
    assert "TEA-001" not in {sku for sku, _ in await suggested(shop, member)}
    await shop.do("DELETE", f"/v1/members/{member}/taste")
    assert "TEA-001" not in {sku for sku, _ in await suggested(shop, member)}, "what they dislike stays so"
    await shop.do("DELETE", f"/v1/members/{member}/profiling-consent")
    assert "TEA-001" in {sku for sku, _ in await suggested(shop, member)}


async def test_what_goes_with_a_basket_is_suggested_to_anybody(shop: Shop) -> None:
    await a_crowd(shop)
    await learn_now(shop)
    display, headers = await shop.add_device("display")
    path = f"/v1/devices/{display}/recommendations"
    found = await shop.do("GET", path, params={"beside": "TEA-001"}, headers=headers)
    assert (found[0]["sku"], found[0]["words"]) == ("BAO-002", "Goes with tea-001.")
    assert "TEA-001" not in {each["sku"] for each in found}
    unknown = await shop.client.get(path, params={"beside": "NO-SUCH"}, headers=headers)
    assert unknown.json()["code"] == "unknown_skus"
    _, other = await shop.add_device("display")
    assert (await shop.client.get(path, headers=other)).status_code == 403


async def test_two_replicas_never_learn_at_once_and_who_waits_learns_later(shop: Shop) -> None:
    database, learnt = shop.app.state.database, asyncio.Event()

    async def learn_once() -> None:
        learnt.set()

    task = Task("learn", 3600, learn_once)
    async with alone_with(database, LEARNING_LOCK) as alone:
        assert alone
        assert not await keep_house_once(database, [task], lock=LEARNING_LOCK)
        assert not learnt.is_set()
    assert await keep_house_once(database, [task], lock=LEARNING_LOCK)
    assert learnt.is_set()


async def test_learning_again_while_it_is_asked_leaves_no_gap(shop: Shop) -> None:
    one, _ = await a_crowd(shop)
    await learn_now(shop)
    before = await suggested(shop, one)
    answers = await asyncio.gather(*(suggested(shop, one) for _ in range(6)), learn_now(shop), learn_now(shop))
    assert [answer for answer in answers if answer is not None] == [before] * 6


async def test_new_colours_and_ingredients_make_products_alike(shop: Shop) -> None:
    (member,) = await members_of(shop, 1)
    await agree(shop, member)
    for sku, colour in (("RED-1", "#c01010"), ("RED-2", "#c81818"), ("BLUE-1", "#1010c0")):
        await add_product(shop, sku, "Scarves", colour=colour)
    await bought(shop, member, skus=["RED-1"])
    await learn_now(shop)
    alike = [sku for sku, reason in await suggested(shop, member) if reason == "alike"]
    assert alike == ["RED-2", "BLUE-1"]
