"""The night watch at the exits: goods that an antenna saw leave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from facepay.kernel.database import Database
from facepay.nightwatch.tag_patrol import watch_tags
from tests.channel.line import event, gate_of, report
from tests.conftest import Clock
from tests.lanes.lane import LaneShop
from tests.nightwatch.watch import alerts, is_open
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_goods_that_nobody_paid_for_are_told_of_and_what_was_sold_with_its_tag_or_without_is_not(
    shop: Shop, database: Database, clock: Clock
) -> None:
    lanes = await LaneShop.open(shop)
    await shop.add_member(0, balance=20_000)
    sold, stolen, foreign = lanes.tag("SOCKS"), lanes.tag("SCARF"), "3074257BF7194E4000001A85"
    assert (await lanes.walk(0, sold))["code"] == "paid"
    seen: dict[str, Any] = dict.fromkeys((sold, stolen.lower(), foreign, "no-tag"), 12)
    for number in (1, 2):
        assert (await report(shop, gate_of(shop), event(number, "tags_seen", **seen))).status_code == 200
        await watch_tags(database, now=clock())
    (alert,) = await alerts(shop, "tag_unpaid")
    assert (alert["subject"], alert["device_id"], alert["times"]) == (stolen, shop.gate_id, 1)
    assert (alert["details"]["sku"], alert["severity"]) == ("SCARF", "warning")
    assert (await lanes.walk(0, stolen))["code"] == "paid"  # they came back
    await watch_tags(database, now=clock())
    (ended,) = await alerts(shop, "tag_unpaid")
    assert (ended["resolved_by"], ended["note"]) == ("patrol", "It was paid for.")

    # What was paid for at a kiosk, which knows of no tags, excuses as many pieces.
    await shop.at_gate(0)
    assert (await shop.at_kiosk(0, {"SOCKS": 2})).json()["code"] == "paid"
    assert (await shop.at_gate(0, "exits")).json()["code"] == "goodbye"
    socks = [lanes.tag("SOCKS") for _ in range(3)]
    bought: dict[str, Any] = dict.fromkeys(socks[:2], 9)
    one_more: dict[str, Any] = {socks[2]: 9}
    await report(shop, gate_of(shop), event(3, "tags_seen", **bought))
    await watch_tags(database, now=clock())
    assert await is_open(shop, "tag_unpaid") == [False]
    await report(shop, gate_of(shop), event(4, "tags_seen", **one_more))
    await watch_tags(database, now=clock())
    assert await is_open(shop, "tag_unpaid") == [True, False]
    clock.ahead += timedelta(minutes=11)
    await watch_tags(database, now=clock())
    assert await is_open(shop, "tag_unpaid") == [True, False]  # gone, and staff say what it was


async def test_a_shelf_says_nothing_of_exits_and_a_storm_of_tags_hides_no_theft_that_comes_after_it(
    shop: Shop, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facepay.nightwatch.tag_patrol.EVENTS_MAX", 3)
    lanes = await LaneShop.open(shop)
    shelf = await shop.add_device("shelf")
    lying_there: dict[str, Any] = {lanes.tag("SOCKS"): 40}
    await report(shop, shelf, event(1, "tags_seen", **lying_there))
    await watch_tags(database, now=clock())
    assert await alerts(shop, "tag_unpaid") == []

    foreign, stolen = "3074257BF7194E4000001A85", lanes.tag("SCARF")
    for number, tag in enumerate([foreign] * 5 + [stolen], start=1):
        clock.ahead += timedelta(seconds=1)
        seen: dict[str, Any] = {tag: 1}
        await report(shop, gate_of(shop), event(number, "tags_seen", **seen))
    await watch_tags(database, now=clock())
    assert [each["subject"] for each in await alerts(shop, "tag_unpaid")] == [stolen]
