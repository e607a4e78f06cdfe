"""Goods by weight at a kiosk with a scale."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from facepay.checkout.audit import CHECKS
from facepay.checkout.weighing import Scale
from facepay.offline.policies import _price_list as price_list
from facepay.wallet.verify import verify
from tests.answers import verdict
from tests.checkout.scale import KEY, SCALE, TOMATO, Weigher
from tests.conftest import Clock
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32))
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"sku": "GRAPES"}, "weighing_of_other_goods"),
    ({"stable": False}, "weighing_unstable"),
    ({"gross_grams": 502}, "weighing_between_intervals"),
    ({"tare_grams": 3}, "weighing_between_intervals"),
    ({"gross_grams": 95}, "underweight"),
    ({"gross_grams": 15_005}, "overweight"),
    ({"tare_grams": 500}, "nothing_weighed"),
    ({"tare_grams": 600}, "nothing_weighed"),
    ({"unit_price": 597}, "price_changed"),
]


@pytest.fixture
async def weigher(shop: Shop, clock: Clock) -> Weigher:
    return await Weigher(shop, clock).open()


def code(response: Any) -> tuple[str, list[str]]:
    assert response.status_code == 200, response.text
    return response.json()["code"], response.json()["skus"]


async def test_each_bag_is_priced_as_its_scale_showed_it_and_the_receipt_says_how(weigher: Weigher) -> None:
    member = await weigher.shop.add_member_without_face(balance=10_000)
    await weigher.count(1000)
    lines = [{"sku": "TOMATO", "weighing": weigher.sign(*bag)} for bag in ((310, 5), (225, 0))]
    paid = (await weigher.buy(member, [*lines, {"sku": "TEA-001", "quantity": 1}])).json()
    line = next(each for each in paid["order"]["lines"] if each["sku"] == "TOMATO")
    # 305 g cost 1823.9 and 225 g 1345.5: rounded together they would cost a fen less.
    assert (line["sold_by"], line["unit_price"], line["quantity"], line["total"]) == ("weight", 598, 530, 1824 + 1346)
    shown = ("gross_grams", "tare_grams", "net_grams", "amount", "scale")
    assert [[each[name] for name in shown] for each in line["weighings"]] == [
        [310, 5, 305, 1824, "S-1"],
        [225, 0, 225, 1346, "S-1"],
    ]
    assert paid["order"]["total"] == 3170 + 450
    assert await weigher.stock() == 470


async def test_what_the_scale_read_wrongly_isnt_sold_spends_no_pass_and_leaves_a_record(weigher: Weigher) -> None:
    shop, member = weigher.shop, await weigher.shop.add_member_without_face(balance=10_000)
    shown = (await shop.issue_pass(member))["pass"]
    for claims, why in FAULTS:
        line = {"sku": "TOMATO", "weighing": weigher.sign(**({"gross_grams": 500} | claims))}
        declined = await weigher.send({"pass": shown, "basket": {"lines": [line]}}, shop.kiosk_id, shop.kiosk)
        assert code(declined) == (why, ["TOMATO"])
    records = (await shop.do("GET", f"/v1/stores/{shop.store_id}/checkouts"))["items"]
    assert [each["code"] for each in reversed(records)] == [why for _, why in FAULTS]
    assert await shop.balance(member) == 10_000


async def test_a_weighing_counts_only_if_this_kiosk_signed_it_for_this(weigher: Weigher) -> None:
    shop, member = weigher.shop, await weigher.shop.add_member_without_face(balance=10_000)
    shown = (await shop.issue_pass(member))["pass"]
    here, there = (shop.kiosk_id, shop.kiosk), await shop.add_device("kiosk")

    async def pay(weighing: str, kiosk: tuple[str, dict[str, str]] = here) -> tuple[int, str]:
        lines = [{"sku": "TOMATO", "weighing": weighing}]
        return verdict(await weigher.send({"pass": shown, "basket": {"lines": lines}}, *kiosk))

    claims = jwt.decode(weigher.sign(500), options={"verify_signature": False})
    others = [
        jwt.encode(claims | {"aud": "facepay-signed-face"}, KEY, "EdDSA"),
        jwt.encode(claims, "", "none"),
        jwt.encode(claims, KEY.public_key().public_bytes_raw(), "HS256"),
        "a.b.c",
    ]
    without_a_key = await pay(weigher.sign(500), there)
    await weigher.register(there[0], OTHER_KEY)
    signed_elsewhere = await pay(weigher.sign(500), there)
    forged = [await pay(each) for each in (weigher.sign(500, key=OTHER_KEY), *others)]
    assert {without_a_key, signed_elsewhere, *forged} == {(403, "signature_invalid")}
    at_no_time = jwt.encode(claims | {"iat": math.nan}, KEY, "EdDSA")
    malformed = [await pay(each) for each in (weigher.sign(500, nonce="short"), weigher.sign(-500), at_no_time)]
    assert set(malformed) == {(422, "weighing_invalid")}


async def test_goods_by_weight_are_not_counted_nor_pieces_weighed(weigher: Weigher, app: FastAPI) -> None:
    shop, member = weigher.shop, await weigher.shop.add_member_without_face(balance=10_000)
    counted = await weigher.buy(member, [{"sku": "TOMATO", "quantity": 500}])
    assert code(counted) == ("sold_by_weight", ["TOMATO"])
    weighed = await weigher.pay(member, weigher.sign(500, sku="TEA-001", unit_price=450), sku="TEA-001")
    assert code(weighed) == ("sold_by_piece", ["TEA-001"])
    bag: dict[str, Any] = {"sku": "TOMATO", "weighing": weigher.sign(500)}
    for lines in ([bag, {"sku": "TOMATO", "quantity": 1}], [bag | {"quantity": 1}]):
        assert verdict(await weigher.buy(member, lines)) == (422, "invalid_request")

    shelf_id, _ = await shop.add_device("shelf")
    good = {"sku": "TOMATO", "unit_weight_grams": 80, "tolerance_grams": 9, "full_quantity": 9}
    slots = [{"code": "A", "noise_grams": 1, "goods": [good]}]
    path = f"/v1/devices/{shelf_id}/planogram"
    refused = await shop.client.put(path, json={"slots": slots}, headers=shop.staff)
    assert verdict(refused) == (409, "not_sold_by_piece")
    more = {"sku": "TOMATO", "quantity": 1, "note": "The camera shows one"}
    path = f"/v1/visits/{uuid4()}/basket/corrections"
    headers = shop.staff | {"Idempotency-Key": "more"}
    assert verdict(await shop.client.post(path, json=more, headers=headers)) == (409, "not_sold_by_piece")
    async with app.state.database.read() as session:
        listed, left_out = await price_list(session, store_id=UUID(shop.store_id), currency="CNY")
    known = {"TEA-001", "TOMATO"} & {each.sku for each in listed}
    assert (known, left_out) == ({"TEA-001"}, 0), "a kiosk without network has no price for what it would have to weigh"


async def test_the_container_is_never_paid_for_as_goods(weigher: Weigher) -> None:
    member = await weigher.shop.add_member_without_face(balance=10_000)
    boxed = TOMATO | {"sku": "BERRIES", "tare_grams": 12}
    await weigher.shop.do("POST", "/v1/products", json=boxed)
    for tare, answer in ((0, "tare_too_small"), (10, "tare_too_small"), (15, "paid"), (20, "paid")):
        shown = await weigher.pay(member, weigher.sign(200, tare, sku="BERRIES"), sku="BERRIES")
        assert shown.json()["code"] == answer


async def test_a_weighing_is_sold_once_and_a_retry_gets_the_first_answer(weigher: Weigher) -> None:
    shop, member = weigher.shop, await weigher.shop.add_member_without_face(balance=10_000)
    weighing = weigher.sign(500)
    body = {
        "pass": (await shop.issue_pass(member))["pass"],
        "basket": {"lines": [{"sku": "TOMATO", "weighing": weighing}]},
    }
    first, again = [await weigher.send(body, shop.kiosk_id, shop.kiosk, "once") for _ in range(2)]
    assert first.json() == again.json()
    assert code(first) == ("paid", [])
    assert code(await weigher.pay(member, weigher.sign(200), weighing)) == ("weighing_reused", ["TOMATO"])
    twice = weigher.sign(500)
    assert code(await weigher.pay(member, twice, twice)) == ("weighing_reused", ["TOMATO"])
    assert await shop.balance(member) == 10_000 - 2990


async def test_a_second_factor_pays_for_what_was_weighed_unless_somebody_did_meanwhile(weigher: Weigher) -> None:
    shop = weigher.shop
    member = await shop.add_member_without_face(balance=10_000, pin="482913")
    await shop.do("PUT", f"/v1/members/{member}/limits", json={"step_up_above": 100})
    weighing = weigher.sign(500)

    async def asked() -> str:
        digits = (await shop.issue_pass(member))["code"]
        body = {"pass": digits, "basket": {"lines": [{"sku": "TOMATO", "weighing": weighing}]}}
        answer = (await weigher.send(body, shop.kiosk_id, shop.kiosk)).json()
        assert answer["decision"] == "step_up"
        return str(answer["checkout_id"])

    async def answered(checkout_id: str) -> str:
        path = f"/v1/kiosks/{shop.kiosk_id}/checkouts/{checkout_id}/step-up"
        response = await shop.client.post(
            path, json={"answer": "482913"}, headers=shop.kiosk | {"Idempotency-Key": uuid4().hex}
        )
        return str(response.json()["code"])

    first, second = await asked(), await asked()
    assert [await answered(each) for each in (first, second)] == ["paid", "weighing_reused"]
    assert await shop.balance(member) == 10_000 - 2990


async def test_two_who_pay_by_one_weighing_at_once_are_one_and_so_is_who_gets_the_last_200_grams(
    weigher: Weigher,
) -> None:
    members = [await weigher.shop.add_member_without_face(balance=10_000) for _ in range(2)]
    weighing = weigher.sign(500)
    answers = await asyncio.gather(*(weigher.pay(each, weighing) for each in members))
    assert sorted(each.json()["code"] for each in answers) == ["paid", "weighing_reused"]
    assert sum([await weigher.shop.balance(each) for each in members]) == 20_000 - 2990
    await weigher.count(300)
    answers = await asyncio.gather(*(weigher.pay(each, weigher.sign(200)) for each in members))
    assert sorted(each.json()["code"] for each in answers) == ["paid", "sold_out"]
    assert await weigher.stock() == 100


async def test_what_was_declined_need_not_be_weighed_again_until_its_price_changes_or_it_goes_stale(
    weigher: Weigher, clock: Clock
) -> None:
    member = await weigher.shop.add_member_without_face(balance=100)
    weighing, early = weigher.sign(500), weigher.sign(500)
    late = weigher.sign(500, weighed_at=clock() + timedelta(minutes=1))
    assert code(await weigher.pay(member, weighing)) == ("insufficient_funds", [])
    await weigher.shop.top_up(member, 10_000)
    assert code(await weigher.pay(member, weighing)) == ("paid", [])
    listed = (await weigher.shop.do("GET", "/v1/products", params={"search": "TOMATO"}))["items"][0]
    await weigher.shop.do("PATCH", f"/v1/products/{listed['id']}", json={"price": 398})
    assert code(await weigher.pay(member, early)) == ("price_changed", ["TOMATO"])
    assert code(await weigher.pay(member, weigher.sign(500, unit_price=398))) == ("paid", [])
    await weigher.shop.do("PATCH", f"/v1/products/{listed['id']}", json={"price": 598})
    assert code(await weigher.pay(member, late)) == ("weighing_stale", ["TOMATO"])
    clock.ahead = timedelta(minutes=10)
    assert code(await weigher.pay(member, early)) == ("weighing_stale", ["TOMATO"])


async def test_part_of_a_bag_comes_back_to_the_cent_and_the_books_agree(weigher: Weigher, app: FastAPI) -> None:
    shop, member = weigher.shop, await weigher.shop.add_member_without_face(balance=10_000)
    await weigher.count(1000)
    order = (await weigher.pay(member, weigher.sign(335), weigher.sign(215))).json()["order"]

    async def back(grams: int) -> Any:
        body = {"lines": [{"sku": "TOMATO", "quantity": grams}], "reason": "Soft"}
        return await shop.client.post(
            f"/v1/orders/{order['id']}/returns", json=body, headers=shop.staff | {"Idempotency-Key": uuid4().hex}
        )

    assert verdict(await back(551)) == (409, "return_exceeds_order")
    given = [(await back(grams)).json()["amount"] for grams in (1, 333, 216)]
    assert sum(given) == order["total"] == 2003 + 1286
    assert await shop.balance(member) == 10_000
    assert await weigher.stock() == 1000
    # Staff vouch for what nobody weighed.
    body = {"lines": [{"sku": "TOMATO", "quantity": 1250}], "reason": "Left out"}
    path = f"/v1/orders/{order['id']}/supplements"
    line = (await shop.do("POST", path, json=body, headers={"Idempotency-Key": "more"}))["lines"][0]
    assert (line["quantity"], line["total"], line["weighings"]) == (1250, 7475, [])
    assert not (await verify(app.state.database, extra_checks=CHECKS)).findings


def test_a_scale_weighs_from_twenty_intervals_up_to_its_capacity() -> None:
    scale = Scale(serial="S-2", capacity_grams=6000, interval_grams=2)
    shown = {grams: scale.fault_of(grams) for grams in (38, 40, 6000, 6002)}
    assert shown == {38: "underweight", 40: None, 6000: None, 6002: "overweight"}
    assert SCALE.fault_of(100) is None
