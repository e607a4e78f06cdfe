"""Several people in a lane: one party's goods go to who pays for it, and strangers are asked."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from tests.entrance.doors import enter
from tests.lanes.lane import GOODS, LaneShop, assert_books_verify
from tests.photos import camera_frame, people, stranger
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
SOCKS = GOODS["SOCKS"][1]


@pytest.fixture
async def lanes(shop: Shop) -> LaneShop:
    return await LaneShop.open(shop)


async def come_in(shop: Shop, *numbers: int) -> list[str]:
    """Members, inside."""
    members = [await shop.add_member(number, balance=10_000) for number in numbers]
    for number in numbers:
        await shop.at_gate(number)
    return members


async def enter_as_group(shop: Shop, *numbers: int) -> None:
    """The first is its host."""
    visits = [(await shop.at_gate(number)).json()["visit_id"] for number in numbers]
    body = {"visit_ids": visits, "host_visit_id": visits[0]}
    await shop.do("POST", f"/v1/stores/{shop.store_id}/visit-groups", json=body)


def together(*portraits: bytes) -> bytes:
    return camera_frame(list(portraits))


async def test_the_goods_of_a_group_go_to_its_host_for_as_long_as_the_host_is_inside(
    lanes: LaneShop, app: FastAPI
) -> None:
    host, guest = [await lanes.shop.add_member(number, balance=10_000) for number in (0, 1)]
    (stays,) = await come_in(lanes.shop, 2)
    await enter_as_group(lanes.shop, 0, 1)
    passage = await lanes.start()
    await passage.read(lanes.tag("SOCKS"))
    seen = await passage.look(together(people()[1], people()[0]))
    assert (seen["faces"], seen["authentication"]["status"], seen["held"]) == (2, "accepted", SOCKS)
    paid = await passage.finish()
    assert (paid["code"], paid["order"]["member_id"]) == ("paid", host)
    assert await lanes.inside() == [stays], "all who walked out have left"
    assert [await lanes.shop.balance(each) for each in (host, guest)] == [10_000 - SOCKS, 10_000]

    await enter_as_group(lanes.shop, 0, 1)
    assert (await lanes.walk(1, lanes.tag("SOCKS")))["order"]["member_id"] == host, "who stays inside"
    assert set(await lanes.inside()) == {host, stays}

    await lanes.shop.at_gate(0, "exits")
    await enter_as_group(lanes.shop, 0, 1)
    passage = await lanes.start()
    await passage.look(1)
    await passage.read(lanes.tag("SOCKS"))
    assert await lanes.shop.balance(host) == 10_000 - 3 * SOCKS
    await lanes.shop.at_gate(0, "exits")
    paid = await passage.finish()
    assert (paid["code"], paid["order"]["member_id"]) == ("paid", guest), "the host has left meanwhile"
    assert [await lanes.shop.balance(each) for each in (host, guest)] == [10_000 - 2 * SOCKS, 10_000 - SOCKS]
    await assert_books_verify(app.state.database, SOCKS=3)


async def test_people_who_have_nothing_to_do_with_each_other_are_asked_who_pays(lanes: LaneShop, app: FastAPI) -> None:
    first, second = await come_in(lanes.shop, 0, 1)
    passage = await lanes.start()
    await passage.read(lanes.tag("SOCKS"))
    both = await passage.look(together(people()[0], people()[1]))
    assert (both["money"], both["held"]) == (None, 0)
    held = await passage.finish()
    assert (held["decision"], held["code"]) == ("hold", "several_people")
    still = await passage.look(together(people()[0], people()[1]))
    assert (still["decision"], still["code"]) == ("hold", "several_people")
    alone = await passage.look(1)
    assert (alone["decision"], alone["order"]["member_id"]) == ("release", second)
    assert await lanes.inside() == [first], "whoever went back in is still there"

    await lanes.shop.at_gate(1)
    passage = await lanes.start()
    await passage.read(lanes.tag("SOCKS"))
    assert (await passage.look(0))["held"] == SOCKS
    assert (await passage.look(1))["held"] == 0, "somebody behind the payer"
    assert (await passage.finish())["code"] == "several_people"
    assert (await passage.show_pass(first))["decision"] == "release"
    await assert_books_verify(app.state.database, SOCKS=2)


async def test_as_many_strangers_pass_with_a_host_as_came_in_as_guests(lanes: LaneShop) -> None:
    host = await lanes.shop.add_member(0, balance=10_000)
    await enter(lanes.shop, 0, guests=1)
    family = together(people()[0], stranger())
    paid = await lanes.walk(family, lanes.tag("SOCKS"))
    assert (paid["code"], paid["order"]["member_id"]) == ("paid", host)
    await lanes.shop.at_gate(0)
    assert (await lanes.walk(family, lanes.tag("SOCKS")))["code"] == "several_people"
