"""The night watch at the gates: refusals in a row, and people whom nobody has counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from facepay.kernel.database import Database
from facepay.nightwatch.gate_patrol import watch_entries, watch_exits, watch_refusals
from tests.conftest import Clock
from tests.entrance.doors import enter
from tests.nightwatch.watch import alerts, enter_by_pass, is_open, leave_by_pass, set_rules
from tests.photos import camera_frame, people, variant
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
MINUTE = timedelta(minutes=1)


async def test_a_gate_that_refuses_again_and_again_is_told_of_once_for_a_while(
    shop: Shop, database: Database, clock: Clock
) -> None:
    await set_rules(shop, refusals_max=3, refusals_within_minutes=5, capacity_max=1)
    await enter_by_pass(shop)
    member = await shop.add_member_without_face()
    for _ in range(3):  # the house's own reasons count for nothing
        text = (await shop.issue_pass(member))["pass"]
        assert (await shop.pass_at_gate(text)).json()["code"] == "store_full"
    for tries, told in ((2, 0), (1, 1), (1, 1)):
        for _ in range(tries):
            assert (await shop.at_gate(5)).json()["code"] == "unknown_face"
        await watch_refusals(database, now=clock())
        assert len(await alerts(shop, "refused_repeatedly")) == told
    (alert,) = await alerts(shop, "refused_repeatedly")
    attempts = (await shop.do("GET", f"/v1/stores/{shop.store_id}/gate-attempts"))["items"]
    assert (alert["subject"], alert["device_id"], alert["times"]) == (f"device:{shop.gate_id}", shop.gate_id, 1)
    assert alert["details"]["refusals"] == 3
    assert (alert["evidence_kind"], alert["evidence_id"]) == ("gate_attempt", attempts[1]["id"])
    clock.ahead += 6 * MINUTE
    await watch_refusals(database, now=clock())
    assert await is_open(shop, "refused_repeatedly") == [True]  # what it was, staff have to say


async def test_who_slips_in_behind_a_member_is_told_of_and_who_follows_by_their_own_face_is_not(
    shop: Shop, database: Database, clock: Clock
) -> None:
    for number in (0, 2):
        await shop.add_member(number)
    await set_rules(shop, tailgating_watched=True)
    both = camera_frame([variant(people()[0], scale=1.0), variant(people()[2], scale=0.4)], fill=0.8)

    async def come_in(*frames: bytes | int, **party: Any) -> int:
        """How many were told of it a minute later."""
        entered = [await enter(shop, frame, **party) for frame in frames]
        assert {each["code"] for each in entered} == {"welcome"}
        clock.ahead += timedelta(seconds=61)
        await watch_entries(database, now=clock())
        for number in (0, 2):
            await shop.at_gate(number, "exits")
        return len(await alerts(shop, "tailgating"))

    assert await come_in(both, guests=1) == 0
    assert await come_in(both, 0) == 0  # the other of them is nearer
    assert await come_in(both) == 1
    (alert,) = await alerts(shop, "tailgating")
    assert alert["details"] == {"faces": 2, "people": 1}
    assert await come_in(both) == 2
    await set_rules(shop)
    assert await come_in(both) == 2


async def test_who_leaves_without_having_come_in_is_told_of(shop: Shop, database: Database, clock: Clock) -> None:
    await set_rules(shop, tailgating_watched=True)
    member, stranger = await enter_by_pass(shop), await shop.add_member_without_face()
    assert await leave_by_pass(shop, member) == "goodbye"
    assert await leave_by_pass(shop, member) == "not_inside"  # their exit, once more
    assert await leave_by_pass(shop, stranger) == "not_inside"
    await watch_exits(database, now=clock())
    assert await alerts(shop, "left_uncounted") == []
    clock.ahead += 11 * MINUTE
    await watch_exits(database, now=clock())
    (alert,) = await alerts(shop, "left_uncounted")
    attempts = (await shop.do("GET", f"/v1/stores/{shop.store_id}/gate-attempts"))["items"]
    assert alert["subject"] == f"gate_attempt:{attempts[0]['id']}"
    assert stranger not in str(alert)
