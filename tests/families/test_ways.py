"""A family's purse at every way of paying: lanes, shelves, the web, without network, after a smile, in a dispute."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI

from facepay.campaigns.playing import SmilePlay, reward
from facepay.kernel.database import Database
from facepay.members.members import Member
from tests.answers import verdict
from tests.campaigns.stand import ONE_YUAN, add_campaign
from tests.conftest import Clock
from tests.families.household import BALANCE, PIN, TEA, WINE, Household, add_wine, alerts
from tests.lanes.lane import GOODS, LaneShop
from tests.offline.field import Field
from tests.online.web import WebShop, came_to
from tests.rewards.till import assert_books_in_order
from tests.shelves.office import Office
from tests.shelves.shelf import Shelf
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
SOCKS, TEA_PRICE = GOODS["SOCKS"][1], PRICES["TEA-001"]


@pytest.fixture
async def database(app: FastAPI) -> AsyncIterator[Database]:
    """Whatever a test did, its books are in order then."""
    database: Database = app.state.database
    yield database
    await assert_books_in_order(database)


async def test_a_child_walks_through_a_lane_on_the_payers_money(shop: Shop, database: Database) -> None:
    lanes, household = await LaneShop.open(shop), await Household.of(shop)
    passage = await lanes.start()
    await passage.read(lanes.tag("SOCKS"))
    seen = await passage.show_pass(household.child)
    assert (seen["money"], seen["held"]) == ("authorised", SOCKS)
    assert await shop.balance(household.payer) == BALANCE - SOCKS
    order = (await passage.finish())["order"]
    assert (order["member_id"], order["buyer_id"]) == (household.payer, household.child)
    assert await household.notices() == [("family_purchase", SOCKS)]


async def test_a_lane_stays_shut_for_what_a_family_refuses_until_the_payer_lets_it_pass(
    shop: Shop, database: Database
) -> None:
    lanes = await LaneShop.open(shop)
    household = await Household.of(shop, rules={"blocked_skus": ["SOCKS"]})
    passage = await lanes.start()
    await passage.read(lanes.tag("SOCKS"))
    seen = await passage.show_pass(household.child)
    assert (seen["money"], seen["skus"], seen["held"]) == ("family_rule", ["SOCKS"], 0)
    held = await passage.finish()
    assert (held["decision"], held["code"], held["skus"]) == ("hold", "family_rule", ["SOCKS"])
    assert "family" in held["message"]
    assert await household.notices() == [("family_refused", SOCKS)], "once, however often the lane asks"
    await household.approve(SOCKS, "SOCKS")
    assert (await passage.show_pass(household.child))["code"] == "paid"


async def test_a_lane_calls_staff_to_see_a_document(shop: Shop, database: Database) -> None:
    lanes = await LaneShop.open(shop)
    products = (await shop.do("GET", "/v1/products"))["items"]
    (socks,) = (each["id"] for each in products if each["sku"] == "SOCKS")
    await shop.do("PATCH", f"/v1/products/{socks}", json={"age_min": 18})
    member = await shop.add_member_without_face(balance=BALANCE)
    passage = await lanes.start()
    await passage.show_pass(member)
    await passage.read(lanes.tag("SOCKS"))
    assert await alerts(shop, "age_check_needed") == [], "nobody is called for whoever still walks"
    held = await passage.finish()
    assert (held["code"], held["skus"]) == ("age_check_needed", ["SOCKS"])
    (alert,) = await alerts(shop, "age_check_needed")
    assert alert["device_id"] == lanes.lanes[0][0]
    assert member not in str(alert)
    await shop.do("PUT", f"/v1/members/{member}/age-check", json={"born_on": "1980-01-01"})
    assert (await passage.show_pass(member))["code"] == "paid"


async def test_money_that_a_former_payer_has_on_hold_for_a_lane_is_theirs_again(shop: Shop, database: Database) -> None:
    lanes, household = await LaneShop.open(shop), await Household.of(shop)
    await shop.top_up(household.child, SOCKS)
    passage = await lanes.start()
    await passage.read(lanes.tag("SOCKS"))
    await passage.show_pass(household.child)
    await shop.do("DELETE", f"/v1/families/{household.id}")
    paid = await passage.finish()
    assert (paid["code"], paid["order"]["member_id"]) == ("paid", household.child)
    assert [await shop.balance(each) for each in (household.payer, household.child)] == [BALANCE, 0]


async def test_what_a_child_carries_out_past_the_shelves_is_charged_and_staff_and_the_payer_hear_of_it(
    shop: Shop, database: Database, app: FastAPI
) -> None:
    household = await Household.of(shop, daily_max=1000, rules={"blocked_skus": ["UMB-003"]})
    office, shelf = Office(shop, database, app.state.settings), await Shelf.put_up(shop)
    entered = await shop.pass_at_gate((await shop.issue_pass(household.child))["pass"])
    visit = entered.json()["visit_id"]
    assert (await office.correct(visit, "UMB-003", 1)).is_success
    left = await shop.pass_at_gate((await shop.issue_pass(household.child))["pass"], "exits")
    assert left.json()["decision"] == "open", left.text
    await office.charge_left()
    assert await shop.balance(household.payer) == BALANCE - PRICES["UMB-003"]
    assert {kind for kind, _ in await household.notices()} == {"charged_later", "family_rule_broken"}
    (alert,) = await alerts(shop, "sold_unfit")
    assert (alert["details"]["code"], alert["details"]["skus"]) == ("family_rule", ["UMB-003"])
    assert household.child not in str(alert)
    assert await shelf.reviews() == []


async def test_what_was_paid_for_a_child_at_the_kiosk_is_not_charged_at_the_exit_again(
    shop: Shop, database: Database, app: FastAPI
) -> None:
    household = await Household.of(shop)
    office = Office(shop, database, app.state.settings)
    await Shelf.put_up(shop)
    entered = await shop.pass_at_gate((await shop.issue_pass(household.child))["pass"])
    await office.correct(entered.json()["visit_id"], "TEA-001", 1)
    assert (await household.buy(TEA))["code"] == "paid"
    await shop.pass_at_gate((await shop.issue_pass(household.child))["pass"], "exits")
    await office.charge_left()
    assert await shop.balance(household.payer) == BALANCE - TEA_PRICE


async def test_on_the_web_a_child_pays_only_where_its_family_lets_it(shop: Shop, database: Database) -> None:
    household, web = await Household.of(shop), await WebShop.open(shop)
    await shop.do("PUT", f"/v1/members/{household.child}/pin", json={"pin": PIN})
    web.member_id = household.child
    page = await web.ask(amount=500)
    assert came_to(await page.type(PIN)) == ("requires_action", "family_rule")
    await household.set(daily_max=800, rules={"web_shops": True})
    assert came_to(await page.type(PIN)) == ("succeeded", None)
    (order,) = (await shop.do("GET", "/v1/orders", params={"buyer_id": household.child}))["items"]
    assert (order["member_id"], order["buyer_id"]) == (household.payer, household.child)
    more = await web.ask(amount=500)
    assert came_to(await more.type(PIN)) == ("requires_action", "family_limit")
    await household.approve(500)
    assert came_to(await more.type(PIN)) == ("succeeded", None)
    assert await shop.balance(household.payer) == BALANCE - 1000
    assert [kind for kind, _ in await household.notices()].count("family_purchase") == 2
    back = await web.do("POST", f"/{more.id}/refunds", json={"reason": "Too small"})
    assert back.is_success, back.text
    assert await shop.balance(household.payer) == BALANCE - 500


async def test_without_network_no_dependant_pays_and_what_they_took_all_the_same_is_charged(
    shop: Shop, clock: Clock, tmp_path: Path, database: Database
) -> None:
    await add_wine(shop)
    field = Field(shop, clock, tmp_path)
    await field.allow()
    payer = await shop.add_member_without_face(balance=BALANCE)
    child = await shop.add_member_without_face()
    signed = await field.signed_pass(child)
    kiosk = await field.device("kiosk")
    household = await Household.made(shop, payer, child)
    refused = await shop.client.post(
        f"/v1/members/{child}/offline-passes", json={"amount_max": 1000}, headers=shop.staff
    )
    assert verdict(refused) == (409, "family_pays")
    assert kiosk.sell(signed, WINE).allowed, "by a pass of before that the device has not heard of yet"
    assert [each["verdict"] for each in await kiosk.tell()] == ["accepted"]
    assert await shop.balance(payer) == BALANCE - 8800
    assert {kind for kind, _ in await household.notices()} == {"family_purchase", "family_rule_broken"}
    assert len(await alerts(shop, "sold_unfit")) == 1
    await kiosk.sync()
    assert kiosk.sell(signed, TEA).code == "pass_revoked"


async def test_a_coupon_that_a_child_won_is_for_what_it_buys(shop: Shop, database: Database) -> None:
    household = await Household.of(shop)
    await add_campaign(shop, **ONE_YUAN)
    now = datetime.now(UTC)
    async with database.begin() as session:
        child = await session.get_one(Member, household.child, with_for_update={"key_share": True})
        played = SmilePlay(
            device_id=shop.kiosk_id, store_id=shop.store_id, member_id=child.id, strength=0.9, neutral=0.1
        )
        played.created_at = played.decided_at = now
        assert (await reward(session, played, child, now)).coupon is not None
    assert (await household.buy(TEA, household.payer))["total"] == TEA_PRICE, "it isn't the payer's"
    paid = await household.buy(TEA)
    assert (paid["total"], paid["order"]["discounts"][0]["reason"]) == (TEA_PRICE - 100, "smile")
    assert (await household.buy(TEA))["total"] == TEA_PRICE


async def test_what_somebody_took_with_a_childs_face_goes_back_to_the_payer(shop: Shop, database: Database) -> None:
    household = await Household.of(shop, face=0)
    paid = (await shop.at_kiosk(0, TEA)).json()
    assert (paid["code"], paid["order"]["buyer_id"]) == ("paid", household.child)
    said = {"said_by": "member", "reason": "It was at school"}
    decision = {"kind": "checkout", "id": paid["checkout_id"]}
    dispute = await shop.do("POST", "/v1/disputes", json={"decision": decision} | said)
    resolved = await shop.do(
        "POST",
        f"/v1/disputes/{dispute['id']}/resolution",
        json={"verdict": "wrong", "note": "Another child"},
        headers={"Idempotency-Key": uuid4().hex},
    )
    assert "refunded" in resolved["consequences"]
    assert await shop.balance(household.payer) == BALANCE
