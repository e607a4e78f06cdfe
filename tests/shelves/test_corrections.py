"""Baskets set right: by staff, by what shelves tell late, and for whoever left without paying."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from facepay.checkout.audit import CHECKS
from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.wallet.verify import verify
from tests.shelves.office import BALANCE, Office
from tests.shelves.shelf import FULL, Shelf, go_out, let_in, pay_at_kiosk
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_staff_say_what_a_doubtful_take_was_and_the_basket_follows(shop: Shop, office: Office) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A3", -820.0, hand=False))
    (review,) = await shelf.reviews()
    assert (await office.decide(review, 1)).json()["standing"] == "confirmed"
    assert await shelf.basket(visit) == {"UMB-003": (1, 1)}
    assert await shelf.reviews() == []
    assert (await office.decide(review, 2)).json()["code"] == "review_decided"


async def test_staff_say_whose_a_take_was(shop: Shop, office: Office) -> None:
    _, one = await let_in(shop)
    _, two = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A3", -410.0))
    (review,) = await shelf.reviews()
    elsewhere = (await shop.do("POST", "/v1/stores", json={"name": "Elsewhere", "code": "ELSE"}))["id"]
    gate_id, gate = await shop.add_device("gate", elsewhere)
    _, abroad = await let_in(replace(shop, store_id=elsewhere, gate_id=gate_id, gate=gate))
    for visit in (str(new_id()), abroad):
        assert (await office.decide(review, 1, visit_id=visit)).json()["code"] == "visit_not_found"
    await office.decide(review, 1, visit_id=two)
    assert (await shelf.basket(one), await shelf.basket(two)) == ({}, {"UMB-003": (1, 1)})


async def test_what_staff_find_after_the_payment_is_charged_once_with_a_notice(shop: Shop, office: Office) -> None:
    member, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    paid = PRICES["TEA-001"]
    await shelf.tell(shelf.event("A1", -512.0), shelf.event("A3", -410.0, hand=False))
    await office.pay(visit)
    assert await shop.balance(member) == BALANCE - paid
    (review,) = await shelf.reviews()
    answers = await asyncio.gather(*(office.decide(review, 1, key="once") for _ in range(3)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert (await office.decide(review, 1, key="once")).status_code == 200
    assert await shop.balance(member) == BALANCE - paid - PRICES["UMB-003"]
    assert (await office.told(member))[0] == ("charged_later", PRICES["UMB-003"])

    await go_out(shop, visit)
    member, visit = await let_in(shop)
    await shelf.tell(shelf.event("A1", -512.0), shelf.event("A3", -410.0, hand=False))
    await office.pay(visit)
    (review,) = await shelf.reviews()
    answers = await asyncio.gather(*(office.decide(review, 1) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409], "two of the staff decide once"
    assert await shop.balance(member) == BALANCE - paid - PRICES["UMB-003"]


async def test_what_was_never_taken_is_refunded_with_a_notice_or_before_the_payment_only_leaves_the_basket(
    shop: Shop, office: Office
) -> None:
    member, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A1", -1024.0))
    await office.correct(visit, "TEA-001", -1)
    await office.correct(visit, "BAO-002", 2)
    assert await shelf.basket(visit) == {"BAO-002": (2, 2), "TEA-001": (1, 1)}
    assert await shop.balance(member) == BALANCE
    await office.pay(visit)
    paid = PRICES["TEA-001"] + 2 * PRICES["BAO-002"]
    assert (await office.correct(visit, "BAO-002", -3)).json()["code"] == "nothing_to_return"
    assert (await office.correct(visit, "BAO-002", -1, key="back")).status_code == 201
    assert (await office.correct(visit, "BAO-002", -1, key="back")).status_code == 201
    assert await shop.balance(member) == BALANCE - paid + PRICES["BAO-002"]
    assert (await office.told(member))[0] == ("goods_returned", PRICES["BAO-002"])


async def test_a_take_or_a_return_that_is_told_after_the_payment_is_charged_or_refunded(
    shop: Shop, office: Office
) -> None:
    member, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    late = shelf.event("A3", -410.0)
    await shelf.tell(shelf.event("A1", -512.0))
    back = shelf.event("A1", 512.0)
    await office.pay(visit)
    await go_out(shop, visit)
    await shelf.tell(late)
    await office.settle()
    await office.settle()
    assert await shop.balance(member) == BALANCE - PRICES["TEA-001"] - PRICES["UMB-003"]
    assert (await office.told(member))[0] == ("charged_later", PRICES["UMB-003"])
    await shelf.tell(back)
    await office.settle()
    assert await shop.balance(member) == BALANCE - PRICES["UMB-003"]


async def test_whoever_passed_with_nothing_is_charged_for_what_is_told_late(shop: Shop, office: Office) -> None:
    member, visit = await let_in(shop, balance=100)
    shelf = await Shelf.put_up(shop)
    late = shelf.event("A1", -512.0)
    await office.pay(visit)
    await shelf.tell(late)
    await office.settle()
    assert await shop.balance(member) == 0
    assert ("debt_incurred", PRICES["TEA-001"] - 100) in await office.told(member)


async def test_an_unsure_take_that_is_told_late_is_given_up_or_put_to_staff(shop: Shop, office: Office) -> None:
    member, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    late = [shelf.event("A1", -512.0, hand=False), shelf.event("A3", -410.0, hand=False)]
    await office.pay(visit)
    await shelf.tell(*late)
    await office.settle()
    assert await shop.balance(member) == BALANCE
    (review,) = await shelf.reviews()
    assert (review["sku"], review["late"]) == ("UMB-003", True)
    assert (await office.decide(review, 0)).json()["standing"] == "dismissed"
    assert await shop.balance(member) == BALANCE


async def test_whoever_leaves_without_paying_is_charged_after_a_while_for_what_the_kiosk_did_not(
    shop: Shop, office: Office
) -> None:
    member, visit = await let_in(shop, balance=1000 + PRICES["TEA-001"])
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A3", -410.0), shelf.event("A1", -512.0))
    await pay_at_kiosk(shop, member, {"TEA-001": 1})
    await go_out(shop, visit)
    assert await office.charge_left(timedelta()) == 0
    assert await office.charge_left() == 1
    assert await office.charge_left() == 0
    assert await shop.balance(member) == 0
    assert {("charged_later", PRICES["UMB-003"]), ("debt_incurred", PRICES["UMB-003"] - 1000)} <= set(
        await office.told(member)
    )


async def test_whoever_cannot_be_charged_is_put_to_staff_and_charged_once_they_can(shop: Shop, office: Office) -> None:
    member, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A3", -410.0))
    await go_out(shop, visit)
    await shop.do("POST", f"/v1/members/{member}/wallet/freeze", json={"reason": "phone lost"})
    assert await office.charge_left() == 1
    (review,) = await shelf.reviews()
    assert (review["sku"], review["visit_id"], await shop.balance(member)) == ("UMB-003", visit, BALANCE)
    assert (await office.decide(review, 1)).json()["code"] == "not_charged"
    assert len(await shelf.reviews()) == 1
    await shop.do("DELETE", f"/v1/members/{member}/wallet/freeze")
    assert (await office.decide(review, 1)).status_code == 200
    assert await shop.balance(member) == BALANCE - PRICES["UMB-003"]


async def test_what_a_guest_takes_and_leaves_with_is_the_hosts_to_pay(shop: Shop, office: Office) -> None:
    host, host_visit = await let_in(shop)
    guest, guest_visit = await let_in(shop)
    await office.group(host_visit, guest_visit)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A1", -512.0))  # either's: both are one party
    assert await shelf.basket(host_visit) == {"TEA-001": (1, 1)}
    await office.correct(guest_visit, "BAO-002", 1)
    await go_out(shop, guest_visit)
    await go_out(shop, host_visit)
    assert await office.charge_left() == 1
    assert await shop.balance(host) == BALANCE - PRICES["TEA-001"] - PRICES["BAO-002"]
    assert await shop.balance(guest) == BALANCE


async def test_afterwards_stock_adds_up_and_the_books_verify(shop: Shop, office: Office, database: Database) -> None:
    for sku in PRICES:
        await shop.do("PUT", f"/v1/stores/{shop.store_id}/stock/{sku}", json={"quantity": 20})
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A1", -1536.0), shelf.event("A2", -260.0), shelf.event("A1", 512.0))
    late = [shelf.event("A3", -410.0), shelf.event("A2", 130.0)]
    await asyncio.gather(office.pay(visit), shelf.post(*late), shelf.post(*late))
    await office.settle()
    await office.correct(visit, "TEA-001", -1)
    await go_out(shop, visit)
    await office.charge_left()
    stock = await shop.do("GET", f"/v1/stores/{shop.store_id}/stock")
    assert {each["sku"]: each["quantity"] for each in stock["items"]} == {
        "TEA-001": 20 - 2 + 1,
        "BAO-002": 20 - 2 + 1,
        "UMB-003": 20 - 1,
    }
    assert await shelf.lying() == {"TEA-001": FULL - 2, "BAO-002": FULL - 1, "UMB-003": FULL - 1}
    assert await shelf.reviews() == []
    async with database.engine.connect() as connection:
        assert not [finding for _, check in CHECKS if (finding := (await check(connection))[1])]
    assert (await verify(database)).ok
