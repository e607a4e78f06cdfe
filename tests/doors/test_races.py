"""Doors at once: one badge, one place, one result, one invitation, one mantrap."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from datetime import timedelta

import pytest

from facepay.access.credentials import Credential
from facepay.channel.interlocks import add_interlock
from facepay.kernel.secrets import hash_of_token
from tests.access.site import Site, Way
from tests.channel.line import event, report

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
BADGE = {"factors": [["badge"]]}


async def codes(*attempts: Awaitable[dict[str, object]]) -> Counter[str]:
    return Counter(str(each["code"]) for each in await asyncio.gather(*attempts))


async def test_one_badge_at_two_doors_opens_one_of_them(site: Site) -> None:
    zone, policy = await site.zone(anti_passback="hard"), await site.policy(BADGE)
    ways = [await site.way(policy, zone) for _ in range(3)]
    holder = await site.holder()
    badge = await site.badge(holder)
    assert await codes(*(each.by_badge(badge) for each in ways)) == {"granted": 1, "already_inside": 2}
    out = await site.way(policy, None, out_of=zone)
    assert (await out.by_badge(badge))["code"] == "granted"
    assert (await ways[0].by_badge(badge))["code"] == "granted"


async def test_the_last_place_in_a_zone_is_one_persons(site: Site) -> None:
    zone, policy = await site.zone(capacity_max=2), await site.policy(BADGE)
    ways = [await site.way(policy, zone) for _ in range(3)]
    badges = [await site.badge(await site.holder()) for _ in ways]
    found = await codes(*(way.by_badge(badge) for way, badge in zip(ways, badges, strict=True)))
    assert found == {"granted": 2, "zone_full": 1}


async def test_one_fingerprint_result_at_once_twice_counts_once(site: Site) -> None:
    reader, zone, policy = await site.reader(), await site.zone(), await site.policy({"factors": [["fingerprint"]]})
    ways = [await site.way(policy, zone, readers=[reader]) for _ in range(3)]
    result = reader.result(await site.finger(await site.holder()))
    attempts = [await each.open() for each in ways]
    shown = [way.give(each, "fingerprint", result=result) for way, each in zip(ways, attempts, strict=True)]
    assert await codes(*shown) == {"granted": 1, "result_replayed": 2}


async def test_one_invitation_lets_one_person_in(site: Site) -> None:
    zone, policy = await site.zone(), await site.policy({"factors": [["invitation"]]})
    ways = [await site.way(policy, zone) for _ in range(3)]
    visitor = await site.holder(kind="visitor", host_id=await site.holder())
    token = "an-invitation-of-somebody"
    async with site.app.state.database.begin() as session:
        hashed = hash_of_token(token)
        session.add(Credential(holder_id=visitor, kind="invitation", token_hash=hashed, created_at=site.clock()))
    attempts = [await each.open() for each in ways]
    shown = [way.give(each, "invitation", token=token) for way, each in zip(ways, attempts, strict=True)]
    assert await codes(*shown) == {"granted": 1, "already_inside": 2}
    site.clock.ahead += timedelta(days=2)
    assert (await ways[0].give(await ways[0].open(), "invitation", token=token))["code"] == "not_accepted"
    assert (await site.logged())[0].code == "holder_ended"


async def test_two_at_one_door_at_once_are_one_attempt_after_the_other(site: Site) -> None:
    way, badge = await site.way(await site.policy(BADGE), await site.zone()), await site.badge(await site.holder())
    attempts = await asyncio.gather(*(way.open() for _ in range(3)))
    assert await codes(*(way.badge(each, badge) for each in attempts)) == {"granted": 1, "attempt_over": 2}


async def test_two_pairs_of_the_same_two_people_at_two_doors_never_wait_in_a_circle(site: Site) -> None:
    zone, policy = await site.zone(anti_passback="hard"), await site.policy(BADGE | {"persons": 2})
    ways = [await site.way(policy, zone) for _ in range(2)]
    badges = [await site.badge(await site.holder()) for _ in range(2)]
    attempts = [await way.badge(await way.open(), badge) for way, badge in zip(ways, badges, strict=True)]
    second = [way.badge(each, badge) for way, each, badge in zip(ways, attempts, reversed(badges), strict=True)]
    assert await codes(*second) == {"granted": 1, "already_inside": 1}


async def test_a_mantrap_is_entered_from_one_side_at_a_time(site: Site) -> None:
    trap, policy = await site.zone(), await site.policy(BADGE)
    ways = [await site.way(policy, trap), await site.way(policy, None, out_of=trap)]
    for way in ways:
        await says(way, 1, "door_closed")
    async with site.app.state.database.begin() as session:
        doors = [each.device_id for each in ways]
        await add_interlock(session, store_id=site.store_id, name="Mantrap", device_ids=doors, now=site.clock())
    badges = [await site.badge(await site.holder()) for _ in ways]
    found = await codes(*(way.by_badge(badge) for way, badge in zip(ways, badges, strict=True)))
    assert found in ({"granted": 1, "door_interlocked": 1}, {"door_interlocked": 2})
    site.clock.ahead += timedelta(seconds=10)
    assert (await ways[0].by_badge(badges[0]))["code"] == "granted"
    assert (await ways[1].by_badge(badges[1]))["code"] == "door_interlocked"

    site.clock.ahead += timedelta(seconds=10)
    await site.shop.do("PATCH", f"/v1/access-points/{ways[0].point_id}", json={"open_seconds": 30})
    assert (await ways[0].by_badge(badges[0]))["decision"] == "granted"
    site.clock.ahead += timedelta(seconds=29)
    assert (await ways[1].by_badge(badges[1]))["code"] == "door_interlocked", "for as long as the other is released"
    site.clock.ahead += timedelta(seconds=10)
    assert (await ways[1].by_badge(badges[1]))["decision"] == "granted"


async def says(way: Way, number: int, kind: str) -> None:
    assert (await report(way.shop, (str(way.device_id), way.token), event(number, kind))).is_success
