"""Each place shows of a member what may be read there, to the device that has just recognised them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.members.biometric_uses import Use, record_use
from facepay.membership.recognitions import decisions, devices_in
from facepay.membership.showing import EVERYTHING, SHOWN, Part, first_name
from facepay.stores.devices import SCOPES_OF, DeviceRole
from tests.answers import verdict
from tests.checkout.test_round_trips import recorded
from tests.conftest import Clock
from tests.rewards.till import EARNING, add_coupon, give, set_rules
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TIERS = [
    {"name": "Gold", "min_spend": 100_000, "discount_basis_points": 500},
    {"name": "Silver", "min_spend": 400},
]
FIELDS = {
    Part.BIRTHDAY: "birthday",
    Part.TIER: "standing",
    Part.POINTS: "points",
    Part.GIFT: "gift",
    Part.FAMILY: "paid_by_family",
    Part.COUPONS: "coupons",
    Part.RECOMMENDED: "recommended",
    Part.USUAL: "usual_order",
}
AGREED = {"policy_version": "2026-01", "accepted": True}


async def add_regular(shop: Shop) -> str:
    """In a tier, with points, a gift, coupons, a birthday today and a usual order."""
    await set_rules(shop, tiers=TIERS, earning=EARNING)
    await add_coupon(shop)
    member = await shop.add_member(0, balance=50_000)
    born_on = str(utc_now().date().replace(year=1992))
    await shop.do("PATCH", f"/v1/members/{member}", json={"display_name": "Lin Yue", "born_on": born_on})
    await shop.do("PUT", f"/v1/members/{member}/profiling-consent", json=AGREED)
    await give(shop, member, 300)
    for _ in range(2):
        assert (await shop.at_kiosk(0, {"TEA-001": 1})).json()["code"] == "paid"
    await shop.do("PUT", "/v1/rewards/birthday-offer", json={"amount": 100, "budget": 1000})
    return member


async def recognise(shop: Shop, device_id: str, member_id: str, use: Use = Use.RECOGNISED) -> None:
    database: Database = shop.app.state.database
    async with database.begin() as session:
        now = shop.app.state.clock()
        record_use(session, member_id=UUID(member_id), use=use, actor=f"device:{device_id}", now=now)


def card_path(device_id: str, member_id: str) -> str:
    return f"/v1/devices/{device_id}/members/{member_id}/card"


def test_every_role_is_in_the_table_and_those_that_greet_show_something() -> None:
    assert set(SHOWN) == {*DeviceRole, "staff"}
    for role in DeviceRole:
        assert bool(SHOWN[role].parts) == ("member:greet" in SCOPES_OF[role]), role
        assert SHOWN[role].why


def test_only_those_before_whom_one_person_stands_show_money_and_habits() -> None:
    close = {DeviceRole.KIOSK, DeviceRole.TABLE, DeviceRole.MIRROR, "staff"}
    assert {role for role, shown in SHOWN.items() if shown.parts == EVERYTHING} == close
    private = {Part.NAME, Part.GIFT, Part.COUPONS, Part.USUAL, Part.RECOMMENDED}
    assert not any(shown.parts & private for role, shown in SHOWN.items() if role not in close)


@pytest.mark.parametrize(
    ("display_name", "shown"),
    [
        ("Lin Yue", "Lin"),
        ("Ada", "Ada"),
        ("张伟", "*伟"),
        ("诸葛孔明", "*葛孔明"),
        ("李 雷", "李"),
        ("José María", "José"),
    ],
)
def test_others_read_the_first_word_of_a_name(display_name: str, shown: str) -> None:
    assert first_name(display_name) == shown


async def test_each_device_shows_what_its_role_may_and_staff_see_all(shop: Shop) -> None:
    member = await add_regular(shop)
    path = f"/v1/members/{member}/card?store_id={shop.store_id}"
    before = await shop.do("GET", path)
    assert not any(coupon["is_birthday"] for coupon in before["coupons"]), "nobody was recognised"
    cards: dict[Any, dict[str, Any]] = {}
    for role in (role for role in DeviceRole if SHOWN[role].parts):
        device_id, headers = await shop.add_device(role)
        await recognise(shop, device_id, member)
        response = await shop.client.get(card_path(device_id, member), headers=headers)
        assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
        cards[role] = response.json()
    cards["staff"] = await shop.do("GET", path)
    for role, card in cards.items():
        shown = {part for part, field in FIELDS.items() if card[field] is not None}
        assert shown == SHOWN[role].parts & FIELDS.keys(), role
        assert card["name"] == ("Lin Yue" if Part.NAME in SHOWN[role].parts else "Lin")
    assert cards["staff"] == cards[DeviceRole.KIOSK]
    whole = cards["staff"]
    assert whole["standing"]["tier"]["name"] == "Silver"
    assert (whole["standing"]["next_tier"]["name"], whole["standing"]["to_spend"]) == ("Gold", 99_100)
    assert (whole["points"]["available"], whole["points"]["worth"], whole["gift"]) == (60, 60, 0)
    assert whole["birthday"] == {"is_today": True, "greeting": "Happy birthday, Lin!"}
    assert [(each["code"][:8], each["is_birthday"]) for each in whole["coupons"]] == [
        ("BIRTHDAY", True),
        ("WELCOME1", False),
    ]
    assert whole["usual_order"]["items"] == [{"sku": "TEA-001", "name": "tea-001", "quantity": 1, "price": 450}]
    assert whole["usual_order"]["words"].startswith("You had this 2 of the last 2 times")


async def test_a_card_is_for_the_device_that_has_recognised_them_within_minutes(shop: Shop, clock: Clock) -> None:
    member, other = await shop.add_member(0, balance=1000), await shop.add_member(1, enrol=False)
    assert (await shop.at_gate(0)).json()["member"]["id"] == member
    at_gate = await shop.client.get(card_path(shop.gate_id, member), headers=shop.gate)
    assert at_gate.json()["name"] == "Person"
    unseen = [
        await shop.client.get(card_path(device, who), headers=headers)
        for device, headers, who in (
            (shop.kiosk_id, shop.kiosk, member),
            (shop.gate_id, shop.gate, other),
            (shop.gate_id, shop.gate, str(uuid4())),
        )
    ]
    assert [verdict(each) for each in unseen] == [(404, "not_recognised_here")] * 3
    told = [{field: text for field, text in each.json().items() if field != "request_id"} for each in unseen]
    assert told[0] == told[1] == told[2], "nor does it say whether there is such a member"
    foreign = await shop.client.get(card_path(shop.gate_id, member), headers=shop.kiosk)
    assert verdict(foreign)[0] == 403
    clock.ahead += timedelta(minutes=5, seconds=1)
    late = await shop.client.get(card_path(shop.gate_id, member), headers=shop.gate)
    assert verdict(late) == (404, "not_recognised_here")


async def test_a_pass_opens_the_card_as_a_face_does_and_one_that_was_refused_doesnt(shop: Shop) -> None:
    member = await shop.add_member_without_face(balance=1000)
    token = (await shop.issue_pass(member))["pass"]
    assert (await shop.pass_at_kiosk(token, {"TEA-001": 1})).json()["code"] == "paid"
    await shop.issue_pass(member)  # the app shows the next one already
    card = await shop.client.get(card_path(shop.kiosk_id, member), headers=shop.kiosk)
    assert card.json()["name"] == "Wei"
    unseen = await shop.client.get(card_path(shop.gate_id, member), headers=shop.gate)
    assert verdict(unseen) == (404, "not_recognised_here")
    assert (await shop.pass_at_gate(token)).json()["code"] == "pass_unknown"
    spent = await shop.client.get(card_path(shop.gate_id, member), headers=shop.gate)
    assert verdict(spent) == (404, "not_recognised_here")


@pytest.mark.parametrize("use", [Use.EVIDENCE_VIEWED, Use.EXPORTED, Use.ADAPTED])
async def test_what_staff_did_with_a_face_is_no_recognition(shop: Shop, use: Use) -> None:
    member = await shop.add_member(0, enrol=False)
    await recognise(shop, shop.kiosk_id, member, use)
    answer = await shop.client.get(card_path(shop.kiosk_id, member), headers=shop.kiosk)
    assert verdict(answer) == (404, "not_recognised_here")


async def test_nobody_is_shown_after_they_were_erased(shop: Shop) -> None:
    member = await shop.add_member(0)
    assert (await shop.at_gate(0)).json()["code"] == "welcome"
    await shop.do("DELETE", f"/v1/members/{member}?forfeit=true")
    answer = await shop.client.get(card_path(shop.gate_id, member), headers=shop.gate)
    assert verdict(answer) == (404, "not_recognised_here")


def test_every_rooms_decisions_say_which_device_recognised_whom() -> None:
    assert {each.name for each in decisions()} >= {"gate_attempt", "checkout", "smile_play", "passage"}
    for decision in decisions():
        assert devices_in(decision), decision.name


async def test_a_coupon_is_shown_where_it_makes_the_basket_cheaper(shop: Shop) -> None:
    member = await shop.add_member(0, enrol=False)
    await add_coupon(shop)
    await add_coupon(shop, code="BIG", min_basket=1000)
    await add_coupon(shop, code="BUNS", skus=["BAO-002"])
    await add_coupon(shop, code="DOLLARS", currency="USD")
    path = f"/v1/members/{member}/card?store_id={shop.store_id}"

    async def shown(*items: str) -> dict[str, int | None]:
        card = await shop.do("GET", path, params={"store_id": shop.store_id, "item": list(items)})
        return {coupon["code"]: coupon["takes_off"] for coupon in card["coupons"]}

    assert await shown() == {"WELCOME10": None, "BIG": None, "BUNS": None}
    assert await shown("TEA-001") == {"WELCOME10": 45}
    assert await shown("TEA-001:2", "TEA-001") == {"WELCOME10": 135, "BIG": 135}
    assert await shown("TEA-001", "BAO-002") == {"WELCOME10": 174, "BIG": 174, "BUNS": 129}
    for item, refused in (("GONE", (422, "basket_unpriceable")), ("TEA-001:0", (422, "invalid_request"))):
        query = {"store_id": shop.store_id, "item": item}
        assert verdict(await shop.client.get(path, params=query, headers=shop.staff)) == refused


async def test_points_that_expire_soon_are_counted(shop: Shop) -> None:
    member = await shop.add_member(0, enrol=False)
    await give(shop, member, 300)
    card = await shop.do("GET", f"/v1/members/{member}/card?store_id={shop.store_id}")
    assert (card["gift"], card["points"]["expiring_soon"], card["points"]["expiring_at"]) == (300, 0, None)


async def test_whose_family_pays_sees_that_it_does_and_not_what_the_payer_has(shop: Shop) -> None:
    await set_rules(shop, tiers=TIERS)
    payer, child = await shop.add_member(0, enrol=False), await shop.add_member(1, enrol=False)
    family = await shop.do("POST", "/v1/families", json={"payer_id": payer})
    await shop.do("POST", f"/v1/families/{family['id']}/members", json={"member_id": child, "role": "child"})
    card = await shop.do("GET", f"/v1/members/{child}/card?store_id={shop.store_id}")
    assert card["paid_by_family"] is True
    assert card["standing"] is card["points"] is card["gift"] is None
    assert payer not in str(card)


async def test_a_card_takes_as_many_statements_of_a_regular_as_of_somebody_new(shop: Shop, app: FastAPI) -> None:
    member = await add_regular(shop)
    path = f"/v1/members/{member}/card?store_id={shop.store_id}"
    await shop.do("GET", path)
    with recorded() as few:
        await shop.do("GET", path)
    for _ in range(5):
        await shop.at_kiosk(0, {"TEA-001": 1, "BAO-002": 1})
    for number in range(5):
        await add_coupon(shop, code=f"MORE{number}")
    with recorded() as many:
        await shop.do("GET", path)
    assert len(many) == len(few)
    assert len(few) <= 24, "\n".join(few)
