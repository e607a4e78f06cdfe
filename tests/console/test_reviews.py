"""Reviews and privacy in the console: what may be wrong is disputed, looked at, resolved; what is due is seen."""

from __future__ import annotations

import pytest

from tests.conftest import OpenShop
from tests.console.desk import OURS, signed_in
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_a_decision_is_disputed_looked_at_on_record_and_found_wrong(open_shop: OpenShop) -> None:
    shop = await open_shop(evidence_days=7)
    client = shop.client
    member = await shop.add_member(0, balance=10_000)
    paid = (await shop.at_kiosk(0, {"TEA-001": 1})).json()
    await signed_in(shop)
    form = {"kind": "checkout", "decision_id": paid["checkout_id"], "reason": "I wasn't there", "said_by": "member"}
    opened = await client.post("/console/reviews/disputes", data=form, headers=OURS)
    dispute = opened.headers["location"]
    assert "Person 0" in (await client.get(dispute)).text
    assert "data:image/jpeg" not in (await client.get(dispute)).text
    seen = await client.post(f"{dispute}/evidence", data={"reason": "She asked for it"}, headers=OURS)
    assert "data:image/jpeg;base64,/9j/" in seen.text
    assert "She asked for it" in (await client.get(dispute)).text, "each look is on record"
    assert "evidence_viewed" in (await client.get(f"/console/members/{member}/uses")).text

    end = {"verdict": "wrong", "note": "Somebody else", "key": "resolve-once-1", "actual": ""}
    unclear = await client.post(f"{dispute}/resolution", data=end | {"actual": "Nobody at all"}, headers=OURS)
    assert (unclear.status_code, "who_is_meant" in unclear.text) == (422, True)
    for _ in range(2):
        await client.post(f"{dispute}/resolution", data=end, headers=OURS)
    page = (await client.get(dispute)).text
    assert "What was left of the payment went back." in page
    assert "The frame was deleted." in page
    assert "Resolve it" not in page, "it is final"
    assert await shop.balance(member) == 10_000
    assert "Person 0" in (await client.get("/console/reviews/watches")).text


async def test_disputes_are_found_by_state_kind_store_and_member(shop: Shop) -> None:
    member, other = await shop.add_member_without_face(), await shop.add_member_without_face()
    entry = (await shop.pass_at_gate((await shop.issue_pass(member))["pass"])).json()
    body = {"decision": {"kind": "gate_attempt", "id": entry["attempt_id"]}, "reason": "Not me", "said_by": "staff"}
    await shop.do("POST", "/v1/disputes", json=body)
    await signed_in(shop)
    for query, found in (
        ({}, True),
        ({"state": "resolved"}, False),
        ({"state": "", "kind": "gate_attempt", "store_id": shop.store_id}, True),
        ({"kind": "passage"}, False),
    ):
        page = await shop.client.get("/console/reviews/disputes", params=query)
        assert ("Not me" in page.text) is found, query
    assert "Not me" in (await shop.client.get(f"/console/members/{member}/disputes")).text
    assert "Not me" not in (await shop.client.get(f"/console/members/{other}/disputes")).text


async def test_two_members_are_known_to_be_two_people_until_somebody_says_why_not(shop: Shop) -> None:
    one = await shop.add_member_without_face(name="Twin One")
    await shop.add_member_without_face(name="Twin Two")
    await signed_in(shop)
    pairs = "/console/reviews/lookalikes"
    form = {"one": one, "other": "Twin Two", "note": "Twins"}
    assert (await shop.client.post(pairs, data=form, headers=OURS)).headers["location"] == pairs
    page = (await shop.client.get(pairs)).text
    assert "Twin One" in page
    assert "Twin Two" in page
    (pair,) = (await shop.do("GET", "/v1/lookalikes", params={"member_id": one}))["items"]
    await shop.client.post(f"{pairs}/{pair['id']}", data={"reason": "A mistake"}, headers=OURS)
    assert "Twin One" not in (await shop.client.get(pairs)).text
    assert "A mistake" in (await shop.client.get(pairs, params={"removed": "true"})).text


async def test_what_is_held_and_what_was_erased_is_seen(shop: Shop) -> None:
    member = await shop.add_member(2)
    await signed_in(shop)
    assert "Enrolled faces" in (await shop.client.get("/console/privacy")).text
    receipt = await shop.do("DELETE", f"/v1/members/{member}/face")
    page = await shop.client.get("/console/privacy/erasures")
    assert f"/console/privacy/erasures/{receipt['id']}" in page.text
    shown = await shop.client.get(f"/console/privacy/erasures/{receipt['id']}")
    assert receipt["signature"] in shown.text
    assert (await shop.client.get("/console/privacy/consents")).status_code == 200


async def test_guards_see_no_reviews_and_operators_resolve_none(shop: Shop) -> None:
    for role in ("guard", "operator"):
        body = {"username": role, "display_name": role, "role": role, "password": "a long enough one"}
        await shop.do("POST", "/v1/staff", json=body)
    await signed_in(shop, "operator", "a long enough one")
    assert (await shop.client.get("/console/reviews")).status_code == 200
    missing = "/console/reviews/disputes/019a0b1c-7c8e-7d21-9a57-2f3f5d1f0c11"
    assert (await shop.client.get(missing)).status_code == 404
    for act, form in (
        ("resolution", {"verdict": "right", "note": "x", "key": "k-123456"}),
        ("evidence", {"reason": "x"}),
    ):
        assert (await shop.client.post(f"{missing}/{act}", data=form, headers=OURS)).status_code == 403
    shop.client.cookies.clear()
    await signed_in(shop, "guard", "a long enough one")
    assert (await shop.client.get("/console/reviews")).status_code == 403
