"""What people give at a door, and what comes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from facepay.access.profiles import NewRule
from facepay.channel.interlocks import STUCK_AFTER
from facepay.doors.attempts import forget_attempts
from facepay.doors.logged import lapse_attempts
from facepay.kernel.passwords import PasswordHasher
from facepay.members.pins import FAILURES_MAX, LOCKED_FOR
from tests.access.site import DURESS, PIN, Site, Way, told
from tests.answers import verdict
from tests.channel.line import event, report

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
BADGE = {"factors": [["badge"]]}
BADGE_AND_PIN = {"factors": [["badge", "pin"]]}


async def test_a_badge_and_its_pin_open_and_the_log_says_by_what_rule(site: Site) -> None:
    zone, policy = await site.zone(), await site.policy(BADGE_AND_PIN)
    way, holder = await site.way(policy, zone), await site.holder()
    badge = await site.badge(holder)
    await site.pin(holder)
    attempt = await way.open()
    assert (attempt["decision"], attempt["next"], attempt["persons_left"]) == ("more", [["badge", "pin"]], 1)
    assert (await way.give(attempt, "pin", pin=PIN))["code"] == "name_yourself_first"
    attempt = await way.badge(attempt, badge)
    assert (attempt["decision"], attempt["next"]) == ("more", [["pin"]])
    answer = await way.give(attempt, "pin", pin=PIN, key="once")
    assert (answer["decision"], answer["code"], answer["open_seconds"]) == ("granted", "granted", 5)
    assert await site.where(holder) == zone
    (event,) = await site.logged()
    assert (event.decision, event.code, event.policy, event.zone_id) == ("granted", "granted", f"{policy}@1", zone)
    assert [each["factor"] for each in event.factors] == ["badge", "pin"]
    (person,) = await site.persons(event)
    assert person.holder_id == holder

    assert await way.give(attempt, "pin", pin=PIN, key="once") == answer, "a retry gets the first answer"
    assert (await way.give(attempt, "pin", pin=PIN))["code"] == "attempt_over", "and nothing else opens twice"
    elsewhere = await site.way(policy, None, out_of=zone)
    refused = await site.shop.client.post(
        f"/v1/access-points/{way.point_id}/attempts", headers=elsewhere.token | {"Idempotency-Key": "other"}
    )
    assert verdict(refused) == (403, "device_of_other_store")
    assert (await elsewhere.by_badge(badge, PIN))["decision"] == "granted"
    assert await site.where(holder) is None


class Counting(PasswordHasher):
    """How many hashes are computed."""

    computed = 0

    async def hash(self, password: str) -> str:
        self.computed += 1
        return await super().hash(password)

    async def verify(self, hashed: str, password: str) -> bool:
        self.computed += 1
        return await super().verify(hashed, password)


async def test_a_thief_learns_nothing_of_a_badge_its_holder_or_its_pin(site: Site) -> None:
    """Each answer, and the hashes computed for it, are the same; the log alone has the reason."""
    way = await site.way(await site.policy(BADGE_AND_PIN), await site.zone())
    now = site.clock()
    by = {"blocked_at": now, "blocked_by": "staff:somebody", "blocked_why": "left"}
    cases: dict[str, dict[str, Any]] = {
        "pin_wrong": {},
        "holder_blocked": by,
        "holder_ended": {"valid_from": now - timedelta(days=2), "valid_until": now - timedelta(days=1)},
        "credential_suspended": {},
        "no_access": {},
        "badge_unknown": {},
        "no_pin": {},
    }
    hasher = site.app.state.password_hasher = Counting()
    seen = []
    for reason, fields in cases.items():
        profiles = [await site.profile()] if reason == "no_access" else []
        holder = await site.holder(*profiles, **fields)
        suspended = {"suspended_at": now, "suspended_by": "staff:x", "suspended_why": "lost"}
        badge = await site.badge(holder, **(suspended if reason == "credential_suspended" else {}))
        if reason != "no_pin":
            await site.pin(holder)
        attempt, hasher.computed = await way.open(), 0
        first = await way.badge(attempt, 1 if reason == "badge_unknown" else badge)
        pin = "161803" if reason in ("pin_wrong", "badge_unknown") else PIN
        second = await way.give(attempt, "pin", pin=pin)
        seen.append((told(first), told(second), hasher.computed))
        assert (await site.logged())[0].code == reason
    assert all(each == seen[0] for each in seen)
    assert seen[0][1]["code"] == "not_accepted"
    assert seen[0][2] == 2
    assert (await site.alerts())["access_refused_repeatedly"].times == 3


async def test_a_pin_typed_under_threat_opens_as_ever_and_calls_for_help(site: Site) -> None:
    zone = await site.zone()
    way, holder = await site.way(await site.policy(BADGE_AND_PIN), zone), await site.holder()
    badge = await site.badge(holder)
    await site.pin(holder)
    hasher = site.app.state.password_hasher = Counting()
    calm = await way.by_badge(badge, PIN)
    assert not await site.alerts()
    computed, hasher.computed = hasher.computed, 0
    forced = await way.by_badge(badge, DURESS)
    assert told(forced) == told(calm)
    assert hasher.computed == computed == 2
    alert = (await site.alerts())["access_duress"]
    assert (alert.severity, alert.subject) == (3, f"access_point:{way.point_id}")
    event = (await site.logged())[0]
    assert (alert.evidence_kind, alert.evidence_id) == ("access_event", event.id)
    assert [each["duress"] for each in event.factors] == [False, True]

    slow = await site.way(await site.policy({"factors": [["badge", "pin", "fingerprint"]]}), zone)
    attempt = await slow.badge(await slow.open(), badge)
    assert (await slow.give(attempt, "pin", pin=DURESS))["decision"] == "more"
    assert len([each for each in (await site.alerts()).values() if each.kind == "access_duress"]) == 1
    await slow.open()  # they ran
    assert [each.code for each in (await site.logged())[:1]] == ["given_up"]


async def test_a_pin_that_is_guessed_is_locked_and_the_right_one_is_refused_alike_but_calls_for_help(
    site: Site,
) -> None:
    way, holder = await site.way(await site.policy(BADGE_AND_PIN), await site.zone()), await site.holder()
    badge = await site.badge(holder)
    await site.pin(holder)
    answers = [await way.by_badge(badge, "161803") for _ in range(FAILURES_MAX)]
    assert (await site.alerts())["door_pin_locked"].severity == 2, "the guard knows that somebody guesses"
    answers.append(await way.by_badge(badge, PIN))
    assert (await site.logged())[0].code == "pin_locked"
    answers.append(await way.by_badge(badge, DURESS))
    assert [told(each) for each in answers] == [told(answers[0])] * (FAILURES_MAX + 2)
    event = (await site.logged())[0]
    assert (event.decision, event.code) == ("denied", "pin_locked")
    assert (await site.alerts())["access_duress"].evidence_id == event.id
    site.clock.ahead += LOCKED_FOR
    assert (await way.by_badge(badge, PIN))["decision"] == "granted"


async def test_deny_beats_grant_and_hours_are_the_profiles_and_the_policys(site: Site) -> None:
    zone, never = await site.zone(), await site.schedule()
    way = await site.way(await site.policy(BADGE), zone)
    everywhere = await site.profile(NewRule("allow"))
    cases = {
        "granted": [everywhere],
        "access_denied": [everywhere, await site.profile(NewRule("deny", zone_id=zone))],
        "not_now": [await site.profile(NewRule("allow", schedule_id=never))],
        "no_rule": [everywhere],
    }
    kinds: dict[str, Any] = {"no_rule": "contractor"}
    limited = await site.way(await site.policy(BADGE | {"holder_kinds": ["employee"]}), zone)
    for code, profiles in cases.items():
        badge = await site.badge(await site.holder(*profiles, kind=kinds.get(code, "employee")))
        answer = await (limited if code == "no_rule" else way).by_badge(badge)
        assert answer["code"] == (code if code in ("granted", "not_now") else "not_accepted")
        assert (await site.logged())[0].code == code
    closed = await site.way(await site.policy(BADGE | {"schedule_id": str(never)}), zone)
    answer = await closed.open()
    assert (answer["decision"], answer["code"], answer["next"]) == ("denied", "outside_hours", [])


async def test_a_policy_that_is_changed_meanwhile_counts_and_the_log_says_both(site: Site) -> None:
    policy = await site.policy(BADGE)
    way, holder = await site.way(policy, await site.zone()), await site.holder()
    badge = await site.badge(holder)
    await site.pin(holder)
    attempt = await way.open()
    await site.change_policy(policy, BADGE_AND_PIN)
    assert (await way.badge(attempt, badge))["next"] == [["pin"]]
    assert (await way.give(attempt, "pin", pin=PIN))["decision"] == "granted"
    (event,) = await site.logged()
    assert (event.policy, event.details["opened_under"]) == (f"{policy}@2", f"{policy}@1")


async def test_two_persons_are_two_and_visitors_come_with_their_escort(site: Site) -> None:
    zone = await site.zone()
    vault = await site.way(await site.policy(BADGE | {"persons": 2}), zone)
    one, other = await site.holder(), await site.holder(may_escort=True)
    badges = [await site.badge(each) for each in (one, other)]
    attempt = await vault.badge(await vault.open(), badges[0])
    assert (attempt["code"], attempt["persons_left"], attempt["next"]) == ("next_person", 1, [["badge"]])
    assert (await vault.badge(attempt, badges[0]))["code"] == "same_holder"
    attempt = await vault.badge(await vault.open(), badges[0])
    assert (await vault.badge(attempt, badges[1]))["decision"] == "granted"
    assert [await site.where(each) for each in (one, other)] == [zone, zone]
    assert len(await site.persons((await site.logged())[0])) == 2

    way = await site.way(await site.policy(BADGE | {"visitors_escorted": True}), zone)
    out = await site.way(await site.policy(BADGE | {"visitors_escorted": True}), None, out_of=zone)
    visitor = await site.holder(kind="visitor", host_id=one)
    badge = await site.badge(visitor)
    attempt = await way.badge(await way.open(), badge)
    assert attempt["persons_left"] == 1
    assert (await way.badge(attempt, badges[0]))["code"] == "escort_needed", "who may not escort is no escort"
    attempt = await way.badge(await way.open(), badge)
    assert (await way.badge(attempt, badges[1]))["decision"] == "granted"
    assert (await out.by_badge(badge))["decision"] == "granted", "nobody is locked in for want of company"


async def test_what_names_somebody_else_comes_from_another_persons_pocket(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facepay.doors.decisions.FACTORS_MAX", 4)
    way = await site.way(await site.policy({"factors": [["badge", "invitation"], ["badge", "pin"]]}), await site.zone())
    holder, other = await site.holder(), await site.holder()
    mine, theirs = await site.badge(holder), await site.badge(other)
    for each in (holder, other):
        await site.pin(each)
    attempt = await way.badge(await way.open(), mine)
    assert (await way.badge(attempt, theirs))["decision"] == "more"
    assert (await way.give(attempt, "pin", pin=PIN))["code"] == "not_accepted"
    assert (await site.logged())[0].code == "other_holder"
    attempt = await way.open()
    for _ in range(3):
        assert (await way.badge(attempt, mine))["decision"] == "more"
    assert (await way.badge(attempt, mine))["decision"] == "denied", "a card isn't shown for ever"


async def test_an_attempt_lasts_as_long_as_its_policy_says_and_one_is_served_at_a_time(site: Site) -> None:
    way, holder = await site.way(await site.policy(BADGE_AND_PIN), await site.zone()), await site.holder()
    badge = await site.badge(holder)
    await site.pin(holder)
    attempt = await way.badge(await way.open(), badge)
    site.clock.ahead += timedelta(seconds=31)
    assert (await way.give(attempt, "pin", pin=PIN))["code"] == "attempt_over"
    assert [each.code for each in await site.logged()] == ["attempt_over"]
    first = await way.badge(await way.open(), badge)
    second = await way.open()
    assert (await way.give(first, "pin", pin=PIN))["code"] == "attempt_over"
    assert [each.code for each in await site.logged()] == ["given_up", "attempt_over"]
    await way.open()
    assert len(await site.logged()) == 2, "whoever gave nothing wasn't there"
    await way.badge(await way.open(), badge)
    await lapse_attempts(site.app.state.database, now=site.clock() + timedelta(seconds=31))
    assert [each.code for each in await site.logged()][:2] == ["expired", "given_up"], "nobody came after them"
    await forget_attempts(site.app.state.database, now=site.clock() + timedelta(days=2))
    refused = await site.shop.client.post(
        f"/v1/access-points/{way.point_id}/attempts/{second['attempt_id']}/pin",
        json={"pin": PIN},
        headers=way.token | {"Idempotency-Key": "late"},
    )
    assert verdict(refused) == (404, "attempt_not_found")


async def tell(way: Way, **payload: Any) -> None:
    body = {"command": payload, "reason": "a test"}
    await way.shop.do("POST", f"/v1/devices/{way.device_id}/commands", json=body)


async def test_a_door_that_is_locked_released_or_switched_off_looks_nobody_up_and_an_emergency_lets_out(
    site: Site,
) -> None:
    zone, policy = await site.zone(), await site.policy(BADGE)
    way, badge = await site.way(policy, zone), await site.badge(await site.holder())
    out = await site.way(policy, None, out_of=zone, door=way)
    attempt = await way.open()
    await tell(way, kind="lock")
    locked = await way.badge(attempt, badge)
    assert (locked["code"], locked["command_number"]) == ("door_locked", 1)
    assert (await way.open())["code"] == "door_locked"
    assert (await out.by_badge(badge))["decision"] == "granted", "nobody is locked in"
    await tell(way, kind="release")
    assert ((await way.open())["decision"], (await site.logged())[0].code) == ("granted", "released")
    off = await site.way(policy, zone, enabled=False)
    assert (await off.open())["code"] == "access_point_off"

    await tell(way, kind="unlock")
    answers = []
    for kind in ("lockdown", "release"):
        body = {"kind": kind, "reason": "a test"}
        await site.shop.do("POST", f"/v1/stores/{site.store_id}/emergencies", json=body)
        answers += [await each.by_badge(badge) for each in (way, out)]
    assert [each["code"] for each in answers] == ["lockdown", "granted", "emergency", "emergency"]
    assert [each.code for each in (await site.logged())[:4]] == [each["code"] for each in reversed(answers)]


async def test_in_a_lockdown_and_past_a_stuck_door_whoever_is_in_the_vault_gets_out_of_it(site: Site) -> None:
    hall, vault, policy = await site.zone(), await site.zone(), await site.policy(BADGE)
    front = await site.way(policy, hall)
    into, badge = await site.way(policy, vault, out_of=hall), await site.badge(await site.holder())
    back = await site.way(policy, hall, out_of=vault, door=into)
    annex = await site.zone()
    beside, _ = await site.way(policy, annex, out_of=hall), await site.way(policy, annex)
    doors = [(str(each.device_id), each.token) for each in (front, into)]
    for door in doors:
        await report(site.shop, door, event(1, "door_closed"))
    body = {"name": "Mantrap", "device_ids": [device_id for device_id, _ in doors]}
    await site.shop.do("POST", f"/v1/stores/{site.store_id}/interlocks", json=body)
    await report(site.shop, doors[0], event(2, "door_unknown"))
    assert [(await each.by_badge(badge))["code"] for each in (into, back)] == ["door_interlocked"] * 2
    site.clock.ahead += STUCK_AFTER
    assert [(await each.by_badge(badge))["code"] for each in (into, back)] == ["door_interlocked", "granted"]
    assert "door_unknown" in await site.alerts()
    knife = {"kind": "lockdown", "reason": "a test"}
    await site.shop.do("POST", f"/v1/stores/{site.store_id}/emergencies", json=knife)
    answers = [await each.by_badge(badge) for each in (into, beside, back)]
    assert [each["code"] for each in answers] == ["lockdown", "lockdown", "granted"]
