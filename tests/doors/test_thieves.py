"""What thieves try at doors, and what befalls an attempt in the middle of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from facepay.access.credentials import Credential
from facepay.access.holders import Holder
from facepay.access.profiles import HolderProfile, NewRule
from facepay.access_log.log import AccessEventPerson
from facepay.doors.logged import lapse_attempts
from facepay.kernel.passwords import PasswordHasher
from facepay.kernel.secrets import hash_of_token
from facepay.members.pins import FAILURES_MAX
from facepay.privacy.erasure import erase_member
from facepay.privacy.receipts import Signer
from tests.access.site import PIN, Site, Way, told
from tests.conftest import Clock, OpenShop
from tests.locks import somebody_waits
from tests.watchlist.desk import Desk

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
BADGE = {"factors": [["badge"]]}
BADGE_AND_PIN = {"factors": [["badge", "pin"]]}


async def armed(site: Site, **fields: Any) -> int:
    """The badge of somebody who has a PIN, too."""
    holder = await site.holder(**fields)
    await site.pin(holder)
    return await site.badge(holder)


class Slow(PasswordHasher):
    """Compares PINs while something else comes between."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.goes_on = asyncio.Event(), asyncio.Event()

    async def verify(self, hashed: str, password: str) -> bool:
        self.began.set()
        await self.goes_on.wait()
        return await super().verify(hashed, password)


async def test_my_pin_is_not_that_of_the_stolen_badge_which_i_show_while_it_is_compared(site: Site) -> None:
    way = await site.way(await site.policy(BADGE_AND_PIN | {"persons": 2}), await site.zone())
    mine, stolen = await armed(site), await armed(site)
    attempt = await way.badge(await way.open(), mine)
    assert (await way.give(attempt, "pin", pin=PIN))["code"] == "next_person"
    site.app.state.password_hasher = slow = Slow()
    typed = asyncio.create_task(way.give(attempt, "pin", pin=PIN))
    await slow.began.wait()
    await way.badge(attempt, stolen)
    slow.goes_on.set()
    assert (await typed)["decision"] == "denied"
    assert (await site.logged())[0].code == "pin_wrong"


async def test_a_badge_and_rights_that_end_while_somebody_stands_at_the_door_open_nothing(site: Site) -> None:
    way, profile = await site.way(await site.policy(BADGE_AND_PIN), await site.zone()), await site.profile()
    soon = {"valid_until": site.clock() + timedelta(seconds=20)}
    holder, limited = await site.holder(), await site.holder(profile)
    await site.pin(holder)
    await site.pin(limited)
    ends = {"valid_until": soon["valid_until"].isoformat()}
    allowed = await site.profile(NewRule("allow"))
    await site.shop.do("PUT", f"/v1/holders/{limited}/profiles/{allowed}", json=ends)
    ending, lasting, last = await site.badge(holder, **soon), await armed(site, **soon), await site.badge(limited)
    assert (await way.by_badge(last, PIN))["code"] == "granted"
    for badge, code in ((ending, "credential_ended"), (lasting, "holder_ended"), (last, "no_access")):
        attempt = await way.badge(await way.open(), badge)
        site.clock.ahead += timedelta(seconds=21)
        assert (await way.give(attempt, "pin", pin=PIN))["code"] == "not_accepted", code
        assert (await site.logged())[0].code == code
        site.clock.ahead -= timedelta(seconds=21)

    lost = await site.badge(holder)
    async with site.app.state.database.read() as session:
        badge_id = await session.scalar(select(Credential.id).where(Credential.number == lost))
    for action, code in (("suspension", "credential_suspended"), ("revocation", "credential_revoked")):
        attempt = await way.badge(await way.open(), lost)
        await site.shop.do("PUT", f"/v1/credentials/{badge_id}/{action}", json={"why": "Lost"})
        assert (await way.give(attempt, "pin", pin=PIN))["code"] == "not_accepted", code
        assert (await site.logged())[0].code == code
        if action == "suspension":
            await site.shop.do("DELETE", f"/v1/credentials/{badge_id}/suspension")


async def test_a_copy_of_an_invitation_opens_nothing_from_outside_while_its_visitor_is_anywhere_in(site: Site) -> None:
    hall, office, policy = await site.zone(), await site.zone(), await site.policy({"factors": [["invitation"]]})
    entrance, inner = await site.way(policy, hall), await site.way(policy, office, out_of=hall)
    out = await site.way(policy, None, out_of=office)
    token, visitor = "an-invitation-of-somebody", await site.holder(kind="visitor", host_id=await site.holder())
    async with site.app.state.database.begin() as session:
        session.add(
            Credential(holder_id=visitor, kind="invitation", token_hash=hash_of_token(token), created_at=site.clock())
        )

    async def code(way: Way) -> str:
        return str((await way.give(await way.open(), "invitation", token=token))["code"])

    assert [await code(way) for way in (entrance, inner, entrance)] == ["granted", "granted", "already_inside"]
    assert [await code(way) for way in (out, entrance)] == ["granted", "granted"], "once they have left they may"


async def test_guesses_that_are_given_up_before_the_last_factor_lock_the_pin_and_are_told(site: Site) -> None:
    way = await site.way(await site.policy({"factors": [["badge", "pin", "fingerprint"]]}), await site.zone())
    badge = await armed(site)
    for number in range(FAILURES_MAX):
        attempt = await way.badge(await way.open(), badge)
        assert (await way.give(attempt, "pin", pin=f"13{number}9"))["next"] == [["fingerprint"]]
    assert "door_pin_locked" in await site.alerts()
    await way.open()
    assert {each.code for each in await site.logged()} == {"given_up"}


async def erase(site: Site, holder_id: UUID, session: Any) -> None:
    member_id = await session.scalar(select(Holder.member_id).where(Holder.id == holder_id))
    await erase_member(
        session,
        member_id=member_id,
        forfeit=False,
        signer=Signer(site.app.state.master_key),
        actor="staff:somebody",
        now=site.clock(),
    )


async def named(site: Site) -> int:
    """How many rows of the log say who it was."""
    async with site.app.state.database.read() as session:
        rows = select(func.count()).select_from(AccessEventPerson).where(AccessEventPerson.member_id.is_not(None))
        return await session.scalar(rows) or 0


async def test_who_is_erased_while_they_stand_at_a_door_is_nobody_any_more(site: Site) -> None:
    way = await site.way(await site.policy(BADGE_AND_PIN | {"persons": 2}), await site.zone())
    gone = await site.holder()
    await way.badge(await way.open(), await site.badge(gone))
    database, later = site.app.state.database, site.clock() + timedelta(minutes=5)
    async with database.begin() as session:
        await erase(site, gone, session)
        lapsing = asyncio.create_task(lapse_attempts(database, now=later))
        waiting = asyncio.create_task(somebody_waits(database))
        await asyncio.wait({lapsing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    await lapsing
    waiting.cancel()
    assert await named(site) == 0, "nor in the log of an attempt that lapsed"
    assert (await site.logged())[0].code == "expired"

    leaver, stayer = await site.holder(), await site.holder()
    badges = [await site.badge(each) for each in (leaver, stayer)]
    for each in (leaver, stayer):
        await site.pin(each)
    attempt = await way.badge(await way.open(), badges[0])
    await way.give(attempt, "pin", pin=PIN)
    await way.badge(attempt, badges[1])
    async with database.begin() as session:
        await erase(site, leaver, session)
    answer = await way.give(attempt, "pin", pin=PIN)
    assert (answer["decision"], answer["persons_left"]) == ("more", 1)

    attempt = await way.open()
    async with database.begin() as session:
        await erase(site, stayer, session)
        shown = asyncio.create_task(way.badge(attempt, badges[1]))
        await somebody_waits(database)
    assert (await shown)["next"] == [["pin"]], "as of any badge that nobody knows"


async def test_whoever_is_in_two_stores_within_a_minute_is_told_of(site: Site) -> None:
    way, holder = await site.way(await site.policy(BADGE), await site.zone()), await site.holder()
    badge = await site.badge(holder)
    assert (await way.by_badge(badge))["decision"] == "granted"
    here = site.shop.store_id
    far = {"name": "Far away", "code": "far", "timezone": "Asia/Shanghai"}
    other = await site.shop.do("POST", "/v1/stores", json=far)
    site.shop.store_id = other["id"]
    there = await site.way(await site.policy(BADGE), await site.zone())
    profile = await site.profile(NewRule("allow"))
    async with site.app.state.database.begin() as session:
        session.add(HolderProfile(holder_id=holder, profile_id=profile))
    assert (await there.by_badge(badge))["decision"] == "granted"
    assert (await site.alerts())["seen_in_two_stores"].store_id == UUID(other["id"])
    assert (await site.logged())[0].details["noted"] == ["seen_in_two_stores"]
    site.clock.ahead += timedelta(minutes=2)
    site.shop.store_id = here
    assert (await way.by_badge(badge))["decision"] == "granted"
    assert (await site.logged())[0].details["noted"] == []


async def test_a_visitor_comes_in_with_whoever_may_escort_them_and_the_guard_hears_that_they_were_left_alone(
    site: Site,
) -> None:
    zone, policy = await site.zone(), await site.policy(BADGE)
    way, out = await site.way(policy, zone), await site.way(policy, None, out_of=zone)
    escorts = [await site.badge(await site.holder(may_escort=True)) for _ in range(2)]
    visitor = await site.badge(await site.holder(kind="visitor", host_id=await site.holder(), escort_required=True))
    barred = await site.badge(await site.holder(await site.profile(NewRule("deny")), may_escort=True))
    attempt = await way.badge(await way.open(), visitor)
    assert (await way.badge(attempt, barred))["code"] == "not_accepted", "who may not come in lets nobody in"
    assert (await site.logged())[0].code == "access_denied"
    await way.badge(await way.open(), visitor)
    assert (await way.badge(await way.open(), barred))["decision"] == "denied", "nor alone"
    escorted = await site.badge(await site.holder(may_escort=True, escort_required=True))
    attempt = await way.badge(await way.open(), visitor)
    assert (await way.badge(attempt, escorted))["code"] == "escort_needed", "who needs an escort is nobody's"

    attempt = await way.badge(await way.open(), visitor)
    assert (await way.badge(attempt, escorts[0]))["decision"] == "granted"
    assert (await way.by_badge(escorts[1]))["decision"] == "granted"
    assert (await out.by_badge(escorts[0]))["decision"] == "granted"
    assert "visitor_left_alone" not in await site.alerts(), "another is with them"
    assert (await out.by_badge(escorts[1]))["decision"] == "granted", "nobody is locked in"
    assert "visitor_left_alone" in await site.alerts()


async def test_a_door_is_open_for_as_long_as_it_says_and_longer_for_whoever_needs_it(site: Site) -> None:
    way, holder = await site.way(await site.policy(BADGE), await site.zone()), await site.holder()
    badge = await site.badge(holder)
    changes = {"open_seconds": 8, "open_seconds_extended": 25}
    changed = await site.shop.do("PATCH", f"/v1/access-points/{way.point_id}", json=changes)
    assert changed.items() >= changes.items()
    assert (await way.by_badge(badge))["open_seconds"] == 8
    await site.shop.do("PATCH", f"/v1/holders/{holder}", json={"needs_more_time": True})
    assert (await way.by_badge(badge))["open_seconds"] == 25


async def test_who_is_banned_waits_at_a_door_too_until_staff_have_looked(open_shop: OpenShop, clock: Clock) -> None:
    shop = await open_shop(watchlist=True)
    site, desk = Site(shop, shop.app, clock), await Desk.open(shop)
    holder = await site.holder(member_id=await shop.add_member(0))
    zone, policy = await site.zone(), await site.policy({"factors": [["face"]]})
    way, out = await site.way(policy, zone), await site.way(policy, None, out_of=zone)
    assert (await way.face(await way.open(), 0))["decision"] == "granted"
    await desk.ban(0)
    assert (await out.face(await out.open(), 0))["decision"] == "granted", "nobody is locked in"
    stopped = await way.face(await way.open(), 0)
    assert (stopped["decision"], stopped["code"]) == ("denied", "please_wait")
    assert "ban" not in str(stopped).lower()
    (event, *_) = await site.logged()
    assert (event.code, await site.persons(event)) == ("please_wait", []), "nobody was looked up"
    (hit,) = await desk.waiting()
    assert (await desk.answer(hit["id"], "admit")).is_success
    assert (await way.face(await way.open(), 0))["decision"] == "granted"
    assert await site.where(holder) == zone

    clock.ahead += timedelta(hours=2)
    await desk.sign_in()
    assert (await way.face(await way.open(), 0))["code"] == "please_wait"
    (hit,) = await desk.waiting()
    assert (await desk.answer(hit["id"], "refuse")).is_success
    refused = await way.face(await way.open(), 0)
    assert (refused["decision"], refused["code"]) == ("denied", "please_ask_staff")


async def test_an_unknown_badge_is_asked_for_what_known_ones_are_whomever_the_first_rule_is_for(
    site: Site,
) -> None:
    visitors = {"holder_kinds": ["visitor"], "factors": [["invitation"], ["face"]]}
    way = await site.way(await site.policy(visitors, BADGE_AND_PIN), await site.zone())
    attempt = await way.open()
    assert attempt["next"] == [["invitation"], ["face"], ["badge", "pin"]], "whoever it is, they see what they may give"
    known = await way.badge(attempt, await armed(site))
    assert told(await way.badge(await way.open(), 9999)) == told(known)
    assert known["next"] == [["pin"]]


async def test_whoever_is_exempt_from_anti_passback_takes_a_place_and_keeps_it(site: Site) -> None:
    zone, policy = await site.zone(anti_passback="hard", capacity_max=2), await site.policy(BADGE)
    way, out = await site.way(policy, zone), await site.way(policy, None, out_of=zone)
    exempt = await site.badge(await site.holder(anti_passback_exempt=True))
    others = [await site.badge(await site.holder()) for _ in range(2)]
    found = [(await way.by_badge(each))["code"] for each in (exempt, exempt, *others)]
    assert found == ["granted", "granted", "granted", "zone_full"]
    await site.shop.do("PATCH", f"/v1/zones/{zone}", json={"capacity_max": 1})
    assert (await way.by_badge(exempt))["code"] == "granted", "they are counted already"
    assert (await out.by_badge(others[0]))["code"] == "granted"
    assert (await way.by_badge(others[1]))["code"] == "zone_full"


async def test_whose_time_has_run_out_inside_gets_out_and_not_in_again(site: Site) -> None:
    zone, policy = await site.zone(anti_passback="hard"), await site.policy({"factors": [["badge"], ["invitation"]]})
    way, out = await site.way(policy, zone), await site.way(policy, None, out_of=zone)
    soon: dict[str, Any] = {"valid_until": site.clock() + timedelta(hours=1)}
    profile = await site.profile(NewRule("allow"))
    visitor = await site.holder(profile, kind="visitor", host_id=await site.holder(), **soon)
    blocked = await site.holder()
    badges = [await site.badge(visitor, **soon), await site.badge(blocked)]
    until = {"valid_until": soon["valid_until"].isoformat()}
    await site.shop.do("PUT", f"/v1/holders/{visitor}/profiles/{profile}", json=until)
    assert [(await way.by_badge(each))["decision"] for each in badges] == ["granted"] * 2
    await site.shop.do("PUT", f"/v1/holders/{blocked}/block", json={"why": "A theft"})
    site.clock.ahead += timedelta(hours=2)
    assert (await out.by_badge(badges[1]))["code"] == "not_accepted", "somebody has decided that"
    assert (await out.by_badge(badges[0]))["decision"] == "granted"
    assert await site.where(visitor) is None
    assert (await way.by_badge(badges[0]))["code"] == "not_accepted"
    assert (await site.logged())[0].code == "credential_ended"
