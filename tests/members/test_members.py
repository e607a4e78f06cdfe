from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.answers import verdict
from tests.conftest import OpenShop
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
CONSENT = {"policy_version": "2026-01", "accepted": True}
WRONG: list[dict[str, Any]] = [
    {"display_name": ""},
    {"display_name": "x" * 201},
    {"display_name": "a\0b"},
    {"display_name": 7},
    {"display_name": None},
    {"phone": "13800138000"},  # in which country?
    {"phone": "+86 1"},
    {"phone": "+8613800138000" * 9},
    {"phone": "+86138\x0000138000"},
    {"phone": 8613800138000},
    {"vip": True},
]


async def register(shop: Shop, **body: Any) -> httpx.Response:
    return await shop.client.post("/v1/members", json={"display_name": "Lin"} | body, headers=shop.staff)


async def test_a_member_is_registered_with_consent_or_without(shop: Shop) -> None:
    response = await register(shop, phone="+86 138-0013-8000", consent=CONSENT)
    member = response.json()
    assert (response.status_code, response.headers["location"]) == (201, f"/v1/members/{member['id']}")
    assert (member["phone"], member["status"], member["has_pin"]) == ("+8613800138000", "active", False)
    assert member["consent"]["policy_version"] == "2026-01"
    assert await shop.do("GET", response.headers["location"]) == member
    assert (await register(shop)).json()["consent"] is None
    refused = await register(shop, consent=CONSENT | {"accepted": False})
    assert (refused.status_code, refused.json()["consent"]) == (201, None)
    assert (await shop.do("GET", f"/v1/members/{refused.json()['id']}/consents"))["items"] == []


async def test_consent_is_to_the_policy_in_force_and_no_other(open_shop: OpenShop) -> None:
    shop = await open_shop(consent_policy_version="2026-02")
    outdated = await register(shop, phone="+8613800138000", consent=CONSENT)
    assert (verdict(outdated), outdated.json()["current_version"]) == ((409, "policy_outdated"), "2026-02")
    member_id = (await register(shop, phone="+8613800138000")).json()["id"]  # the refusal left nobody behind
    path = f"/v1/members/{member_id}/consent"
    assert verdict(await shop.client.put(path, json=CONSENT, headers=shop.staff)) == (409, "policy_outdated")
    current = CONSENT | {"policy_version": "2026-02"}
    given = await shop.do("PUT", path, json=current)
    assert await shop.do("PUT", path, json=current) == given
    assert (await shop.do("GET", f"/v1/members/{member_id}"))["consent"] == given


async def test_withdrawn_consents_stay_in_the_history(shop: Shop) -> None:
    member_id = (await register(shop, consent=CONSENT)).json()["id"]
    await shop.do("DELETE", f"/v1/members/{member_id}/face")
    assert (await shop.do("GET", f"/v1/members/{member_id}"))["consent"] is None
    await shop.do("PUT", f"/v1/members/{member_id}/consent", json=CONSENT)
    newest, first = (await shop.do("GET", f"/v1/members/{member_id}/consents"))["items"]
    assert newest["withdrawn_at"] is None
    assert first["accepted_at"] <= first["withdrawn_at"] <= newest["accepted_at"]


async def test_consents_at_the_same_moment_are_one(shop: Shop) -> None:
    member_id = (await register(shop)).json()["id"]
    path = f"/v1/members/{member_id}/consent"
    answers = await asyncio.gather(*(shop.do("PUT", path, json=CONSENT) for _ in range(4)))
    assert len({answer["id"] for answer in answers}) == 1


async def test_only_the_fields_that_are_sent_change(shop: Shop) -> None:
    member = (await register(shop, phone="+8613800138000", consent=CONSENT)).json()
    path = f"/v1/members/{member['id']}"
    blocked = await shop.do("PATCH", path, json={"status": "blocked"})
    assert blocked == member | {"status": "blocked", "updated_at": blocked["updated_at"]}
    assert (await shop.do("PATCH", path, json={"phone": None}))["phone"] is None
    for wrong in ({"status": "erased"}, {"status": None}, {"pin_hash": "x"}, *WRONG):
        response = await shop.client.patch(path, json=wrong, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request"), wrong


async def test_a_phone_number_is_one_members(shop: Shop) -> None:
    first = (await register(shop, phone="+8613800138000")).json()["id"]
    assert verdict(await register(shop, phone="+86 13800138000")) == (409, "phone_taken")
    second = (await register(shop, phone="+8613800138001")).json()["id"]
    taken = await shop.client.patch(f"/v1/members/{second}", json={"phone": "+8613800138000"}, headers=shop.staff)
    assert verdict(taken) == (409, "phone_taken")
    await shop.do("DELETE", f"/v1/members/{first}")
    assert (await register(shop, phone="+8613800138000")).is_success
    both = await asyncio.gather(*(register(shop, phone="+8613800138009") for _ in range(4)))
    assert sorted(answer.status_code for answer in both) == [201, 409, 409, 409]


async def test_members_are_listed_in_pages_and_found_by_name_or_phone(shop: Shop) -> None:
    for number, name in enumerate(("Lin", "Lina", "100%", "Bo_")):
        await register(shop, display_name=name, phone=f"+861380013800{number}")
    erased = (await register(shop, display_name="Linus")).json()["id"]
    await shop.do("DELETE", f"/v1/members/{erased}")
    names, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = await shop.do("GET", "/v1/members", params=query)
        names += [member["display_name"] for member in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert names == ["Bo_", "100%", "Lina", "Lin"]
    for search, found in {
        "LIN": ["Lina", "Lin"],
        "%": ["100%"],
        "_": ["Bo_"],
        "+8613800138001": ["Lina"],
        "": ["Bo_", "100%", "Lina", "Lin"],
        "x": [],
    }.items():
        page = await shop.do("GET", "/v1/members", params={"search": search})
        assert [member["display_name"] for member in page["items"]] == found, search
    assert (await shop.do("GET", "/v1/members?status=blocked"))["items"] == []
    for wrong in ({"search": "a\0"}, {"status": "erased"}, {"limit": -1}, {"cursor": "1"}):
        response = await shop.client.get("/v1/members", params=wrong, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request"), wrong


async def test_members_that_make_no_sense_are_refused(shop: Shop) -> None:
    wrong_consents: list[Any] = [
        True,
        {"accepted": True},
        CONSENT | {"accepted": "yes"},
        CONSENT | {"policy_version": "a\0"},
        CONSENT | {"policy_version": "x" * 41},
        CONSENT | {"by": "me"},
    ]
    for wrong in (*WRONG, *({"consent": consent} for consent in wrong_consents)):
        response = await register(shop, **wrong)
        assert verdict(response) == (422, "invalid_request"), wrong
        said = {name: value for name, value in response.json().items() if name != "request_id"}
        assert "138" not in str(said), "a number of theirs is repeated"
    assert (await shop.do("GET", "/v1/members"))["items"] == []
    member_id = (await register(shop)).json()["id"]
    for wrong in (CONSENT | {"accepted": False}, {"accepted": True}):
        response = await shop.client.put(f"/v1/members/{member_id}/consent", json=wrong, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request")


async def test_json_that_no_text_can_hold_is_refused(shop: Shop) -> None:
    headers = shop.staff | {"Content-Type": "application/json"}
    for body in (
        b'{"display_name": "\\ud800"}',  # half a character
        b'{"display_name": "Lin", "\\ud800": 1}',
        b'{"display_name": "Lin", "' + b"x" * 5000 + b'": 1}',
        b'{"display_name": "\xff"}',
        b'{"display_name": "Lin"',
        b'{"display_name": NaN}',
        b"[" * 5000,
        b"",
    ):
        response = await shop.client.post("/v1/members", content=body, headers=headers)
        assert response.json()["code"] in {"invalid_request", "bad_request"}, body[:40]
        assert response.status_code in {400, 422}
        assert len(response.content) < 2000


async def test_an_unknown_or_erased_member_is_not_found(shop: Shop) -> None:
    erased = (await register(shop)).json()["id"]
    await shop.do("DELETE", f"/v1/members/{erased}")
    for member_id in (erased, str(uuid4())):
        for method, where, body in (
            ("GET", "", None),
            ("PATCH", "", {"display_name": "x"}),
            ("PUT", "/consent", CONSENT),
            ("GET", "/consents", None),
            ("PUT", "/pin", {"pin": "739150"}),
        ):
            response = await shop.client.request(
                method, f"/v1/members/{member_id}{where}", json=body, headers=shop.staff
            )
            assert verdict(response) == (404, "member_not_found"), (method, where)
