"""Doors, who may pass them, and the log of it, in the console."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from facepay.access_log.log import LOG
from tests.access.site import FACILITY, Site
from tests.conftest import Clock
from tests.console.desk import OURS, signed_in
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]
NUMBERS = count()
BY_BADGE: dict[str, Any] = {"factors": [["badge"]]}


@pytest.fixture
async def site(shop: Shop, app: FastAPI, clock: Clock) -> Site:
    """A store of its own, whose lists nobody else fills."""
    code = uuid4().hex[:8]
    body = {"name": f"Lab {code}", "code": code, "timezone": "Asia/Seoul"}
    store_id = (await shop.do("POST", "/v1/stores", json=body))["id"]
    await signed_in(shop)
    return Site(Shop(shop.client, shop.staff, store_id), app, clock, NUMBERS)


async def page(shop: Shop, path: str, **query: Any) -> str:
    answer = await shop.client.get(f"/console{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


async def post(shop: Shop, path: str, **form: Any) -> httpx.Response:
    return await shop.client.post(f"/console{path}", data=form, headers=OURS)


async def test_a_page_shows_doors_zones_policies_profiles_and_hours(site: Site) -> None:
    zone = await site.zone(capacity_max=12)
    schedule = await site.schedule(monday=[["08:00", "17:30"]])
    policy = await site.policy(BY_BADGE | {"schedule_id": str(schedule), "persons": 2})
    await site.way(policy, zone)
    await site.holder()
    shown = await page(site.shop, f"/stores/{site.store_id}/doors")
    listed = await site.shop.do("GET", f"/v1/stores/{site.store_id}/zones")
    assert listed["items"][0]["name"] in shown
    assert "two people" in shown
    assert "everywhere" in shown
    assert "08:00\N{EN DASH}17:30" in await page(site.shop, f"/stores/{site.store_id}/schedules")


async def test_an_emergency_is_declared_and_ended(site: Site) -> None:
    path = f"/stores/{site.store_id}"
    form = {"kind": "lockdown", "reason": "Somebody with a knife"}
    assert (await post(site.shop, f"{path}/emergencies", **form)).status_code == 303
    shown = await page(site.shop, f"{path}/doors")
    assert form["reason"] in shown
    ends = re.search(r"/console(/emergencies/[0-9a-f-]+/end)", shown)
    assert ends
    assert (await post(site.shop, ends[1], why="Police took over")).status_code == 303
    assert form["reason"] not in await page(site.shop, f"{path}/doors")


async def test_a_visitor_is_invited_by_the_clock_of_the_store_and_the_invitation_withdrawn(site: Site) -> None:
    host = await site.holder()
    profile = (await site.shop.do("GET", f"/v1/stores/{site.store_id}/access-profiles"))["items"][0]["id"]
    tomorrow = site.clock().date() + timedelta(days=1)
    path = f"/stores/{site.store_id}/visitors"
    form = {
        "visitor_name": "Ms. Tester",
        "host_id": str(host),
        "profile_id": profile,
        "valid_from": f"{tomorrow}T09:00",
        "valid_until": f"{tomorrow}T17:00",
        "escort_required": "true",
    }
    invited = await post(site.shop, path, **form)
    assert invited.status_code == 200
    assert "<svg" in invited.text
    known = (await site.shop.do("GET", f"/v1/stores/{site.store_id}/invitations"))["items"][0]
    assert known["valid_from"] == f"{tomorrow}T00:00:00Z", "nine in Seoul"
    assert "Ms. Tester" in await page(site.shop, path)
    assert (await post(site.shop, f"/invitations/{known['id']}/withdrawal")).status_code == 303
    assert "withdrawn" in await page(site.shop, path)


async def test_a_visitor_is_taken_in_by_what_their_code_says(site: Site) -> None:
    host = await site.holder()
    profile = (await site.shop.do("GET", f"/v1/stores/{site.store_id}/access-profiles"))["items"][0]["id"]
    now = site.clock()
    body = {
        "visitor_name": "Mr. Guest",
        "host_id": str(host),
        "profile_id": profile,
        "valid_from": now.isoformat(),
        "valid_until": (now + timedelta(hours=4)).isoformat(),
    }
    token = (await site.shop.do("POST", f"/v1/stores/{site.store_id}/invitations", json=body))["token"]
    path = f"/stores/{site.store_id}/redemptions"
    answer = await post(site.shop, path, token=f" {token} ")
    assert answer.status_code == 303, answer.text
    assert "Mr. Guest" in await page(site.shop, answer.headers["location"].removeprefix("/console"))
    assert (await post(site.shop, path, token=token)).status_code == 409, "an invitation is good once"


async def test_a_guard_sees_doors_people_and_the_log_and_changes_nobody(site: Site) -> None:
    _, name = await logged(site)
    holder = await site.holder()
    guard = f"guard{uuid4().hex[:6]}"
    staff = {"username": guard, "display_name": "Guard", "role": "guard", "password": PASSWORD}
    await site.shop.do("POST", "/v1/staff", json=staff)
    await signed_in(site.shop, guard)
    path = f"/stores/{site.store_id}"
    assert name in await page(site.shop, f"{path}/holders")
    assert name in await page(site.shop, f"{path}/access-log")
    assert "/emergencies" in await page(site.shop, f"{path}/doors"), "guards may act in an emergency"
    assert "Invite a visitor" not in await page(site.shop, f"{path}/visitors")
    assert f"/console/holders/{holder}/block" not in await page(site.shop, f"/holders/{holder}")
    assert (await post(site.shop, f"/holders/{holder}/block", why="Because")).status_code == 403
    assert (await site.shop.client.get(f"/console{path}/access-log/export")).status_code == 403


async def test_a_holder_is_given_a_badge_that_is_suspended_and_blocked_themself(site: Site) -> None:
    zone = await site.zone()
    way = await site.way(await site.policy(BY_BADGE), zone)
    holder = await site.holder()
    path = f"/holders/{holder}"
    assert "Wei" in await page(site.shop, f"/stores/{site.store_id}/holders", kind="employee")

    assert (await post(site.shop, f"{path}/badges", facility_code=FACILITY, number="4711")).status_code == 303
    assert (await way.by_badge(4711))["decision"] == "granted"
    badge = (await site.shop.do("GET", f"/v1/holders/{holder}/credentials"))["items"][0]["id"]
    change = f"{path}/credentials/{badge}"
    assert (await post(site.shop, change, change="suspend", why="Left at home")).status_code == 303
    assert "Left at home" in await page(site.shop, path)
    assert (await way.by_badge(4711))["decision"] == "denied"
    assert (await post(site.shop, change, change="resume")).status_code == 303

    assert (await post(site.shop, f"{path}/block", why="Left the company")).status_code == 303
    assert "Left the company" in await page(site.shop, path)
    assert (await way.by_badge(4711))["decision"] == "denied"
    assert (await post(site.shop, f"{path}/unblock")).status_code == 303
    assert (await post(site.shop, change, change="revoke", why="Lost")).status_code == 303
    assert "Lost" in await page(site.shop, path)


async def test_access_profiles_are_given_and_taken(site: Site) -> None:
    holder = await site.holder()
    other = await site.profile()
    path = f"/holders/{holder}"
    assert (await post(site.shop, f"{path}/profiles", profile_id=str(other))).status_code == 303
    given = (await site.shop.do("GET", f"/v1{path}"))["profiles"]
    assert str(other) in {each["profile_id"] for each in given}
    assert (await post(site.shop, f"{path}/profiles/{other}/removal")).status_code == 303
    left = (await site.shop.do("GET", f"/v1{path}"))["profiles"]
    assert str(other) not in {each["profile_id"] for each in left}


async def logged(site: Site) -> tuple[UUID, str]:
    """Somebody was let in, and somebody else wasn't: the first, and their name."""
    way = await site.way(await site.policy(BY_BADGE), await site.zone())
    name = f"Jia {uuid4().hex[:6]}"
    member = (await site.shop.do("POST", "/v1/members", json={"display_name": name}))["id"]
    number = await site.badge(await site.holder(member_id=member))
    assert (await way.by_badge(number))["decision"] == "granted"
    assert (await way.by_badge(1))["decision"] == "denied"
    return UUID(member), name


async def test_the_access_log_is_searched_and_exported_and_tells_of_its_proof(site: Site, app: FastAPI) -> None:
    member, name = await logged(site)
    path = f"/stores/{site.store_id}/access-log"
    granted = await page(site.shop, path, decision="granted", kind="attempt")
    assert name in granted
    assert "granted" in granted
    assert name not in await page(site.shop, path, decision="denied")
    assert name in await page(site.shop, path, person=name), "found by name"
    assert "Nobody has this name." in await page(site.shop, path, person="Nobody at all")
    assert "No such event." in await page(site.shop, path, to="2020-01-01T00:00")
    await site.shop.do("POST", "/v1/members", json={"display_name": name})
    assert "Who is meant?" in await page(site.shop, path, person=name), "two have it"

    file = await site.shop.client.get(f"/console{path}/export", params={"person": str(member), "decision": "granted"})
    assert file.headers["content-type"].startswith("text/csv")
    assert "attachment" in file.headers["content-disposition"]
    assert str(member) in file.text
    await LOG.seal_all(app.state.database)
    head = (await site.shop.do("GET", "/v1/access-events/chain"))["hash"]
    assert head in await page(site.shop, path)
