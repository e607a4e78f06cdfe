"""How often a door asks the database: each time somebody stands before it."""

from __future__ import annotations

import pytest

from tests.access.site import PIN, Site
from tests.checkout.test_round_trips import recorded

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_a_door_asks_the_database_no_more_often_than_it_must(site: Site) -> None:
    zone = await site.zone(anti_passback="hard", capacity_max=100)
    way = await site.way(await site.policy({"factors": [["face", "badge", "pin"]]}), zone)
    holder = await site.holder(member_id=await site.shop.add_member(0))
    badge = await site.badge(holder)
    await site.pin(holder)
    counted = {}
    with recorded() as counted["open"]:
        attempt = await way.open()
    with recorded() as counted["face"]:
        await way.face(attempt, 0)
    with recorded() as counted["badge"]:
        await way.badge(attempt, badge)
    with recorded() as counted["pin"]:
        answer = await way.give(attempt, "pin", pin=PIN)
    assert answer["decision"] == "granted"
    for (name, sent), most in zip(counted.items(), (7, 16, 12, 24), strict=True):
        assert len(sent) <= most, name + "\n" + "\n".join(sent)
