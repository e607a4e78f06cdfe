"""Visitors are invited and taken in at the desk; their time, and contractors', ends by itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from facepay.access.credentials import invitation_shown
from facepay.access.holders import keep_consents_ending
from facepay.access.visitors import KEPT_FOR, Invitation, forget_invitations
from facepay.kernel.secrets import hash_of_token
from facepay.privacy.receipts import Signer
from facepay.privacy.retention import forget_visitors, retain
from facepay.templates.templates import Template
from tests.access.site import Site
from tests.answers import verdict
from tests.photos import people

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
AGREED = {"policy_version": "2026-01", "accepted": True}
DAY = timedelta(days=1)


async def invite(site: Site, host: UUID, **changes: Any) -> dict[str, Any]:
    now = site.clock()
    body = {
        "host_id": str(host),
        "profile_id": str(await site.profile()),
        "visitor_name": "Sun Quan",
        "company": "Wu Ltd",
        "valid_from": now.isoformat(),
        "valid_until": (now + DAY).isoformat(),
    }
    path = f"/v1/stores/{site.store_id}/invitations"
    return dict(await site.shop.do("POST", path, json=body | changes))


async def take_in(site: Site, invited: dict[str, Any], **body: Any) -> tuple[int, dict[str, Any]]:
    path = f"/v1/stores/{site.store_id}/redemptions"
    answer = await site.shop.client.post(path, json={"token": invited["token"]} | body, headers=site.shop.staff)
    return answer.status_code, answer.json()


async def enrol(site: Site, member_id: str, number: int) -> None:
    files = [("frames", ("face.jpg", people()[number], "image/jpeg"))]
    await site.shop.do("PUT", f"/v1/members/{member_id}/face", files=files)


async def fault(site: Site, invited: dict[str, Any]) -> str | None:
    async with site.app.state.database.read() as session:
        return (await invitation_shown(session, token=invited["token"], now=site.clock())).fault


async def faces_left(site: Site) -> int:
    """After what housekeeping does about faces."""
    state = site.app.state
    await keep_consents_ending(state.database)
    await retain(state.database, settings=state.settings, signer=Signer(state.master_key), now=site.clock())
    async with state.database.read() as session:
        return await session.scalar(select(func.count()).select_from(Template)) or 0


async def test_an_invitation_opens_nothing_before_the_desk_and_is_taken_once(site: Site) -> None:
    shop, host = site.shop, await site.holder()
    invited = await invite(site, host)
    assert "<svg" in invited["qr_svg"]
    seen = await shop.do("GET", f"/v1/invitations/{invited['id']}")
    assert "token" not in seen
    async with site.app.state.database.read() as session:
        assert await session.scalar(select(Invitation.token_hash)) == hash_of_token(invited["token"])
    assert await fault(site, invited) == "invitation_unknown"
    taken = await asyncio.gather(*(take_in(site, invited) for _ in range(3)))
    assert sorted(status for status, _ in taken) == [201, 409, 409]
    assert {answer["code"] for status, answer in taken if status == 409} == {"invitation_over"}
    visitor = next(answer for status, answer in taken if status == 201)
    assert (visitor["kind"], visitor["host_id"], visitor["escort_required"]) == ("visitor", str(host), True)
    assert (visitor["company"], len(visitor["profiles"])) == ("Wu Ltd", 1)
    member = await shop.do("GET", f"/v1/members/{visitor['member_id']}")
    assert (member["display_name"], member["consent"]) == ("Sun Quan", None)
    assert len((await shop.do("GET", "/v1/members"))["items"]) == 2, "those who came second left nobody behind"
    assert await fault(site, invited) is None
    site.clock.ahead = DAY
    assert await fault(site, invited) == "credential_ended"


async def test_an_invitation_that_is_over_is_not_taken(site: Site) -> None:
    shop, host = site.shop, await site.holder()
    expired, withdrawn, orphaned = [await invite(site, host) for _ in range(3)]
    await shop.do("DELETE", f"/v1/invitations/{withdrawn['id']}")
    assert (await take_in(site, withdrawn))[1]["code"] == "invitation_over"
    await shop.do("PUT", f"/v1/holders/{host}/block", json={"why": "Left us"})
    assert (await take_in(site, orphaned))[1]["code"] == "invitation_over"
    await shop.do("DELETE", f"/v1/holders/{host}/block")
    assert (await take_in(site, {"token": "A" * 52}))[1]["code"] == "invitation_not_found"
    status, visitor = await take_in(site, orphaned)
    assert status == 201
    gone = await shop.client.delete(f"/v1/invitations/{orphaned['id']}", headers=shop.staff)
    assert verdict(gone) == (409, "invitation_over")
    site.clock.ahead = DAY
    site.shop = await shop.reached_by(shop.client)
    assert (await take_in(site, expired))[1]["code"] == "invitation_over"
    await forget_invitations(site.app.state.database, now=site.clock() + KEPT_FOR)
    assert (await site.shop.do("GET", f"/v1/stores/{site.store_id}/invitations"))["items"] == []
    assert await site.shop.do("GET", f"/v1/holders/{visitor['id']}")


async def test_whoever_is_not_invited_any_more_is_forgotten_as_soon_as_those_who_were(site: Site) -> None:
    host, later = await site.holder(), (site.clock() + 60 * DAY).isoformat()
    withdrawn, standing = [await invite(site, host, valid_until=later) for _ in range(2)]
    await site.shop.do("DELETE", f"/v1/invitations/{withdrawn['id']}")
    await forget_invitations(site.app.state.database, now=site.clock() + KEPT_FOR + DAY)
    left = (await site.shop.do("GET", f"/v1/stores/{site.store_id}/invitations"))["items"]
    assert [each["id"] for each in left] == [standing["id"]]


async def test_of_two_invitations_at_once_neither_cuts_the_other_short(site: Site) -> None:
    host, now = await site.holder(), site.clock()
    profile = str(await site.profile())
    week = await invite(site, host, profile_id=profile, valid_until=(now + 7 * DAY).isoformat())
    day = await invite(site, host, profile_id=profile, escort_required=False)
    _, visitor = await take_in(site, week)
    status, known = await take_in(site, day, member_id=visitor["member_id"])
    assert (status, known["id"], known["escort_required"]) == (201, visitor["id"], True)
    assert known["valid_until"] == visitor["valid_until"]
    assert known["profiles"] == visitor["profiles"]


async def test_only_who_may_pass_doors_invites_and_for_a_time_that_makes_sense(site: Site) -> None:
    now, host = site.clock(), await site.holder()
    visitor = await site.holder(kind="visitor", host_id=host)

    async def code(host: UUID, start: timedelta, end: timedelta) -> str:
        body = {
            "host_id": str(host),
            "profile_id": str(await site.profile()),
            "visitor_name": "Sun Quan",
            "valid_from": (now + start).isoformat(),
            "valid_until": (now + end).isoformat(),
        }
        path = f"/v1/stores/{site.store_id}/invitations"
        return verdict(await site.shop.client.post(path, json=body, headers=site.shop.staff))[1]

    assert await code(visitor, timedelta(), DAY) == "holder_not_found"
    for start, end in ((DAY, DAY), (-2 * DAY, -DAY), (timedelta(), 91 * DAY), (366 * DAY, 367 * DAY)):
        assert await code(host, start, end) == "invitation_unclear", (start, end)


async def test_a_visitor_who_agrees_is_forgotten_by_face_when_they_leave_and_a_customer_is_not(site: Site) -> None:
    shop, host = site.shop, await site.holder()
    status, visitor = await take_in(site, await invite(site, host), consent=AGREED)
    assert status == 201
    path = f"/v1/members/{visitor['member_id']}"
    consent = (await shop.do("GET", path))["consent"]
    assert consent["expires_at"] == visitor["valid_until"]
    await enrol(site, visitor["member_id"], 0)
    customer = await shop.add_member(1)
    status, guest = await take_in(site, await invite(site, host), member_id=customer)
    assert (status, guest["face_ends"]) == (201, False)
    employee = await shop.do("GET", f"/v1/holders/{host}")
    refused = await take_in(site, await invite(site, host), member_id=employee["member_id"])
    assert refused[1]["code"] == "holder_exists"
    assert await faces_left(site) == 2
    site.clock.ahead = DAY
    assert await faces_left(site) == 1


async def test_a_visitor_who_is_no_customer_is_forgotten_a_month_later(site: Site) -> None:
    shop, host, state = site.shop, await site.holder(), site.app.state
    vault, names = await site.zone(), ("Gone", "Back", "Customer", "Inside", "Blocked")
    _, *others = taken = [(await take_in(site, await invite(site, host, visitor_name=name)))[1] for name in names]
    back, customer, inside, blocked = others
    await shop.do("PATCH", f"/v1/members/{customer['member_id']}", json={"phone": "+8613800137394"})
    await shop.do("PUT", f"/v1/holders/{inside['id']}/presence", json={"zone_id": str(vault), "why": "Seen there"})
    await shop.do("PUT", f"/v1/holders/{blocked['id']}/block", json={"why": "Took pictures"})

    async def forgotten(after: timedelta) -> int:
        site.clock.ahead = after
        signer = Signer(state.master_key)
        return await forget_visitors(state.database, settings=state.settings, signer=signer, now=site.clock())

    assert await forgotten(30 * DAY) == 0
    site.shop = shop = await shop.reached_by(shop.client)
    await take_in(site, await invite(site, host), member_id=back["member_id"])
    assert await forgotten(31 * DAY) == 1
    site.shop = shop = await shop.reached_by(shop.client)
    left = {each["display_name"] for each in (await shop.do("GET", "/v1/members"))["items"]}
    assert left & set(names) == {"Back", "Customer", "Inside", "Blocked"}
    (receipt,) = (await shop.do("GET", "/v1/erasures"))["items"]
    assert (receipt["scope"], receipt["reason"], receipt["erased_by"]) == ("member", "retention", "system:retention")
    assert (await shop.client.get(f"/v1/holders/{taken[0]['id']}", headers=shop.staff)).status_code == 404


async def test_a_contractors_holder_credentials_and_face_end_with_the_contract(site: Site) -> None:
    shop, clock = site.shop, site.clock
    policy = await site.policy({"factors": [["face"], ["badge"]]})
    way = await site.way(policy, await site.zone())
    first, late = await shop.add_member(0), await shop.add_member(1, enrol=False)
    holder = await site.holder(member_id=first, kind="contractor", face_ends=True, valid_until=clock() + 10 * DAY)
    await site.holder(member_id=late, kind="contractor", face_ends=True, valid_until=clock() + DAY)
    await shop.do("PATCH", f"/v1/holders/{holder}", json={"valid_until": (clock() + DAY).isoformat()})
    await shop.do("DELETE", f"/v1/members/{late}/face")
    await shop.do("PUT", f"/v1/members/{late}/consent", json=AGREED)  # given anew, behind the contract's back
    await enrol(site, late, 1)
    number = await site.badge(holder)
    assert (await way.face(await way.open(), 0))["decision"] == "granted"
    assert await faces_left(site) == 2
    clock.ahead = DAY
    assert (await way.by_badge(number))["code"] == "not_accepted"
    assert (await site.logged())[0].code == "holder_ended"
    assert (await way.face(await way.open(), 0))["code"] == "not_accepted"
    assert await faces_left(site) == 0
    clock.ahead = timedelta()
    receipts = (await shop.do("GET", "/v1/erasures"))["items"]
    assert [each["reason"] for each in receipts].count("retention") == 2
