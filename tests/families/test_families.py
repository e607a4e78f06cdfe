"""Who belongs to a family, on whose word, and what of it is seen."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.answers import verdict
from tests.families.household import BAO, TEA, Household
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_an_adult_belongs_to_a_family_only_if_they_have_agreed(shop: Shop) -> None:
    household = await Household.of(shop)
    uncle = await shop.add_member_without_face(name="Uncle")
    path = f"/v1/families/{household.id}/members"
    asked = {"member_id": uncle, "role": "adult"}
    refused = await shop.client.post(path, json=asked, headers=shop.staff)
    assert verdict(refused) == (409, "family_consent_needed")
    added = await shop.do("POST", path, json=asked | {"agreed": True})
    assert added["consent_noted_by"].startswith("staff:")
    assert added["rules"] is None
    grown = await shop.client.put(f"{path}/{household.child}", json={"role": "adult"}, headers=shop.staff)
    assert verdict(grown) == (409, "family_consent_needed"), "whoever grows up is asked, too"
    assert (await household.set(role="adult"))["role"] == "adult"
    assert (await household.set(uncle, role="adult", daily_max=500))["consent_noted_by"] == added["consent_noted_by"]


async def test_a_member_is_in_one_family_and_whoever_pays_for_one_in_no_other(shop: Shop) -> None:
    household = await Household.of(shop)
    alone = await shop.add_member_without_face()
    other = await shop.do("POST", "/v1/families", json={"payer_id": alone})
    for member_id in (household.child, household.payer, alone):
        asked = {"member_id": member_id, "role": "child"}
        answer = await shop.client.post(f"/v1/families/{other['id']}/members", json=asked, headers=shop.staff)
        assert verdict(answer) == (409, "in_family")
        made = await shop.client.post("/v1/families", json={"payer_id": member_id}, headers=shop.staff)
        assert verdict(made) == (409, "in_family")
    for member_id in (household.child, household.payer):
        assert (await shop.do("GET", f"/v1/members/{member_id}/family"))["id"] == household.id
    stranger = await shop.add_member_without_face()
    nowhere = await shop.client.get(f"/v1/members/{stranger}/family", headers=shop.staff)
    assert verdict(nowhere) == (404, "family_not_found")


async def test_of_two_families_that_add_somebody_at_once_one_has_them(shop: Shop) -> None:
    first, second = await Household.of(shop), await Household.of(shop)
    wanted = await shop.add_member_without_face()
    body = {"member_id": wanted, "role": "child"}
    answers = await asyncio.gather(
        *(
            shop.client.post(f"/v1/families/{each.id}/members", json=body, headers=shop.staff)
            for each in (first, second, first, second)
        ),
        shop.client.post("/v1/families", json={"payer_id": wanted}, headers=shop.staff),
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_a_family_has_bounds_and_what_does_not_exist_is_not_found(shop: Shop) -> None:
    household = await Household.of(shop)
    path, nobody = f"/v1/families/{household.id}", uuid4()
    for method, where, body in (
        ("POST", "/v1/families", {"payer_id": str(nobody)}),
        ("POST", f"{path}/members", {"member_id": str(nobody), "role": "child"}),
        ("PUT", f"{path}/members/{household.payer}", {"role": "child"}),
        ("DELETE", f"{path}/members/{household.payer}", None),
        ("GET", f"/v1/families/{nobody}", None),
        ("DELETE", f"/v1/families/{nobody}", None),
        ("GET", f"/v1/families/{nobody}/spending", None),
        ("POST", f"{path}/approvals", {"member_id": household.payer, "amount_max": 1}),
        ("DELETE", f"{path}/approvals/{nobody}", None),
    ):
        answer = await shop.client.request(method, where, json=body, headers=shop.staff)
        assert answer.status_code == 404, f"{method} {where}: {answer.text}"
    faulty: tuple[dict[str, Any], ...] = (
        {"payment_max": -1},
        {"role": "pet"},
        {"rules": {"hours": {"weekly": {"monday": [["9", "10"]]}}}},
    )
    for wrong in faulty:
        body = {"member_id": household.child, "role": "child"} | wrong
        assert (await shop.client.post(f"{path}/members", json=body, headers=shop.staff)).status_code == 422
    for _ in range(19):
        await household.another()
    body = {"member_id": await shop.add_member_without_face(), "role": "child"}
    full = await shop.client.post(f"{path}/members", json=body, headers=shop.staff)
    assert verdict(full) == (409, "family_full")


async def test_what_the_whole_family_and_each_of_it_have_spent_is_seen(shop: Shop) -> None:
    household = await Household.of(shop)
    sister = await household.another(role="adult")
    for basket, who in ((TEA, household.child), (TEA, household.child), (BAO, sister), (TEA, household.payer)):
        assert (await household.buy(basket, who))["code"] == "paid"
    tea, bao = PRICES["TEA-001"], PRICES["BAO-002"]
    spent = await household.see("/spending")
    assert spent["amount"] == 3 * tea + bao
    assert [(each["member_id"], each["orders"], each["amount"]) for each in spent["members"]] == [
        (household.payer, 1, tea),
        (household.child, 2, 2 * tea),
        (sister, 1, bao),
    ]
    await shop.do("DELETE", f"/v1/families/{household.id}/members/{sister}")
    spent = await household.see("/spending")
    assert (spent["amount"], len(spent["members"])) == (3 * tea + bao, 2)
    since = await household.see("/spending?since=2199-01-01T00:00:00Z")
    assert since["amount"] == 0


async def test_whoever_leaves_pays_for_themselves_and_hears_of_it(shop: Shop) -> None:
    household = await Household.of(shop)
    brother = await household.another()
    await household.approve(500)
    assert (await household.buy(TEA))["order"]["member_id"] == household.payer
    await shop.do("DELETE", f"/v1/families/{household.id}/members/{household.child}")
    assert (await household.buy(TEA))["code"] == "insufficient_funds"
    assert await household.notices(household.child) == [("family_left", None)]
    assert (await household.buy(TEA, brother))["code"] == "paid"
    await shop.do("DELETE", f"/v1/families/{household.id}")
    assert (await household.buy(TEA, brother))["code"] == "insufficient_funds"
    again = await Household.made(shop, brother, household.payer)
    assert (await again.see())["members"][0]["member_id"] == household.payer, "who paid may belong to another now"


async def test_the_erasure_of_whoever_pays_ends_the_family_and_of_a_child_only_theirs(shop: Shop) -> None:
    household = await Household.of(shop)
    brother = await household.another()
    order = (await household.buy(TEA))["order"]
    receipt = await shop.do("DELETE", f"/v1/members/{household.child}")
    assert (receipt["erased"]["family_member"], "family" in receipt["erased"]) == (1, False)
    assert [each["member_id"] for each in (await household.see())["members"]] == [brother]
    kept = await shop.do("GET", f"/v1/orders/{order['id']}")
    assert kept["buyer_id"] == household.child, "the books don't say that the payer bought it"
    receipt = await shop.do("DELETE", f"/v1/members/{household.payer}?forfeit=true")
    assert (receipt["erased"]["family"], receipt["erased"]["family_member"]) == (1, 1)
    assert (await household.buy(TEA, brother))["code"] == "insufficient_funds"


async def test_neither_export_names_the_other(shop: Shop) -> None:
    household = await Household.of(shop)
    await household.set(payment_max=500)
    assert (await household.buy(TEA))["code"] == "paid"
    assert (await household.buy(BAO))["code"] == "family_limit"
    for member_id, other in ((household.payer, household.child), (household.child, household.payer)):
        found = await shop.do("GET", f"/v1/members/{member_id}/export")
        assert [order["total"] for order in found["tables"]["shop_order"]] == [PRICES["TEA-001"]]
        assert other not in str(found)
