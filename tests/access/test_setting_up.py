"""Doors, rules and rights are set up over the API, and every change of them is in the log."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from facepay.access.holders import Holder
from facepay.access.points import AccessPoint
from facepay.access.policies import in_force
from facepay.access.profiles import NewRule, NotAllowed, may_pass
from tests.access.site import Site
from tests.answers import verdict
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
ANY_FACE = {"factors": [["face"]]}


async def refused(shop: Shop, method: str, path: str, body: dict[str, Any]) -> str:
    return verdict(await shop.client.request(method, path, json=body, headers=shop.staff))[1]


async def test_a_warehouse_door_is_set_up_and_nothing_of_another_store_stands_in_it(shop: Shop) -> None:
    store = f"/v1/stores/{shop.store_id}"
    zone = await shop.do("POST", f"{store}/zones", json={"name": "Warehouse", "capacity_max": 12})
    assert await refused(shop, "POST", f"{store}/zones", {"name": "Warehouse"}) == "zone_name_taken"
    for unclear in ({"anti_passback": "timed"}, {"anti_passback_minutes": 5}):
        assert await refused(shop, "PATCH", f"/v1/zones/{zone['id']}", unclear) == "anti_passback_unclear"
    timed = {"anti_passback": "timed", "anti_passback_minutes": 5}
    assert (await shop.do("PATCH", f"/v1/zones/{zone['id']}", json=timed))["capacity_max"] == 12
    policy = await shop.do("POST", f"{store}/authentication-policies", json={"name": "Face", "rules": [ANY_FACE]})
    (door, _), (reader, _) = await shop.add_device("door"), await shop.add_device("reader")
    body = {"name": "In", "device_id": door, "to_zone_id": zone["id"], "policy_id": policy["id"]}
    point = await shop.do("POST", f"{store}/access-points", json=body | {"reader_ids": [reader]})
    assert (point["from_zone_id"], point["enabled"], point["reader_ids"]) == (None, True, [reader])
    path = f"/v1/access-points/{point['id']}"
    out = {"name": "Out", "from_zone_id": zone["id"], "to_zone_id": None}
    await shop.do("POST", f"{store}/access-points", json=body | out)
    assert await refused(shop, "POST", f"{store}/access-points", body | {"name": "In, too"}) == "access_point_taken"
    other = (await shop.do("POST", "/v1/stores", json={"name": "Elsewhere", "code": "ELSE"}))["id"]
    away = await shop.do("POST", f"/v1/stores/{other}/zones", json={"name": "Warehouse"})
    their_door, _ = await shop.add_device("door", other)
    for change, code in (
        ({"to_zone_id": None}, "leads_nowhere"),
        ({"to_zone_id": away["id"]}, "zone_not_found"),
        ({"policy_id": str(uuid4())}, "policy_not_found"),
        ({"device_id": their_door}, "device_not_found"),
        ({"device_id": reader}, "device_not_found"),
        ({"reader_ids": [door]}, "device_not_found"),
        ({"name": "Out"}, "access_point_taken"),
    ):
        assert await refused(shop, "PATCH", path, change) == code, change
    changed = await shop.do("PATCH", path, json={"reader_ids": [], "enabled": False})
    assert (changed["enabled"], changed["reader_ids"], changed["name"]) == (False, [], "In")
    events = (await shop.do("GET", f"{store}/access-events?kind=configuration"))["items"]
    assert [each["code"] for each in reversed(events)] == [
        "zone_added", "zone_changed", "policy_added", "access_point_added", "access_point_added",
        "access_point_changed",
    ]  # fmt: skip
    assert events[0]["details"] == {"id": point["id"], "fields": ["enabled", "reader_ids"]}


async def test_every_version_of_a_policy_is_kept_with_who_wrote_it(shop: Shop) -> None:
    path = f"/v1/stores/{shop.store_id}/authentication-policies"
    policy = await shop.do("POST", path, json={"name": "Face", "rules": [ANY_FACE]})
    own = f"/v1/authentication-policies/{policy['id']}"
    assert (await shop.do("PATCH", own, json={"name": "Doors", "rules": [ANY_FACE]}))["version"] == 1
    stricter = {"factors": [["face", "pin"], ["badge", "fingerprint"]], "persons": 2, "window_seconds": 60}
    await asyncio.gather(*(shop.do("PATCH", own, json={"rules": [stricter, ANY_FACE][:number]}) for number in (1, 2)))
    versions = (await shop.do("GET", f"{own}/versions"))["items"]
    assert [each["version"] for each in versions] == [3, 2, 1]
    assert versions[2]["rules"][0]["factors"] == [["face"]]
    assert {len(each["rules"]) for each in versions[:2]} == {1, 2}
    assert all(each["changed_by"].startswith("staff:") for each in versions)
    events = await shop.do("GET", f"/v1/stores/{shop.store_id}/access-events?code=policy_changed")
    assert [each["policy"] for each in events["items"]] == [f"{policy['id']}@{each}" for each in (3, 2, 1)]
    unclear: list[list[list[str]]] = [[["pin"]], [["badge", "badge"]], [[]], []]
    for factors in unclear:
        assert await refused(shop, "PATCH", own, {"rules": [{"factors": factors}]}) == "invalid_request", factors
    unknown = {"rules": [ANY_FACE | {"schedule_id": str(uuid4())}]}
    assert await refused(shop, "PATCH", own, unknown) == "schedule_not_found"


async def test_the_first_rule_that_applies_counts_and_none_is_no_way_in(site: Site) -> None:
    late = await site.schedule(monday=[("20:00", "06:00")])
    night = {"schedule_id": str(late), "holder_kinds": ["employee"], "factors": [["face", "pin"]], "persons": 2}
    policy = await site.policy(night, {"holder_kinds": ["employee", "contractor"], "factors": [["badge"]]})
    employee, visitor = Holder(kind="employee"), Holder(kind="visitor")
    noon = (site.clock() + timedelta(days=7)).replace(hour=4, minute=0)  # 12:00 in Shanghai
    noon -= timedelta(days=noon.weekday())
    async with site.app.state.database.read() as session:
        day = await in_force(session, policy_id=policy, at=noon, tz="Asia/Shanghai")
        dark = await in_force(session, policy_id=policy, at=noon + timedelta(hours=10), tz="Asia/Shanghai")
    rule = day.rule_for(employee)
    assert rule is not None
    assert (rule.factors, rule.persons, day.reference) == ([["badge"]], 1, f"{policy}@1")
    rule = dark.rule_for(employee)
    assert rule is not None
    assert (rule.factors, rule.persons) == ([["face", "pin"]], 2)
    assert day.rule_for(visitor) is None


async def test_deny_beats_grant_and_nobody_is_locked_in(site: Site) -> None:
    vault, hall = await site.zone(), await site.zone()
    policy = await site.policy(ANY_FACE)
    never = await site.schedule()
    ways = {
        "hall": await site.way(policy, hall),
        "vault": await site.way(policy, vault, out_of=hall),
        "out": await site.way(policy, None, out_of=hall),
        "out of the vault": await site.way(policy, None, out_of=vault),
    }
    everything, hall_only = NewRule("allow"), NewRule("allow", zone_id=hall)
    no_vault = NewRule("deny", zone_id=vault)
    no_exit = NewRule("deny", access_point_id=ways["out"].point_id)
    yes, no, denied, later = None, "no_access", "access_denied", "not_now"
    for profiles, expected in (
        ([], (no, no, no, no)),
        ([[everything]], (yes, yes, yes, yes)),
        ([[everything, no_vault]], (yes, denied, yes, yes)),
        ([[everything], [no_vault]], (yes, denied, yes, yes)),
        ([[everything], [NewRule("deny")]], (denied, denied, yes, yes)),
        ([[everything], [NewRule("deny", schedule_id=never)]], (yes, yes, yes, yes)),
        ([[NewRule("allow", schedule_id=never)]], (later, later, yes, yes)),
        ([[hall_only]], (yes, no, yes, no)),
        ([[NewRule("allow", access_point_id=ways["vault"].point_id)]], (no, yes, no, no)),
        ([[everything, no_exit]], (yes, yes, denied, yes)),
    ):
        given = [await site.profile(*rules) for rules in profiles] or [await site.profile()]
        holder_id = await site.holder(*given)
        async with site.app.state.database.begin() as session:
            holder, found = await session.get_one(Holder, holder_id), []
            for way in ways.values():
                point = await session.get_one(AccessPoint, way.point_id)
                said = await may_pass(session, holder, point, site.clock(), "Asia/Shanghai")
                found.append(said.code if isinstance(said, NotAllowed) else None)
        assert tuple(found) == expected, profiles


async def test_a_profile_counts_for_its_time_and_what_is_done_about_a_holder_is_in_the_log(site: Site) -> None:
    shop, member = site.shop, await site.shop.add_member_without_face()
    store = f"/v1/stores/{shop.store_id}"
    rules = {"rules": [{"effect": "allow"}]}
    profile = await shop.do("POST", f"{store}/access-profiles", json={"name": "Staff"} | rules)
    holder = await shop.do("POST", f"{store}/holders", json={"member_id": member, "kind": "employee"})
    own = f"/v1/holders/{holder['id']}"
    again = {"member_id": member, "kind": "contractor", "valid_until": "2199-01-01T00:00:00Z"}
    assert await refused(shop, "POST", f"{store}/holders", again) == "holder_exists"
    other = {"member_id": await shop.add_member_without_face()}
    assert await refused(shop, "POST", f"{store}/holders", other | {"kind": "contractor"}) == "holder_unclear"
    visit = {"kind": "visitor", "valid_until": "2199-01-01T00:00:00Z"}
    assert await refused(shop, "POST", f"{store}/holders", other | visit) == "holder_unclear"
    late = {"valid_from": "2199-01-02T00:00:00Z", "valid_until": "2199-01-01T00:00:00Z"}
    assert await refused(shop, "PATCH", own, late) == "holder_unclear"
    given = f"{own}/profiles/{profile['id']}"
    assert await refused(shop, "PUT", given, late) == "invalid_request"
    point = (await site.way(await site.policy(ANY_FACE), await site.zone())).point_id

    async def may() -> bool:
        async with site.app.state.database.begin() as session:
            whose, where = await session.get_one(Holder, UUID(holder["id"])), await session.get_one(AccessPoint, point)
            return not isinstance(await may_pass(session, whose, where, site.clock(), "UTC"), NotAllowed)

    assert not await may()
    until = (site.clock() + timedelta(hours=1)).isoformat()
    await shop.do("PUT", given, json={"valid_until": until})
    assert await may()
    site.clock.ahead = timedelta(hours=1)
    assert not await may()
    site.clock.ahead = timedelta()
    await shop.do("PUT", given, json={})
    await shop.do("PATCH", f"/v1/access-profiles/{profile['id']}", json={"rules": []})
    assert not await may()
    assert (await shop.do("PUT", f"{own}/block", json={"why": "Lost their keys"}))["blocked_why"] == "Lost their keys"
    assert (await shop.do("DELETE", f"{own}/block"))["blocked_at"] is None
    await shop.do("DELETE", given)
    assert (await shop.do("GET", own))["profiles"] == []
    where = await shop.do("PUT", f"{own}/presence", json={"zone_id": None, "why": "Went home by the loading bay"})
    events = (await shop.do("GET", f"{store}/access-events?member={member}"))["items"]
    assert where["event_id"] == events[0]["id"]
    assert [each["code"] for each in reversed(events)] == [
        "holder_added", "profile_given", "profile_given", "holder_blocked", "holder_unblocked", "profile_taken",
        "placed",
    ]  # fmt: skip
    assert {person["member_id"] for each in events for person in each["persons"]} == {member}


async def as_guard(shop: Shop) -> dict[str, str]:
    body = {"username": "guard", "display_name": "Guard", "role": "guard", "password": PASSWORD}
    await shop.do("POST", "/v1/staff", json=body)
    form = {"username": "guard", "password": PASSWORD}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def test_a_guard_sees_that_somebody_has_a_badge_and_not_what_a_copy_of_it_takes(site: Site) -> None:
    shop, holder = site.shop, await site.holder()
    badge, finger = await site.badge(holder), await site.finger(holder)
    guard = await as_guard(shop)
    path = f"/v1/holders/{holder}/credentials"
    seen = (await shop.client.get(path, headers=guard)).json()["items"]
    assert [(each["kind"], each["number"], each["facility_code"], each["reader_user"]) for each in seen] == [
        ("fingerprint", None, None, None),
        ("badge", None, None, None),
    ]
    alone = (await shop.client.get(f"/v1/credentials/{seen[1]['id']}", headers=guard)).json()
    assert (alone["number"], alone["facility_code"]) == (None, None)
    issuing = (await shop.do("GET", path))["items"]
    assert (issuing[1]["number"], issuing[0]["reader_user"]) == (badge, finger)


async def test_a_guard_looks_and_changes_nothing(shop: Shop) -> None:
    guard = await as_guard(shop)
    path = f"/v1/stores/{shop.store_id}/zones"
    assert (await shop.client.get(path, headers=guard)).is_success
    assert verdict(await shop.client.post(path, json={"name": "Mine"}, headers=guard)) == (403, "insufficient_scope")
